"""rs-bpe (the bpe crate of github/rust-gems): lists only. It carries its vocabularies and loads no rank file."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..vocabulary import Vocabulary
from .peer import Gap, Peer

_openai = importlib.import_module("rs_bpe.bpe").openai


class Adapter(Peer):
    """Its parallel batch call has no way to say how many threads, so only the plain one is asked."""

    def load(self, vocabulary: Vocabulary) -> None:
        if vocabulary.name not in ("cl100k_base", "o200k_base"):
            raise Gap("loads only the vocabularies that it carries")
        self._tokenizer = getattr(_openai, vocabulary.name)()

    def listed(self) -> Callable[[Any], list[int]]:
        encode: Callable[[Any], list[int]] = self._tokenizer.encode
        return encode

    def count(self) -> Callable[[Any], int]:
        count: Callable[[Any], int] = self._tokenizer.count
        return count

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        if threads > 1:
            raise Gap("its parallel call takes no number of threads")
        encode: Callable[[list[Any]], Any] = self._tokenizer.encode_batch
        return encode

    def rows(self, result: Any) -> list[Any]:
        # the batch call returns (rows, total, seconds)
        rows: list[Any] = result[0] if isinstance(result, tuple) else result
        return rows

    def decode(self) -> Callable[[Any], bytes | str]:
        decode: Callable[[Any], str] = self._tokenizer.decode
        return decode
