"""The benchmark of hypertokens: tokmill beside `zip2zip_compression`, where that is installed.

`python -m bench.condensed`. On every text, ids and base ids of both are compared before anything is timed; what differs is not timed.
NumPy to NumPy for tokmill, lists to lists for the package (its only form), one core unless a row says otherwise. Texts are cl100k ids in
chunks of 8,192, each with a fresh book. The implementations take turns, and a figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..condensed import Condensed, Hypertokens
from ..condensed.hypertokens import Profile
from ..pipeline import Pipeline
from ..ragged import Ragged
from ..registry import load
from ..tokenizer import Tokenizer
from .condensed_steps import measure_steps, steps_table
from .opcodes import measure_opcodes, opcodes_table
from .outputs import add_outputs, write_outputs

__all__ = ["CASES", "Case", "main", "measure", "measure_fused", "measure_lru", "measure_steps"]

CHUNK = 8192
DOCUMENT_BYTES = 8192
# Longer texts are cut, or the package's lists of ints would take gigabytes.
MOST_IDS = 5_000_000
Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Case:
    """A size of book and of phrases; `bars` are the million base ids a second that a text has to reach."""

    book_size: int
    max_subtokens: int

    @property
    def name(self) -> str:
        """The case in words."""
        return f"book {self.book_size:,}, phrases of up to {self.max_subtokens}"


CASES = [Case(1024, 3), Case(2048, 4), Case(4096, 8)]
BARS = {"english-prose": 60, "code": 60, "logs": 120}


def measure(texts: dict[str, Ids], vocab_size: int, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Every case on every text: text -> case -> {"reduction", "equal", and million ids a second by name}."""
    package = _package()
    results: dict[str, Any] = {}
    timed: list[tuple[dict[str, Any], dict[str, Callable[[], object]]]] = []
    for name, ids in texts.items():
        rows = Ragged(ids, np.append(np.arange(0, len(ids), CHUNK), len(ids)))
        lists = rows.lists()
        for case in CASES:
            z = Hypertokens(vocab_size, book_size=case.book_size, max_subtokens=case.max_subtokens)
            c = z.condense(rows)
            cells: dict[str, Any] = {"ids": len(ids), "reduction": round(c.reduction, 4), "reversible": z.expand(c) == rows}
            results.setdefault(name, {})[case.name] = cells
            timed.append((cells, _calls(z, rows, c)))
            if package is not None:
                # A padding id that no text holds: the package wants one.
                codec = package.LZWCompressor(vocab_size, case.book_size, case.max_subtokens, vocab_size - 1, [])
                encoded = [codec.encode(row)[0] for row in lists]
                cells["equal"] = c.ragged.lists() == encoded and [codec.decode(row)[0] for row in encoded] == lists
                if cells["equal"]:
                    for call, function in _package_calls(codec, lists, encoded).items():
                        cells[call] = round(len(ids) / _median_seconds(function, 1) / 1e6, 1)
    # A round goes through all cases: where a machine is slow for a while, that is one of several measurements of a case.
    taken = [{call: [_median_seconds(function, 3)] for call, function in calls.items()} for _, calls in timed]
    for _ in range(1, rounds):
        for seconds, (_, calls) in zip(taken, timed, strict=True):
            for call, function in calls.items():
                seconds[call].append(_median_seconds(function, 3))
    for seconds, (cells, _) in zip(taken, timed, strict=True):
        cells.update({call: round(cells["ids"] / statistics.median(times) / 1e6, 1) for call, times in seconds.items()})
    for name, cases in results.items():
        for case_name, cells in cases.items():
            tell(f"{name}, {case_name}: {cells}")
    return results


def _calls(z: Hypertokens, rows: Ragged, c: Condensed) -> dict[str, Callable[[], object]]:
    return {
        "condense": lambda: z.condense(rows, threads=1),
        "condense, 2 threads": lambda: z.condense(rows, threads=2),
        "expand": lambda: z.expand(c, threads=1),
    }


def _package_calls(codec: Any, lists: list[list[int]], encoded: list[list[int]]) -> dict[str, Callable[[], object]]:
    return {
        "package encode": lambda: [codec.encode(row) for row in lists],
        "package decode": lambda: [codec.decode(row) for row in encoded],
    }


