"""The chart of a report: one SVG file with no dependencies, its colours following the reader's light or dark scheme."""

from __future__ import annotations

from html import escape
from typing import Any

from .peers import PEERS
from .show import number

_SHOWN = ["tokmill", "gigatoken", "fastokens", "splintr", "quicktok", "tiktoken"]
_CASES = [
    "english-steady",
    "code-steady",
    "kernel-steady",
    "multilingual-steady",
    "cjk-steady",
    "mixed",
    "english-cold",
    "english-warm",
    "english-list",
    "english-messages",
]
_WIDTH, _LEFT, _RIGHT, _TOP = 860, 190, 70, 78
_BAR, _GAP = 11, 14
_STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; } .note, .value { fill: #57606a; font-size: 11px; }
  .own { fill: #0f7b6c; font-weight: 600; } .grid { stroke: #d0d7de; stroke-width: 1; }
  .b0 { fill: #0f9d8a; } .b1 { fill: #8c96a3; } .b2 { fill: #a9b1bb; } .b3 { fill: #bfc6ce; } .b4 { fill: #d0d6dc; } .b5 { fill: #dfe3e8; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note, .value { fill: #9aa4af; } .own { fill: #3fd0b9; } .grid { stroke: #30363d; }
    .b0 { fill: #2bbfa8; } .b1 { fill: #7d8793; } .b2 { fill: #69727d; }
    .b3 { fill: #58606a; } .b4 { fill: #48505a; } .b5 { fill: #3b424b; }
  }
"""


def chart(run: dict[str, Any]) -> str:
    """Groups of horizontal bars, one group a case, MB/s on one scale; what was not measured is left out."""
    results = run["results"]
    cases = [case for case in _CASES if "median" in results.get(case, {}).get("tokmill", {})] or [
        case for case in _CASES if case in results
    ]
    peers = [name for name in _SHOWN if any("median" in results[case].get(name, {}) for case in cases)]
    greatest = max(
        (results[case][name]["median"] for case in cases for name in peers if "median" in results[case].get(name, {})), default=1
    )
    scale = (_WIDTH - _LEFT - _RIGHT) / greatest
    height = _TOP + len(cases) * (len(peers) * _BAR + _GAP) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Encoding speed of tokenizers">',
        f"<style>{_STYLE}</style>",
        '<text class="title" x="16" y="26">Encoding speed, one core, cl100k_base: MB of UTF-8 a second (longer is better)</text>',
        *_legend(peers, run["versions"]),
        *_grid(greatest, scale, height),
    ]
    top = _TOP
    for case in cases:
        middle = top + len(peers) * _BAR / 2 + 4
        lines.append(
            f'<text x="{_LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(run["cases"][case]["title"].split(", call by")[0])}</text>'
        )
        for place, name in enumerate(peers):
            cell = results[case].get(name, {})
            if "median" in cell:
                lines += _bar(name, top + place * _BAR, cell["median"], scale)
        top += len(peers) * _BAR + _GAP
    machine = run["machine"]
    lines.append(
        f'<text class="note" x="16" y="{height - 8}">{escape(run["date"][:10])}, {escape(machine["processor"])}; exact ids only</text>'
    )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _legend(peers: list[str], versions: dict[str, str]) -> list[str]:
    step = (_WIDTH - 32) / len(peers) if peers else 0
    lines = []
    for place, name in enumerate(peers):
        left = 16 + place * step
        label = escape(f"{PEERS[name].distribution} {versions.get(name, '')}".strip())
        lines.append(f'<rect class="b{_SHOWN.index(name)}" x="{left:.0f}" y="44" width="11" height="11" rx="2"/>')
        lines.append(f'<text x="{left + 16:.0f}" y="54">{label}</text>')
    return lines


def _grid(greatest: float, scale: float, height: int) -> list[str]:
    step = next(step for step in (25, 50, 100, 200, 250, 500, 1000, 2500) if greatest / step <= 7)
    lines = []
    for value in range(0, int(greatest) + 1, step):
        left = _LEFT + value * scale
        lines.append(f'<line class="grid" x1="{left:.1f}" y1="{_TOP - 6}" x2="{left:.1f}" y2="{height - 34}"/>')
        lines.append(f'<text class="note" x="{left:.1f}" y="{height - 22}" text-anchor="middle">{value}</text>')
    return lines


def _bar(name: str, top: float, value: float, scale: float) -> list[str]:
    kind = "own" if name == "tokmill" else "value"
    width = max(1.0, value * scale)
    return [
        f'<rect class="b{_SHOWN.index(name)}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR - 2}" rx="1.5"/>',
        f'<text class="{kind}" x="{_LEFT + width + 5:.1f}" y="{top + _BAR - 2.5}">{number(value)}</text>',
    ]
