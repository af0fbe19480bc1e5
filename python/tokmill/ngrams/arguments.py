"""Arguments that counting, lookup and planning share: rows of ids, sizes of memory."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, ArgumentTypeError
from ..ragged import Ragged

__all__ = ["bytes_of", "readable_bytes", "rows_of"]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def bytes_of(size: int | str, name: str = "memory") -> int:
    """A size in bytes: a number, or a text such as ``"1 GB"``, ``"512MiB"``, ``"1.5g"`` (GB is 10**9, GiB 2**30). Raises ArgumentError."""
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise ArgumentTypeError(f"{name}= takes a number of bytes or a text such as '1 GB', not {type(size).__name__}")
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", size, re.IGNORECASE)
        unit = UNITS.get(match.group(2).upper()) if match else None
        if match is None or unit is None:
            raise ArgumentError(f"{name}={size!r} is not a size: give a number of bytes, or a text such as '1 GB' or '512 MiB'")
        size = int(float(match.group(1)) * unit)
    if size <= 0:
        raise ArgumentError(f"{name}= has to be more than 0 bytes, not {size}")
    return size


def readable_bytes(size: int) -> str:
    """A size for people: ``'1.50 GB'``."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if size >= unit:
            return f"{size / unit:,.2f} {name}"
    return f"{size} bytes"


def rows_of(ids: Any, offsets: Any = None) -> tuple[Any, NDArray[np.int64]]:
    """Flat ids and the bounds of their rows. ``ids`` may be a Ragged; with no offsets, all ids are one row. Raises ArgumentError."""
    if isinstance(ids, Ragged):
        if offsets is not None:
            raise ArgumentError("a Ragged has offsets of its own: give offsets= only with an array of ids")
        return ids.ids, ids.offsets
    if offsets is None:
        if not isinstance(ids, np.ndarray):
            ids = list(ids)
        return ids, np.array([0, len(ids)] if len(ids) else [0, 0], np.int64)
    bounds = np.asarray(offsets)
    if bounds.ndim != 1 or bounds.dtype.kind not in "iu":
        raise ArgumentError(f"offsets= is a 1-D integer array with one element more than rows, not {bounds.ndim}-D {bounds.dtype}")
    return ids, np.ascontiguousarray(bounds, np.int64)
