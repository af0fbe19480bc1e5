"""Byte-pair encoding by the definition: a vocabulary is token -> rank, and the rank is the id.

A pretoken that is a token as it stands is that token. Otherwise it starts as single bytes, and as long as two
neighbours joined are a token, the pair of the lowest rank (the leftmost of equals) is joined. This is what tiktoken
computes, also for vocabularies that no training would give: tokens whose halves are no tokens, tokens that no
sequence of joins can reach, ranks with gaps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping


def encode_pretoken(pretoken: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """The ids of one pretoken."""
    if pretoken in ranks:
        return [ranks[pretoken]]
    parts = [pretoken[i : i + 1] for i in range(len(pretoken))]
    while True:
        pairs = [(ranks[a + b], i) for i, (a, b) in enumerate(itertools.pairwise(parts)) if a + b in ranks]
        if not pairs:
            return [ranks[part] for part in parts]
        _, i = min(pairs)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def encode(pretokens: Iterable[str], ranks: Mapping[bytes, int]) -> list[int]:
    """The ids of a text that has been split."""
    return [token for pretoken in pretokens for token in encode_pretoken(pretoken.encode(), ranks)]
