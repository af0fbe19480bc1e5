"""``tokmill info``: the vocabulary, where it was found, and what this machine runs."""

from __future__ import annotations

import argparse
import json

import tokmill

from .. import cache
from ..registry import vocabulary_names
from ..report import Report, Row, Section
from ..tokenizer import Tokenizer
from .options import add_vocabulary, load_vocabulary

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_vocabulary(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    report = Report(f"tokmill {tokmill.__version__}", [_vocabulary(tokenizer), _machine(tokenizer)])
    print(json.dumps(report.to_dict(), indent=2) if arguments.json else report.to_text(), end="\n" if arguments.json else "")
    return 0


def _vocabulary(tokenizer: Tokenizer) -> Section:
    special_tokens = tokenizer.special_tokens
    shown = ", ".join(f"{text} {id}" for text, id in list(special_tokens.items())[:6])
    more = f", and {len(special_tokens) - 6:,} more" if len(special_tokens) > 6 else ""
    return Section(
        f"vocabulary {tokenizer.name}",
        [
            Row("found", "found", tokenizer.origin),
            Row("digest", "digest", tokenizer.digest),
            Row("vocab_size", "ids", tokenizer.vocab_size),
            Row("special_tokens", "special tokens", len(special_tokens), remark=shown + more),
            *(
                Row(key, key.removesuffix("_id"), id)
                for key in ("bos_id", "eos_id", "pad_id")
                if (id := getattr(tokenizer, key)) is not None
            ),
            Row("pattern", "split pattern", tokenizer.pattern),
        ],
    )


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
