"""The bars: what tokmill has to reach, in one table, and the rule by which it is measured.

Ratios are taken against the best exact peer of the same run. A bar that has not been measured has not been reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .texts import HOSTILE

RULE = (
    "One core, cl100k, MB = 1e6 bytes of UTF-8, every case in one run beside the other packages, equality of ids checked first; "
    "best = the fastest exact peer of that run. English = english-prose, wikitext2 and the first 6 MB of pydoc, each cut into 24 parts at "
    "line ends, the i-th slice made of the three i-th parts. Steady (for every text) = 24 slices, each seen once, figure over the last 12; "
    "warm, count, decode = median of 5 repeats; cold = first call of a fresh process."
)


@dataclass(frozen=True)
class Bar:
    """One bar: `case` must be at least `times` the best exact peer (or the own case `against`), at least `floor` and at most `ceiling`."""

    case: str
    times: float | None = None
    aim: float | None = None
    against: str | None = None
    floor: float | None = None
    ceiling: float | None = None

    @property
    def rule(self) -> str:
        """The bar in words."""
        words = []
        if self.times is not None:
            whom = "the best" if self.against is None else f"its own {self.against}"
            words.append(f">= {self.times:g}x {whom}" + (f", aim {self.aim:g}x" if self.aim else ""))
        if self.floor is not None:
            words.append(f">= {self.floor:g}")
        if self.ceiling is not None:
            words.append(f"<= {self.ceiling:g}")
        return " and ".join(words)


BARS = [
    Bar("english-steady", times=2.5, aim=3),
    Bar("code-steady", times=2, aim=2.5),
    Bar("kernel-steady", times=2, aim=2.5),
    Bar("multilingual-steady", times=2, aim=2.5),
    Bar("cjk-steady", times=4, aim=5.5),
    Bar("mixed", times=2),
    Bar("english-warm", times=1.8, aim=2.4),
    Bar("code-warm", times=1.8, aim=2.4),
    Bar("kernel-warm", times=1.8, aim=2.4),
    Bar("multilingual-warm", times=2),
    Bar("english-cold", times=2.5, aim=3.5),
    Bar("english-list", times=1.8),
    Bar("english-messages", times=2.5),
    Bar("english-batch", times=1.6),
    Bar("english-batch-2", times=1.8, against="english-batch"),
    Bar("english-count", times=1.6, aim=2),
    Bar("english-decode", times=4),
    Bar("stream", ceiling=20),
    Bar("drop-in-messages", times=6),
    Bar("drop-in-documents", times=20),
    Bar("drop-in-batch", times=25),
    *[Bar(f"hostile-{row}", times=1, floor=40) for row in HOSTILE],
    Bar("load-snapshot", ceiling=10),
    Bar("load", ceiling=60),
    Bar("memory", ceiling=40),
    Bar("memory-threads", ceiling=8),
    Bar("memory-words", ceiling=1),
    Bar("o200k-steady", times=0.85, against="english-steady"),
    Bar("o200k-warm", times=0.85, against="english-warm"),
    Bar("haswell-steady", times=0.7, against="english-steady"),
    Bar("haswell-warm", times=0.7, against="english-warm"),
]


@dataclass(frozen=True)
class Verdict:
    """How a bar went: tokmill's median, whom it was measured against, and whether the bar was reached (None: not measured)."""

    bar: Bar
    value: float | None
    other: str | None
    other_value: float | None
    reached: bool | None

    @property
    def ratio(self) -> float | None:
        """tokmill over the other, or None."""
        return None if self.value is None or not self.other_value else self.value / self.other_value


def best_peer(cells: dict[str, dict[str, Any]], lower_is_better: bool = False) -> str | None:
    """The best exact peer among the cells of one case (only exact ones have a median)."""
    medians = {name: cell["median"] for name, cell in cells.items() if name != "tokmill" and "median" in cell}
    if not medians:
        return None
    return (min if lower_is_better else max)(medians, key=lambda name: medians[name])


def judge(results: dict[str, dict[str, dict[str, Any]]], asked: list[str]) -> list[Verdict]:
    """Hold `results` (case -> peer -> cell) against the bars of the cases that the run was asked for."""
    return [_verdict(bar, results) for bar in BARS if bar.case in asked]


def _verdict(bar: Bar, results: dict[str, dict[str, dict[str, Any]]]) -> Verdict:
    cells = results.get(bar.case, {})
    value: float | None = cells.get("tokmill", {}).get("median")
    other: str | None
    if bar.against is not None:
        other, other_value = f"own {bar.against}", results.get(bar.against, {}).get("tokmill", {}).get("median")
    else:
        other = best_peer(cells, lower_is_better=bar.ceiling is not None)
        other_value = cells[other]["median"] if other is not None else None
    if value is None or (bar.times is not None and other_value is None):
        return Verdict(bar, value, other, other_value, None)
    reached = (
        (bar.times is None or other_value is None or value >= bar.times * other_value)
        and (bar.floor is None or value >= bar.floor)
        and (bar.ceiling is None or value <= bar.ceiling)
    )
    return Verdict(bar, value, other, other_value, reached)
