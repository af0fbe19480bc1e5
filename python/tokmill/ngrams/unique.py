"""``unique_rows``: the distinct rows of a batch, by the shard that owns them, for tables that live elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import _unique_rows
from ..errors import ArgumentError, ArgumentTypeError

__all__ = ["UniqueRows", "unique_rows"]


@dataclass(frozen=True, eq=False)
class UniqueRows:
    """What :func:`unique_rows` gives.

    rows            [distinct]    int32 or int64 as the input: each row once; shard after shard, rising within a shard
    inverse         as the input  int32: ``rows[inverse]`` is the input
    counts          [distinct]    int64: how often each row occurs
    shard_offsets   [shards + 1]  int64: shard s owns ``rows[shard_offsets[s]:shard_offsets[s + 1]]``
    """

    rows: NDArray[Any]
    inverse: NDArray[np.int32]
    counts: NDArray[np.int64]
    shard_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def shard(self, number: int) -> NDArray[Any]:
        """The distinct rows that a shard owns, rising."""
        return self.rows[self.shard_offsets[number] : self.shard_offsets[number + 1]]


def unique_rows(
    rows: ArrayLike,
    *,
    shards: int = 1,
    cut: Literal["range", "modulo"] | ArrayLike = "range",
    row_count: int | None = None,
    threads: int | None = None,
) -> UniqueRows:
    """The distinct rows of an integer array of any shape, as ``numpy.unique`` finds them, grouped by shard.

    ``cut`` says who owns a row: ``"range"``, equal ranges of ``ceil(row_count / shards)`` rows; ``"modulo"``, shard ``row % shards``; or
    the shards' bounds, [shards + 1] rising from 0 to the number of rows (the offsets of tables, for shards that own whole tables).
    ``row_count`` is the number of rows of the whole table; ``"range"`` with several shards needs it.

    Raises ArgumentError, with ``where`` the index in the flat input, for a row that is negative or not below ``row_count``, and for cuts
    that cannot be; ArgumentTypeError for what are no integers.
    """
    array = np.asarray(rows)
    if array.size == 0:
        array = array.astype(np.int64 if array.dtype == np.int64 else np.int32)
    if array.dtype.kind not in "iu":
        raise ArgumentTypeError(f"rows are integers, not {array.dtype}")
    if array.dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
        if array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max:
            raise ArgumentError("rows have to fit into int64", int(np.argmax(array.reshape(-1))))
        array = array.astype(np.int64)
    flat = np.ascontiguousarray(array).reshape(-1)
    bounds, modulo, row_end = _cut(flat, shards, cut, row_count)
    distinct, inverse, counts, shard_offsets = _unique_rows(flat, row_end=row_end, bounds=bounds, modulo=modulo, threads=threads)
    return UniqueRows(distinct, inverse.reshape(array.shape), counts, shard_offsets)


def _cut(flat: NDArray[Any], shards: int, cut: Literal["range", "modulo"] | ArrayLike, row_count: int | None) -> tuple[list[int], int, int]:
    """Bounds of shards, the number of shards by remainder (0: by bounds), and the end of rows."""
    if shards < 1:
        raise ArgumentError(f"shards= has to be 1 or more, not {shards}")
    if row_count is not None and not 0 <= row_count < 1 << 62:
        raise ArgumentError(f"row_count= has to be from 0 to 2**62, not {row_count}")
    if not isinstance(cut, str):
        bounds = [int(bound) for bound in np.asarray(cut).reshape(-1)]
        if shards not in (1, len(bounds) - 1):
            raise ArgumentError(f"cut= has {len(bounds)} bounds, which is not one more than shards={shards}")
        if len(bounds) < 2 or bounds[0] != 0 or any(end < begin for begin, end in pairwise(bounds)):
            raise ArgumentError(f"cut= has to rise from 0 to the number of rows, not {bounds[:10]}")
        if row_count is not None and bounds[-1] != row_count:
            raise ArgumentError(f"cut= ends at {bounds[-1]:,}, the table has row_count={row_count:,} rows")
        return bounds, 0, bounds[-1]
    row_end = (int(flat.max(initial=-1)) + 1 if row_count is None else row_count) if len(flat) or row_count else 0
    if cut == "modulo":
        return [0, row_end], shards, max(row_end, 0)
    if cut != "range":
        raise ArgumentError(f"cut= takes 'range', 'modulo' or the shards' bounds, not {cut!r}")
    if shards > 1 and row_count is None:
        raise ArgumentError("equal ranges of rows need row_count=, the number of rows of the table")
    row_end = max(row_end, 0)
    size = -(-row_end // shards)
    return [min(size * shard, row_end) for shard in range(shards + 1)], 0, row_end
