"""A report for the terminal."""

from __future__ import annotations

import unicodedata

from .document import Preview, Report, Section, Table, Value

__all__ = ["render"]

BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
# Backgrounds that neighbours in the preview take in turn, with a foreground that reads on them.
BACKGROUNDS = tuple(f"\x1b[48;5;{background}m\x1b[38;5;16m" for background in (153, 157, 223, 218, 189))


def render(report: Report, color: bool, width: int) -> str:
    parts = [_bold(report.title, color)]
    for section in report.sections:
        parts.append("\n".join(_section_lines(section, color, width)))
    return "\n\n".join(parts) + "\n"


def _section_lines(section: Section, color: bool, width: int) -> list[str]:
    lines = [_bold(section.title, color)]
    label_width = max((len(row.label) for row in section.rows), default=0)
    value_width = max((len(row.text()) for row in section.rows if not isinstance(row.value, str)), default=0)
    for row in section.rows:
        value = row.text()
        if not isinstance(row.value, str):
            value = value.rjust(value_width)
        remark = f"  {DIM if color else ''}({row.remark}){RESET if color else ''}" if row.remark else ""
        lines.append(f"  {row.label.ljust(label_width)}  {value}{remark}")
    for table in section.tables:
        lines += ["", *_table_lines(table)]
    if section.preview is not None:
        lines += ["", *_preview_lines(section.preview, color, width)]
    return lines


def _preview_lines(preview: Preview, color: bool, width: int) -> list[str]:
    """The tokens after one another: on coloured ground, or with a bar between them."""
    lines, line, used = [], "  ", 2
    for i, piece in enumerate(preview.pieces):
        shown = piece.text if color else piece.text + "|"
        size = _columns(shown)
        if used + size > width and used > 2:
            lines.append(line)
            line, used = "  ", 2
        line += f"{BACKGROUNDS[i % len(BACKGROUNDS)]}{shown}{RESET}" if color else shown
        used += size
    if used > 2:
        lines.append(line)
    if preview.left_out:
        lines.append(f"  ... and {preview.left_out:,} more")
    return lines


def _table_lines(table: Table) -> list[str]:
    cells = [list(map(_cell, table.columns)), *(list(map(_cell, row)) for row in table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    numeric = [all(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    return [
        "  " + "  ".join(text.rjust(widths[i]) if numeric[i] else text.ljust(widths[i]) for i, text in enumerate(row)).rstrip()
        for row in cells
    ]


def _cell(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else value


def _columns(text: str) -> int:
    """Columns that a text takes on a terminal. Python's tables will do here: a mistake moves a line break, nothing else."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text if not unicodedata.combining(letter))


def _bold(text: str, color: bool) -> str:
    return f"{BOLD}{text}{RESET}" if color else text
