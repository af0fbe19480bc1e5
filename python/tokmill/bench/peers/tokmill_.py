"""tokmill, through the same public calls as everybody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tokmill

from ..vocabulary import Vocabulary
from .peer import Ids, Peer, split_rows


class Adapter(Peer):
    """Bytes go in where arrays come out: reading a file gives bytes, and that pays for the check of the UTF-8."""

    takes = bytes

    def load(self, vocabulary: Vocabulary) -> None:
        if vocabulary.published:
            self._tokenizer = tokmill.load(vocabulary.ranks)
        else:
            self._tokenizer = tokmill.load(vocabulary.ranks, pattern=vocabulary.family, special_tokens={})

    def array(self) -> Callable[[Any], Any]:
        return self._tokenizer.encode

    def listed(self) -> Callable[[Any], list[int]]:
        return self._tokenizer.encode_list

    def count(self) -> Callable[[Any], int]:
        return self._tokenizer.count

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        encode_batch = self._tokenizer.encode_batch
        return lambda texts: encode_batch(texts, threads=threads)

    def rows(self, result: Any) -> list[Any]:
        return split_rows(result.ids, result.offsets)

    def decode(self) -> Callable[[Any], bytes | str]:
        return self._tokenizer.decode_bytes

    def drop_in(self) -> Any:
        from tokmill.compat.tiktoken import Encoding

        return Encoding.from_tokenizer(self._tokenizer)

    def ids_given(self, ids: Ids) -> Any:
        return ids

    def stream(self, sequences: int) -> tuple[Callable[[Any], Sequence[str | None]], Callable[[Ids], Any]]:
        decoder = self._tokenizer.decoder(sequences)
        return decoder.step, lambda ids: ids

    def snapshot(self, vocabulary: Vocabulary) -> Callable[[], object]:
        path = Path(vocabulary.ranks).with_suffix(".tokmill")
        if not path.exists():
            self.load(vocabulary)
            self._tokenizer.save(path)
        return lambda: tokmill.load(path)

    def table_statistics(self) -> dict[str, float]:
        """The size of the word table, and the share of pretokens that were not in it since the tokenizer was loaded."""
        ask: Callable[[], dict[str, int]] | None = getattr(self._tokenizer, "_table_statistics", None)
        if ask is None:
            return {}
        found = ask()
        return {
            "MB": found["table_bytes"] / 1e6,
            "pretokens": found["lookups"],
            "% not found": 100 * found["misses"] / max(1, found["lookups"]),
        }
