"""Phrases of ids found slowly: sequences are lists, pairs are counted anew before each merge, and every rule stands where it is applied.

``learn`` gives phrases as pairs of ids, ``longest`` and ``merged`` put them in. ``tests/test_supertokens.py`` holds the core to this file.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence

Pair = tuple[int, int]


def stretches(ids: Sequence[int], barriers: Collection[int], alone: Collection[int] = ()) -> list[list[int]]:
    """What lies between barriers and ids that stand alone."""
    out: list[list[int]] = [[]]
    for place, id in enumerate(ids):
        if place in barriers or id in alone:
            out.append([])
        if id in alone:
            out.append([])
        else:
            out[-1].append(id)
    return out


def join(stretch: list[int], pair: Pair, made: int) -> list[int]:
    """Every occurrence of the pair made one, from left to right."""
    out: list[int] = []
    at = 0
    while at < len(stretch):
        if tuple(stretch[at : at + 2]) == pair:
            out.append(made)
            at += 2
        else:
            out.append(stretch[at])
            at += 1
    return out


def spell(vocab: int, pairs: Sequence[Pair]) -> dict[int, tuple[int, ...]]:
    """The base ids of every id."""
    spelled: dict[int, tuple[int, ...]] = {id: (id,) for id in range(vocab)}
    for row, (left, right) in enumerate(pairs):
        spelled[vocab + row] = spelled[left] + spelled[right]
    return spelled


def learn(
    documents: Sequence[Sequence[int]],
    vocab: int,
    size: int,
    *,
    barriers: Sequence[Collection[int]] = (),
    alone: Collection[int] = (),
    max_len: int = 16,
    max_words: int | None = None,
    words: Sequence[int] = (),
    min_count: int = 2,
    objective: str = "count",
) -> tuple[list[Pair], list[int]]:
    """The phrases, and how often each occurred when it was learnt. ``barriers`` are those of each document, counted from its start."""
    texts = [
        stretch for number, document in enumerate(documents) for stretch in stretches(document, barriers[number] if barriers else (), alone)
    ]
    pairs: list[Pair] = []
    counts: list[int] = []
    while len(pairs) < size:
        spelled = spell(vocab, pairs)
        known = {spelled[vocab + row] for row in range(len(pairs))}
        found = Counter(pair for text in texts for pair in itertools.pairwise(text))

        def may_be(pair: Pair, spelled: dict[int, tuple[int, ...]] = spelled, known: Collection[tuple[int, ...]] = known) -> bool:
            phrase = spelled[pair[0]] + spelled[pair[1]]
            few_words = max_words is None or sum(words[id] for id in phrase) <= max_words
            return len(phrase) <= max_len and few_words and phrase not in known

        def worth(pair: Pair, spelled: dict[int, tuple[int, ...]] = spelled, found: Counter[Pair] = found) -> int:
            return found[pair] * (len(spelled[pair[0]] + spelled[pair[1]]) if objective == "length" else 1)

        candidates = [pair for pair in found if found[pair] >= min_count and may_be(pair)]
        if not candidates:
            break
        best = min(candidates, key=lambda pair: (-worth(pair), pair))
        pairs.append(best)
        counts.append(found[best])
        texts = [join(text, best, vocab + len(pairs) - 1) for text in texts]
    return pairs, counts


def longest(ids: Sequence[int], vocab: int, pairs: Sequence[Pair], barriers: Collection[int] = ()) -> list[int]:
    """From left to right, always the longest phrase that begins there."""
    spelled = spell(vocab, pairs)
    id_of = {phrase: id for id, phrase in spelled.items()}
    longest_phrase = max(map(len, id_of), default=1)
    out = []
    for stretch in stretches(ids, barriers):
        at = 0
        while at < len(stretch):
            length = next(n for n in range(longest_phrase, 0, -1) if at + n <= len(stretch) and tuple(stretch[at : at + n]) in id_of)
            out.append(id_of[tuple(stretch[at : at + length])])
            at += length
    return out


def merged(ids: Sequence[int], vocab: int, pairs: Sequence[Pair], barriers: Collection[int] = ()) -> list[int]:
    """Phrase after phrase, in the order of training, wherever it stands."""
    out = []
    for stretch in stretches(ids, barriers):
        # The phrase that was learnt first is joined first, and a phrase joined may make room for one that was learnt before it.
        while True:
            rows = [row for row, pair in enumerate(pairs) if pair in set(itertools.pairwise(stretch))]
            if not rows:
                break
            left, right = pairs[rows[0]]
            at = next(i for i in range(len(stretch) - 1) if (stretch[i], stretch[i + 1]) == (left, right))
            stretch = [*stretch[:at], vocab + rows[0], *stretch[at + 2 :]]
        out += stretch
    return out
