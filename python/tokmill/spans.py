"""``Aligned``: where the tokens of a text stand in it, and the maps between tokens, words and places.

A *span* is (begin, end), counted in bytes of UTF-8 or in characters, into the text as it was given: through normalisation, added tokens,
spaces that a tokenizer puts before words, and characters that tokens share. A *word* is a pretoken, or an added token.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import ArgumentError, UnknownIdError
from .signatures import SpanUnit, Text

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

__all__ = ["Aligned", "length_of", "owners", "token_lengths"]


@dataclass(frozen=True, eq=False)
class Aligned:
    """A text's tokens and where they stand; made by ``tok.align(text)``. With ``pair=``, ``text`` is 0 or 1 in all calls.

    ids      [tokens]     int32
    spans    [tokens, 2]  int64: begin and end in the token's text, counted in ``unit``; (0, 0) for tokens that a post-processor added
    words    [tokens]     int32: the number of the token's word in its text, as ``word_ids`` of tokenizers; -1 for those added
    texts    [tokens]     int32: 0, or 1 for those of the second text; -1 for those added
    unit                  "byte" or "char"
    lengths               of the text, or of both, in ``unit``
    """

    ids: NDArray[np.int32]
    spans: NDArray[np.int64]
    words: NDArray[np.int32]
    texts: NDArray[np.int32]
    unit: SpanUnit
    lengths: tuple[int, ...]

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.ids)

    @functools.cached_property
    def special_tokens_mask(self) -> NDArray[np.bool_]:
        """True for tokens that a post-processor added. bool [tokens]."""
        return self.texts < 0

    def token_at(self, text: int = 0) -> NDArray[np.int64]:
        """The token at each place of a text, the first if there are several, -1 if there is none: int64 [length].

        For ``unit="char"`` that is ``char_to_token`` of tokenizers for all characters at once. The way back is ``spans``.
        """
        of_text = self._tokens_of(text)
        return _named(owners(self.spans[of_text], self.lengths[text]), of_text)

    def word_at(self, text: int = 0) -> NDArray[np.int64]:
        """The word at each place of a text, -1 if there is none: int64 [length]. ``char_to_word`` of tokenizers."""
        return _named(self.token_at(text), self.words)

    def word_tokens(self, text: int = 0) -> NDArray[np.int64]:
        """The tokens of each word of a text, as the bounds [first, last + 1): int64 [words, 2]. (0, 0) for a word without tokens."""
        of_text = self._tokens_of(text)
        words = self.words[of_text]
        bounds = np.zeros((int(words.max()) + 1 if len(words) else 0, 2), np.int64)
        bounds[words[::-1], 0] = of_text[::-1]
        bounds[words, 1] = of_text + 1
        return bounds

    def word_spans(self, text: int = 0) -> NDArray[np.int64]:
        """Where each word of a text begins and ends: int64 [words, 2]. (0, 0) for a word without tokens."""
        bounds = self.word_tokens(text)
        spans = np.zeros_like(bounds)
        there = bounds[:, 1] > 0
        spans[there, 0] = self.spans[bounds[there, 0], 0]
        spans[there, 1] = self.spans[bounds[there, 1] - 1, 1]
        return spans

    def _tokens_of(self, text: int) -> NDArray[np.int64]:
        if not 0 <= text < len(self.lengths):
            raise ArgumentError(f"there is no text {text}; there are {len(self.lengths)}")
        return np.flatnonzero(self.texts == text)


def owners(spans: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Which of some spans each place below ``length`` lies in, the first if several, -1 if none: int64 [length]."""
    sizes = (spans[:, 1] - spans[:, 0])[::-1]
    which = np.repeat(np.arange(len(spans))[::-1], sizes)
    ends = np.cumsum(sizes)
    places = np.arange(len(which)) + np.repeat(spans[::-1, 0] - (ends - sizes), sizes)
    found = np.full(length, -1, np.int64)
    found[places] = which  # of equal places the last value stays, which is the first span's
    return found


def _named(numbers: NDArray[np.int64], names: NDArray[Any]) -> NDArray[np.int64]:
    """names[numbers], -1 where the number is."""
    named = np.full(len(numbers), -1, np.int64)
    there = numbers >= 0
    named[there] = names[numbers[there]]
    return named


def length_of(text: Text, unit: SpanUnit) -> int:
    """Bytes of UTF-8 or characters of a text, as spans count them. Bytes that are not UTF-8 count as ``bytes.decode`` replaces them."""
    if isinstance(text, str):
        return len(text) if unit == "char" else len(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())
    data = memoryview(text)
    return data.nbytes if unit == "byte" else len(bytes(data).decode("utf-8", "replace"))


@functools.lru_cache(maxsize=8)
def _lengths_by_id(tokenizer: Tokenizer) -> NDArray[np.int64]:
    return np.array([-1 if token is None else len(token) for token in tokenizer.token_bytes], np.int64)


def token_lengths(tokenizer: Tokenizer, ids: NDArray[Any]) -> NDArray[np.int64]:
    """Bytes of each id where there is no text but that of the ids: int64 [ids]. Raises UnknownIdError with the index."""
    by_id = _lengths_by_id(tokenizer)
    unknown = (ids < 0) | (ids >= len(by_id))
    lengths: NDArray[np.int64] = by_id[np.where(unknown, 0, ids)]
    bad = np.flatnonzero(unknown | (lengths < 0))
    if len(bad):
        raise UnknownIdError(f"id {int(ids[bad[0]])} at {int(bad[0])} is not in the vocabulary {tokenizer.name!r}", int(bad[0]))
    return lengths
