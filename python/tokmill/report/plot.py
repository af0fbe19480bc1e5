"""A curve as an SVG element that stands in a page, in the colours of the page's style."""

from __future__ import annotations

import math
from html import escape

from .document import Plot

__all__ = ["STYLE", "drawn"]

STYLE = """
figure { margin: 1.4rem 0 } figcaption { font-weight: 600; font-size: .95rem }
svg.plot { width: 100%; max-width: 44rem; height: auto } svg.plot text { font: 12px system-ui, sans-serif; fill: var(--dim) }
svg.plot path { fill: none; stroke: #0f9d8a; stroke-width: 2 } svg.plot line { stroke: var(--line) }
"""
WIDTH, HEIGHT = 700, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 44
TICKS = 5


def drawn(plot: Plot) -> str:
    """One figure with axes, ticks at round numbers, and the curve; nothing for fewer than two points."""
    if len(plot.points) < 2:
        return ""
    xs, ys = [x for x, _ in plot.points], [y for _, y in plot.points]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(0.0, *ys), max(ys))
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = y_ticks[0], max(y_ticks[-1], max(ys))

    def across(x: float) -> float:
        return LEFT + (x - x_low) / ((x_high - x_low) or 1) * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (y - y_low) / ((y_high - y_low) or 1) * (HEIGHT - TOP - BOTTOM)

    lines = [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(y):.1f}" y2="{down(y):.1f}"/>' for y in y_ticks]
    labels = [f'<text x="{LEFT - 8}" y="{down(y) + 4:.1f}" text-anchor="end">{y:,.10g}</text>' for y in y_ticks]
    labels += [
        f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:,.10g}</text>'
        for x in x_ticks
        if x_low <= x <= x_high
    ]
    labels += [
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(plot.x_label)}</text>',
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{escape(plot.y_label)}</text>',
    ]
    path = "M" + "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in plot.points)
    return (
        f'<figure><figcaption>{escape(plot.title)}</figcaption>\n<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(plot.title)}">\n{"".join(lines + labels)}\n<path d="{path}"/>\n</svg></figure>'
    )


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers, in steps of 1, 2 or 5 times a power of ten, that begin at or below ``low`` and end at or below ``high``."""
    wanted = (high - low) / TICKS or 1.0
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]
