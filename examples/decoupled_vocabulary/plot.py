"""Bits per byte against the size of the input vocabulary, as an SVG written by hand: arms with n-grams as points, arms without as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 170, 30, 50


def svg(points: Mapping[str, tuple[float, Sequence[float]]], lines: Mapping[str, Sequence[float]], title: str) -> str:
    """``points``: name -> (rows of a table as a multiple of the base vocabulary, bits per byte of each seed); ``lines``: name -> bits."""
    bits = [value for _, values in points.values() for value in values] + [value for values in lines.values() for value in values]
    low, high = min(bits) - 0.01, max(bits) + 0.01
    least, most = 2.0, 256.0

    def across(ratio: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(ratio / least) / math.log(most / least)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="13">{title}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 12}">rows of each n-gram table / base vocabulary (the output vocabulary stays the same)</text>',
        f'<text x="14" y="{TOP + 200}" transform="rotate(-90 14 {TOP + 200})">bits per byte, held out</text>',
    ]
    for ratio in (4, 8, 16, 32, 64, 128):
        x = across(ratio)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{ratio}x</text>')
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(f'<text x="{LEFT - 6}" y="{down(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    label = 0.0
    for name, mean in sorted(((name, sum(values) / len(values)) for name, values in lines.items()), key=lambda line: -line[1]):
        y = down(mean)
        label = max(y + 4, label + 14)  # lines may lie closer than their names are high
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#888" stroke-dasharray="5 4"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{label:.1f}" fill="#555">{name}</text>')
    for name, (ratio, values) in points.items():
        for value in values:
            parts.append(f'<circle cx="{across(ratio):.1f}" cy="{down(value):.1f}" r="4" fill="#1465b4"><title>{name}</title></circle>')
    return "\n".join([*parts, "</svg>", ""])
