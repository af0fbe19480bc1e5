"""``IntBPE``: byte-pair encoding for streams of any integers - action bins, image and audio codes, events - without a detour by text.

Symbols are int32, negative ones included. An alphabet numbers them: the symbol ``alphabet[i]`` is id i, merged symbols follow.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, ArgumentTypeError, SnapshotError, UnknownIdError
from ..ragged import Ragged
from .arguments import documents_of
from .explain import Explanation, Render
from .phrases import Mode, Objective, PhraseCondenser, Progress, learn, opened
from .result import Condensed

__all__ = ["IntBPE"]

KIND = "int bpe"
# Symbols are looked up in a table if they lie within so many numbers; in a sorted array if not.
MOST_TABLE = 1 << 24
MAX_LEN = 256


class IntBPE(PhraseCondenser):
    """A condenser of int32 symbols. Made by :meth:`train` or :meth:`load`.

    ``alphabet`` are all symbols that there are, in any order; sorted, the first one is id 0. Merge r is id ``len(alphabet) + r``, of the
    ids ``lefts[r]`` and ``rights[r]``. ``mode`` is ``"merge"`` (byte-pair encoding, as training did it) or ``"longest"`` (streaming).

    Immutable. Raises ArgumentError for an alphabet that is empty, or larger than 2^24, or for a merge that cannot be.
    """

    __slots__ = ("_table", "alphabet")

    def __init__(
        self,
        alphabet: range | ArrayLike,
        lefts: ArrayLike,
        rights: ArrayLike,
        *,
        mode: Mode = "merge",
        counts: ArrayLike | None = None,
    ) -> None:
        self.alphabet = _alphabet(alphabet)
        self._table: NDArray[np.int32] | None = None
        span = int(self.alphabet[-1]) - int(self.alphabet[0]) + 1
        if len(self.alphabet) < span <= MOST_TABLE:
            self._table = np.full(span, -1, np.int32)
            self._table[self.alphabet.astype(np.int64) - int(self.alphabet[0])] = np.arange(len(self.alphabet), dtype=np.int32)
        super().__init__(len(self.alphabet), lefts, rights, mode=mode, counts=counts)

    def __repr__(self) -> str:
        return f"<tokmill.condensed.IntBPE: {self.size:,} merges over {self.vocab_size:,} symbols, mode {self.mode!r}>"

    @classmethod
    def train(
        cls,
        symbols: Ragged | ArrayLike,
        size: int,
        *,
        alphabet: range | ArrayLike | None = None,
        barriers: ArrayLike | None = None,
        barrier_symbols: Iterable[int] = (),
        max_len: int = MAX_LEN,
        min_count: int = 2,
        objective: Objective = "count",
        mode: Mode = "merge",
        progress: Progress | None = None,
    ) -> IntBPE:
        """Learns up to ``size`` merges of documents of symbols (a Ragged, or one document).

        ``alphabet`` is the symbols that occur, unless given: give a range where others may come later. No merge crosses the bounds of a
        document, a place of ``barriers``, or one of ``barrier_symbols`` (ends of tracks, of frames). ``max_len`` is in symbols. The most
        frequent pair is merged first, of equals the one with the least left id, then the least right one; with ``objective="length"``
        the one with the greatest count times length. A pair that spells a merge that there is already is passed over.

        Raises UnknownIdError with the index of a symbol that the alphabet does not have, ArgumentError for arguments that do not fit.
        """
        flat, offsets = documents_of(symbols)
        known = cls(np.unique(_int32(flat)) if alphabet is None and len(flat) else range(1) if alphabet is None else alphabet, (), ())
        alone = known.to_ids(np.array(list(barrier_symbols), np.int64))
        rows = Ragged(known.to_ids(flat), offsets)
        lefts, rights, counts = learn(
            rows,
            known.vocab_size,
            size,
            barriers=barriers,
            alone=alone,
            max_len=max_len,
            min_count=min_count,
            objective=objective,
            progress=progress,
        )
        return cls(known.alphabet, lefts, rights, mode=mode, counts=counts)

    def to_ids(self, symbols: ArrayLike) -> NDArray[np.int32]:
        """The ids of single symbols, int32. Raises UnknownIdError with the index of one that the alphabet does not have."""
        flat, _ = documents_of(symbols)
        low, end = int(self.alphabet[0]), int(self.alphabet[-1]) + 1
        values = _int32(flat)
        # In uint32, differences wrap around: whatever is below the first symbol lies above all.
        away = values.view(np.uint32) - np.uint32(low & 0xFFFFFFFF)
        if end - low > MOST_TABLE:
            ids = np.searchsorted(self.alphabet, values).astype(np.int32)
            known = self.alphabet[np.minimum(ids, len(self.alphabet) - 1)] == values
        else:
            known = away < end - low
            ids = away.view(np.int32)
            if self._table is not None:
                ids = self._table[np.where(known, ids, 0)]
                known &= ids >= 0
        if not known.all():
            place = int(np.argmin(known))
            raise UnknownIdError(f"symbol {int(flat[place])} at {place} is not in the alphabet of {len(self.alphabet):,} symbols", place)
        return ids

    def to_symbols(self, ids: ArrayLike) -> NDArray[np.int32]:
        """The symbols of base ids, int32. Raises UnknownIdError with the index of an id that is none."""
        flat, _ = documents_of(ids)
        outside = np.flatnonzero((flat < 0) | (flat >= self.vocab_size))
        if len(outside):
            raise UnknownIdError(f"id {int(flat[outside[0]])} at {int(outside[0])} is none of {self.vocab_size:,} symbols", int(outside[0]))
        symbols: NDArray[np.int32] = self.alphabet[flat]
        return symbols

    def _condense(
        self, ids: NDArray[Any], offsets: NDArray[np.int64], places: NDArray[np.int64] | None, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        return super()._condense(self.to_ids(ids), offsets, places, threads)

    def _expand(self, ids: NDArray[Any], offsets: NDArray[np.int64], threads: int | None) -> Ragged:
        base = super()._expand(ids, offsets, threads)
        return Ragged(self.alphabet[base.ids], base.offsets)

    def explain(self, condensed: Condensed, *, render: Render | None = None) -> Explanation:
        """Condensed ids looked back at; ``render`` shows symbols as something to read. See Explanation."""
        return Explanation(condensed, self.expand(condensed), None, render)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one file, or nothing: the alphabet, the merges, the mode. Raises OutputError."""
        self._save(path, KIND, {}, {"alphabet": self.alphabet})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> IntBPE:
        """Reads what :meth:`save` wrote. Raises InputError, SnapshotError for a file that is damaged or of another kind."""
        saved, about, common = opened(path, KIND)
        try:
            made = cls(saved.array("alphabet", np.int32), **common)
        except (ArgumentError, ArgumentTypeError) as error:
            raise SnapshotError(f"{saved.place}: {error}") from error
        if made.vocab_size != about["vocab_size"]:
            raise SnapshotError(f"{saved.place}: the alphabet has {made.vocab_size:,} symbols, not {about['vocab_size']:,}")
        return made


def _alphabet(symbols: range | ArrayLike) -> NDArray[np.int32]:
    if isinstance(symbols, range) and not 0 < len(symbols) <= MOST_TABLE:
        raise ArgumentError(f"an alphabet has 1 to {MOST_TABLE:,} symbols, not {len(symbols):,}")
    array = np.asarray(symbols)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not 0 < len(array) <= MOST_TABLE:
        raise ArgumentError(f"an alphabet is a range or an array of 1 to {MOST_TABLE:,} integers, not {array.shape} {array.dtype}")
    try:
        return np.unique(_int32(array))
    except UnknownIdError as error:
        raise ArgumentError(f"an alphabet is of int32: {error}", error.where) from error


def _int32(values: NDArray[Any]) -> NDArray[np.int32]:
    if values.dtype == np.int32:
        return np.ascontiguousarray(values)
    outside = np.flatnonzero((values < -(2**31)) | (values >= 2**31)) if len(values) else values
    if len(outside):
        raise UnknownIdError(f"symbol {int(values[outside[0]])} at {int(outside[0])} does not fit into int32", int(outside[0]))
    return values.astype(np.int32)
