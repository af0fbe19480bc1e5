"""Vocabularies made for tests: decoys that show where a text was cut, and small random ones that no training would give."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence

BYTES = [bytes([value]) for value in range(256)]


def rank_file(ranks: Mapping[bytes, int]) -> bytes:
    """The text of a .tiktoken file."""
    return b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks.items())


def decoy_ranks(rows: Iterable[Sequence[str]]) -> dict[bytes, int]:
    """A vocabulary that gives each row of pretokens the ids of exactly these pretokens, and any other cut other ids.

    The tokens are all bytes, the pretokens, and every two neighbours joined. Suppose the splitter cuts where the row
    does not: then a pretoken is broken, and its id, which only the whole of it has, is missing. Suppose that it does
    not cut between two neighbours: then merging does not stop before the two are joined (the join is a token) or have
    been merged across their border, and again the ids differ.
    """
    ranks = {token: rank for rank, token in enumerate(BYTES)}
    for row in rows:
        encoded = [piece.encode() for piece in row]
        for piece in encoded:
            ranks.setdefault(piece, len(ranks))
        for left, right in itertools.pairwise(encoded):
            ranks.setdefault(left + right, len(ranks))
    return ranks


def random_ranks(rng: random.Random) -> tuple[dict[bytes, int], str]:
    """A vocabulary of all bytes and up to some hundred tokens over a few characters, and these characters.

    A third is closed as training leaves it (a token is two older ones joined), a third is random strings, a third both;
    ranks come in order or shuffled (bytes among them too), with or without gaps.
    """
    letters = rng.choice(["ab", "abc", "abcd", "aé", "a中b", "x\U0001f600", "etaoin"])
    units = [byte for byte in BYTES if byte in {bytes([value]) for value in letters.encode()}]
    tokens = list(units)
    kind = rng.randrange(3)
    for _ in range(rng.choice([1, 3, 10, 30, 100, 300])):
        if kind == 0 or (kind == 1 and rng.random() < 0.5):
            token = rng.choice(tokens) + rng.choice(tokens)
        elif rng.random() < 0.5:
            token = "".join(rng.choices(letters, k=rng.randint(2, 9))).encode()
        else:
            token = b"".join(rng.choices(units, k=rng.randint(2, 9)))
        if len(token) <= 40 and token not in tokens:
            tokens.append(token)
    order = BYTES + tokens[len(units) :]
    if kind and rng.random() < 0.7:
        rng.shuffle(order)
    step = rng.choice([1, 1, 2, 3])
    return {token: rank * step + rng.randrange(step) for rank, token in enumerate(order)}, letters
