"""What comes from outside of a condenser: places that no phrase may cross, and spans with a tag.

Recognisers (of numbers, molecules, formulas, names) find them, condensers keep them: no phrase crosses a barrier or the bounds of a
span, so every condensed id lies in one span or in none.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from .result import Condensed

__all__ = ["Outside", "barrier_places", "check_spans"]


@dataclasses.dataclass(frozen=True)
class Outside:
    """What a call says of its base stream, checked: ``places`` that no phrase crosses (None: none), and spans with their tags."""

    places: NDArray[np.int64] | None
    spans: NDArray[np.int64] | None
    tags: NDArray[np.uint16] | None

    @classmethod
    def of(cls, barriers: ArrayLike | None, spans: ArrayLike | None, tags: ArrayLike | None, size: int) -> Outside:
        """Of the arguments of a call over ``size`` base ids. Raises ArgumentError."""
        checked, checked_tags = check_spans(spans, tags, size)
        return cls(barrier_places(barriers, checked, size), checked, checked_tags)

    def tagged(self, condensed: Condensed) -> Condensed:
        """With the tag of every condensed id by where it begins in the base stream, if spans were given."""
        if self.spans is None or self.tags is None:
            return condensed
        if not len(self.spans):
            return dataclasses.replace(condensed, tags=np.zeros(len(condensed.ids), np.uint16))
        starts = condensed.base_starts
        span = np.searchsorted(self.spans[:, 0], starts, side="right") - 1
        inside = (span >= 0) & (starts < self.spans[span, 1])
        return dataclasses.replace(condensed, tags=np.where(inside, self.tags[span], 0).astype(np.uint16))


def barrier_places(barriers: ArrayLike | None, spans: NDArray[np.int64] | None, size: int) -> NDArray[np.int64] | None:
    """All places that no phrase crosses, rising; None for none.

    ``barriers`` are places in the base stream (phrases end before the id at a place), or a bool for each id. Raises ArgumentError.
    """
    places = []
    if barriers is not None:
        array = np.asarray(barriers)
        if array.dtype == np.bool_:
            if array.shape != (size,):
                raise ArgumentError(f"a mask of barriers has to have a bool for each of the {size:,} base ids, not {array.shape}")
            array = np.flatnonzero(array)
        if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
            raise ArgumentError(f"barriers are places (integers) or a mask (bools), not {array.ndim}-D {array.dtype}")
        array = array.astype(np.int64, copy=False)
        outside = np.flatnonzero((array < 0) | (array > size))
        if len(outside):
            raise ArgumentError(f"barrier {int(outside[0])} is at {int(array[outside[0]]):,}; there are {size:,} base ids", int(outside[0]))
        places.append(array)
    if spans is not None:
        places.append(spans.ravel())
    return np.unique(np.concatenate(places)) if places else None


def check_spans(spans: ArrayLike | None, tags: ArrayLike | None, size: int) -> tuple[NDArray[np.int64] | None, NDArray[np.uint16] | None]:
    """Spans as int64 [spans, 2] and their tags as uint16 [spans]; tag 1 if none are given.

    Raises ArgumentError with the index of a span that is empty, out of bounds, out of order or overlaps the one before it, and of a tag
    that is not from 1 to 65,535.
    """
    if spans is None:
        if tags is not None:
            raise ArgumentError("tags= are those of spans=, which is not given")
        return None, None
    array = np.asarray(spans)
    if array.size == 0:
        array = array.reshape(0, 2).astype(np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ArgumentError(f"spans are integers [spans, 2] (start, end), not {array.shape} {array.dtype}")
    array = array.astype(np.int64, copy=False)
    starts, ends = array[:, 0], array[:, 1]
    for i in np.flatnonzero((starts < 0) | (ends > size) | (starts >= ends)):
        raise ArgumentError(f"span {int(i)} goes from {int(starts[i]):,} to {int(ends[i]):,}; there are {size:,} base ids", int(i))
    for i in np.flatnonzero(starts[1:] < ends[:-1]) + 1:
        what = "overlaps" if starts[i] >= starts[i - 1] else "stands behind"
        raise ArgumentError(
            f"span {int(i)} ({int(starts[i]):,} to {int(ends[i]):,}) {what} the one before it ({int(starts[i - 1]):,} to "
            f"{int(ends[i - 1]):,}): spans are in order and apart",
            int(i),
        )
    return array, _check_tags(tags, len(array))


def _check_tags(tags: ArrayLike | None, count: int) -> NDArray[np.uint16]:
    if tags is None:
        return np.ones(count, np.uint16)
    array: NDArray[Any] = np.asarray(tags)
    if array.shape != (count,) or (array.dtype.kind not in "iu" and count):
        raise ArgumentError(f"tags= has to have an integer for each of the {count:,} spans, not {array.shape} {array.dtype}")
    for i in np.flatnonzero((array < 1) | (array > 65_535)):
        raise ArgumentError(f"tag {int(i)} is {int(array[i])}; tags are from 1 to 65,535 (0 is outside of all spans)", int(i))
    return array.astype(np.uint16)
