"""Files of ids that commands read: .npy, raw integers, or numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents import name_of, read_blocks
from ..errors import DocumentError
from ..files import input_error

__all__ = ["format_of_ids", "load_integers", "read_ids"]

IDS_IN_A_STEP = 1 << 20


def format_of_ids(file: str) -> str:
    """What the ending of a file's name tells: ``npy``, ``raw`` (.bin), else ``ids``: numbers."""
    return "npy" if file.endswith(".npy") else "raw" if file.endswith(".bin") else "ids"


def read_ids(file: str, format: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """The ids of a file (``npy``, ``raw``, or ``ids``: numbers), step by step. Raises DocumentError for a file that holds none."""
    if format == "ids":
        yield from _read_numbers(file)
    elif format == "npy":
        yield from _read_npy(file)
    else:
        yield from _read_raw(file, dtype)


def _read_numbers(file: str) -> Iterator[NDArray[Any]]:
    rest = b""
    for block in read_blocks(file):
        text = rest + block
        # The last number may go on in the next block.
        end = max(text.rfind(b" "), text.rfind(b"\n")) + 1
        rest = text[end:]
        yield _numbers(text[:end], file)
    yield _numbers(rest, file)


def _numbers(text: bytes, file: str) -> NDArray[Any]:
    words = text.split()
    try:
        return np.array([int(word) for word in words], np.int64)
    except (ValueError, OverflowError) as error:
        wrong = next(word for word in words if not _is_id(word))
        raise DocumentError(f"{name_of(file)}: {wrong[:40]!r} is not an id; give --format if these are not numbers", path=file) from error


def _is_id(word: bytes) -> bool:
    try:
        return -(2**63) <= int(word) < 2**63
    except ValueError:
        return False


def _read_npy(file: str) -> Iterator[NDArray[Any]]:
    ids = load_integers(file)
    for start in range(0, len(ids), IDS_IN_A_STEP):
        yield np.ascontiguousarray(ids[start : start + IDS_IN_A_STEP])


def _read_raw(file: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    rest = b""
    for block in read_blocks(file, block_bytes=IDS_IN_A_STEP * dtype.itemsize):
        data = rest + block
        end = len(data) - len(data) % dtype.itemsize
        rest = data[end:]
        yield np.frombuffer(data[:end], dtype)
    if rest:
        raise DocumentError(
            f"{name_of(file)}: not a whole number of {dtype.name} ids, {len(rest)} bytes are left: check --dtype", path=file
        )


def load_integers(file: str) -> NDArray[Any]:
    """The integers of a .npy file, 1-D, mapped into memory; ``-`` is standard input, read whole. Raises InputError, DocumentError."""
    try:
        array = np.load("/dev/stdin" if file == "-" else file, mmap_mode=None if file == "-" else "r", allow_pickle=False)
    except OSError as error:
        raise input_error(error, file) from error
    except (ValueError, EOFError) as error:
        raise DocumentError(f"{name_of(file)}: not a .npy file of integers: {error}", path=file) from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iu":
        raise DocumentError(f"{name_of(file)}: does not hold a 1-D array of integers", path=file)
    return array
