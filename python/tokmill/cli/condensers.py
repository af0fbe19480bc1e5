"""The options that say which condenser, and the condenser they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..condensed import Hypertokens, Opcodes
from ..errors import ArgumentError
from ..pipeline import Block, Pipeline
from ..tokenizer import Tokenizer
from .options import positive
from .progress import Progress

__all__ = ["CONDENSERS", "add_condenser", "load_condenser", "read_blocks_of"]

CONDENSERS = ("hyper", "hyper:zip2zip", "hyper:lru", "opcodes", "opcodes:flat", "opcodes:factored", "opcodes:storage")


def add_condenser(parser: argparse.ArgumentParser, *, default: str | None, help: str) -> None:
    group = parser.add_argument_group("condenser")
    group.add_argument("--condense", choices=CONDENSERS, default=default, help=help)
    group.add_argument("--book", type=positive, metavar="N", help="entries of the book (zip2zip: 2048, lru: 4096)")
    group.add_argument("--sub", type=positive, metavar="N", help="base ids of the longest phrase (zip2zip: 4, lru: 8)")
    group.add_argument("--disabled", choices=("digits", "none"), help="ids that are in no phrase (zip2zip: none, lru: digits)")


def load_condenser(arguments: argparse.Namespace, tokenizer: Tokenizer) -> Hypertokens | Opcodes:
    """Raises ArgumentError for sizes out of bounds, and for options of another condenser."""
    kind, _, view = arguments.condense.partition(":")
    if kind == "opcodes":
        for option in ("book", "sub", "disabled"):
            if getattr(arguments, option):
                raise ArgumentError(f"--{option} goes with --condense hyper")
        return Opcodes(tokenizer, view or "flat")
    return Hypertokens(
        tokenizer,
        "zip2zip" if arguments.condense == "hyper:zip2zip" else "lru",
        book_size=arguments.book,
        max_subtokens=arguments.sub,
        disabled={None: None, "digits": "digits", "none": ()}[arguments.disabled],
    )


def read_blocks_of(pipe: Pipeline, file: str, arguments: argparse.Namespace, progress: Progress) -> Iterator[Block]:
    """What a pipeline makes of a file, as the options of documents and of encoding say."""
    blocks = pipe.stream_file(
        file,
        format=arguments.input_format,
        field=arguments.field,
        lines=arguments.lines,
        special=arguments.special,
        invalid=arguments.invalid,
        threads=arguments.threads,
        max_pretoken_bytes=arguments.max_pretoken_bytes,
    )
    for block in blocks:
        progress.add(block.tokens.ids.nbytes)
        yield block
