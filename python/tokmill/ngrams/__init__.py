"""N-grams of token ids: counting them, the frequent ones, planning the tables of a huge input vocabulary."""

from __future__ import annotations

from .counting import NgramCounter, NgramCounts, OrderTotals

__all__ = ["NgramCounter", "NgramCounts", "OrderTotals"]
