"""Training as Hugging Face's BpeTrainer does it, by counting all pairs anew before every merge. Slow, short, for tests.

Differs from the trainer only where the trainer keeps stale state on purpose: nothing here depends on it, as long as no merge makes a token
that there is already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise


def byte_level_order() -> list[int]:
    """The bytes in the order of their characters in GPT-2's map."""
    itself = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return itself + [byte for byte in range(256) if byte not in itself]


def train(
    words: Mapping[bytes, int],
    vocab_size: int,
    *,
    alphabet: Iterable[int] = range(256),
    min_frequency: int = 0,
    max_token_length: int = 0,
    by_value: bool = False,
) -> list[tuple[bytes, bytes]]:
    """The merges by rank. `alphabet` holds the bytes that are tokens besides those that occur."""
    present = {byte for word in words for byte in word} | set(alphabet)
    order = list(range(256)) if by_value else byte_level_order()
    tokens = [bytes([byte]) for byte in order if byte in present]
    rank = {token: i for i, token in enumerate(tokens)}
    split = {word: [bytes([byte]) for byte in word] for word in words}
    # With a limit, a pair counts where it came to be: at the beginning, or when its parts are short enough together.
    merges: list[tuple[bytes, bytes]] = []
    while len(tokens) < vocab_size:
        pairs: Counter[tuple[bytes, bytes]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                first = len(pair[0]) == len(pair[1]) == 1
                if not max_token_length or first or len(pair[0]) + len(pair[1]) < max_token_length:
                    pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], rank[pair[0]], rank[pair[1]]))
        if pairs[best] < max(min_frequency, 1):
            break
        merges.append(best)
        made = best[0] + best[1]
        rank[made] = len(tokens)
        tokens.append(made)
        for parts in split.values():
            i = 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == best:
                    parts[i : i + 2] = [made]
                i += 1
    return merges
