"""The benchmark of counting n-grams, and of the distinct rows of a batch, beside NumPy.

`python -m bench.ngram_counts --text FILE --vocabulary cl100k_base`. Ids are those of a text, repeated or cut to the number asked for;
without a text, numbers by Zipf's law. NumPy packs an n-gram into 64 bits and calls `numpy.unique`, one order after the other; all results
are compared before a time is told. One run each: seconds matter here, not nanoseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ngrams import NgramCounter, NgramCounts, unique_rows

__all__ = ["count_with_numpy", "ids_of", "main", "measure_counts", "measure_unique"]

ORDERS = (1, 2, 3)
BAR_SECONDS = 20.0  # 100 million ids, two threads
UNIQUE_CASES = ((200_000, 16_000_057), (2_000_000, 384_006_168))
REPEATS = 5


def ids_of(text: Path | None, vocabulary: str, tokens: int) -> tuple[NDArray[np.int32], int]:
    """So many ids, and the size of their vocabulary."""
    if text is None:
        return (np.random.default_rng(1).zipf(1.2, tokens) % 100_277).astype(np.int32), 100_277
    from ..registry import load

    tokenizer = load(vocabulary)
    ids = tokenizer.encode_file(text, invalid="replace")
    return np.resize(ids, tokens).astype(np.int32, copy=False), tokenizer.vocab_size


def count_with_numpy(ids: NDArray[np.int32], vocab_size: int, order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct n-grams as packed numbers, rising, and their counts."""
    bits = max(1, (vocab_size - 1).bit_length())
    count = max(0, len(ids) - order + 1)
    keys = np.zeros(count, np.int64)
    for place in range(order):
        keys <<= bits
        keys |= ids[place : place + count]
    return np.unique(keys, return_counts=True)


def measure_counts(ids: NDArray[np.int32], vocab_size: int, memory: str, with_numpy: bool) -> dict[str, dict[str, Any]]:
    """Seconds, and the counter's statistics, for each way of counting."""
    results: dict[str, dict[str, Any]] = {}
    reference: NgramCounts | None = None
    for name, bound, threads in (("1 thread", None, 1), ("2 threads", None, 2), (f"2 threads, {memory}", memory, 2)):
        counter = NgramCounter(ORDERS, vocab_size=vocab_size, memory=bound, threads=threads)

        def count(counter: NgramCounter = counter) -> NgramCounts:
            counter.add(ids)
            return counter.finish()

        seconds, counts = _timed(count)
        if reference is not None and counts != reference:
            raise RuntimeError(f"{name} counts otherwise than one thread")
        reference = counts
        results[f"tokmill, {name}"] = {"seconds": seconds, **counter.statistics}
    if with_numpy and reference is not None:
        total = 0.0
        for order in ORDERS:
            seconds, (_, found) = _timed(lambda order=order: count_with_numpy(ids, vocab_size, order))  # type: ignore[misc]
            total += seconds
            if not np.array_equal(found, reference.counts(order)):
                raise RuntimeError(f"NumPy counts {order}-grams otherwise")
        results["NumPy"] = {"seconds": total}
    return results


def measure_unique(cases: tuple[tuple[int, int], ...] = UNIQUE_CASES) -> dict[str, dict[str, float]]:
    """Milliseconds for the distinct rows of batches: the best of REPEATS."""
    results = {}
    for size, row_count in cases:
        rows = np.random.default_rng(2).integers(0, row_count, size, dtype=np.int32)
        found = unique_rows(rows, row_count=row_count)
        expected: Any = np.unique(rows, return_inverse=True, return_counts=True)
        mine: tuple[NDArray[Any], ...] = (found.rows, found.inverse, found.counts)
        if not all(np.array_equal(a, b) for a, b in zip(mine, expected, strict=True)):
            raise RuntimeError("unique_rows differs from numpy.unique")
        calls: dict[str, Callable[[], object]] = {
            "tokmill, 1 thread": partial(unique_rows, rows, row_count=row_count, threads=1),
            "tokmill, 2 threads": partial(unique_rows, rows, row_count=row_count, threads=2),
            "NumPy": partial(np.unique, rows, return_inverse=True, return_counts=True),
        }
        results[f"{size:,} rows of {row_count:,}"] = {
            name: min(_timed(call)[0] for _ in range(REPEATS)) * 1e3 for name, call in calls.items()
        }
    return results


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.ngram_counts`."""
    parser = argparse.ArgumentParser(prog="python -m bench.ngram_counts", description="Counting n-grams: tokmill beside NumPy.")
    parser.add_argument("--text", type=Path, help="a text file; else random ids")
    parser.add_argument("--vocabulary", default="cl100k_base")
    parser.add_argument("--tokens", type=int, default=100_000_000)
    parser.add_argument("--memory", default="1 GB", help="the bound of the run with a bound")
    parser.add_argument("--without-numpy", action="store_true", help="NumPy takes half a minute and several times the memory")
    parser.add_argument("--json", type=Path, help="write everything that was seen as JSON")
    options = parser.parse_args(arguments)
    ids, vocab_size = ids_of(options.text, options.vocabulary, options.tokens)
    counts = measure_counts(ids, vocab_size, options.memory, not options.without_numpy)
    unique = measure_unique()
    print(f"1- to 3-grams of {len(ids):,} ids (bar for 100 million, 2 threads: {BAR_SECONDS:g} s)\n")
    print("| | seconds | working memory, MB | files, MB |\n|---|---|---|---|")
    for name, cell in counts.items():
        sizes = [f"{cell[key] / 1e6:,.0f}" if key in cell else "" for key in ("working_bytes", "file_bytes")]
        print(f"| {name} | {cell['seconds']:.2f} | {' | '.join(sizes)} |")
    names = list(next(iter(unique.values())))
    print(f"\n| distinct rows, ms | {' | '.join(names)} |\n|---|" + "---|" * len(names))
    for name, cells in unique.items():
        print(f"| {name} | {' | '.join(f'{cells[one]:.2f}' for one in names)} |")
    if options.json is not None:
        seen = {"tokens": len(ids), "processors": os.cpu_count(), "counts": counts, "unique": unique}
        options.json.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
    return 0


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result
