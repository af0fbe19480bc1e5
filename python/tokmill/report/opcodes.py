"""The section that opcodes give to a report: what records there are, what each kind saves, and what the two views and a file come to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..condensed import Opcodes, OpcodeStream
from ..condensed.opcode_stream import LIT, OPCODE_NAMES
from ..ragged import Ragged
from .document import Row, Section, Table

__all__ = ["opcodes_section"]

TOP_COPIES = 10


def opcodes_section(z: Opcodes, title: str, ids: Ragged, byte_count: int) -> Section:
    """What opcodes make of documents of base ids that stand for so many bytes. Raises UnknownIdError."""
    stream = z.condense(ids)
    flat, factored = z.flat(stream), z.factored(stream)
    packed, ids_by_rank, *_ = z._rules.pack(*stream.records, stream.offsets)
    base = len(ids.ids)
    size = len(packed) + ids_by_rank.nbytes
    rows = [
        Row("view", "written for", z.view, remark=f"window of {z.window:,}, {z.slots} slots, RESET every {z.reset_every or 'never'}"),
        Row("base_ids", "base ids", base),
        Row("records", "records", len(stream.op)),
        Row("round_trip", "round trip", "exact" if z.expand(stream) == ids else "DIFFERS"),
        Row("flat_ids", "ids of the flat view", len(flat.ids), remark=_less(len(flat.ids), base)),
        Row("positions", "positions of the factored view", len(factored.op), remark=_less(len(factored.op), base)),
        Row(
            "file_bytes",
            "bytes of a saved file",
            size,
            remark=f"{size / base:.2f} a base id, {size / byte_count:.2f} a byte" if base else "",
        ),
    ]
    counts = np.bincount(stream.op, minlength=len(OPCODE_NAMES))
    made = np.bincount(stream.op, weights=stream.base_counts, minlength=len(OPCODE_NAMES)).astype(int)
    lines: list[list[str | int | float]] = [
        [name, int(counts[op]), int(made[op]), f"{made[op] / base:.1%}" if base else ""]
        for op, name in enumerate(OPCODE_NAMES)
        if counts[op]
    ]
    tables = [Table(["opcode", "records", "base ids", "share"], lines)]
    top = _top_copies(z, stream, ids)
    if top:
        tables.append(Table(["made again", "times", "base ids"], top))
    return Section(title, rows, tables=tables)


def _less(count: int, base: int) -> str:
    return f"{count / base - 1:+.1%}" if base else ""


def _top_copies(z: Opcodes, stream: OpcodeStream, ids: Ragged) -> list[list[str | int | float]]:
    """The stretches that records other than LIT made, by base ids."""
    again = np.flatnonzero((stream.op != LIT) & (stream.base_counts > 0))
    found: dict[tuple[int, ...], int] = {}
    for r in again.tolist():
        end = int(stream.base_ends[r])
        phrase = tuple(ids.ids[end - int(stream.base_counts[r]) : end].tolist())
        found[phrase] = found.get(phrase, 0) + 1
    best = sorted(found.items(), key=lambda one: (-len(one[0]) * one[1], one[0]))[:TOP_COPIES]
    return [[_shown(z, np.array(phrase, np.int32)), times, times * len(phrase)] for phrase, times in best]


def _shown(z: Opcodes, ids: NDArray[Any]) -> str:
    if z.tokenizer is None:
        return " ".join(map(str, ids.tolist()))
    return ascii(z.tokenizer.decode(ids, errors="replace"))[1:-1]
