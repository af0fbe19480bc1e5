"""Exact counts of n-grams: of arrays, of streams of documents, of more than fits into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import CoreNgramCounter, CoreNgramCounts
from ..errors import ArgumentError, SnapshotError
from ..sections import Sections, save_sections
from .arguments import bytes_of, rows_of

__all__ = ["NgramCounter", "NgramCounts", "OrderTotals"]

KIND = "ngram-counts"
VERSION = 1
TOP_BLOCK = 1 << 22


@dataclass(frozen=True)
class OrderTotals:
    """What there is of one order, pruned n-grams included.

    ``occurrences`` n-grams were counted, ``distinct`` different ones, ``seen_once`` of these a single time.
    """

    order: int
    occurrences: int
    distinct: int
    seen_once: int

    @property
    def share_seen_once(self) -> float:
        """The share of distinct n-grams that occur a single time; 0 if there are none."""
        return self.seen_once / self.distinct if self.distinct else 0.0


class NgramCounter:
    """Counts n-grams of documents that are added bit by bit.

    >>> counter = NgramCounter((1, 2), vocab_size=10)
    >>> counter.add([1, 2, 1, 2, 3])
    >>> counter.finish().top(2, 1)
    (array([[1, 2]], dtype=int32), array([2]))

    ``orders``            the lengths to count, 1 to 8
    ``vocab_size``        every id is below; at most 2**24
    ``memory``            what the counter may allocate, in bytes or as ``"1 GB"``. With a bound, sorted runs and the result go to files in
                          ``spill_directory`` (the system's for temporary files) when they do not fit; the files have no name, so nothing
                          is left behind by an error, Ctrl-C or a crash. Without one everything stays in memory.
    ``cross_documents``   n-grams reach from one document into the next, also from one ``add`` into the next; else never
    ``threads``           TOKMILL_THREADS, else all cores

    The result does not depend on memory, threads, or on how documents are spread over calls. Raises ArgumentError for orders, a vocabulary
    or a bound that cannot be, OutputError if the directory cannot be written to. Calls of one counter wait for each other.
    """

    def __init__(
        self,
        orders: Sequence[int] = (1, 2, 3),
        *,
        vocab_size: int,
        memory: int | str | None = None,
        spill_directory: str | os.PathLike[str] | None = None,
        cross_documents: bool = False,
        threads: int | None = None,
    ) -> None:
        self._orders = tuple(sorted({int(order) for order in orders}))
        if not self._orders or self._orders[0] < 1:
            raise ArgumentError(f"orders= are lengths of n-grams from 1 to 8, such as (1, 2, 3), not {tuple(orders)}")
        if not 1 <= vocab_size <= 1 << 24:
            raise ArgumentError(f"vocab_size= has to be from 1 to {1 << 24:,}, not {vocab_size:,}")
        self._core = CoreNgramCounter(
            orders=list(self._orders),
            vocab_size=vocab_size,
            memory=0 if memory is None else bytes_of(memory),
            directory=os.fspath(tempfile.gettempdir() if spill_directory is None else spill_directory),
            cross_documents=cross_documents,
            threads=threads,
        )
        self._vocab_size = vocab_size

    def add(self, ids: Any, offsets: Any = None, *, continued: bool = False) -> None:
        """Counts documents: a Ragged, or flat integer ids with the bounds of their rows; with no offsets, all ids are one document.

        With ``continued=True`` the first row goes on with the last row of the call before, for documents that arrive in pieces. Raises
        UnknownIdError for an id outside of the vocabulary and ArgumentError for offsets that do not fit, before anything is counted. After
        OutputError, InputError or KeyboardInterrupt in the middle of counting the counter cannot go on.
        """
        self._core.add(*rows_of(ids, offsets), continued)

    def finish(self, *, min_count: int = 1) -> NgramCounts:
        """The counts, once. N-grams seen less often than ``min_count`` are left out; the totals still include them."""
        if min_count < 1:
            raise ArgumentError(f"min_count= has to be 1 or more, not {min_count}")
        tokens = self._core.tokens
        orders = self._core.finish(min_count)
        return NgramCounts(orders, tokens=tokens, vocab_size=self._vocab_size, min_count=min_count)

    @property
    def tokens(self) -> int:
        """How many ids were added."""
        return self._core.tokens

    @property
    def statistics(self) -> dict[str, int]:
        """``runs`` made so far, ``file_bytes`` written to files, and ``working_bytes``, the most that was allocated at once."""
        return self._core.statistics


class NgramCounts:
    """How often each n-gram occurs; immutable. Entries of an order stand in rising order of their ids.

    Made by :class:`NgramCounter`, :meth:`from_ids` or :meth:`load`.
    """

    __slots__ = ("_orders", "min_count", "tokens", "vocab_size")

    tokens: int
    vocab_size: int
    min_count: int

    def __init__(self, orders: Sequence[CoreNgramCounts], *, tokens: int, vocab_size: int, min_count: int) -> None:
        self._orders = {each.order: each for each in orders}
        self.tokens = tokens
        self.vocab_size = vocab_size
        self.min_count = min_count

    @classmethod
    def from_ids(
        cls,
        ids: Any,
        offsets: Any = None,
        *,
        orders: Sequence[int] = (1, 2, 3),
        vocab_size: int,
        min_count: int = 1,
        memory: int | str | None = None,
        spill_directory: str | os.PathLike[str] | None = None,
        cross_documents: bool = False,
        threads: int | None = None,
    ) -> NgramCounts:
        """The counts of one array of ids, or of a Ragged; arguments and errors as those of :class:`NgramCounter`."""
        counter = NgramCounter(
            orders,
            vocab_size=vocab_size,
            memory=memory,
            spill_directory=spill_directory,
            cross_documents=cross_documents,
            threads=threads,
        )
        counter.add(ids, offsets)
        return counter.finish(min_count=min_count)

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders that were counted, rising."""
        return tuple(self._orders)

    def __len__(self) -> int:
        return sum(each.size for each in self._orders.values())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{each.size:,} {order}-grams" for order, each in self._orders.items())
        return f"<tokmill.NgramCounts: {sizes} of {self.tokens:,} ids>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NgramCounts):
            return NotImplemented
        return (
            (self.orders, self.tokens, self.vocab_size, self.min_count) == (other.orders, other.tokens, other.vocab_size, other.min_count)
            and all(self.totals(order) == other.totals(order) for order in self.orders)
            and all(
                np.array_equal(mine.keys, yours.keys) and np.array_equal(mine.counts, yours.counts)
                for mine, yours in zip(self._orders.values(), other._orders.values(), strict=True)
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def totals(self, order: int) -> OrderTotals:
        """How many n-grams of an order there are. Raises ArgumentError if it was not counted."""
        return OrderTotals(order, *self._order(order).totals)

    def counts(self, order: int) -> NDArray[Any]:
        """The counts of all entries of an order: uint32 (uint64 beyond 2**32 occurrences), read-only, in rising order of the n-grams."""
        return self._order(order).counts

    def ngrams(self, order: int, begin: int = 0, end: int | None = None) -> NDArray[np.int32]:
        """Entries ``begin`` to ``end`` of an order, int32 [entries, order], rising."""
        begin, end, _ = slice(begin, end).indices(self._order(order).size)
        return self._order(order).ngrams_at(np.arange(begin, max(begin, end), dtype=np.int64))

    def find(self, ngrams: Any) -> NDArray[np.int64]:
        """How often each of some n-grams of one order occurs: int32 [n-grams, order] to int64 [n-grams]; 0 for those not there."""
        wanted = np.asarray(ngrams)
        if wanted.ndim != 2 or wanted.dtype.kind not in "iu" or wanted.shape[1] == 0:
            raise ArgumentError(f"n-grams are an integer array [n-grams, order], not {wanted.dtype} of shape {wanted.shape}")
        within = np.where((wanted >= 0) & (wanted < self.vocab_size), wanted, -1)
        return self._order(wanted.shape[1]).find(np.ascontiguousarray(within, np.int32))

    def __getitem__(self, ngram: Sequence[int]) -> int:
        """How often one n-gram occurs: ``counts[1, 2]``."""
        return int(self.find(np.asarray([tuple(ngram)]))[0])

    def top(self, order: int, k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ``k`` most frequent n-grams of an order, int32 [k, order], and their counts, int64 [k]; equal counts in rising order."""
        if k < 0:
            raise ArgumentError(f"k has to be 0 or more, not {k}")
        entries = self._top_entries(order, k)
        return self._order(order).ngrams_at(entries), self.counts(order)[entries].astype(np.int64)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the counts to a file that :meth:`load` maps. Raises OutputError; nothing half-written stays."""
        arrays: dict[str, Any] = {
            "header": np.array([VERSION, self.tokens, self.vocab_size, self.min_count, *self._orders], "<u8"),
        }
        for order, each in self._orders.items():
            arrays[f"totals-{order}"] = np.array([each.id_bits, each.size, *each.totals], "<u8")
            arrays[f"keys-{order}"] = each.keys
            arrays[f"counts-{order}"] = each.counts
        save_sections(path, KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NgramCounts:
        """The counts of a saved file, mapped into memory. Raises InputError, and SnapshotError for a damaged file."""
        sections = Sections(path, KIND)
        header = [int(number) for number in sections.array("header", "<u8")]
        if len(header) < 5 or header[0] != VERSION:
            raise SnapshotError(f"{sections.place}: n-gram counts of another version, or damaged; count again")
        _, tokens, vocab_size, min_count, *orders = header
        if orders != sorted(set(orders)) or not 1 <= vocab_size <= 1 << 24:
            raise SnapshotError(f"{sections.place}: a header that cannot be; the file is damaged")
        loaded = []
        for order in orders:
            totals = [int(number) for number in sections.array(f"totals-{order}", "<u8")]
            if len(totals) != 5 or totals[0] != max(1, (vocab_size - 1).bit_length()):
                raise SnapshotError(f"{sections.place}: totals of order {order} that cannot be; the file is damaged")
            id_bits, size, occurrences, distinct, seen_once = totals
            counts = sections.array(f"counts-{order}", "<u8" if occurrences > 0xFFFFFFFF else "<u4")
            if len(counts) != size:
                raise SnapshotError(f"{sections.place}: {len(counts):,} counts of order {order} instead of {size:,}; the file is damaged")
            try:
                core = CoreNgramCounts(
                    order=order,
                    id_bits=id_bits,
                    keys=sections.array(f"keys-{order}", "<u8"),
                    counts=counts,
                    windows=occurrences,
                    distinct=distinct,
                    seen_once=seen_once,
                )
            except SnapshotError as error:
                raise SnapshotError(f"{sections.place}: {error}", error.where) from error
            loaded.append(core)
        return cls(loaded, tokens=tokens, vocab_size=vocab_size, min_count=min_count)

    def _order(self, order: int) -> CoreNgramCounts:
        try:
            return self._orders[order]
        except KeyError:
            raise ArgumentError(f"{order}-grams were not counted, only orders {', '.join(map(str, self._orders))}") from None

    def _top_entries(self, order: int, k: int) -> NDArray[np.int64]:
        """Entries of the k largest counts, by falling count and then rising entry; block by block, so that memory stays small."""
        counts = self.counts(order)
        best = np.empty(0, np.int64)
        for begin in range(0, len(counts), TOP_BLOCK):
            block = counts[begin : begin + TOP_BLOCK]
            if len(block) > k > 0:
                least = np.partition(block, len(block) - k)[len(block) - k]
                block_best = np.flatnonzero(block >= least)
            else:
                block_best = np.arange(len(block) if k else 0)
            best = np.concatenate([best, block_best + begin])
            # Entries are rising here, so a stable sort by count leaves equal counts in order.
            ranked = np.argsort(-counts[best].astype(np.int64), kind="stable")[:k]
            best = np.sort(best[ranked])
        return best[np.argsort(-counts[best].astype(np.int64), kind="stable")]