def measure_lru(texts: dict[str, Ids], tokenizer: Tokenizer, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Each text as one stream in profile lru, with digits merged and left alone, beside a book that is frozen when full."""
    results: dict[str, Any] = {}
    for name, ids in texts.items():
        cells: dict[str, Any] = {}
        for words, profile, disabled in (("lru", "lru", ()), ("lru, digits disabled", "lru", "digits"), ("frozen", "zip2zip", ())):
            chosen: Profile = "lru" if profile == "lru" else "zip2zip"
            z = Hypertokens(tokenizer, chosen, book_size=4096, max_subtokens=8, disabled=disabled)  # type: ignore[arg-type]
            c = z.condense(ids)
            if not np.array_equal(z.expand(c).ids, ids):
                raise RuntimeError(f"{name} does not come back from profile {words}")
            taken = statistics.median(_median_seconds(lambda z=z, ids=ids: z.condense(ids), 3) for _ in range(rounds))  # type: ignore[misc]
            cells[words] = {"reduction": round(c.reduction, 4), "speed": round(len(ids) / taken / 1e6, 1)}
        results[name] = cells
        tell(f"{name} as one stream: {cells}")
    return results


def measure_fused(texts: dict[str, bytes], tokenizer: Tokenizer, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Text to condensed ids in one call beside one stage after the other, megabytes a second; as one document and as many."""
    results: dict[str, Any] = {}
    z = Hypertokens(tokenizer)
    pipe = Pipeline(tokenizer, condensed=z)
    for name, data in texts.items():
        for words, documents in (("one document", [data]), (f"documents of {DOCUMENT_BYTES:,} bytes", _documents(data))):
            for threads in (1, 2):

                def fused(documents: list[bytes] = documents, threads: int = threads) -> Condensed | None:
                    return pipe(documents, threads=threads).condensed

                def apart(documents: list[bytes] = documents, threads: int = threads) -> Condensed:
                    return z.condense(tokenizer.encode_batch(documents, threads=threads), threads=threads)

                made, wanted = fused(), apart()
                if made is None or not (made.ragged == wanted.ragged and np.array_equal(made.base_counts, wanted.base_counts)):
                    raise RuntimeError(f"{name}: the pipeline condenses differently")
                taken: dict[str, list[float]] = {"fused": [], "apart": []}
                for _ in range(rounds):
                    taken["fused"].append(_median_seconds(fused, 3))
                    taken["apart"].append(_median_seconds(apart, 3))
                cells = {call: round(len(data) / statistics.median(seconds) / 1e6, 1) for call, seconds in taken.items()}
                results[f"{name}, {words}, {threads} threads"] = cells
                tell(f"{name}, {words}, {threads} threads: {cells}")
    return results


def _documents(data: bytes) -> list[bytes]:
    """Whole lines, so that no character is cut."""
    documents, begin = [], 0
    while begin < len(data):
        end = data.find(b"\n", begin + DOCUMENT_BYTES) + 1 or len(data)
        documents.append(data[begin:end])
        begin = end
    return documents


def _median_seconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _package() -> Any:
    try:
        return importlib.import_module("zip2zip_compression")
    except ImportError:
        return None


def _table(results: dict[str, Any], lru: dict[str, Any], fused: dict[str, Any], steps: dict[str, dict[str, float]]) -> str:
    columns = ["condense", "condense, 2 threads", "package encode", "expand", "package decode"]
    lines = [
        f"| text, million base ids/s | reduction | ids equal | {' | '.join(columns)} | bar |",
        "|---|---|---|" + "---|" * (len(columns) + 1),
    ]
    for name, cases in results.items():
        for case, cells in cases.items():
            equal = {True: "yes", False: "NO", None: "not compared"}[cells.get("equal")]
            speeds = " | ".join(f"{cells[column]:g}" if column in cells else "" for column in columns)
            lines.append(f"| {name}, {case} | {cells['reduction']:.3f} | {equal} | {speeds} | {BARS.get(name, '')} |")
    lines += ["", "| text as one stream, book 4,096, phrases of up to 8 | lru | lru, digits disabled | frozen |", "|---|---|---|---|"]
    for name, cells in lru.items():
        shown = [f"{cell['reduction']:.3f} at {cell['speed']:g}" for cell in cells.values()]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    lines += ["", "| text to condensed ids, MB/s | one call | encode_batch, then condense |", "|---|---|---|"]
    lines += [f"| {name} | {cells['fused']:g} | {cells['apart']:g} |" for name, cells in fused.items()]
    return "\n".join([*lines, "", steps_table(steps)])


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.condensed`. Returns 1 if ids of the package differ or do not come back."""
    parser = argparse.ArgumentParser(prog="python -m bench.condensed", description="Hypertokens: tokmill beside zip2zip_compression.")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("TOKMILL_BENCH_DATA", "../shared")), help="folder with corpora/ and vocab/"
    )
    parser.add_argument("--texts", default=",".join(BARS), help="names of corpora/NAME.txt.gz, or 'all' (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    add_outputs(parser)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TOKMILL_VOCAB", str(options.data / "vocab"))
    tokenizer = load("cl100k_base")
    folder = options.data / "corpora"
    names = (
        sorted(file.name.removesuffix(".txt.gz") for file in folder.glob("*.txt.gz"))
        if options.texts == "all"
        else options.texts.split(",")
    )
    data = {name: gzip.decompress((folder / f"{name}.txt.gz").read_bytes()) for name in names}
    texts = {name: tokenizer.encode(text)[:MOST_IDS] for name, text in data.items()}
    results = measure(texts, tokenizer.vocab_size, options.rounds, lambda line: print(line, flush=True))
    lru = measure_lru(texts, tokenizer, options.rounds, lambda line: print(line, flush=True))
    fused = measure_fused(data, tokenizer, options.rounds, lambda line: print(line, flush=True))
    steps = measure_steps(next(iter(texts.values())), tokenizer)
    opcodes = measure_opcodes(texts, tokenizer.vocab_size, options.rounds, lambda line: print(line, flush=True))
    text = _table(results, lru, fused, steps) + "\n" + opcodes_table(opcodes)
    seen = {"results": results, "lru": lru, "fused": fused, "steps": steps, "opcodes": opcodes}
    write_outputs(options, "condensed", text, seen, ["zip2zip_compression"])
    right = all(cells["reversible"] and cells.get("equal", True) for cases in results.values() for cells in cases.values())
    return 0 if right else 1
