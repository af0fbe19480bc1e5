"""splintr-rs: flat calls give bytes of uint32; `encode_ordinary` gives a list and never sees special tokens.

Loaded from the rank file with none of them, its flat call (which has no ordinary form) treats text as text too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..vocabulary import Vocabulary
from .peer import Ids, Peer, split_rows

_splintr = importlib.import_module("splintr")
_PATTERNS = {"gpt2": "GPT2_PATTERN", "cl100k": "CL100K_BASE_PATTERN", "o200k": "O200K_BASE_PATTERN"}


class Adapter(Peer):
    """Threads come from RAYON_NUM_THREADS, which the benchmark sets for every process."""

    def load(self, vocabulary: Vocabulary) -> None:
        self._tokenizer = _splintr.Tokenizer(vocabulary.ranks, getattr(_splintr, _PATTERNS[vocabulary.family]))

    def array(self) -> Callable[[Any], Any]:
        encode: Callable[[Any], Any] = self._tokenizer.encode_flat
        return encode

    def listed(self) -> Callable[[Any], list[int]]:
        encode: Callable[[Any], list[int]] = self._tokenizer.encode_ordinary
        return encode

    def count(self) -> Callable[[Any], int]:
        encode = self._tokenizer.encode_flat
        return lambda text: len(encode(text)) // 4

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode: Callable[[list[Any]], Any] = self._tokenizer.encode_batch_flat
        return encode

    def rows(self, result: Any) -> Sequence[Any]:
        return split_rows(result[0], np.frombuffer(result[1], np.uint64), width=4)

    def numbers(self, result: Any) -> Ids:
        return super().numbers(np.frombuffer(result, np.uint32) if isinstance(result, bytes) else result)

    def decode(self) -> Callable[[Any], bytes | str]:
        decode: Callable[[Any], bytes] = self._tokenizer.decode_bytes
        return decode

    def stream(self, sequences: int) -> tuple[Callable[[Any], Sequence[str | None]], Callable[[Ids], Any]]:
        adders = [self._tokenizer.streaming_decoder().add_token for _ in range(sequences)]
        return lambda ids: [add(token) for add, token in zip(adders, ids, strict=False)], lambda ids: ids.tolist()
