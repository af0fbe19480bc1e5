"""N-gram rows: the indices under which a model with a huge, hashed input vocabulary looks its embeddings up.

>>> import numpy as np
>>> from tokmill.ngrams import OverEncoding
>>> plan = OverEncoding(64, first_rows=192, n=3, k=2)
>>> plan.rows(np.array([5, 9, 2]))[1]
array([137, 135, 133, 131], dtype=int32)
"""

from __future__ import annotations

from .named import plan_named
from .plan import Description, Plan, Table
from .schemes import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, QwenPle, canonical_map, product_digits

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
    "plan_named",
    "product_digits",
]
