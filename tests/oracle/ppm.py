"""Prediction by partial matching, slowly: a dict of counts for every context, the formula as ``docs/hypertokens.md`` has it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log2


def ppm_bits(documents: Sequence[Sequence[int]], order: int, alphabet: int) -> float:
    """The bits that the adaptive model of this order spends on all documents."""
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    bits = 0.0
    for document in documents:
        for i, id in enumerate(document):
            p = 1.0
            for length in range(min(order, i), -1, -1):
                seen = counts[tuple(document[i - length : i])]
                if not seen:
                    continue
                if id in seen:
                    p *= seen[id] / (seen.total() + len(seen))
                    break
                p *= len(seen) / (seen.total() + len(seen))
            else:
                p /= alphabet
            bits -= log2(p)
            for length in range(min(order, i) + 1):
                counts[tuple(document[i - length : i])][id] += 1
    return bits
