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
"""N-gram rows: the indices under which a model with a huge, hashed input vocabulary looks its embeddings up.

>>> import numpy as np
>>> from tokmill.ngrams import OverEncoding
>>> plan = OverEncoding(64, first_rows=192, n=3, k=2)
>>> plan.rows(np.array([5, 9, 2]))[1]
array([137, 135, 133, 131], dtype=int32)
"""

from __future__ import annotations

from .plan import Description, Plan, Table
from .schemes import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, QwenPle, canonical_map

__all__ = [
    "BigramHash",
    "ByteNgrams",
    "Description",
    "Engram",
    "LongCat",
    "NgramHash",
    "OverEncoding",
    "Plan",
    "QwenPle",
    "Table",
    "canonical_map",
]
