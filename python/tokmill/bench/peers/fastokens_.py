"""fastokens: its flat batch call gives bytes of uint32 and is the fastest for one text too; `encode_ordinary(...).ids` gives a list.

It loads a tokenizer.json, or a rank file where there is none; from the former its first call is two to three times as fast.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..vocabulary import Vocabulary
from .peer import Gap, Ids, Peer, split_rows

_fastokens = importlib.import_module("fastokens")


class Adapter(Peer):
    """Threads come from RAYON_NUM_THREADS, which the benchmark sets for every process."""

    def load(self, vocabulary: Vocabulary) -> None:
        if vocabulary.json is not None:
            self._tokenizer = _fastokens.Tokenizer.from_file(vocabulary.json)
        elif vocabulary.published:
            self._tokenizer = _fastokens.Tokenizer.from_tiktoken(vocabulary.ranks, encoding=vocabulary.name)
        elif vocabulary.pattern is not None:
            self._tokenizer = _fastokens.Tokenizer.from_tiktoken(vocabulary.ranks, pattern=vocabulary.pattern, special_tokens={})
        else:
            raise Gap("needs the regex of a vocabulary that is not published")

    def array(self) -> Callable[[Any], Any]:
        encode = self._tokenizer.encode_batch_flat
        return lambda text: encode([text], split_special_tokens=True)[0]

    def listed(self) -> Callable[[Any], list[int]]:
        encode = self._tokenizer.encode_ordinary
        return lambda text: encode(text).ids

    def count(self) -> Callable[[Any], int]:
        encode = self._tokenizer.encode_ordinary
        return lambda text: len(encode(text))

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode = self._tokenizer.encode_batch_flat
        return lambda texts: encode(texts, split_special_tokens=True)

    def rows(self, result: Any) -> Sequence[Any]:
        return split_rows(result[0], np.frombuffer(result[1], np.uint64), width=4)

    def numbers(self, result: Any) -> Ids:
        return super().numbers(np.frombuffer(result, np.uint32) if isinstance(result, bytes) else result)

    def decode(self) -> Callable[[Any], bytes | str]:
        decode: Callable[[Any], str] = self._tokenizer.decode
        return decode

    def stream(self, sequences: int) -> tuple[Callable[[Any], Sequence[str | None]], Callable[[Ids], Any]]:
        raise Gap("its streaming decoder stands in a private module, for patching other packages")
