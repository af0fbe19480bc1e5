"""quicktok-v1: its batch call gives NumPy arrays and is the fastest for one text too.

It carries its vocabularies and loads no rank file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from ..vocabulary import Vocabulary
from .peer import Gap, Peer, split_rows

_quicktok = importlib.import_module("quicktok")


class Adapter(Peer):
    """`encode_batch` never matches special tokens unless asked."""

    def load(self, vocabulary: Vocabulary) -> None:
        if vocabulary.name not in ("cl100k_base", "o200k_base"):
            raise Gap("loads only the vocabularies that it carries")
        self._tokenizer = _quicktok.get_encoding(vocabulary.name)

    def array(self) -> Callable[[Any], Any]:
        encode = self._tokenizer.encode_batch
        return lambda text: encode([text], 1)[0]

    def listed(self) -> Callable[[Any], list[int]]:
        encode: Callable[[Any], list[int]] = self._tokenizer.encode_ordinary
        return encode

    def count(self) -> Callable[[Any], int]:
        count: Callable[[Any], int] = self._tokenizer.count
        return count

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode = self._tokenizer.encode_batch
        return lambda texts: encode(texts, threads)

    def rows(self, result: Any) -> Sequence[Any]:
        return split_rows(*result)

    def decode(self) -> Callable[[Any], bytes | str]:
        decode: Callable[[Any], bytes] = self._tokenizer.decode_bytes
        return decode
