"""A report as one HTML page that needs no other file and runs no script."""

from __future__ import annotations

from html import escape

from . import plot
from .document import Preview, Report, Section, Table, Value

__all__ = ["render"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --ground: #fbfbf8; --line: #d9d9d0; --dim: #6a7080 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --ground: #16191f; --line: #343a46; --dim: #98a0b0 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
body { max-width: 60rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.2rem; overflow-wrap: anywhere }
table { border-collapse: collapse } td, th { padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums } .remark { color: var(--dim); font-size: .85rem }
.preview { font: 14px/2 ui-monospace, monospace; overflow-wrap: anywhere; margin-top: 1rem }
.preview span { padding: .15rem 0; border-radius: 3px; white-space: pre-wrap; color: #1c2330 }
.c0 { background: #b8d8f8 } .c1 { background: #bfe8c0 } .c2 { background: #f8dcae } .c3 { background: #f6c6d8 } .c4 { background: #d5cdf5 }
"""
BACKGROUNDS = 5


def render(report: Report) -> str:
    sections = "\n".join(_section(section) for section in report.sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(report.title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}{plot.STYLE}</style>\n</head>\n<body>\n'
        f"<h1>{escape(report.title)}</h1>\n{sections}\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    rows = "".join(
        f"<tr><td>{escape(row.label)}</td><td{_class(row.value)}>{escape(row.text())}</td>"
        f'<td class="remark">{escape(row.remark)}</td></tr>\n'
        for row in section.rows
    )
    parts = [f"<h2>{escape(section.title)}</h2>"]
    if rows:
        parts.append(f"<table>\n{rows}</table>")
    parts += [_table(table) for table in section.tables]
    parts += [plot.drawn(curve) for curve in section.plots]
    if section.preview is not None:
        parts.append(_preview(section.preview))
    return "\n".join(parts)


def _preview(preview: Preview) -> str:
    spans = "".join(
        f'<span class="c{i % BACKGROUNDS}" title="{piece.id}">{escape(piece.text)}</span>' for i, piece in enumerate(preview.pieces)
    )
    more = f' <span class="remark">… and {preview.left_out:,} more</span>' if preview.left_out else ""
    return f'<div class="preview">{spans}{more}</div>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>\n" for row in table.rows)
    return f"<table>\n<tr>{head}</tr>\n{body}</table>"


def _cell(value: Value) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f'<td class="number">{value:,.3f}</td>' if isinstance(value, float) else f'<td class="number">{value:,}</td>'


def _class(value: Value) -> str:
    return "" if isinstance(value, str) else ' class="number"'
