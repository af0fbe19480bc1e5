"""``tokmill encode``: text, jsonl, Arrow or Parquet to ids in .npy, raw .bin, Megatron's .bin/.idx, or numbers to read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents import format_of, in_file, read_blocks, read_documents
from ..errors import ArgumentError
from ..tokenizer import Tokenizer
from .options import add_documents, add_encoding, add_vocabulary, load_vocabulary, total_size
from .outputs import Writer, add_output, format_of_output, open_writer
from .progress import Progress

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_documents(parser)
    add_vocabulary(parser)
    add_encoding(parser)
    group = add_output(parser)
    group.add_argument("--append-eos", action="store_true", help="put the vocabulary's end-of-text id behind every document")


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    eos = None
    if arguments.append_eos:
        eos = tokenizer.eos_id
        if eos is None:
            raise ArgumentError(f"--append-eos: vocabulary {tokenizer.name!r} has no end-of-text token")
    format = format_of_output(arguments.output, arguments.format)
    writing = open_writer(arguments.output, format, arguments.dtype, tokenizer.vocab_size, arguments.offsets)
    with writing as writer, Progress(total_size(arguments.files)) as progress:
        for file in arguments.files:
            if not arguments.lines and (arguments.input_format or format_of(file)) == "text":
                with in_file(file):
                    _encode_stream(tokenizer, file, arguments, eos, writer, progress)
            else:
                _encode_documents(tokenizer, file, arguments, eos, writer, progress)
    return 0


def _encode_stream(
    tokenizer: Tokenizer, file: str, arguments: argparse.Namespace, eos: int | None, writer: Writer, progress: Progress
) -> None:
    """A text file is one document; it is never in memory as a whole."""
    length = 0
    for ids in _blocks_of_ids(tokenizer, file, arguments, progress):
        writer.write(ids)
        length += len(ids)
    if eos is not None:
        writer.write(np.array([eos], np.int32))
        length += 1
    writer.end_documents(np.array([length], np.int64))


def _blocks_of_ids(tokenizer: Tokenizer, file: str, arguments: argparse.Namespace, progress: Progress) -> Iterator[NDArray[Any]]:
    stream = tokenizer._stream(special=arguments.special, invalid=arguments.invalid, max_pretoken_bytes=arguments.max_pretoken_bytes)
    for block in read_blocks(file):
        yield stream.feed(block)
        progress.add(len(block))
    yield stream.finish()


def _encode_documents(
    tokenizer: Tokenizer, file: str, arguments: argparse.Namespace, eos: int | None, writer: Writer, progress: Progress
) -> None:
    done = 0
    for batch in read_documents(file, format=arguments.input_format, field=arguments.field, lines=arguments.lines):
        with in_file(file, done):
            ragged = tokenizer.encode_batch(batch, special=arguments.special, invalid=arguments.invalid, threads=arguments.threads)
        if eos is not None:
            ragged = ragged.with_end(eos)
        writer.write(ragged.ids)
        writer.end_documents(ragged.lengths)
        done += len(batch)
        progress.add(sum(map(len, batch)))
