"""Arguments that all condensers take: documents of ids, and whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, ArgumentTypeError
from ..ragged import Ragged

__all__ = ["documents_of", "whole"]


def documents_of(ids: Ragged | ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The ids of a Ragged, or of one document, and the bounds of the documents. Raises ArgumentTypeError."""
    if isinstance(ids, Ragged):
        return ids.ids, ids.offsets
    array = np.asarray(ids)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
        raise ArgumentTypeError(f"ids are a Ragged or a 1-D array of integers, not {array.ndim}-D {array.dtype}")
    if not len(array):
        array = array.astype(np.int32)
    return array, np.array([0, len(array)], np.int64)


def whole(value: Any, name: str) -> int:
    """A whole number that fits into int32. Raises ArgumentTypeError, ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ArgumentTypeError(f"{name} is an int, not {type(value).__name__}")
    if not 0 <= value < 2**31:
        raise ArgumentError(f"{name} is from 0 to 2,147,483,647, not {value}")
    return int(value)
