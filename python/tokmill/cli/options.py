"""The options that several commands share, and what they stand for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from .. import embedded
from ..documents import DEFAULT_FIELD, Format, format_of
from ..registry import load
from ..tokenizer import Tokenizer

__all__ = [
    "add_documents",
    "add_encoding",
    "add_threads",
    "add_vocabulary",
    "load_vocabulary",
    "positive",
    "total_size",
]

INPUT_FORMATS: tuple[Format, ...] = ("text", "jsonl", "arrow", "parquet")


def add_vocabulary(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """With ``several`` the option may be repeated; what it sets is a list or None then."""
    group = parser.add_argument_group("vocabulary")
    group.add_argument(
        "-v",
        "--vocab",
        "--tokenizer",
        default=None if several else embedded.NAME,
        action="append" if several else "store",
        metavar="NAME",
        help=f"a name, a rank file, a snapshot or a directory ({embedded.NAME}){'; may be repeated' if several else ''}",
    )
    group.add_argument("--pattern", help="split pattern of a rank file: gpt2, cl100k, o200k, or a regex")
    group.add_argument(
        "--special-token", action="append", type=_special_token, metavar="TEXT=ID", help="special token of a rank file; may be repeated"
    )
    group.add_argument("--sha256", help="refuse the vocabulary's file if its SHA-256 is another")


def load_vocabulary(arguments: argparse.Namespace, source: str | None = None) -> Tokenizer:
    """The vocabulary that the options name, or another one with the same options."""
    special_tokens = dict(arguments.special_token) if arguments.special_token else {} if arguments.pattern else None
    return load(
        arguments.vocab if source is None else source, pattern=arguments.pattern, special_tokens=special_tokens, sha256=arguments.sha256
    )


def add_documents(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("documents")
    group.add_argument("files", nargs="*", default=["-"], metavar="FILE", help="plain, .gz or .zst; - is standard input (the default)")
    group.add_argument("--input-format", choices=INPUT_FORMATS, help="told by the name's ending if not given, else text")
    group.add_argument("--field", default=DEFAULT_FIELD, help="field or column that holds the text (%(default)s)")
    group.add_argument("--lines", action="store_true", help="each line of a text file is a document, its line end kept")


def add_encoding(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("encoding")
    group.add_argument(
        "--special",
        choices=("text", "parse", "error"),
        default="text",
        help="what the spelling of a special token in the text becomes: plain text, its id, or an error (%(default)s)",
    )
    group.add_argument("--invalid", choices=("error", "replace"), help="what bytes that are not UTF-8 become (error)")


def add_threads(parser: argparse._ActionsContainer, used_for: str = "") -> None:
    parser.add_argument("--threads", type=positive, help=f"{used_for}(TOKMILL_THREADS, else all cores)")


def total_size(files: Sequence[str]) -> int | None:
    """Bytes of text in all files together; None if it cannot be told (a pipe, a compressed file, jsonl) or a file is not there."""
    if any(file.endswith((".gz", ".zst")) or format_of(file) != "text" for file in files):
        return None
    try:
        return sum(os.stat(file).st_size for file in files) or None
    except OSError:
        return None


def positive(text: str) -> int:
    """For ``type=``: a whole number of 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"has to be 1 or more, not {number}")
    return number


def _special_token(text: str) -> tuple[str, int]:
    token, equals, number = text.rpartition("=")
    if not equals or not token or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not TEXT=ID, for example '<|endoftext|>=50256'")
    return token, int(number)
