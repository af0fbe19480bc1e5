"""The rows of opcodes in the benchmark of condensers: sizes of the views, and how fast records are written and read, one core."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..condensed import Opcodes
from ..condensed.opcodes import PRESETS, View
from ..ragged import Ragged

__all__ = ["measure_opcodes", "opcodes_table"]

DOCUMENT = 65_536
VIEWS: tuple[View, ...] = ("flat", "factored", "storage")
BARS = "write 15, read 300"


def measure_opcodes(
    texts: dict[str, NDArray[np.int32]], vocab_size: int, rounds: int, tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """text, view -> ids, positions, bytes and million base ids a second. Raises RuntimeError for a text that does not come back."""
    results: dict[str, dict[str, Any]] = {}
    for name, ids in texts.items():
        rows = Ragged(ids, np.append(np.arange(0, len(ids), DOCUMENT), len(ids)))
        for view in VIEWS:
            z = Opcodes(vocab_size, view)
            stream = z.condense(rows)
            if z.expand(stream) != rows:
                raise RuntimeError(f"{name} does not come back from opcodes for {view}")
            packed, ids_by_rank, *_ = z._rules.pack(*stream.records, stream.offsets)
            calls: dict[str, Callable[[], object]] = {
                "write": lambda z=z, rows=rows: z.condense(rows, threads=1),  # type: ignore[misc]
                "write, 2 threads": lambda z=z, rows=rows: z.condense(rows, threads=2),  # type: ignore[misc]
                "read": lambda z=z, stream=stream: z.expand(stream, threads=1),  # type: ignore[misc]
            }
            cells = {call: round(len(ids) / _seconds(function, 3 * rounds) / 1e6, 1) for call, function in calls.items()}
            cells["flat ids"] = round(len(z.flat(stream).ids) / len(ids), 3)
            cells["positions"] = round(len(z.factored(stream).op) / len(ids), 3)
            cells["bytes"] = round((len(packed) + ids_by_rank.nbytes) / len(ids), 3)
            results[f"{name}, {view}"] = cells
            tell(f"{name}, opcodes for {view}: {cells}")
    return results


def _seconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def opcodes_table(results: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown; a preset of Opcodes a line."""
    assert set(VIEWS) == set(PRESETS)
    columns = ["flat ids", "positions", "bytes", "write", "write, 2 threads", "read"]
    lines = [
        f"| opcodes, documents of {DOCUMENT:,} ids: a base id, and million base ids/s | {' | '.join(columns)} | bars |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    lines += [f"| {name} | {' | '.join(f'{cells[column]:g}' for column in columns)} | {BARS} |" for name, cells in results.items()]
    return "\n".join([*lines, ""])
