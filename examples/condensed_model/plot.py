"""Bits per byte against positions per byte, as an SVG written by hand: a point a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 30, 40, 50


def svg(points: Mapping[str, Sequence[tuple[float, float]]], title: str) -> str:
    """``points``: name -> (positions per byte, bits per byte) of each seed."""
    every = [point for each in points.values() for point in each]
    left, right = min(x for x, _ in every) - 0.02, max(x for x, _ in every) + 0.02
    low, high = min(y for _, y in every) - 0.02, max(y for _, y in every) + 0.02

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - left) / (right - left)

    def down(y: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - y) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="13">{title}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 12}">positions of the model per byte of text</text>',
        f'<text x="14" y="{TOP + 200}" transform="rotate(-90 14 {TOP + 200})">bits per byte, held out</text>',
    ]
    for step in range(5):
        x, y = left + (right - left) * step / 4, low + (high - low) * step / 4
        parts.append(f'<line x1="{LEFT}" y1="{down(y):.1f}" x2="{WIDTH - RIGHT}" y2="{down(y):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{y:.2f}</text>')
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:.2f}</text>')
    for name, each in points.items():
        for x, y in each:
            parts.append(f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="4" fill="#1465b4"/>')
        x, y = each[0]
        anchor = "start" if across(x) < WIDTH / 2 else "end"
        parts.append(
            f'<text x="{across(x) + (8 if anchor == "start" else -8):.1f}" y="{down(y) - 8:.1f}" text-anchor="{anchor}">{name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
