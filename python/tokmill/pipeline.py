"""``Pipeline``: stages composed block by block, so that each finds what the one before it made still in the cache."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._core import encode_with_rows
from .documents import DEFAULT_BATCH_BYTES, DEFAULT_FIELD, Format, format_of, read_blocks, read_documents
from .errors import ArgumentError, ArgumentTypeError
from .ngrams import Plan
from .ragged import Ragged
from .signatures import Invalid, Special
from .tokenizer import DEFAULT_BLOCK_BYTES, DEFAULT_MAX_PRETOKEN_BYTES, Tokenizer

__all__ = ["Block", "Pipeline"]


@dataclass(frozen=True)
class Block:
    """What a pipeline makes of some documents.

    ``tokens`` are their ids and the bounds of the documents; ``rows`` the n-gram rows, ``[tokens, tables]``. ``continues``: the first
    document is the rest of the last one of the block before (a text file comes in such pieces).
    """

    tokens: Ragged
    rows: NDArray[Any]
    continues: bool = False


class Pipeline:
    """Text to ids and their n-gram rows in one native call.

    ``pipe(documents)`` gives a :class:`Block` whose rows are those of ``plan.rows(tok.encode_batch(documents))``.
    ``pipe.stream(documents)`` and ``pipe.stream_file(file)`` give block after block, in memory that does not grow with the input.
    """

    __slots__ = ("_add_table_offsets", "_wide", "ngrams", "tokenizer")

    tokenizer: Tokenizer
    ngrams: Plan

    def __init__(self, tokenizer: Tokenizer, *, ngrams: Plan, row_dtype: DTypeLike | None = None, add_table_offsets: bool = False) -> None:
        """Rows are int32, or int64 with ``row_dtype``. Raises ArgumentError for a plan of fewer ids than the tokenizer has."""
        if not isinstance(tokenizer, Tokenizer) or not isinstance(ngrams, Plan):
            raise ArgumentTypeError("a pipeline takes a tokmill.Tokenizer and, as ngrams=, a plan of tokmill.ngrams")
        if ngrams.vocab_size < tokenizer.vocab_size:
            raise ArgumentError(f"the plan is for {ngrams.vocab_size:,} ids, vocabulary {tokenizer.name!r} has {tokenizer.vocab_size:,}")
        dtype = np.dtype(np.int32 if row_dtype is None else row_dtype)
        if dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
            raise ArgumentError(f"rows are int32 or int64, not {dtype}")
        self.tokenizer = tokenizer
        self.ngrams = ngrams
        self._wide = dtype.itemsize == 8
        self._add_table_offsets = add_table_offsets

    def __call__(
        self,
        texts: Any,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        dtype: DTypeLike | None = None,
        threads: int | None = None,
        max_pretoken_bytes: int | None = None,
    ) -> Block:
        """The ids and rows of many texts; arguments and errors are those of ``Tokenizer.encode_batch``.

        Also raises ArgumentError where a row does not fit into int32.
        """
        ids, offsets, rows = encode_with_rows(
            self.tokenizer,
            self.ngrams._core,
            texts,
            special,
            invalid,
            dtype,
            self._wide,
            self._add_table_offsets,
            threads,
            max_pretoken_bytes,
        )
        return Block(Ragged(ids, offsets), rows)

    def stream(
        self,
        texts: Iterable[str | bytes],
        *,
        special: Special = "text",
        invalid: Invalid = None,
        threads: int | None = None,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
    ) -> Iterator[Block]:
        """Blocks of whole documents, of about ``batch_bytes`` of text each (a longer document is a block of its own).

        With a plan whose windows cross documents they cross blocks as well.
        """
        if batch_bytes < 1:
            raise ArgumentError(f"batch_bytes has to be 1 or more, not {batch_bytes}")
        return self._blocks(_batches(texts, batch_bytes), special, invalid, threads)

    def stream_file(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        format: Format | None = None,
        field: str = DEFAULT_FIELD,
        lines: bool = False,
        special: Special = "text",
        invalid: Invalid = None,
        threads: int | None = None,
        block_bytes: int = DEFAULT_BLOCK_BYTES,
        max_pretoken_bytes: int = DEFAULT_MAX_PRETOKEN_BYTES,
    ) -> Iterator[Block]:
        """Blocks of a file (text, jsonl, Arrow, Parquet; plain, gz or zst), in bounded memory.

        A text file is one document, unless ``lines``: its blocks go on from each other. Raises InputError, DocumentError, and what
        ``Tokenizer.encode_file_iter`` does.
        """
        if lines or (format or format_of(file)) != "text":
            batches = read_documents(file, format=format, field=field, lines=lines, batch_bytes=block_bytes)
            return self._blocks(batches, special, invalid, threads)
        return self._text_blocks(file, special, invalid, threads, block_bytes, max_pretoken_bytes)

    def _blocks(
        self, batches: Iterable[list[str] | list[bytes]], special: Special, invalid: Invalid, threads: int | None
    ) -> Iterator[Block]:
        if self.ngrams.description.boundary != "cross":
            for batch in batches:
                yield self(batch, special=special, invalid=invalid, threads=threads)
            return
        state = self._state()
        for batch in batches:
            tokens = self.tokenizer.encode_batch(batch, special=special, invalid=invalid, threads=threads)
            yield Block(tokens, state.extend(0, tokens.ids, threads=threads))

    def _text_blocks(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        special: Special,
        invalid: Invalid,
        threads: int | None,
        block_bytes: int,
        max_pretoken_bytes: int,
    ) -> Iterator[Block]:
        stream = self.tokenizer._stream(special=special, invalid=invalid, max_pretoken_bytes=max_pretoken_bytes)
        state = self._state()
        continues = False
        for data in read_blocks(file, block_bytes=block_bytes):
            ids = stream.feed(data)
            if len(ids):
                yield Block(Ragged(ids, np.array([0, len(ids)])), state.extend(0, ids, threads=threads), continues)
                continues = True
        ids = stream.finish()
        if len(ids):
            yield Block(Ragged(ids, np.array([0, len(ids)])), state.extend(0, ids, threads=threads), continues)

    def _state(self) -> Any:
        return self.ngrams.state(1, dtype=np.int64 if self._wide else np.int32, add_table_offsets=self._add_table_offsets)


def _batches(texts: Iterable[str | bytes], batch_bytes: int) -> Iterator[list[str] | list[bytes]]:
    batch: list[Any] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= batch_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
