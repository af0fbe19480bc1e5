"""Hugging Face tokenizers: needs a tokenizer.json; with `encode_special_tokens` the spelling of a special token stays text."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from ..vocabulary import Vocabulary
from .peer import Gap, Ids, Peer

_tokenizers = importlib.import_module("tokenizers")


class Adapter(Peer):
    """`encode_batch_fast` leaves the offsets out. Every call builds lists, and some 100 bytes a token beside them."""

    def load(self, vocabulary: Vocabulary) -> None:
        if vocabulary.json is None:
            raise Gap("needs the vocabulary as a tokenizer.json")
        self._tokenizer = _tokenizers.Tokenizer.from_file(vocabulary.json)
        self._tokenizer.encode_special_tokens = True

    def array(self) -> Callable[[Any], Any]:
        encode = self._tokenizer.encode_batch_fast
        return lambda text: encode([text], add_special_tokens=False)[0]

    def listed(self) -> Callable[[Any], list[int]]:
        encode = self._tokenizer.encode_batch_fast
        return lambda text: encode([text], add_special_tokens=False)[0].ids

    def message(self) -> Callable[[Any], list[int]]:
        encode = self._tokenizer.encode
        return lambda text: encode(text, add_special_tokens=False).ids

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode = self._tokenizer.encode_batch_fast
        return lambda texts: encode(texts, add_special_tokens=False)

    def rows(self, result: Any) -> Sequence[Any]:
        rows: Sequence[Any] = result
        return rows

    def numbers(self, result: Any) -> Ids:
        return super().numbers(getattr(result, "ids", result))

    def decode(self) -> Callable[[Any], bytes | str]:
        decode = self._tokenizer.decode
        return lambda ids: decode(ids, skip_special_tokens=False)

    def stream(self, sequences: int) -> tuple[Callable[[Any], Sequence[str | None]], Callable[[Ids], Any]]:
        tokenizer = self._tokenizer
        decode_stream = importlib.import_module("tokenizers.decoders").DecodeStream
        steps = [decode_stream(skip_special_tokens=False).step for _ in range(sequences)]
        return lambda ids: [step(tokenizer, token) for step, token in zip(steps, ids, strict=False)], lambda ids: ids.tolist()
