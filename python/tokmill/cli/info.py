"""``tokmill info``: what a vocabulary is made of, where it was found, and what this machine runs."""

from __future__ import annotations

import argparse
import json

import tokmill

from .. import cache
from ..registry import vocabulary_names
from ..report import Report, Row, Section, vocabulary_section
from ..tokenizer import Tokenizer
from .options import add_vocabulary, load_vocabulary

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="?", metavar="VOCABULARY", help="the same as --vocab")
    add_vocabulary(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    if arguments.source is not None:
        arguments.vocab = arguments.source
    tokenizer = load_vocabulary(arguments)
    report = Report(f"tokmill {tokmill.__version__}", [vocabulary_section(tokenizer), _machine(tokenizer)])
    print(json.dumps(report.to_dict(), indent=2) if arguments.json else report.to_text(), end="\n" if arguments.json else "")
    return 0


def _machine(tokenizer: Tokenizer) -> Section:
    isa = tokmill.isa()
    return Section(
        "this machine",
        [
            Row("isa", "kernels", tokenizer.isa, remark=f"there are {', '.join(isa['supported'])}; TOKMILL_ISA chooses"),
            Row("threads", "threads", tokmill.default_thread_count(), remark="TOKMILL_THREADS chooses"),
            Row("cache", "cache", str(cache.cache_directory())),
            Row("known", "known names", ", ".join(vocabulary_names())),
        ],
    )
