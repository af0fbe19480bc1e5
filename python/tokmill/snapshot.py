"""Snapshots: the ``.tokmill`` file that maps into memory instead of being parsed.

A file is the core's container of named sections, followed by 64 bytes: ``TOKMILL-SHA256`` and a line feed, zero-padded to 32 bytes, then
the SHA-256 of everything before. The digest is checked at each load, so a damaged or cut file is refused before the core looks at it.
The file is mapped: processes that load the same one share its pages. Replace it by renaming (``save`` does); never write into it.
"""

from __future__ import annotations

import hashlib
import mmap
import os

from .errors import SnapshotError
from .files import input_error

__all__ = ["MAGIC", "check", "map_file", "seal"]

MAGIC = b"TOKMILL\n"
TRAILER_MAGIC = b"TOKMILL-SHA256\n".ljust(32, b"\0")
TRAILER_BYTES = 64


def seal(container: bytes) -> bytes:
    """The content of a snapshot file: the container and its trailer."""
    return b"".join((container, TRAILER_MAGIC, hashlib.sha256(container).digest()))


def check(data: bytes | mmap.mmap, place: str) -> memoryview:
    """The container inside the content of a snapshot file. Raises SnapshotError for anything damaged."""
    whole = memoryview(data)
    if len(whole) < TRAILER_BYTES + len(MAGIC) or whole[: len(MAGIC)] != MAGIC:
        raise SnapshotError(f"{place}: not a tokmill snapshot ({len(whole):,} bytes); make one with Tokenizer.save('NAME.tokmill')")
    container, trailer = whole[:-TRAILER_BYTES], whole[-TRAILER_BYTES:]
    if trailer[:32] != TRAILER_MAGIC:
        raise SnapshotError(f"{place}: the snapshot is cut short, or something was added at its end; save it again")
    if trailer[32:] != hashlib.sha256(container).digest():
        raise SnapshotError(f"{place}: the snapshot is damaged (its SHA-256 differs from the one at its end); save it again")
    return container


def map_file(path: str | os.PathLike[str]) -> mmap.mmap | bytes:
    """A file mapped for reading (an empty one as ``b""``, since nothing can be mapped of it). Raises InputError."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise input_error(error, path) from error
