"""The rows of steps in the benchmark of condensers: many sequences that grow id by id, as generation loops have them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..condensed import Chain, Hypertokens, Opcodes, OpcodeStream, Supertokens
from ..condensed.opcode_stream import Records, join
from ..tokenizer import Tokenizer

__all__ = ["measure_steps", "steps_table"]

SEQUENCES = 64
STEPS = 1500
MAX_REWIND = 16
PHRASES = 4096
Ids = NDArray[np.int32]


def measure_steps(ids: Ids, tokenizer: Tokenizer) -> dict[str, dict[str, float]]:
    """Microseconds of a call through Python, nanoseconds of a sequence inside, base ids of a sequence and step; each condenser both ways.

    Inside is what a call takes beyond one in which no sequence has anything, by the number of sequences. Of three rounds the fastest.
    """
    starts = np.linspace(0, len(ids) - STEPS, SEQUENCES).astype(int)
    rows = [ids[start : start + STEPS] for start in starts]
    phrases = Supertokens.train(tokenizer, ids[: len(ids) // 2], PHRASES, barrier_classes=("special",))
    figures = {}
    condensers: dict[str, Hypertokens | Supertokens | Chain] = {
        "hypertokens, zip2zip": Hypertokens(tokenizer),
        "hypertokens, lru": Hypertokens(tokenizer, "lru", disabled=()),
        f"{PHRASES:,} supertokens": phrases,
        "supertokens, then hypertokens (lru)": Chain.over(phrases, "lru", disabled=()),
    }
    for name, z in condensers.items():
        figures[f"{name}: write"] = _timed(z.state, rows)
        if not isinstance(z, Supertokens):
            figures[f"{name}: read"] = _timed(z.decoder, [z.condense(row).ids for row in rows])
    opcodes = Opcodes(tokenizer, "factored")
    figures["opcodes, factored: write"] = _timed(opcodes.state, rows)
    figures["opcodes, factored: read"] = _timed_records(opcodes, rows)
    return figures


def _timed(make: Callable[..., Any], rows: list[Ids]) -> dict[str, float]:
    """One id of each row a step."""
    columns = np.stack([row[: min(map(len, rows))] for row in rows], axis=1).copy()
    return _figures(make, [(column,) for column in columns], (np.full(SEQUENCES, -1, np.int32),))


def _timed_records(z: Opcodes, rows: list[Ids]) -> dict[str, float]:
    """One record of each row a step."""
    streams = [z.condense(row) for row in rows]
    bounds, most = np.arange(SEQUENCES + 1), min(len(stream.op) for stream in streams) - 1  # the last is the document's end
    steps = [(join([_record(stream, r, r + 1) for stream in streams]), bounds) for r in range(most)]
    return _figures(z.decoder, steps, (_record(streams[0], 0, 0), np.zeros(SEQUENCES + 1, np.int64)))


def _record(stream: OpcodeStream, begin: int, end: int) -> Records:
    lane = [int(stream.literal_ends[at - 1]) if at else 0 for at in (begin, end)]
    cut, literals = slice(begin, end), stream.literals[lane[0] : lane[1]]
    return Records(stream.op[cut], stream.a[cut], stream.b[cut], stream.base_counts[cut], literals)


def _figures(make: Callable[..., Any], steps: Sequence[tuple[Any, ...]], nothing: tuple[Any, ...]) -> dict[str, float]:
    rounds = []
    for _ in range(3):
        state = make(SEQUENCES, max_rewind=MAX_REWIND)
        empty = statistics.median([_seconds(state.step, *nothing) for _ in range(200)])
        rounds.append((statistics.mean([_seconds(state.step, *step) for step in steps]), empty))
    call, empty = min(rounds)
    base = float(state.base_counts.sum()) / SEQUENCES / len(steps)
    return {"call": round(call * 1e6, 1), "inside": round((call - empty) / SEQUENCES * 1e9), "base ids": round(base, 1)}


def _seconds(call: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def steps_table(figures: dict[str, dict[str, float]]) -> str:
    """The rows as Markdown."""
    lines: Iterable[str] = (
        f"| {name} | {cells['call']:g} | {cells['inside']:g} | {cells['base ids']:g} |" for name, cells in figures.items()
    )
    head = (
        f"| a step of {SEQUENCES} sequences, of which {MAX_REWIND} can be taken back | µs a call | ns a sequence inside | base ids each |"
    )
    return "\n".join([head, "|---|---|---|---|", *lines, "| bar | 20 | 100 | |", ""])
