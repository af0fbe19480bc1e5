"""``Ragged``: rows of ids of different lengths, as one flat array and the bounds of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import ArgumentError

__all__ = ["Packed", "Ragged"]


@dataclass(frozen=True, eq=False)
class Packed:
    """Rows of equal length cut from documents laid end to end; see ``Ragged.packed``.

    ids        [rows, seq_len]  dtype of the ids
    documents  [rows, seq_len]  int32: the number of the document an id belongs to, -1 for padding
    positions  [rows, seq_len]  int32: its place in that document, from 0 (in the padding: from 0 again)
    offsets    [pieces + 1]     int64: bounds, in ``ids.ravel()``, of the pieces that are neither cut by a row's end nor cross documents
                                (cumulative sequence lengths for attention that stays within a document)
    spans      [rows, seq_len, 2] or None
                                int64: where each id stands in its document, (0, 0) for end tokens and padding
    """

    ids: NDArray[Any]
    documents: NDArray[np.int32]
    positions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    spans: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)


class Ragged:
    """Rows of ids: row i is ``ids[offsets[i]:offsets[i + 1]]``.

    ids      [tokens]    any integer dtype, int32 by default
    offsets  [rows + 1]  int64, from 0 to ``len(ids)``, never falling
    spans    [tokens, 2] or None
                         int64: where each id begins and ends in its row's text, if that was asked for

    ``ragged[i]`` is a view of one row, ``ragged[a:b]`` a Ragged of some rows (views where the step is 1). Raises ArgumentError if the
    arrays do not fit together.
    """

    __slots__ = ("ids", "offsets", "spans")

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    spans: NDArray[np.int64] | None

    def __init__(self, ids: NDArray[Any], offsets: NDArray[np.int64], spans: NDArray[np.int64] | None = None) -> None:
        ids, offsets = np.asarray(ids), np.asarray(offsets)
        if ids.ndim != 1 or (ids.dtype.kind not in "iu" and len(ids)):
            raise ArgumentError(f"ids have to be a 1-D integer array, not {ids.ndim}-D {ids.dtype}")
        if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) == 0:
            raise ArgumentError(
                f"offsets have to be a 1-D integer array with one element more than rows, not {offsets.ndim}-D {offsets.dtype}"
            )
        offsets = offsets.astype(np.int64, copy=False)
        falls = offsets[1:] < offsets[:-1]
        if falls.any():
            place = int(falls.argmax()) + 1
            raise ArgumentError(f"offsets[{place:,}] = {offsets[place]:,} runs backwards from {offsets[place - 1]:,}", place)
        if offsets[0] != 0 or offsets[-1] != len(ids):
            raise ArgumentError(
                f"offsets have to rise from 0 to the number of ids, {len(ids):,}; they go from {offsets[0]:,} to {offsets[-1]:,}"
            )
        if spans is not None:
            spans = np.asarray(spans)
            if spans.shape != (len(ids), 2) or spans.dtype.kind not in "iu":
                raise ArgumentError(
                    f"spans have to be integers, a begin and an end for each of {len(ids):,} ids, not {spans.shape} {spans.dtype}"
                )
            spans = spans.astype(np.int64, copy=False)
        self.ids = ids
        self.offsets = offsets
        self.spans = spans

    @classmethod
    def from_rows(cls, rows: Iterable[Any], dtype: DTypeLike | None = None) -> Ragged:
        """A Ragged of arrays or lists of ids. Raises ArgumentError for a row that does not hold whole numbers."""
        arrays = []
        for i, row in enumerate(rows):
            array = np.asarray(row)
            if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
                raise ArgumentError(f"row {i} is not a 1-D row of integer ids ({array.ndim}-D {array.dtype})", i)
            arrays.append(array)
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        filled = [array for array in arrays if len(array)]
        ids = np.concatenate(filled) if filled else np.empty(0, np.int32)
        return cls(ids if dtype is None else ids.astype(dtype, copy=False), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Ragged: ...

    def __getitem__(self, index: int | slice) -> NDArray[Any] | Ragged:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                rows = range(start, stop, step)
                chosen = Ragged.from_rows([self[i] for i in rows], self.ids.dtype)
                if self.spans is None:
                    return chosen
                spans = [self.spans[self.offsets[i] : self.offsets[i + 1]] for i in rows]
                return Ragged(chosen.ids, chosen.offsets, np.concatenate([*spans, np.empty((0, 2), np.int64)]))
            stop = max(start, stop)
            offsets = self.offsets[start : stop + 1]
            kept = slice(offsets[0], offsets[-1])
            return Ragged(self.ids[kept], offsets - offsets[0], None if self.spans is None else self.spans[kept])
        row = index + len(self) if index < 0 else index
        if not 0 <= row < len(self):
            raise IndexError(f"row {index} of {len(self):,}")
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.ids[start:end] for start, end in pairwise(self.offsets.tolist()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ragged):
            return NotImplemented
        if not (np.array_equal(self.ids, other.ids) and np.array_equal(self.offsets, other.offsets)):
            return False
        if self.spans is None or other.spans is None:
            return self.spans is other.spans
        return np.array_equal(self.spans, other.spans)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Ragged], tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64] | None]]:
        return Ragged, (self.ids, self.offsets, self.spans)

    def __repr__(self) -> str:
        return f"<tokmill.Ragged: {len(self):,} rows, {len(self.ids):,} ids ({self.ids.dtype})>"

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of ids of every row, int64 [rows]."""
        return np.diff(self.offsets)

    def lists(self) -> list[list[int]]:
        """The rows as lists of Python ints."""
        return [row.tolist() for row in self]

    def with_end(self, end_id: int) -> Ragged:
        """The same rows, each with one more id at its end; its span is (0, 0)."""
        offsets = self.offsets + np.arange(len(self.offsets))
        ids = np.empty(len(self.ids) + len(self), self.ids.dtype)
        is_end = np.zeros(len(ids), np.bool_)
        is_end[offsets[1:] - 1] = True
        ids[is_end] = _checked_id(end_id, "end_id", ids.dtype)
        ids[~is_end] = self.ids
        spans = None
        if self.spans is not None:
            spans = np.zeros((len(ids), 2), np.int64)
            spans[~is_end] = self.spans
        return Ragged(ids, offsets, spans)

    def padded(
        self,
        pad_id: int,
        *,
        side: Literal["right", "left"] = "right",
        length: int | None = None,
        truncate: bool = False,
        dtype: DTypeLike | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A matrix of ids, ``[rows, length]``, and its mask, True where an id is of the row and not padding.

        ``length`` is that of the longest row if it is not given; a longer row raises ArgumentError, or with ``truncate=True`` keeps its
        first ``length`` ids.
        """
        kept, mask = self._padding(side, length, truncate)
        matrix = np.full(mask.shape, _checked_id(pad_id, "pad_id", dtype or self.ids.dtype), dtype or self.ids.dtype)
        matrix[mask] = self.ids[kept]
        return matrix, mask

    def padded_spans(
        self, *, side: Literal["right", "left"] = "right", length: int | None = None, truncate: bool = False
    ) -> NDArray[np.int64]:
        """The spans of the ids that ``padded`` gives for the same arguments: int64 [rows, length, 2], (0, 0) for padding.

        Raises ArgumentError as ``padded`` does, and if there are no spans.
        """
        if self.spans is None:
            raise ArgumentError("these rows have no spans: give spans='byte' or spans='char' to encode_batch")
        kept, mask = self._padding(side, length, truncate)
        matrix = np.zeros((*mask.shape, 2), np.int64)
        matrix[mask] = self.spans[kept]
        return matrix

    def _padding(self, side: str, length: int | None, truncate: bool) -> tuple[slice | NDArray[np.bool_], NDArray[np.bool_]]:
        """Which ids are kept, and the places that they take in a matrix of rows."""
        lengths = self.lengths
        longest = int(lengths.max()) if len(lengths) else 0
        if length is None:
            length = longest
        if length < 0:
            raise ArgumentError(f"length has to be 0 or more, not {length}")
        if side not in ("right", "left"):
            raise ArgumentError(f"side has to be 'right' or 'left', not {side!r}")
        kept: slice | NDArray[np.bool_] = slice(None)
        if longest > length:
            if not truncate:
                row = int(np.argmax(lengths > length))
                raise ArgumentError(
                    f"row {row} has {int(lengths[row]):,} ids, more than length={length:,}: give a greater length, or truncate=True", row
                )
            kept = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths) < length
            lengths = np.minimum(lengths, length)
        columns = np.arange(length)
        return kept, columns < lengths[:, None] if side == "right" else columns >= length - lengths[:, None]

    def packed(
        self,
        seq_len: int,
        *,
        eos: int | None = None,
        pad: int | None = None,
        drop_last: bool = False,
        dtype: DTypeLike | None = None,
    ) -> Packed:
        """Rows of exactly ``seq_len`` ids: the documents end to end, each followed by ``eos`` if it is given, cut every ``seq_len`` ids.

        What is left at the end becomes a last row filled up with ``pad``, or is dropped with ``drop_last=True``; with neither,
        ArgumentError. Which document, and which place in it, an id comes from is kept: see ``Packed``.
        """
        if seq_len < 1:
            raise ArgumentError(f"seq_len has to be 1 or more, not {seq_len}")
        kind = np.dtype(dtype or self.ids.dtype)
        if eos is not None:
            return self.with_end(eos).packed(seq_len, pad=pad, drop_last=drop_last, dtype=dtype)
        lengths, starts, total = self.lengths, self.offsets[:-1], len(self.ids)
        rows, rest = divmod(total, seq_len)
        if rest and drop_last:
            kept = rows * seq_len
        elif rest and pad is None:
            raise ArgumentError(f"the last row has only {rest:,} of {seq_len:,} ids: give pad= to fill it up, or drop_last=True")
        else:
            kept, rows = total, rows + (rest > 0)
        size = rows * seq_len
        flat = np.full(max(size, total), 0 if pad is None else _checked_id(pad, "pad", kind), kind)
        documents = np.full(len(flat), -1, np.int32)
        positions = np.empty(len(flat), np.int32)
        documents[:total] = np.repeat(np.arange(len(self), dtype=np.int32), lengths)
        positions[:total] = np.arange(total) - np.repeat(starts, lengths)
        positions[total:] = np.arange(len(flat) - total)
        flat[:total] = self.ids
        bounds = np.concatenate([starts[starts < kept], np.arange(0, size + 1, seq_len), [kept] if size else []])
        shape = (rows, seq_len)
        spans: NDArray[np.int64] | None = None
        if self.spans is not None:
            flat_spans = np.zeros((max(size, total), 2), np.int64)
            flat_spans[:total] = self.spans
            spans = flat_spans[:size].reshape(rows, seq_len, 2)
        return Packed(
            flat[:size].reshape(shape),
            documents[:size].reshape(shape),
            positions[:size].reshape(shape),
            np.unique(bounds).astype(np.int64),
            spans,
        )

    def to_arrow(self) -> Any:
        """A ``pyarrow.LargeListArray`` on the same memory. Raises ArgumentError if pyarrow is not installed."""
        try:
            import pyarrow
        except ImportError as error:
            raise ArgumentError("to_arrow() needs pyarrow: pip install 'tokmill[arrow]'") from error
        return pyarrow.LargeListArray.from_arrays(pyarrow.array(self.offsets), pyarrow.array(self.ids))


def _checked_id(value: int, name: str, dtype: DTypeLike) -> int:
    limits = np.iinfo(np.dtype(dtype))
    if not limits.min <= value <= limits.max:
        raise ArgumentError(f"{name}={value} does not fit into {np.dtype(dtype)}")
    return value
