"""``tokmill convert``: a vocabulary written in another format; what the format says otherwise goes to stderr."""

from __future__ import annotations

import argparse
import sys

from .options import add_vocabulary, load_vocabulary

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_vocabulary(parser)
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="ends in .json (tokenizer.json), .tiktoken or .tokmill")


def run(arguments: argparse.Namespace) -> int:
    for note in load_vocabulary(arguments).save(arguments.output):
        print(f"tokmill: {arguments.output}: {note}", file=sys.stderr)
    return 0
