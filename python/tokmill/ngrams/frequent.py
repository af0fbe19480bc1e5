"""Frequent n-grams as units of the input: the longest that ends at each position gives the row (SCONE's f-grams, arXiv 2502.01637)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import CoreFrequentNgrams
from ..errors import ArgumentError, SnapshotError
from ..ragged import Ragged
from ..sections import Sections, save_sections
from .arguments import rows_of
from .counting import NgramCounts

__all__ = ["FrequentNgrams"]

KIND = "frequent-ngrams"
VERSION = 1
SCONE_MIN_COUNT = 5


class FrequentNgrams:
    """A fixed set of n-grams, each with a row of an embedding table; immutable.

    >>> frequent = FrequentNgrams([(1, 2), (2, 3), (1, 2, 3)], vocab_size=10)
    >>> frequent.rows([1, 2, 3, 2, 3])
    (array([-1,  0,  2, -1,  1], dtype=int32), array([0, 2, 3, 0, 2], dtype=uint8))

    N-gram i, of 1 to 8 ids below ``vocab_size``, has row i. Hits are exact: ids are compared, not hashes alone. Raises ArgumentError for an
    n-gram that is empty, too long or stands twice, UnknownIdError for an id outside of the vocabulary.
    """

    __slots__ = ("_core", "ngrams")

    ngrams: Ragged

    def __init__(self, ngrams: Ragged | Sequence[Sequence[int]], *, vocab_size: int) -> None:
        if not 1 <= vocab_size <= 1 << 24:
            raise ArgumentError(f"vocab_size= has to be from 1 to {1 << 24:,}, not {vocab_size:,}")
        rows = ngrams if isinstance(ngrams, Ragged) else Ragged.from_rows(ngrams, np.int64)
        # An id that int32 cannot hold is no id either way; the core names its place.
        ids = np.where((rows.ids >= 0) & (rows.ids <= 0x7FFFFFFF), rows.ids, -1).astype(np.int32)
        self._core = CoreFrequentNgrams(ids, rows.offsets, vocab_size)
        self.ngrams = Ragged(ids, rows.offsets)

    @classmethod
    def from_counts(
        cls, counts: NgramCounts, size: int, *, orders: Sequence[int] | None = None, min_count: int = SCONE_MIN_COUNT
    ) -> FrequentNgrams:
        """The ``size`` most frequent n-grams that occur at least ``min_count`` times, in one ranking over all orders.

        ``orders`` are those of two ids and more that were counted, if not given. Rows go by falling count; of equal counts, shorter n-grams
        stand first, then rising ids.
        """
        chosen = sorted(set(orders)) if orders is not None else [order for order in counts.orders if order >= 2]
        if not chosen:
            raise ArgumentError(f"there are no n-grams of two ids and more among the counts (orders {counts.orders}): give orders=")
        if size < 0 or min_count < 1:
            raise ArgumentError(f"size= has to be 0 or more and min_count= 1 or more, not {size} and {min_count}")
        ngrams, frequencies, lengths = [], [], []
        for order in chosen:
            best, found = counts.top(order, size)
            kept = int(np.count_nonzero(found >= min_count))
            ngrams.append(best[:kept])
            frequencies.append(found[:kept])
            lengths.append(np.full(kept, order, np.int64))
        # Each order stands in its own order already, so that a stable sort settles ties by length and then by ids.
        ranking = np.argsort(-np.concatenate(frequencies), kind="stable")[:size]
        length = np.concatenate(lengths)
        starts = np.cumsum(length) - length
        flat = np.concatenate([one.reshape(-1) for one in ngrams])
        offsets = np.zeros(len(ranking) + 1, np.int64)
        np.cumsum(length[ranking], out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(starts[ranking] - offsets[:-1], length[ranking])
        return cls(Ragged(flat[places], offsets), vocab_size=counts.vocab_size)

    def rows(
        self, ids: Any, offsets: Any = None, *, token_rows: bool = False, threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """For each position the row of the longest n-gram of the set that ends there, int32 [tokens], and its length, uint8 [tokens].

        N-grams never reach over the bounds of a row of ids (``ids`` is a Ragged, or flat with ``offsets``). Where none ends, the row is -1
        and the length 0. With ``token_rows=True`` the two tables of the paper are one, the tokens' rows first: where none ends, the row is
        the id itself, else that of the n-gram plus ``vocab_size``. Raises UnknownIdError and ArgumentError.
        """
        flat, bounds = rows_of(ids, offsets)
        return self._core.rows(flat, bounds, token_rows=token_rows, threads=threads)

    def __len__(self) -> int:
        return self._core.row_count

    def __getitem__(self, row: int) -> tuple[int, ...]:
        return tuple(self.ngrams[row].tolist())

    def __repr__(self) -> str:
        return f"<tokmill.FrequentNgrams: {len(self):,} n-grams of up to {self.longest} ids below {self.vocab_size:,}>"

    @property
    def vocab_size(self) -> int:
        """Every id is below."""
        return self._core.vocab_size

    @property
    def longest(self) -> int:
        """The length of the longest n-gram."""
        return self._core.longest

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the set to a file that :meth:`load` maps. Raises OutputError; nothing half-written stays."""
        core = self._core
        header = np.array([VERSION, core.row_count, core.node_count, core.longest], "<u8")
        arrays = {
            "header": header,
            "starts": core.starts,
            "edges": core.edges,
            "ngram-ids": self.ngrams.ids,
            "ngram-offsets": self.ngrams.offsets,
        }
        save_sections(path, KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FrequentNgrams:
        """The set of a saved file, mapped into memory. Raises InputError, and SnapshotError for a damaged file."""
        sections = Sections(path, KIND)
        header = [int(number) for number in sections.array("header", "<u8")]
        if len(header) != 4 or header[0] != VERSION:
            raise SnapshotError(f"{sections.place}: frequent n-grams of another version, or damaged; make them again")
        loaded = cls.__new__(cls)
        try:
            loaded._core = CoreFrequentNgrams(
                starts=sections.array("starts", "<u4"),
                edges=sections.array("edges", "<u4"),
                row_count=header[1],
                node_count=header[2],
                longest=header[3],
            )
            loaded.ngrams = Ragged(sections.array("ngram-ids", "<i4"), sections.array("ngram-offsets", "<i8"))
        except (SnapshotError, ArgumentError) as error:
            raise SnapshotError(f"{sections.place}: {error}", error.where) from error
        ids = loaded.ngrams.ids
        if len(loaded.ngrams) != len(loaded) or (len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < loaded.vocab_size):
            raise SnapshotError(f"{sections.place}: the list of n-grams does not fit the table; the file is damaged")
        return loaded
