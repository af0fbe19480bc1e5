"""What counting, lookup and distinct rows have to give, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def count(documents: Sequence[Sequence[int]], order: int, cross_documents: bool = False) -> Counter[tuple[int, ...]]:
    """How often each n-gram occurs, within documents or through them all."""
    if cross_documents:
        documents = [[one for document in documents for one in document]]
    return Counter(tuple(document[i : i + order]) for document in documents for i in range(len(document) - order + 1))


def longest_rows(rows: Mapping[tuple[int, ...], int], documents: Sequence[Sequence[int]], longest: int) -> list[tuple[int, int]]:
    """For each position the row of the longest n-gram that ends there, and its length; (-1, 0) if there is none."""
    found = []
    for document in documents:
        for end in range(1, len(document) + 1):
            hit = (-1, 0)
            for order in range(1, min(longest, end) + 1):
                ngram = tuple(document[end - order : end])
                if ngram in rows:
                    hit = (rows[ngram], order)
            found.append(hit)
    return found
