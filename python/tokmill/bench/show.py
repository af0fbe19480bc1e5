"""A report as Markdown whose columns also line up in a terminal: the figures, the gaps, and the bars."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from datetime import date
from typing import Any

from .bars import Verdict, best_peer, judge
from .peers import PEERS

_SMALLER_IS_BETTER = {"ms", "MB", "µs"}


def report(run: dict[str, Any], with_bars: bool) -> str:
    """The whole report of a run (as `Run` returns it), one table after the other."""
    parts = [_heading(run), _headline(run), _figures(run), _remarks(run)]
    if with_bars:
        parts.append(_bars(judge(run["results"], run["asked"])))
    return "\n\n".join(part for part in parts if part) + "\n"


_MARKERS = ("<!-- bench table begin -->", "<!-- bench table end -->")


def with_headline(page: str, run: dict[str, Any]) -> str:
    """A Markdown page with the headline table of this run between its two markers. ValueError if it has none."""
    return between(page, _MARKERS, f"{_headline(run)}\n\n{_heading(run)}")


def between(page: str, markers: tuple[str, str], content: str) -> str:
    """The page with ``content`` between two markers in place of what stood there. ValueError if it lacks them."""
    before, begin, rest = page.partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not begin or not end:
        raise ValueError(f"the page has no {markers[0]} ... {markers[1]}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def measured(machine: dict[str, Any], rounds: int, packages: Iterable[str], compared: str) -> str:
    """What stands below a table of a smaller benchmark: when and on what it was measured, beside which packages, what was ``compared``."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return (
        f"Measured {date.today().isoformat()} on {machine['processor']}, {machine['cores']} cores, Python {machine['python']}; "
        f"rounds: {rounds}. Packages: {versions}. {compared}"
    )


def _heading(run: dict[str, Any]) -> str:
    machine = run["machine"]
    active = machine.get("instruction sets", {}).get("active")
    versions = ", ".join(f"{PEERS[name].distribution} {version}" for name, version in run["versions"].items())
    return (
        f"Measured {run['date']} on {machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}"
        f"{f', {active} kernels' if active else ''}; {run['rounds']} round{'s' * (run['rounds'] != 1)}, {run['seconds']} s.\n"
        f"Packages: {versions}. Every timed call was first compared with {run['judge']}.\n"
        "MB/s of UTF-8 unless another unit is named; median, and in brackets the lowest and highest of the rounds."
    )


# the columns of the first table, one row a package
_HEADLINE = ["steady", "warm", "cold", "list", "messages", "batch", "count", "decode"]
_MEGABYTES_OF_A_TERABYTE = 1e6


def _headline(run: dict[str, Any]) -> str:
    """One text, one row a package, and what a terabyte of such text costs at the steady speed."""
    text = next((case.partition("-")[0] for case in run["cases"] if case.endswith("-steady")), None)
    cases = [f"{text}-{name}" for name in _HEADLINE if f"{text}-{name}" in run["cases"]]
    if not cases:
        return ""
    rows = [["package", *[run["cases"][case]["title"].partition(", ")[2] for case in cases], "core-hours a terabyte"]]
    for name in run["versions"]:
        cells = [run["results"][case].get(name, {}) for case in cases]
        if not any("median" in cell for cell in cells):
            continue
        steady = cells[0].get("median") if cases[0].endswith("-steady") else None
        hours = "" if steady is None else number(_MEGABYTES_OF_A_TERABYTE / steady / 3600)
        rows.append([name, *[number(cell["median"]) if "median" in cell else _cell(cell) for cell in cells], hours])
    return table(rows)


def _figures(run: dict[str, Any]) -> str:
    asked = [name for name in PEERS if any("median" in cells.get(name, {}) for cells in run["results"].values())]
    rows = [["case", *asked, "tokmill / best"]]
    for name, cells in run["results"].items():
        case = run["cases"][name]
        small = case["unit"] in _SMALLER_IS_BETTER
        best = best_peer(cells, small)
        title = case["title"] + (f" ({case['unit']})" if case["unit"] != "MB/s" else "")
        rows.append([title, *[_cell(cells.get(peer)) for peer in asked], _ratio(cells, best, small)])
    return table(rows)


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    if "median" not in cell:
        return "wrong" if "wrong" in cell else "-"
    if len(cell["rounds"]) == 1:
        return number(cell["median"])
    return f"{number(cell['median'])} ({number(cell['low'])}-{number(cell['high'])})"


def _ratio(cells: dict[str, dict[str, Any]], best: str | None, small: bool) -> str:
    own = cells.get("tokmill", {}).get("median")
    if best is None or not own:
        return ""
    other = cells[best]["median"]
    return f"{other / own if small else own / other:.2f}x {best}"


def _remarks(run: dict[str, Any]) -> str:
    """Why a cell is empty, what glibc still holds of released memory, and what the mixed pass says of the table."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for case, cells in run["results"].items():
        for peer, cell in cells.items():
            if "median" not in cell:
                reasons.setdefault((peer, cell.get("wrong") or cell.get("gap") or ""), []).append(case)
    lines = [
        f"- {peer}, {', '.join(cases) if len(cases) < 5 else f'{len(cases)} cases'}: {reason}" for (peer, reason), cases in reasons.items()
    ]
    for case, cells in run["results"].items():
        seen = cells.get("tokmill", {}).get("seen", {})
        if "after malloc_trim" in seen:
            lines.append(
                f"- tokmill, {case}: {number(seen['after malloc_trim'])} MB once glibc has given back what was freed (malloc_trim)"
            )
    for case in ("mixed", "english-cold"):
        seen = run["results"].get(case, {}).get("tokmill", {}).get("seen", {})
        if seen.get("table"):
            facts = ", ".join(f"{key} {number(value)}" for key, value in seen["table"].items())
            lines.append(f"- tokmill's word table in {case} ({run['texts'][run['cases'][case]['text']]['bytes']:,} bytes): {facts}")
    return "\n".join(lines)


def _bars(verdicts: list[Verdict]) -> str:
    rows = [["bar", "rule", "tokmill", "against", "ratio", "reached"]]
    for verdict in verdicts:
        against = "" if verdict.other_value is None else f"{verdict.other} {number(verdict.other_value)}"
        ratio = "" if verdict.ratio is None or verdict.bar.ceiling is not None else f"{verdict.ratio:.2f}x"
        reached = {True: "yes", False: "**no**", None: "not measured"}[verdict.reached]
        value = "" if verdict.value is None else number(verdict.value)
        rows.append([verdict.bar.case, verdict.bar.rule, value, against, ratio, reached])
    count = sum(verdict.reached is True for verdict in verdicts)
    return f"Bars reached: {count} of {len(verdicts)}.\n\n{table(rows)}"


def table(rows: list[list[str]]) -> str:
    """A Markdown table, its columns padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits that count."""
    size = abs(value)
    if size >= 1e6:
        return f"{value:.3g}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
