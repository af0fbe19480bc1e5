"""``Pipeline``: stages composed block by block, so that each finds what the one before it made still in the cache."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._core import PiecewiseCondenser, run_pipeline
from .condensed import Chain, Condensed, Hypertokens, Opcodes, OpcodeStream, Supertokens
from .condensed.opcode_steps import OpcodeEncoder
from .condensed.opcode_stream import Records, join
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

    ``tokens`` are their base ids and the bounds of the documents; ``rows`` the n-gram rows of the base ids, ``[tokens, tables]``;
    ``condensed`` fewer ids for the same, or ``opcodes`` records for the same. What the pipeline was not asked for is None. ``continues``:
    the first document is the rest of the last one of the block before (a text file comes in such pieces, and its book goes on). A phrase
    that may still grow at the end of such a piece comes with the next: ``base_offsets`` count the base ids that are condensed so far.

    The n-gram rows of condensed ids are those of their last base ids: ``block.rows[block.condensed.base_ends - 1]``.
    """

    tokens: Ragged
    rows: NDArray[Any] | None = None
    continues: bool = False
    condensed: Condensed | None = None
    opcodes: OpcodeStream | None = None


class Pipeline:
    """Text to ids and, from them, n-gram rows or condensed ids or both, in one native call.

    ``pipe(documents)`` gives a :class:`Block` with ``tok.encode_batch(documents)``, its ``plan.rows(...)`` and ``z.condense(...)``.
    ``pipe.stream(documents)`` and ``pipe.stream_file(file)`` give block after block, in memory that does not grow with the input.
    """

    __slots__ = ("_add_table_offsets", "_wide", "condensed", "ngrams", "tokenizer")

    tokenizer: Tokenizer
    ngrams: Plan | None
    condensed: Hypertokens | Supertokens | Chain | Opcodes | None

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        ngrams: Plan | None = None,
        condensed: Hypertokens | Supertokens | Chain | Opcodes | None = None,
        row_dtype: DTypeLike | None = None,
        add_table_offsets: bool = False,
    ) -> None:
        """Rows are int32, or int64 with ``row_dtype``.

        Raises ArgumentError for a plan or a condenser of fewer ids than the tokenizer has, or if neither is given.
        """
        if not isinstance(tokenizer, Tokenizer) or not isinstance(ngrams, Plan | None):
            raise ArgumentTypeError("a pipeline takes a tokmill.Tokenizer, and as ngrams= a plan of tokmill.ngrams")
        if not isinstance(condensed, Hypertokens | Supertokens | Chain | Opcodes | None):
            raise ArgumentTypeError("condensed= takes Hypertokens, Supertokens, a Chain or Opcodes of tokmill.condensed")
        if ngrams is None and condensed is None:
            raise ArgumentError("a pipeline needs ngrams= or condensed=; for ids alone there is encode_batch()")
        for what, stage in (("plan", ngrams), ("condenser", condensed)):
            if stage is not None and stage.vocab_size < tokenizer.vocab_size:
                raise ArgumentError(
                    f"the {what} is for {stage.vocab_size:,} ids, vocabulary {tokenizer.name!r} has {tokenizer.vocab_size:,}"
                )
        dtype = np.dtype(np.int32 if row_dtype is None else row_dtype)
        if dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
            raise ArgumentError(f"rows are int32 or int64, not {dtype}")
        self.tokenizer = tokenizer
        self.ngrams = ngrams
        self.condensed = condensed
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
        """What all stages make of many texts; arguments and errors are those of ``Tokenizer.encode_batch``.

        Also raises ArgumentError where a row does not fit into int32, and for another ``dtype`` than int32 with ``condensed=``.
        """
        return self._run(self.ngrams, texts, special, invalid, dtype, threads, max_pretoken_bytes)

    def _run(
        self,
        plan: Plan | None,
        texts: Any,
        special: Special,
        invalid: Invalid,
        dtype: DTypeLike | None,
        threads: int | None,
        max_pretoken_bytes: int | None,
    ) -> Block:
        z = self.condensed
        ids, offsets, rows, made = run_pipeline(
            self.tokenizer,
            None if plan is None else plan._core,
            None if z is None else z._condenser(),
            texts,
            special,
            invalid,
            dtype,
            self._wide,
            self._add_table_offsets,
            threads,
            max_pretoken_bytes,
        )
        if z is None or made is None:
            return Block(Ragged(ids, offsets), rows)
        if isinstance(z, Opcodes):
            return Block(Ragged(ids, offsets), rows, opcodes=OpcodeStream(*Records(*made[0]), made[1], made[2], offsets))
        condensed = Condensed(made[0], made[1], made[2], offsets, z.levels)
        return Block(Ragged(ids, offsets), rows, condensed=condensed)

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
        crosses = self.ngrams is not None and self.ngrams.description.boundary == "cross"
        state = self._rows_state() if crosses else None
        for batch in batches:
            block = self._run(None if crosses else self.ngrams, batch, special, invalid, None, threads, None)
            yield block if state is None else dataclasses.replace(block, rows=state.extend(0, block.tokens.ids, threads=threads))

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
        state = self._rows_state()
        condenser = _piecewise(self.condensed)
        continues = False
        for ids, is_last in _pieces(stream, file, block_bytes):
            rows = None if state is None else state.extend(0, ids, threads=threads)
            condensed = None if not isinstance(condenser, PiecewiseCondenser) else self._piece(condenser, ids, is_last)
            opcodes = None if not isinstance(condenser, OpcodeEncoder) else _opcodes_of(condenser, ids, is_last)
            if len(ids) or (condensed is not None and len(condensed.ids)) or (opcodes is not None and len(opcodes.op)):
                yield Block(Ragged(ids, np.array([0, len(ids)])), rows, continues, condensed, opcodes)
                continues = True

    def _piece(self, condenser: PiecewiseCondenser, ids: NDArray[Any], is_last: bool) -> Condensed:
        """What the next ids of the one document make."""
        assert self.condensed is not None
        assert not isinstance(self.condensed, Opcodes)
        made, base_counts = condenser.take(ids)
        if is_last:
            rest, rest_counts = condenser.end_document()
            made, base_counts = np.concatenate([made, rest]), np.concatenate([base_counts, rest_counts])
        base_offsets = np.array([0, base_counts.sum()], np.int64)
        return Condensed(made, base_counts, np.array([0, len(made)], np.int64), base_offsets, self.condensed.levels)

    def _rows_state(self) -> Any:
        if self.ngrams is None:
            return None
        return self.ngrams.state(1, dtype=np.int64 if self._wide else np.int32, add_table_offsets=self._add_table_offsets)


def _piecewise(z: Hypertokens | Supertokens | Chain | Opcodes | None) -> PiecewiseCondenser | OpcodeEncoder | None:
    if isinstance(z, Opcodes):
        return z.state()
    return None if z is None else PiecewiseCondenser(z._condenser())


def _opcodes_of(encoder: OpcodeEncoder, ids: NDArray[Any], is_last: bool) -> OpcodeStream:
    records = encoder.extend(0, ids)
    if is_last:
        records = join([records, encoder.finish()])
    ends = (len(records.op), len(records.literals), int(records.base_counts.sum()))
    offsets, literal_offsets, base_offsets = (np.array([0, end], np.int64) for end in ends)
    return OpcodeStream(*records, offsets, literal_offsets, base_offsets)


def _pieces(stream: Any, file: str | os.PathLike[str] | IO[bytes], block_bytes: int) -> Iterator[tuple[NDArray[Any], bool]]:
    """The ids of a text file as they become certain, and whether they are the last."""
    for data in read_blocks(file, block_bytes=block_bytes):
        yield stream.feed(data), False
    yield stream.finish(), True


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
