"""Seeded texts that split patterns find hard: strings of class representatives, and texts of many moods.

Everything takes a `random.Random`, so that a test's name and the seed printed in the header give the same texts again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

# One character of each kind that a pattern can tell apart. All strings of them up to some length are every situation
# that a scanner can meet within that length.
ALPHABET = ("A", "a", "s", "中", "\u0301", "1", " ", "\t", "\n", "'", "/", "!")

# Members of the classes of oracle/classes.py, of each UTF-8 length, with those that are easy to get wrong.
REPRESENTATIVES: dict[str, str] = {
    "u": "AZSDMTLVREÀÞЖΩԱẞ\u01c5\u1f88\u212a\u10a0\u2c00\ua722\U00010400\U0001d400\U0001e900",
    "l": "azsdmtlvreßÿжωﬁ\u0149\u017f\u1e9b\u2c30\uab70\U00010428\U0001d41a\U0001e922",
    "c": "ªºʰˑـאع中あーァヽ가ꭜฟक\u3006\ufdfb\uff76\U00010380\U00020000\U0002a6d6\U0003134a",
    "m": "\u0300\u0301\u0345\u0489\u05b0\u064b\u0903\u093e\u0e31\u20dd\u3099\ufe0f\ufe20\U00011000\U0001d165\U000e0100",
    "n": "0123456789٠۹०²³¼\u09f4Ⅷↂ〇〡①㊿９\U00010107\U0001d7d8\U0001f100",
    "b": " ",
    "s": "\t\v\f\x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000",
    "r": "\r\n",
    "o": "'!\"#/-_.,;{}<|>\x00\x1b\x1c\x1f\x7f\x80\x9f\xad«·\u0378\u05ff\u180e\u2019\u200b\u200d\u2060…€\u3001。\ue000\ufeff\uff07\ufffd"
    "\uffff\U0001f600\U0001f3fb\U000e0001\U000f0000\U0010ffff",
}
EVERY = "".join(REPRESENTATIVES.values())
ATOMS = [
    *ALPHABET, *"tTsSmMdD",
    "'s", "'S", "'\u017f", "'t", "'T", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'ll", "'LL", "'lL", "'d", "'l", "'r", "'v", "’s", "''",
    "ll", "re", "\r\n", "\n\n", "\r", "  ", "   ", " \n", "\n ", "\t\t", "//", "/\n", "!\n", "!\r\n", "\xa0", "\u3000",
    "é", "É", "ж", "ß", "ǅ", "ʰ", "ª", "가", "あ", "\u0903", "\u20dd", "12", "123", "1234", "²", "٣",
    "\U0001f600", "\u200d", "_", ".", "-", "\x00", "\U0001d400", "\U0001d41a",
]  # fmt: skip


def scalar(rng: random.Random, limit: int = 0x10FFFF) -> str:
    """Any character that is no surrogate."""
    point = rng.randint(0, limit - 0x800) if limit > 0xDFFF else rng.randint(0, limit)
    return chr(point if point < 0xD800 else point + 0x800)


def class_string(rng: random.Random) -> str:
    """Some atoms and representatives; few different ones, so that runs come up, and now and then longer than a vector."""
    kind = rng.random()
    if kind < 0.2:
        alphabet: Sequence[str] = rng.sample(ALPHABET, rng.randint(2, 5))
    elif kind < 0.4:
        alphabet = rng.choices(ATOMS, k=rng.randint(2, 5))
    elif kind < 0.6:
        alphabet = ATOMS
    elif kind < 0.9:
        alphabet = rng.choices(EVERY, k=rng.randint(2, 6)) + rng.choices(ATOMS, k=2)
    else:
        alphabet = [rng.choice(REPRESENTATIVES[c]) for c in rng.choices(tuple(REPRESENTATIVES), k=3)]
    length = rng.randint(1, 12) if rng.random() < 0.8 else rng.randint(12, 70)
    return "".join(rng.choices(alphabet, k=length))


def short_strings(length: int, alphabet: Sequence[str] = ALPHABET) -> Iterator[str]:
    """Every string of exactly this many members."""
    return map("".join, itertools.product(alphabet, repeat=length))


def mixed_text(rng: random.Random, entries: Sequence[str], samples: Sequence[str]) -> str:
    """A text of up to some hundred characters: pieces of real text, entries of a vocabulary, class strings, random code points."""
    pieces = []
    for _ in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.3 and samples:
            sample = rng.choice(samples)
            start = rng.randrange(len(sample))
            pieces.append(sample[start : start + rng.randint(1, 120)])
        elif kind < 0.5 and entries:
            pieces.append("".join(rng.choices(entries, k=rng.randint(1, 12))))
        elif kind < 0.85:
            pieces.append(class_string(rng))
        elif kind < 0.95:
            limit = rng.choice((0x7F, 0x7FF, 0xFFFF, 0x10FFFF))
            pieces.append("".join(scalar(rng, limit) for _ in range(rng.randint(1, 30))))
        else:
            pieces.append(rng.choice("aAe0 \n中!\u0301") * rng.choice((15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 300)))
    text = "".join(pieces)
    if rng.random() < 0.3:  # damage: drop, double or swap a stretch
        i, j = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        text = rng.choice((text[:i] + text[j:], text[:j] + text[i:], text[j:] + text[:j], text[:j] + rng.choice(ATOMS) + text[j:]))
    return text
