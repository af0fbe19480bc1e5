"""The benchmark of n-gram rows: tokmill on each instruction set beside careful NumPy and, where it is installed, torch.

`python -m bench.ngrams`. Every scheme's rows are compared id by id before anything is timed. NumPy arrays in and out, one core unless a
row says otherwise, 2**20 random ids, outputs given by the caller (`out=`) and used again, as a loader would; torch and NumPy make their own
temporaries. The implementations take turns, and a figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ngrams import BigramHash, ByteNgrams, Engram, LongCat, OverEncoding, Plan
from ..ngrams.plan import Layout
from .run import machine
from .show import between, measured

__all__ = ["CASES", "Case", "array_rows", "main", "measure"]

MARKERS = ("<!-- ngrams table begin -->", "<!-- ngrams table end -->")
TOKENS = 1 << 20
SEQUENCES = 256
Timed = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One scheme in one form. `bar` is what tokmill's AVX-512 kernel has to reach, in million tokens a second."""

    name: str
    make: Callable[[str | None], Plan]
    bar: float
    dtype: str = "int32"
    layout: Layout = "token"
    threads: int = 1


def _engram(isa: str | None) -> Plan:
    return Engram(99_092, sizes=16_000_000, n=4, heads=8, layers=(1,), isa=isa)


CASES = [
    Case("Engram n 4 x 8 heads, one layer, 24 rows", _engram, 140),
    Case("the same, int64", _engram, 120, dtype="int64"),
    Case("the same, int32, 2 threads", _engram, 0, threads=2),
    Case("Engram demo, 2 layers, 32 rows", lambda isa: Engram.preset("demo", vocabulary=129_280, isa=isa), 100),
    Case("OverEncoding n 3 k 4, 8 rows", lambda isa: OverEncoding.preset("oe-12.8m", vocabulary=100_278, k=4, isa=isa), 150),
    Case("LongCat-Flash-Lite n 4 k 4, 12 rows", lambda isa: LongCat.preset("flash-lite", isa=isa), 90),
    Case("LongCat-2.0 n 5 k 4, 16 rows", lambda isa: LongCat.preset("2.0", isa=isa), 80),
    Case("BLT n 3..8, 6 rows a byte", lambda isa: ByteNgrams.preset("blt", isa=isa), 250),
    Case("the same, table-major", lambda isa: ByteNgrams.preset("blt", isa=isa), 400, layout="table"),
    Case("modded-nanogpt bigram, 1 row", lambda isa: BigramHash.preset("modded-nanogpt", isa=isa), 800),
]


def array_rows(arrays: Any, plan: Plan, ids: Any, out: Any) -> None:
    """The rows by whole-array operations of `arrays` (NumPy or torch), token-major into `out`; `ids` are int64 (int32 for 32-bit words).

    As careful as such code gets: an order's mix goes on from the one before it (prefixes of an XOR, Horner's rule for bytes).
    """
    says = plan.description
    count = len(ids)
    padded = arrays.full((count + plan.history,), says.missing, dtype=ids.dtype)
    padded[plan.history :] = ids
    if says.first is not None:
        padded[plan.history] = says.first[0]
    back = [padded[plan.history - d : plan.history - d + count] for d in range(plan.history + 1)]
    mix: Any = None
    before: tuple[int, ...] = ()
    done = -1
    for number, table in enumerate(plan.tables):
        weights = says.mixes[table.mix]
        if table.mix != done:
            shares = len(weights) == len(before) + 1
            if shares and weights[:-1] == before and says.combine == "xor":
                mix = mix ^ back[len(before)] * _word(weights[-1])
            elif shares and before[-1] == 1 and weights[-1] == 1 and says.scheme == "ByteNgrams":
                mix = mix * _word(weights[-2]) + back[len(before)]
            else:
                mix = back[0] * _word(weights[0]) if weights[0] != 1 else back[0]
                for d in range(1, len(weights)):
                    term = back[d] * _word(weights[d])
                    mix = mix ^ term if says.combine == "xor" else mix + term
            before, done = weights, table.mix
        out[:, number] = mix % table.modulus
    if says.first is not None:
        out[0, :] = says.first[1]


def _word(weight: int) -> int:
    """The weight as a signed 64-bit number, which array code multiplies by."""
    return weight - (1 << 64) if weight >= 1 << 63 else weight


def measure(rounds: int, seconds: float, tell: Callable[[str], None], isas: list[str] | None = None) -> dict[str, Any]:
    """Every case by everybody: case -> implementation -> {"median", "low", "high"} in million tokens a second, or {"wrong"}."""
    import tokmill

    torch = _torch()
    tiers = list(reversed(isas or tokmill.isa()["supported"]))
    results: dict[str, Any] = {}
    for case in CASES:
        calls, wrong = _calls(case, tiers, torch)
        figures: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                figures[name].append(TOKENS / _median_seconds(call, seconds) / 1e6)
        results[case.name] = {**{name: _summary(values) for name, values in figures.items()}, **wrong}
        tell(f"{case.name}: " + ", ".join(f"{name} {cell.get('median', 'WRONG')}" for name, cell in results[case.name].items()))
    return results


