"""``tokmill report``: what tokenizing a text gives, how fast it is here, and whether it comes back exactly."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
from functools import reduce
from operator import add

from .. import embedded
from ..condensed import Chain, Hypertokens, Opcodes, Supertokens
from ..documents import in_file, name_of, read_blocks
from ..errors import ArgumentError
from ..files import write_file
from ..ngrams import Plan, plan_named
from ..ragged import Ragged
from ..report import Report, Section, comparison_section, ngrams_section, tokens_section, usage_section
from ..report.condensed import growth_table, hypertokens_section, supertokens_section
from ..report.opcodes import opcodes_section
from ..tokenizer import Tokenizer
from ..training import Counts
from .condensers import add_condenser, load_condenser
from .options import add_encoding, add_vocabulary, load_vocabulary

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="text, plain, .gz or .zst; - is standard input")
    parser.add_argument("--tokens", type=int, default=48, metavar="N", help="length of the preview (%(default)s)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal, unless NO_COLOR is set")
    add_condenser(parser, default=None, help="also what hyper, hyper:zip2zip, super:FILE, super:FILE+hyper or opcodes makes of it")
    parser.add_argument("--growth", action="store_true", help="with super:FILE: also as many more entries learnt from half of the text")
    parser.add_argument("--seed-from", metavar="FILE", help="with --condense: also how well the phrases of this text serve the others")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--ngrams", metavar="SCHEME", help="also how the n-gram rows of a scheme are spread: over-encoding:oe-12.8m, or a plan's .json file"
    )
    parser.add_argument("--html", metavar="FILE", help="also write the report as one HTML page")
    parser.add_argument("--usage", action="store_true", help="also how each text uses the vocabulary, and what more entries would bring")
    add_vocabulary(parser, several=True)
    add_encoding(parser)


def run(arguments: argparse.Namespace) -> int:
    tokenizers = [load_vocabulary(arguments, source) for source in arguments.vocab or [embedded.NAME]]
    tokenizer = tokenizers[0]
    if arguments.condense is None and any((arguments.seed_from, arguments.book, arguments.sub, arguments.disabled, arguments.growth)):
        raise ArgumentError("--seed-from, --book, --sub, --disabled and --growth go with --condense")
    plan = plan_named(arguments.ngrams, tokenizer) if arguments.ngrams else None
    counted: dict[str, Counts] = {}
    sections = [section for file in arguments.files for section in _sections(tokenizers, plan, file, arguments, counted)]
    if len(counted) > 1:
        sections.append(usage_section(tokenizer, reduce(add, counted.values()), "all files: use of the vocabulary", counted))
    report = Report(f"{tokenizer.name}: {tokenizer.vocab_size:,} ids, {tokenizer.isa} kernels", sections)
    if arguments.html:
        write_file(arguments.html, report.to_html().encode())
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        sys.stdout.write(report.to_text(color=_wants_color(arguments.color), width=shutil.get_terminal_size((100, 24)).columns))
    exact = all(str(row.value).startswith("exact") for section in sections for row in section.rows if row.key == "round_trip")
    return 0 if exact else 1


def _sections(
    tokenizers: list[Tokenizer], plan: Plan | None, file: str, arguments: argparse.Namespace, counted: dict[str, Counts]
) -> list[Section]:
    """Of one text: what the first vocabulary makes of it, and of several all beside each other. Keeps what it counted."""
    tokenizer = tokenizers[0]
    data = b"".join(read_blocks(file))
    count = max(0, arguments.tokens)
    name, special, invalid = name_of(file), arguments.special, arguments.invalid
    with in_file(file):
        sections = [tokens_section(tokenizer, name, data, special=special, invalid=invalid, preview_tokens=count)]
        if arguments.usage:
            counts = Counts.for_tokenizer(tokenizer, [data], invalid=invalid)
            counted[name] = counts
            sections.append(usage_section(tokenizer, counts, f"{name}: use of the vocabulary"))
        if len(tokenizers) > 1:
            sections.append(comparison_section(tokenizers, [data], f"{name}: vocabularies beside each other", invalid=invalid))
        if plan is not None:
            sections.append(ngrams_section(tokenizer, plan, f"{name}: n-gram rows", data, special=special, invalid=invalid))
    if arguments.condense is not None:
        z = load_condenser(arguments, tokenizer)
        ids = Ragged.from_rows([tokenizer.encode(data, special=special, invalid=invalid)])
        if isinstance(z, Opcodes):
            if arguments.seed_from:
                raise ArgumentError("--seed-from goes with --condense hyper")
            return [*sections, opcodes_section(z, f"{name}, opcodes", ids, len(data))]
        if isinstance(z, Hypertokens):
            sections.append(hypertokens_section(z, f"{name}, hypertokens", ids, len(data), _seed_from(tokenizer, arguments)))
        else:
            sections.append(_supertokens_section(z, f"{name}, supertokens", ids, data, arguments))
    return sections


def _supertokens_section(z: Supertokens | Chain, title: str, ids: Ragged, data: bytes, arguments: argparse.Namespace) -> Section:
    """With --growth also what as many entries bring that are learnt from the first half of the text, on the second."""
    if arguments.seed_from:
        raise ArgumentError("--seed-from is about the books of hypertokens")
    section = supertokens_section(z, title, ids, len(data))
    if not arguments.growth:
        return section
    phrases = z.first if isinstance(z, Chain) else z
    assert phrases.tokenizer is not None
    half = data.find(b"\n", len(data) // 2) + 1
    table = growth_table(phrases.tokenizer, data[:half], data[half:], phrases.size, max_len=phrases.max_len)
    return dataclasses.replace(section, tables=[*section.tables, table])


def _seed_from(tokenizer: Tokenizer, arguments: argparse.Namespace) -> tuple[str, Ragged] | None:
    file = arguments.seed_from
    if file is None:
        return None
    with in_file(file):
        ids = tokenizer.encode(b"".join(read_blocks(file)), special=arguments.special, invalid=arguments.invalid)
    return name_of(file), Ragged.from_rows([ids])


def _wants_color(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return choice == "always"
