"""Reports: one renderer for every room's sections."""

from __future__ import annotations

from .document import Piece, Plot, Preview, Report, Row, Section, Table
from .ngrams import ngrams_section
from .tokens import core_hours_per_terabyte, escaped, tokens_section
from .usage import comparison_section, usage_section
from .vocabulary import vocabulary_section

__all__ = [
    "Piece",
    "Plot",
    "Preview",
    "Report",
    "Row",
    "Section",
    "Table",
    "comparison_section",
    "core_hours_per_terabyte",
    "escaped",
    "ngrams_section",
    "tokens_section",
    "usage_section",
    "vocabulary_section",
]
