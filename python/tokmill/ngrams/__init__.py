"""N-grams of token ids: counting them, the frequent ones, planning the tables of a huge input vocabulary."""

from __future__ import annotations

from .counting import NgramCounter, NgramCounts, OrderTotals
from .frequent import FrequentNgrams
from .planning import Collisions, PlannedTable, TablePlan, TablePlanWarning, plan_tables, polynomial_rows
from .unique import UniqueRows, unique_rows

__all__ = [
    "Collisions",
    "FrequentNgrams",
    "NgramCounter",
    "NgramCounts",
    "OrderTotals",
    "PlannedTable",
    "TablePlan",
    "TablePlanWarning",
    "UniqueRows",
    "plan_tables",
    "polynomial_rows",
    "unique_rows",
]
