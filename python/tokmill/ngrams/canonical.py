"""Canonical ids: tokens that a model's n-grams do not tell apart become one. A tokenizer and a key of tokens in, a new id for each id out.

``"engram"`` is the published folding, that of DeepSeek's Engram (``CompressedTokenizer`` of engram_demo_v1.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..normalization import Normalizer
from ..tokenizer import Tokenizer

__all__ = ["FOLDINGS", "Folding", "canonical_map"]

Folding: TypeAlias = Literal["engram"]

# Each with the version of its data, which a plan records: other tables of Unicode make other ids.
FOLDINGS: dict[str, str] = {"engram": "tokenizers 0.23.3"}


def canonical_map(tokenizer: Tokenizer, key: Folding | Callable[[bytes], Hashable]) -> tuple[NDArray[np.int32], int]:
    """One canonical id for each id, int32 ``[vocab_size]``, and how many there are: ids whose tokens have equal keys become one.

    ``key`` is a function of a token's bytes, or ``"engram"``, the published folding: compatibility forms (NFKC), accents and case are
    folded, runs of blanks are one, blanks at the ends are dropped, but a token of blanks alone is one blank; a token that is no whole
    UTF-8 is the characters of GPT-2's byte alphabet that its bytes have; a token of which nothing is left stays itself. Unicode's data
    are those of ``tokenizers`` 0.23.3.

    New ids are given in the order of first appearance. An id that stands for no token keeps one of its own. Raises ArgumentError for
    another name.
    """
    if isinstance(key, str):
        if key not in FOLDINGS:
            raise ArgumentError(f"there is no folding {key!r}; there are {', '.join(FOLDINGS)}, and functions of a token's bytes")
        key = _engram_key()
    seen: dict[Hashable, int] = {}
    tokens = tokenizer.token_bytes
    ids = np.empty(len(tokens), np.int32)
    for id, token in enumerate(tokens):
        ids[id] = seen.setdefault(("no token", id) if token is None else ("key", key(token)), len(seen))
    return ids, len(seen)


def _engram_key() -> Callable[[bytes], str]:
    # The published code sets this private character for a lone blank, so that it outlives the stripping, and makes blanks of it after;
    # a token that holds the character itself is changed alike.
    sentinel = "\ue000"
    fold = Normalizer(["NFKC", "NFD", "strip_accents", "lowercase"], data="tokenizers")
    strip = Normalizer(["strip", ("replace", sentinel, " ")], data="tokenizers")
    blanks = re.compile(r"[ \t\r\n]+")
    alphabet = _byte_alphabet()

    def key(token: bytes) -> str:
        text = token.decode("utf-8", "replace")
        if "\ufffd" in text:
            return "".join(alphabet[byte] for byte in token)
        folded = blanks.sub(" ", fold.normalize(text))
        return strip.normalize(sentinel if folded == " " else folded) or text

    return key


def _byte_alphabet() -> list[str]:
    """GPT-2's character for each byte: itself where it is printable Latin-1, the others in order from U+0100."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
