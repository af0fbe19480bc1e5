"""tiktoken, the reference: what it gives is right. `encode_to_numpy` saves it the list; with nothing disallowed, text is only text."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..vocabulary import Vocabulary
from .peer import Gap, Peer

_tiktoken = importlib.import_module("tiktoken")
_NOTHING: frozenset[str] = frozenset()


class Adapter(Peer):
    """A published vocabulary loads by its name, out of TIKTOKEN_CACHE_DIR; another from its ranks and regex."""

    def load(self, vocabulary: Vocabulary) -> None:
        if vocabulary.published:
            self._tokenizer = _tiktoken.get_encoding(vocabulary.name)
        elif vocabulary.pattern is not None:
            ranks = importlib.import_module("tiktoken.load").load_tiktoken_bpe(vocabulary.ranks)
            self._tokenizer = _tiktoken.Encoding(vocabulary.name, pat_str=vocabulary.pattern, mergeable_ranks=ranks, special_tokens={})
        else:
            raise Gap("needs the regex of a vocabulary that is not published")

    def array(self) -> Callable[[Any], Any]:
        encode = self._tokenizer.encode_to_numpy
        return lambda text: encode(text, allowed_special=_NOTHING, disallowed_special=_NOTHING)

    def listed(self) -> Callable[[Any], list[int]]:
        encode: Callable[[Any], list[int]] = self._tokenizer.encode_ordinary
        return encode

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode = self._tokenizer.encode_ordinary_batch
        return lambda texts: encode(texts, num_threads=threads)

    def decode(self) -> Callable[[Any], bytes | str]:
        decode: Callable[[Any], bytes] = self._tokenizer.decode_bytes
        return decode

    def drop_in(self) -> Any:
        return self._tokenizer
