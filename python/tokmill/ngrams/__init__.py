"""N-grams of token ids: the rows under which a model with a huge, hashed input vocabulary looks its embeddings up; counting n-grams, the
frequent ones, planning the tables.

>>> import numpy as np
>>> from tokmill.ngrams import OverEncoding
>>> plan = OverEncoding(64, first_rows=192, n=3, k=2)
>>> plan.rows(np.array([5, 9, 2]))[1]
array([137, 135, 133, 131], dtype=int32)
"""

from __future__ import annotations

from .canonical import canonical_map
from .counting import NgramCounter, NgramCounts, OrderTotals
from .frequent import FrequentNgrams
from .named import plan_named
from .plan import Description, Plan, Table
from .planning import Collisions, PlannedTable, TablePlan, TablePlanWarning, plan_tables, polynomial_rows
from .schemes import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, QwenPle, product_digits
from .unique import UniqueRows, unique_rows

__all__ = [
    "BigramHash",
    "ByteNgrams",
    "Collisions",
    "Description",
    "Engram",
    "FrequentNgrams",
    "LongCat",
    "NgramCounter",
    "NgramCounts",
    "NgramHash",
    "OrderTotals",
    "OverEncoding",
    "Plan",
    "PlannedTable",
    "QwenPle",
    "Table",
    "TablePlan",
    "TablePlanWarning",
    "UniqueRows",
    "canonical_map",
    "plan_named",
    "plan_tables",
    "polynomial_rows",
    "product_digits",
    "unique_rows",
]
