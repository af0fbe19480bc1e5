"""Files of named arrays: the container of snapshots, written piece by piece, so that files larger than memory can be made.

The layout and the digest at the end are those of a ``.tokmill`` snapshot; a first section names what kind of content the file has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import _core
from .errors import SnapshotError
from .files import Output
from .snapshot import TRAILER_MAGIC, check, map_file

__all__ = ["Sections", "save_sections"]

KIND = "kind"
PIECE_BYTES = 1 << 24


def save_sections(path: str | os.PathLike[str], kind: str, arrays: Mapping[str, NDArray[Any] | bytes]) -> None:
    """Writes arrays as sections of one file, or nothing at all. Raises OutputError."""
    contents = {KIND: kind.encode(), **arrays}
    views = {name: _bytes_of(content) for name, content in contents.items()}
    table, offsets, file_bytes = _core._section_layout([(name, len(view)) for name, view in views.items()])
    digest = hashlib.sha256()
    with Output(path) as output:
        for piece in _pieces(table, zip(offsets, views.values(), strict=True), file_bytes):
            output.write(piece)
            digest.update(piece)
        output.write(TRAILER_MAGIC + digest.digest())


class Sections:
    """The sections of a mapped file of this kind. Raises InputError, and SnapshotError for a file that is damaged or of another kind."""

    def __init__(self, path: str | os.PathLike[str], kind: str) -> None:
        self.place = os.fspath(path)
        # NumPy has to look at the file only after its digest fits.
        self._content = check(map_file(path), self.place)
        try:
            self._bounds = _core._sections(self._content)
        except SnapshotError as error:
            raise SnapshotError(f"{self.place}: {error}", error.where) from error
        found = bytes(self.raw(KIND)) if KIND.encode() in self._bounds else b"vocabulary"
        if found != kind.encode():
            raise SnapshotError(f"{self.place} holds {found.decode('utf8', 'replace')!r}, not {kind!r}")

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._bounds

    def raw(self, name: str) -> memoryview:
        """The bytes of a section."""
        bounds = self._bounds.get(name.encode())
        if bounds is None:
            raise SnapshotError(f"{self.place}: section {name!r} is missing; the file is damaged or of another version")
        return self._content[bounds[0] : bounds[1]]

    def array(self, name: str, dtype: DTypeLike) -> NDArray[Any]:
        """A section as a read-only array on the mapped file."""
        content, kind = self.raw(name), np.dtype(dtype)
        if len(content) % kind.itemsize:
            raise SnapshotError(f"{self.place}: section {name!r} is not a whole number of {kind}")
        return np.frombuffer(content, kind)


def _bytes_of(content: NDArray[Any] | bytes) -> memoryview:
    if isinstance(content, bytes):
        return memoryview(content)
    return np.ascontiguousarray(content).reshape(-1).view(np.uint8).data


def _pieces(table: bytes, sections: Iterable[tuple[int, memoryview]], file_bytes: int) -> Iterable[memoryview]:
    """The bytes of the container in order, gaps as zeros, none longer than PIECE_BYTES."""
    yield memoryview(table)
    end = len(table)
    for offset, content in sections:
        yield memoryview(bytes(offset - end))
        for begin in range(0, len(content), PIECE_BYTES):
            yield content[begin : begin + PIECE_BYTES]
        end = offset + len(content)
    yield memoryview(bytes(file_bytes - end))
