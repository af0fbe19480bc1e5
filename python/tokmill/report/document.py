"""What a report is made of. Rooms give sections; the renderer shows them as a dict, as text, or as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Piece", "Plot", "Preview", "Report", "Row", "Section", "Table"]

Value: TypeAlias = str | int | float


@dataclass(frozen=True)
class Row:
    """One fact: ``key`` for programs, ``label`` for people. ``shown`` is what people see in place of ``value``."""

    key: str
    label: str
    value: Value
    shown: str = ""
    remark: str = ""

    def text(self) -> str:
        if self.shown:
            return self.shown
        if isinstance(self.value, float):
            return f"{self.value:,.3f}"
        return f"{self.value:,}" if isinstance(self.value, int) else self.value


@dataclass(frozen=True)
class Piece:
    """One token of a preview: its text with everything unprintable escaped, and its id."""

    text: str
    id: int


@dataclass(frozen=True)
class Preview:
    """The first tokens of a text; ``left_out`` more follow."""

    pieces: Sequence[Piece]
    left_out: int = 0


@dataclass(frozen=True)
class Table:
    """Rows of cells under a heading."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]


@dataclass(frozen=True)
class Plot:
    """A curve, shown on the HTML page alone; what matters of it stands in a table as well. ``points`` are (x, y), x rising."""

    title: str
    x_label: str
    y_label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Section:
    """One part of a report, given by one room."""

    title: str
    rows: Sequence[Row] = ()
    preview: Preview | None = None
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()


@dataclass
class Report:
    """A title and its sections."""

    title: str
    sections: list[Section] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {"title": self.title, "sections": [_section_dict(section) for section in self.sections]}

    def to_text(self, *, color: bool = False, width: int = 100) -> str:
        """For a terminal; ``color`` adds escape sequences, ``width`` is where the preview breaks."""
        from .text import render

        return render(self, color, width)

    def to_html(self) -> str:
        """One page that needs no other file."""
        from .html import render

        return render(self)


def _section_dict(section: Section) -> dict[str, Any]:
    content: dict[str, Any] = {"title": section.title}
    content.update((row.key, row.value) for row in section.rows)
    if section.preview is not None:
        content["preview"] = [{"text": piece.text, "id": piece.id} for piece in section.preview.pieces]
    if section.tables:
        content["tables"] = [{"columns": list(table.columns), "rows": [list(row) for row in table.rows]} for table in section.tables]
    if section.plots:
        content["plots"] = [
            {"title": plot.title, "x": plot.x_label, "y": plot.y_label, "points": [list(point) for point in plot.points]}
            for plot in section.plots
        ]
    return content