def measure_steps(seconds: float) -> dict[str, float]:
    """Microseconds of one step of 256 sequences with 24 rows each, through Python, on each instruction set."""
    import tokmill

    ids = np.random.default_rng(2).integers(0, 99_092, SEQUENCES).astype(np.int32)
    steps = {}
    for isa in reversed(tokmill.isa()["supported"]):
        plan = _engram(isa)
        state = plan.state(SEQUENCES)
        out = np.empty((SEQUENCES, len(plan.tables)), np.int32)

        def hundred(state: Any = state, out: NDArray[Any] = out) -> None:
            for _ in range(100):
                state.step(ids, out)

        hundred()
        if not np.array_equal(out, plan.rows(np.tile(ids[:, None], 5))[:, -1]):
            raise RuntimeError("a step gives other rows than the whole sequence")
        steps[isa] = _median_seconds(hundred, seconds) * 1e4
    return steps


def _calls(case: Case, tiers: list[str], torch: Any) -> tuple[dict[str, Timed], dict[str, Any]]:
    """What is timed, by name, and those whose rows differ."""
    plan = case.make(None)
    # Ids 0 to 2 are left out, among them LongCat's EOS: the array code knows no documents.
    ids = np.random.default_rng(1).integers(3, plan.vocab_size, TOKENS)
    narrow = ids.astype(np.int32)
    wide_ids = narrow if plan.description.word_bits == 32 else ids
    expected = np.empty((TOKENS, len(plan.tables)), np.int64)
    with np.errstate(over="ignore"):
        array_rows(np, plan, wide_ids, expected)
    calls: dict[str, Timed] = {}
    wrong: dict[str, Any] = {}
    for isa in tiers:
        forced = case.make(isa)
        # An output of tokmill's own: its memory begins at a page.
        out = forced.rows(narrow, dtype=case.dtype, layout=case.layout)
        if not np.array_equal(out if case.layout == "token" else out.T, expected):
            wrong[f"tokmill {isa}"] = {"wrong": True}
            continue
        calls[f"tokmill {isa}"] = lambda forced=forced, out=out: forced.rows(  # type: ignore[misc]
            narrow, layout=case.layout, out=out, threads=case.threads
        )
    if case.layout == "token" and case.threads == 1:
        array = np.empty((TOKENS, len(plan.tables)), case.dtype)
        calls["NumPy"] = lambda: array_rows(np, plan, wide_ids, array)
        if torch is not None:
            torch_ids = torch.from_numpy(wide_ids)
            tensor = torch.empty((TOKENS, len(plan.tables)), dtype=getattr(torch, case.dtype))
            array_rows(torch, plan, torch_ids, tensor)
            if np.array_equal(tensor.numpy(), expected):
                calls["torch"] = lambda: array_rows(torch, plan, torch_ids, tensor)
            else:
                wrong["torch"] = {"wrong": True}
    filled = np.empty((TOKENS, len(plan.tables)), case.dtype)
    calls["fill of the output"] = lambda: filled.fill(7)
    return calls, wrong


def _median_seconds(call: Timed, seconds: float) -> float:
    call()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < seconds:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _summary(values: list[float]) -> dict[str, float]:
    median = statistics.median(values)
    return {"median": float(f"{median:.4g}"), "low": float(f"{min(values):.4g}"), "high": float(f"{max(values):.4g}")}


def _torch() -> Any:
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def _table(results: dict[str, Any], steps: dict[str, float]) -> str:
    names = list(dict.fromkeys(name for cells in results.values() for name in cells))
    lines = [f"| million tokens/s | {' | '.join(names)} | bar |", "|---|" + "---|" * (len(names) + 1)]
    bars = {case.name: case.bar for case in CASES}
    for case, cells in results.items():
        shown = ["WRONG" if "wrong" in cells.get(name, {}) else f"{cells[name]['median']:g}" if name in cells else "" for name in names]
        lines.append(f"| {case} | {' | '.join(shown)} | {f'{bars[case]:g}' if bars[case] else ''} |")
    stepped = ", ".join(f"{microseconds:.1f} µs on {isa}" for isa, microseconds in steps.items())
    return "\n".join([*lines, "", f"One step of {SEQUENCES} sequences, 24 rows each, through Python: {stepped} (bar 15 µs).", ""])


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.ngrams`."""
    parser = argparse.ArgumentParser(prog="python -m bench.ngrams", description="N-gram rows: tokmill beside NumPy and torch.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each figure of each round")
    parser.add_argument("--json", type=Path, help="write everything that was seen as JSON")
    parser.add_argument("--markdown", type=Path, help="write the table as Markdown")
    parser.add_argument("--readme", type=Path, help="put the table between the markers of this Markdown file")
    options = parser.parse_args(arguments)
    results = measure(options.rounds, options.seconds, lambda line: print(line, flush=True))
    steps = measure_steps(options.seconds)
    text = _table(results, steps)
    print("\n" + text)
    if options.markdown is not None:
        options.markdown.write_text(text, encoding="utf-8")
    if options.readme is not None:
        packages = ["numpy", "torch"] if "torch" in next(iter(results.values())) else ["numpy"]
        below = measured(machine(), options.rounds, packages, "Rows were compared first.")
        page = between(options.readme.read_text(encoding="utf-8"), MARKERS, f"{text}\n{below}")
        options.readme.write_text(page, encoding="utf-8")
    if options.json is not None:
        seen = {"tokens": TOKENS, "processors": os.cpu_count(), "results": results, "steps": steps}
        options.json.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
    return 0
