"""How large hashed n-gram tables can be: from a budget of memory to prime numbers of rows, and what collides in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import ArgumentError
from .arguments import bytes_of, readable_bytes
from .counting import NgramCounts
from .primes import next_prime
from .unique import unique_rows

__all__ = ["Collisions", "PlannedTable", "TablePlan", "TablePlanWarning", "plan_tables", "polynomial_rows"]

# Types that NumPy has no name for.
BYTES_OF_DTYPE = {"bfloat16": 2, "float8": 1, "fp8": 1, "int4": 0.5, "fp4": 0.5}
LEAST_ROWS = 3
# Measured on 305,297 bigrams of 4096 ids in about 524,000 rows: a ratio of 128 hits 17 % fewer rows than a random hash, 127.5 8 % fewer, a
# prime 21 rows above 128 * 4096 6 % fewer, 128.37 none.
RATIO_MARGIN = 0.02
NGRAMS_AT_ONCE = 1 << 20

RowsOfNgrams = Callable[[NDArray[np.int32], "PlannedTable"], NDArray[Any]]


class TablePlanWarning(UserWarning):
    """A plan of tables that works, but wastes memory."""


@dataclass(frozen=True)
class PlannedTable:
    """One table: head ``head`` of order ``order``."""

    order: int
    head: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Collisions:
    """What happens to the distinct n-grams of a corpus in one table.

    ``rows_hit`` rows are used; ``share_colliding`` of the distinct n-grams, and ``share_of_occurrences`` of all n-grams of the text, are in
    a row with others. The expected figures are those of a hash that spreads evenly: of M rows and U n-grams, M(1 - (1 - 1/M)^U) rows are
    hit and an n-gram has company with the chance 1 - (1 - 1/M)^(U - 1).
    """

    order: int
    head: int
    rows: int
    distinct: int
    expected_rows_hit: float
    expected_share_colliding: float
    rows_hit: int | None = None
    share_colliding: float | None = None
    share_of_occurrences: float | None = None


@dataclass(frozen=True)
class TablePlan:
    """Tables that fit a budget. ``row_bytes`` includes what the optimizer keeps of a row."""

    vocab_size: int
    memory: int
    width: int
    dtype: str
    row_bytes: int
    tables: tuple[PlannedTable, ...]
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        """Bytes of all tables together."""
        return sum(table.bytes for table in self.tables)

    def expected(self, distinct: Mapping[int, int] | NgramCounts) -> list[Collisions]:
        """Expected collisions for so many distinct n-grams of each order; the orders that are not there are left out."""
        sizes = {order: distinct.totals(order).distinct for order in distinct.orders} if isinstance(distinct, NgramCounts) else distinct
        return [_expected(table, sizes[table.order]) for table in self.tables if table.order in sizes]

    def measured(self, counts: NgramCounts, rows_of: RowsOfNgrams | None = None) -> list[Collisions]:
        """Expected collisions, and those counted on a corpus, of the tables whose orders were counted (pruned n-grams excluded).

        ``rows_of(ngrams, table)`` gives the rows of n-grams, int32 [n-grams, order] with the newest id last, in a table; if it is not
        given, :func:`polynomial_rows` of this plan's vocabulary is meant, the hash of OverEncoding and LongCat.
        """

        def polynomial(ngrams: NDArray[np.int32], table: PlannedTable) -> NDArray[Any]:
            return polynomial_rows(ngrams, self.vocab_size, table.rows)

        return [_measured(table, counts, rows_of or polynomial) for table in self.tables if table.order in counts.orders]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {**asdict(self), "tables": [asdict(table) for table in self.tables], "rows": self.rows, "bytes": self.bytes}

    def text(self, collisions: Sequence[Collisions] = ()) -> str:
        """A table to read, with the figures of ``expected`` or ``measured`` if they are given."""
        found = {(each.order, each.head): each for each in collisions}
        head = ["order", "head", "rows", "rows/vocab", "memory"]
        if found:
            head += ["distinct n-grams", "colliding, expected", "colliding, measured", "rows hit, measured/expected"]
        lines = [head]
        for table in self.tables:
            line = [f"{table.order}", f"{table.head}", f"{table.rows:,}", f"{table.rows / self.vocab_size:.2f}"]
            line.append(readable_bytes(table.bytes))
            each = found.get((table.order, table.head))
            if each is not None:
                line += [f"{each.distinct:,}", f"{each.expected_share_colliding:.1%}"]
                line += ["-" if each.share_colliding is None else f"{each.share_colliding:.1%}"]
                line += ["-" if each.rows_hit is None else f"{each.rows_hit / max(each.expected_rows_hit, 1):.3f}"]
            lines.append(line + [""] * (len(head) - len(line)))
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        out = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
        out.append(f"{self.rows:,} rows of {self.width} {self.dtype}, {readable_bytes(self.bytes)} of {readable_bytes(self.memory)}")
        return "\n".join([*out, *(f"warning: {warning}" for warning in self.warnings)])


def plan_tables(
    memory: int | str,
    *,
    vocab_size: int,
    width: int,
    dtype: DTypeLike = "float32",
    orders: Sequence[int] = (2, 3),
    heads: int = 1,
    optimizer_bytes: int = 0,
    row_multiple: int = 1,
) -> TablePlan:
    """The largest tables for a budget: ``heads`` tables an order, all of about one size, each with a prime number of rows of its own.

    The primes are those of Engram and Qwen PLE: the smallest above ``size - 1``, none taken twice. ``width`` is the number of values in a
    row, ``dtype`` a NumPy type or ``"bfloat16"``, ``"float8"``, ``"int4"``; ``optimizer_bytes`` are kept a value for training (8 for Adam
    in float32). ``row_multiple`` rounds the memory of a table, not its modulus, up to whole multiples, for tables cut over devices.

    Raises ArgumentError if the budget does not hold three rows a table. Warns (TablePlanWarning, also kept in ``warnings``) if the rows
    of a table are nearly a multiple, or half a multiple, of ``vocab_size``: under polynomial hashes (OverEncoding, LongCat) n-grams of
    different ids then meet, and rows are wasted.
    """
    budget = bytes_of(memory)
    chosen = sorted(set(orders))
    if not chosen or chosen[0] < 1:
        raise ArgumentError(f"orders= are lengths of n-grams, such as (2, 3), not {tuple(orders)}")
    for name, value in (("vocab_size", vocab_size), ("width", width), ("heads", heads), ("row_multiple", row_multiple)):
        if value < 1:
            raise ArgumentError(f"{name}= has to be 1 or more, not {value}")
    if optimizer_bytes < 0:
        raise ArgumentError(f"optimizer_bytes= has to be 0 or more, not {optimizer_bytes}")
    name, value_bytes = _bytes_of_dtype(dtype)
    row_bytes = int(np.ceil(width * (value_bytes + optimizer_bytes)))
    count = len(chosen) * heads
    size = budget // (count * row_bytes)
    moduli: list[int] = []
    while size >= LEAST_ROWS:
        moduli = _primes(size, count)
        excess = sum(-(-rows // row_multiple) * row_multiple for rows in moduli) - budget // row_bytes
        if excess <= 0:
            break
        size -= max(1, excess // count)
    if size < LEAST_ROWS:
        least = sum(-(-rows // row_multiple) * row_multiple for rows in _primes(LEAST_ROWS, count)) * row_bytes
        raise ArgumentError(
            f"{readable_bytes(budget)} are too little for {count} tables of {width} {name}: it takes at least {readable_bytes(least)};"
            " give more memory, fewer orders or heads, or narrower rows"
        )
    keys = [(order, head) for order in chosen for head in range(heads)]
    tables = tuple(
        PlannedTable(order, head, rows, -(-rows // row_multiple) * row_multiple * row_bytes)
        for (order, head), rows in zip(keys, moduli, strict=True)
    )
    found = tuple(filter(None, (_ratio_warning(table, vocab_size) for table in tables)))
    for one in found:
        warnings.warn(one, TablePlanWarning, stacklevel=2)
    return TablePlan(vocab_size, budget, width, name, row_bytes, tables, found)


def polynomial_rows(ngrams: NDArray[np.integer[Any]], vocab_size: int, rows: int) -> NDArray[np.int64]:
    """The rows of n-grams, [n-grams, order] with the newest id last, under the polynomial hash: sum of x[d] * vocab_size**d, mod ``rows``.

    (Over-Tokenized Transformer, arXiv 2501.16975; d is the distance back.) Rows below 2**31, so that nothing overflows.
    """
    if not 2 <= rows < 1 << 31:
        raise ArgumentError(f"rows= has to be from 2 to 2**31 - 1, not {rows}")
    total = np.zeros(len(ngrams), np.int64)
    for column in range(ngrams.shape[1]):
        total = (total * (vocab_size % rows) + ngrams[:, column]) % rows
    return total


def _primes(size: int, count: int) -> list[int]:
    primes: list[int] = []
    above = size - 1
    for _ in range(count):
        above = next_prime(above)
        primes.append(above)
    return primes


def _bytes_of_dtype(dtype: DTypeLike) -> tuple[str, float]:
    if isinstance(dtype, str) and dtype in BYTES_OF_DTYPE:
        return dtype, BYTES_OF_DTYPE[dtype]
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise ArgumentError(f"dtype={dtype!r} is no type of NumPy and none of {', '.join(BYTES_OF_DTYPE)}") from None
    if kind.itemsize == 0 or kind.hasobject:
        raise ArgumentError(f"dtype={dtype!r} is no type for embeddings")
    return kind.name, kind.itemsize


def _ratio_warning(table: PlannedTable, vocab_size: int) -> str | None:
    ratio = table.rows / vocab_size
    nearest = round(2 * ratio) / 2
    if nearest < 1 or abs(ratio - nearest) > RATIO_MARGIN:
        return None
    return (
        f"order {table.order}, head {table.head}: {table.rows:,} rows are nearly {nearest:g} times vocab_size={vocab_size:,};"
        f" polynomial hashes waste rows there. A ratio such as {int(ratio)}.37, {int((int(ratio) + 0.37) * vocab_size):,} rows, is better"
    )


def _expected(table: PlannedTable, distinct: int) -> Collisions:
    # By logarithms, since (1 - 1/M) loses its last digits for large M.
    log_empty = np.log1p(-1.0 / table.rows) if table.rows > 1 else -np.inf
    hit = -table.rows * np.expm1(distinct * log_empty) if distinct else 0.0
    company = -np.expm1((distinct - 1) * log_empty) if distinct > 1 else 0.0
    return Collisions(table.order, table.head, table.rows, distinct, float(hit), float(company))


def _measured(table: PlannedTable, counts: NgramCounts, rows_of: RowsOfNgrams) -> Collisions:
    frequencies = counts.counts(table.order)
    rows = np.empty(len(frequencies), np.int64)
    for begin in range(0, len(rows), NGRAMS_AT_ONCE):
        ngrams = counts.ngrams(table.order, begin, begin + NGRAMS_AT_ONCE)
        rows[begin : begin + NGRAMS_AT_ONCE] = rows_of(ngrams, table)
    expected = _expected(table, len(rows))
    if not len(rows):
        return Collisions(table.order, table.head, table.rows, 0, 0.0, 0.0, 0, 0.0, 0.0)
    unique = unique_rows(rows, row_count=table.rows)
    collides = unique.counts[unique.inverse] > 1
    return Collisions(
        table.order,
        table.head,
        table.rows,
        len(rows),
        expected.expected_rows_hit,
        expected.expected_share_colliding,
        len(unique),
        float(np.count_nonzero(collides) / len(rows)),
        float(frequencies[collides].sum(dtype=np.int64) / frequencies.sum(dtype=np.int64)),
    )
