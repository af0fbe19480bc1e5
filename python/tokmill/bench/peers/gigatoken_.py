"""gigatoken, by its native API (its tiktoken wrapper is several times slower).

One loaded tokenizer always recognises its special tokens, so it is loaded with none: then text is only text, as in tiktoken's
encode_ordinary. `encode` takes bytes without checking them. A list comes fastest from the array's own `tolist`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..vocabulary import Vocabulary
from .peer import Ids, Peer

_gigatoken = importlib.import_module("gigatoken")


class Adapter(Peer):
    """Arrays of uint32; batches are Awkward arrays."""

    takes = bytes

    def load(self, vocabulary: Vocabulary) -> None:
        self._tokenizer = _gigatoken.Tokenizer.from_tiktoken(vocabulary.ranks, pretokenizer=vocabulary.family, special_tokens={})

    def array(self) -> Callable[[Any], Any]:
        encode: Callable[[Any], Any] = self._tokenizer.encode
        return encode

    def listed(self) -> Callable[[Any], list[int]]:
        encode = self._tokenizer.encode
        return lambda text: encode(text).tolist()

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode_batch = self._tokenizer.encode_batch
        parallel = threads > 1
        return lambda texts: encode_batch(texts, parallel=parallel)

    def decode(self) -> Callable[[Any], bytes | str]:
        decode: Callable[[Any], bytes] = self._tokenizer.decode
        return decode

    def ids_given(self, ids: Ids) -> Any:
        return ids.astype(np.uint32)
