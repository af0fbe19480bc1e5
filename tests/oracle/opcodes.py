"""Opcodes, slow and plain: reading records back one by one, the bytes of packed records, and what a stream costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

LIT, COPY, HYPER, DEF, USE, ENTER, LEAVE, RESET, EOD = range(9)
Record: TypeAlias = tuple[int, int, int, int]  # op, a, b, base ids


@dataclass
class Rules:
    """What writer and reader agree on."""

    vocab: int
    window: int
    most: int
    slots: int = 0
    phrases: Sequence[tuple[int, ...]] = ()


@dataclass
class State:
    """What a record can reach."""

    ids: list[int] = field(default_factory=list)  # since the last RESET
    names: dict[int, list[int]] = field(default_factory=dict)
    domains: list[int] = field(default_factory=list)


def made_by(rules: Rules, state: State, record: Record, literals: list[int]) -> list[int] | None:
    """The ids that a record makes, the state changed; None if it cannot be."""
    op, a, b, _ = record
    if op == LIT and a == 0 and 1 <= b <= min(rules.most, len(literals)):
        return [literals.pop(0) for _ in range(b)]
    if op == COPY and 1 <= a <= min(rules.window, len(state.ids)) and 1 <= b <= rules.most:
        copied = list(state.ids)
        for _ in range(b):
            copied.append(copied[-a])
        return copied[len(state.ids) :]
    if op == HYPER and b == 0 and 0 <= a < len(rules.phrases):
        return list(rules.phrases[a])
    if op == DEF and 0 <= a < rules.slots and 1 <= b <= min(rules.most, len(state.ids)):
        state.names[a] = state.ids[-b:]
        return []
    if op == USE and b == 0 and a in state.names:
        return list(state.names[a])
    if op == ENTER and b == 0 and 1 <= a <= 65535 and len(state.domains) < 16:
        state.domains.append(a)
        return []
    if op == LEAVE and b == 0 and state.domains[-1:] == [a]:
        state.domains.pop()
        return []
    if op == RESET and a == b == 0:
        state.ids, state.names = [], {}
        return []
    if op == EOD and a == b == 0 and not state.domains:
        return []
    return None


def judge(rules: Rules, records: Sequence[Record], literals: Sequence[int]) -> tuple[int | None, list[int]]:
    """The base ids of one document, and the record that cannot be: their number for what is missing at the end, None for nothing."""
    state, left, out = State(), list(literals), []
    for place, record in enumerate(records):
        ended = place > 0 and records[place - 1][0] == EOD
        made = None if ended else made_by(rules, state, record, left)
        if made is None or len(made) != record[3]:
            return place, out
        state.ids += made
        out += made
    is_whole = not left and len(records) > 0 and records[-1][0] == EOD
    return None if is_whole else len(records), out


def flat_length(records: Sequence[Record]) -> int:
    """How many ids records are in the flat view."""
    return sum({LIT: b, COPY: 3, HYPER: 1, DEF: 3, USE: 2, ENTER: 2, LEAVE: 1, RESET: 1, EOD: 1}[op] for op, _, b, _ in records)


def pack(records: Sequence[Record], literals: Sequence[int], rank: dict[int, int]) -> bytes:
    """The bytes of records, from the table in csrc/condensed/opcodes/packed.hpp."""
    out, left = bytearray(), list(literals)

    def number(value: int) -> None:
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)

    for op, a, b, _ in records:
        if op == LIT:
            out.append(min(b - 1, 127))
            if b > 127:
                number(b - 128)
            for id in left[:b]:
                r = rank[id]
                if r < 192:
                    out.append(r)
                elif r < 192 + 63 * 256:
                    out += bytes([192 + (r - 192) // 256, (r - 192) % 256])
                else:
                    out += b"\xff" + r.to_bytes(3, "little")
            del left[:b]
        elif op == COPY:
            out.append(192 if b == 1 else 128 + min(b - 2, 63))
            if b > 64:
                number(b - 65)
            number(a - 1)
        else:
            out.append({HYPER: 193, DEF: 194, USE: 195, ENTER: 196, LEAVE: 197, RESET: 198, EOD: 199}[op])
            if op in (HYPER, DEF, USE, ENTER, LEAVE):
                number(a)
            if op == DEF:
                number(b)
    return bytes(out)
