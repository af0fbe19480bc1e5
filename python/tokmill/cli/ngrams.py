"""``tokmill ngrams``: plans of n-gram rows, the rows of texts or of ids, and (in ``ngrams_count.py``) counts of n-grams."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents import in_file
from ..errors import ArgumentError, UnknownIdError
from ..ngrams import Plan, plan_named
from ..ngrams.named import SCHEMES
from ..pipeline import Pipeline
from ..report import Report, Row, Section, Table
from . import ngrams_count
from .inputs import load_integers
from .options import add_documents, add_encoding, add_threads, add_vocabulary, load_vocabulary
from .outputs import open_matrix, open_writer
from .progress import Progress

__all__ = ["add_parser", "run"]

TOKENS_IN_A_STEP = 1 << 18
PLAN_HELP = f"SCHEME[:PRESET][,argument=value...] with SCHEME one of {', '.join(SCHEMES)}; or the .json file of a plan"


def add_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="ngrams_command", metavar="COMMAND", required=True)
    plan = commands.add_parser("plan", help="make a plan, show it, write it", description="Make a plan of n-gram rows, show it, write it.")
    plan.add_argument("plan", metavar="PLAN", help=PLAN_HELP)
    plan.add_argument("-o", "--output", metavar="FILE.json", help="write the plan")
    plan.add_argument("--json", action="store_true", help="print the facts as JSON")
    add_vocabulary(plan)
    encode = commands.add_parser("encode", help="n-gram rows of texts or ids", description="N-gram rows of texts, or of ids in .npy files.")
    encode.add_argument("plan", metavar="PLAN", help=PLAN_HELP)
    add_documents(encode)
    add_vocabulary(encode)
    add_encoding(encode)
    group = encode.add_argument_group("output")
    group.add_argument("-o", "--output", required=True, metavar="FILE.npy", help="the rows: one array [tokens, tables]")
    group.add_argument("--dtype", choices=("int32", "int64"), default="int32", help="type of the rows (%(default)s)")
    group.add_argument("--add-table-offsets", action="store_true", help="count rows through all tables of a layer")
    group.add_argument("--ids-output", metavar="FILE.npy", help="also write the ids of the texts, int32")
    group.add_argument("--offsets", metavar="OFFSETS.npy", help="of ids in a .npy file: where documents begin and end")
    add_threads(group)
    ngrams_count.add_parser(commands.add_parser("count", help=ngrams_count.HELP, description=f"tokmill ngrams count: {ngrams_count.HELP}"))


def run(arguments: argparse.Namespace) -> int:
    commands = {"plan": _plan, "encode": _encode, "count": ngrams_count.run}
    return commands[arguments.ngrams_command](arguments)


def _plan(arguments: argparse.Namespace) -> int:
    plan = plan_named(arguments.plan, None if arguments.plan.endswith(".json") else load_vocabulary(arguments))
    if arguments.output:
        plan.save(arguments.output)
    report = Report(f"n-gram plan {plan.scheme}", [_facts(plan)])
    print(json.dumps(report.to_dict(), indent=2) if arguments.json else report.to_text(), end="\n" if arguments.json else "")
    return 0


def _facts(plan: Plan) -> Section:
    says = plan.description
    rows = [
        Row("scheme", "scheme", plan.scheme),
        Row("digest", "digest", plan.digest),
        Row("vocab_size", "vocabulary", plan.vocab_size),
        Row("boundary", "boundary", says.boundary, remark="" if says.eos_id is None else f"EOS is {says.eos_id}"),
        Row("missing", "missing value", says.missing),
        Row("tables", "tables", len(plan.tables)),
        Row("rows", "rows", sum(plan.layer_rows), remark=f"{sum(plan.layer_rows) / plan.vocab_size:,.1f} times the vocabulary"),
    ]
    lines = [(i, table.layer, plan.orders[i], table.modulus, table.rows, table.offset) for i, table in enumerate(plan.tables)]
    return Section("plan", rows, tables=[Table(("table", "layer", "order", "modulus", "rows", "offset"), lines)])


def _encode(arguments: argparse.Namespace) -> int:
    if all(file.endswith(".npy") for file in arguments.files):
        return _encode_ids(arguments)
    if arguments.offsets:
        raise ArgumentError("--offsets goes with ids in a .npy file; texts bring their own documents")
    tokenizer = load_vocabulary(arguments)
    plan = plan_named(arguments.plan, tokenizer)
    pipe = Pipeline(tokenizer, ngrams=plan, row_dtype=arguments.dtype, add_table_offsets=arguments.add_table_offsets)
    with ExitStack() as files:
        rows = files.enter_context(open_matrix(arguments.output, arguments.dtype, len(plan.tables)))
        ids = None
        if arguments.ids_output:
            ids = files.enter_context(open_writer(arguments.ids_output, "npy", "int32", tokenizer.vocab_size, None))
        progress = files.enter_context(Progress())
        for file in arguments.files:
            with in_file(file):
                for block in pipe.stream_file(
                    file,
                    format=arguments.input_format,
                    field=arguments.field,
                    lines=arguments.lines,
                    special=arguments.special,
                    invalid=arguments.invalid,
                    threads=arguments.threads,
                ):
                    assert block.rows is not None
                    rows.write(block.rows)
                    if ids is not None:
                        ids.write(block.tokens.ids)
                    progress.add(block.rows.nbytes)
    return 0


def _encode_ids(arguments: argparse.Namespace) -> int:
    if len(arguments.files) > 1:
        raise ArgumentError("give one .npy file of ids at a time")
    (file,) = arguments.files
    ids = load_integers(file)
    plan = plan_named(arguments.plan, None if arguments.plan.endswith(".json") else load_vocabulary(arguments))
    offsets = load_integers(arguments.offsets) if arguments.offsets else np.array([0, len(ids)])
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(ids) or np.any(np.diff(offsets) < 0):
        raise ArgumentError(f"{arguments.offsets} does not rise from 0 to {len(ids):,}, the number of ids in {file}")
    with open_matrix(arguments.output, arguments.dtype, len(plan.tables)) as rows, Progress() as progress:
        for block in _blocks(plan, ids, offsets[:-1], arguments):
            rows.write(block)
            progress.add(block.nbytes)
    return 0


def _blocks(plan: Plan, ids: NDArray[Any], starts: NDArray[Any], arguments: argparse.Namespace) -> Iterator[NDArray[Any]]:
    """The rows in steps. Each step begins so many ids before its first that all windows are whole."""
    reach = plan.history + 1  # and one more, since some plans treat the first id of all in their own way
    for begin in range(0, len(ids), TOKENS_IN_A_STEP):
        first = max(0, begin - reach)
        end = min(begin + TOKENS_IN_A_STEP, len(ids))
        inside = starts[(starts > first) & (starts < end)] - first
        try:
            rows = plan.rows(
                np.ascontiguousarray(ids[first:end]),
                np.concatenate([[0], inside, [end - first]]),
                dtype=arguments.dtype,
                add_table_offsets=arguments.add_table_offsets,
                threads=arguments.threads,
            )
        except UnknownIdError as error:
            counted = f" (indices are counted from id {first:,} of the file)" if first else ""
            raise UnknownIdError(f"{error}{counted}", error.where) from error
        yield rows[begin - first :]
