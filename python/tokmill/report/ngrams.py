"""The section that the room ngrams/ gives to a report: how well a text's n-grams are spread over the rows of a plan's tables."""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ngrams import ByteNgrams, Plan
from ..signatures import Invalid, Special
from ..tokenizer import Tokenizer
from .document import Row, Section, Table, Value

__all__ = ["ngrams_section"]

MIN_PASSES = 5
MIN_SECONDS = 0.2


def ngrams_section(
    tokenizer: Tokenizer, plan: Plan, title: str, data: bytes, *, special: Special = "text", invalid: Invalid = None
) -> Section:
    """Measures one text, as one document and on one core. Raises InvalidUtf8Error, SpecialTokenError, UnknownIdError.

    Distinct n-grams are those of a table's order; ``expected`` is the number of rows that a random function would hit for them, and
    ``alone`` the share of tokens whose row no other n-gram of the text has.
    """
    if plan.scheme == ByteNgrams.__name__:
        ids: NDArray[Any] = ByteNgrams.ids_of(data)
    else:
        ids = tokenizer.encode(data, special=special, invalid=invalid)
    rows = plan.rows(ids, layout="table", dtype=np.int64)
    out = plan.rows(ids, dtype=np.int64)
    seconds: list[float] = []
    while len(ids) and (len(seconds) < MIN_PASSES or sum(seconds) < MIN_SECONDS):
        began = time.perf_counter()
        plan.rows(ids, out=out, threads=1)
        seconds.append(time.perf_counter() - began)
    facts = [
        Row("scheme", "scheme", plan.scheme),
        Row("digest", "digest", plan.digest),
        Row("tables", "tables", len(plan.tables)),
        Row("rows", "rows", sum(plan.layer_rows), remark=f"{sum(plan.layer_rows) / plan.vocab_size:,.1f} times the vocabulary"),
        Row("ids", "ids", len(ids)),
    ]
    if seconds:
        speed = round(len(ids) / statistics.median(seconds) / 1e6, 1)
        remark = f"int64 rows, median of {len(seconds)} passes over the same ids"
        facts.append(Row("million_tokens_per_second", "Mtok/s, one core", speed, shown=f"{speed:,.1f}", remark=remark))
    grams = _numbered_ngrams(ids, plan.history + 1)
    lines = [
        _line(number, table.rows, plan.orders[number], rows[number], grams[plan.orders[number] - 1])
        for number, table in enumerate(plan.tables if len(ids) else ())
    ]
    columns = ("table", "order", "rows", "distinct n-grams", "rows hit", "expected", "alone %")
    return Section(title, facts, tables=[Table(columns, lines)] if len(ids) else ())


def _numbered_ngrams(ids: NDArray[Any], longest: int) -> list[NDArray[np.int64]]:
    """For each order, a number for the n-gram that ends at each position; equal n-grams have equal numbers."""
    numbers = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    width = int(numbers.max()) + 2 if len(ids) else 1
    orders = [numbers]
    for order in range(1, longest):
        before = np.zeros(len(ids), np.int64)
        before[order:] = numbers[: max(0, len(ids) - order)] + 1
        orders.append(np.unique(orders[-1] * width + before, return_inverse=True)[1].astype(np.int64))
    return orders


def _line(number: int, row_count: int, order: int, rows: NDArray[np.int64], grams: NDArray[np.int64]) -> tuple[Value, ...]:
    distinct, first = np.unique(grams, return_index=True)
    hit, sharing = np.unique(rows[first], return_counts=True)
    alone = np.isin(rows, hit[sharing == 1])
    expected = -row_count * math.expm1(len(distinct) * math.log1p(-1 / row_count))
    return number, order, row_count, len(distinct), len(hit), round(expected), round(100 * float(alone.mean()), 2)
