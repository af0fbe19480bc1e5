"""Vocabularies of two stages, merged flat by the definition: the lowest rank first, the leftmost of equals, over the whole pretoken.

Nothing here knows of levels: that is what the tests compare with.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise


def merge_flat(pretoken: bytes, ranks: Mapping[tuple[bytes, bytes], int]) -> list[bytes]:
    """The tokens of one pretoken, by merges given as pairs with their ranks."""
    parts = [pretoken[i : i + 1] for i in range(len(pretoken))]
    while True:
        known = [(ranks[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not known:
            return parts
        _, i = min(known)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def random_merges(rng: random.Random, alphabet: bytes, first: int, second: int) -> list[tuple[bytes, bytes]]:
    """Merges of two stages: `first` of them make words of the alphabet, perhaps with one blank before, `second` join any two tokens.

    Sometimes a few of the second stage come early, or a part of a token is made after it: such vocabularies are no two levels, or begin
    their second one elsewhere.
    """
    letters = [bytes([byte]) for byte in alphabet if byte != 0x20]
    tokens, seen = [b" ", *letters], {b" ", *letters}
    merges: list[tuple[bytes, bytes]] = []

    def add(left: bytes, right: bytes) -> None:
        if left + right not in seen and len(left + right) <= 24:
            seen.add(left + right)
            tokens.append(left + right)
            merges.append((left, right))

    for _ in range(first):
        left, right = rng.choice(tokens), rng.choice(tokens)
        if b" " not in right and (left == b" " or left[-1:] != b" "):
            add(left, right)
    for _ in range(second):
        add(rng.choice(tokens[1:] or tokens), rng.choice(tokens))
    disorder = rng.random()
    if disorder < 0.15:
        rng.shuffle(merges)
    elif disorder < 0.3 and len(merges) > 4:
        merges.insert(rng.randrange(len(merges) // 2), merges.pop())
    return merges


def count_pairs(runs: Mapping[tuple[bytes, ...], int]) -> Counter[tuple[bytes, bytes]]:
    """How often two tokens stand side by side in counted sequences of tokens."""
    pairs: Counter[tuple[bytes, bytes]] = Counter()
    for run, count in runs.items():
        for pair in pairwise(run):
            pairs[pair] += count
    return pairs


def learn_superwords(
    runs: Mapping[tuple[bytes, ...], int], tokens: Sequence[bytes], size: int, max_words: int
) -> list[tuple[bytes, bytes]]:
    """The merges of the second stage, counting all pairs anew before each; `tokens` are those of the first stage by rank."""
    rank = {token: i for i, token in enumerate(tokens)}
    merges: list[tuple[bytes, bytes]] = []
    while len(rank) < size:
        pairs = {
            pair: count
            for pair, count in count_pairs(runs).items()
            if pair[0] + pair[1] not in rank and len((pair[0] + pair[1]).split()) <= max_words
        }
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], rank[pair[0]], rank[pair[1]]))
        merges.append(best)
        rank[best[0] + best[1]] = len(rank)
        merged: Counter[tuple[bytes, ...]] = Counter()
        for run, count in runs.items():
            parts = list(run)
            i = 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == best:
                    parts[i : i + 2] = [parts[i] + parts[i + 1]]
                i += 1
            merged[tuple(parts)] += count
        runs = merged
    return merges
