"""``tokmill decode``: ids from .npy, raw .bin or numbers back to text."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

import numpy as np

from ..errors import UnknownIdError
from ..files import Output
from .inputs import format_of_ids, read_ids
from .options import add_vocabulary, load_vocabulary
from .progress import Progress

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard input (the default)")
    parser.add_argument("--format", choices=("npy", "raw", "ids"), help="told by the name's ending if not given, else ids: numbers")
    parser.add_argument("--dtype", choices=("uint16", "uint32", "int32", "int64"), default="int32", help="type of raw ids (%(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="standard output if not given")
    parser.add_argument("--skip-special-tokens", action="store_true", help="leave special tokens out of the text")
    parser.add_argument(
        "--unknown",
        choices=("error", "replace", "skip"),
        default="error",
        help="what an id outside of the vocabulary becomes (%(default)s)",
    )
    add_vocabulary(parser)


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    format = arguments.format or format_of_ids(arguments.file)
    done = 0
    with ExitStack() as files, Progress() as progress:
        output = files.enter_context(Output(arguments.output)) if arguments.output not in (None, "-") else sys.stdout.buffer
        for ids in read_ids(arguments.file, format, np.dtype(arguments.dtype).newbyteorder("<")):
            try:
                text = tokenizer.decode_bytes(ids, unknown=arguments.unknown, skip_special_tokens=arguments.skip_special_tokens)
            except UnknownIdError as error:
                if done == 0:
                    raise
                raise UnknownIdError(f"{error} (indices are counted from id {done:,} of the file)", error.where) from error
            output.write(text)
            done += len(ids)
            progress.add(len(text))
    return 0
