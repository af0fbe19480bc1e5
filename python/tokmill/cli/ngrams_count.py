"""``tokmill ngrams count``: exact counts of the n-grams of files, in bounded memory."""

from __future__ import annotations

import argparse
import json

from ..documents import format_of, in_file, read_blocks, read_documents
from ..ngrams import NgramCounter, NgramCounts
from ..tokenizer import Tokenizer
from .options import add_documents, add_encoding, add_threads, add_vocabulary, load_vocabulary, positive, total_size
from .progress import Progress

__all__ = ["HELP", "add_parser", "run"]

HELP = "exact counts of the n-grams of files, in bounded memory"


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_documents(parser)
    add_vocabulary(parser)
    add_encoding(parser)
    group = parser.add_argument_group("counting")
    group.add_argument("--orders", type=_orders, default=(1, 2, 3), metavar="1,2,3", help="lengths of the n-grams, 1 to 8 (1,2,3)")
    group.add_argument("--memory", metavar="SIZE", help="what counting may allocate, such as 1GB; beyond it, files are used (no bound)")
    group.add_argument("--spill-directory", metavar="FOLDER", help="where those files go (the system's place for temporary files)")
    group.add_argument("--min-count", type=positive, default=1, metavar="N", help="leave out n-grams seen less often (%(default)s)")
    group.add_argument("--cross-documents", action="store_true", help="n-grams reach from one document into the next")
    add_threads(group)
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="keep the counts, for tokmill.ngrams.NgramCounts.load")
    group.add_argument("--top", type=positive, metavar="K", help="print the K most frequent n-grams of each order")
    group.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    counter = NgramCounter(
        arguments.orders,
        vocab_size=tokenizer.vocab_size,
        memory=arguments.memory,
        spill_directory=arguments.spill_directory,
        cross_documents=arguments.cross_documents,
        threads=arguments.threads,
    )
    with Progress(total_size(arguments.files)) as progress:
        for file in arguments.files:
            if not arguments.lines and (arguments.input_format or format_of(file)) == "text":
                with in_file(file):
                    _count_stream(tokenizer, file, counter, arguments, progress)
            else:
                _count_documents(tokenizer, file, counter, arguments, progress)
    counts = counter.finish(min_count=arguments.min_count)
    if arguments.output is not None:
        counts.save(arguments.output)
    if arguments.json:
        _print_json(tokenizer, counts, arguments.top or 0)
    else:
        _print_text(tokenizer, counts, arguments.top or 0)
    return 0


def _count_stream(tokenizer: Tokenizer, file: str, counter: NgramCounter, arguments: argparse.Namespace, progress: Progress) -> None:
    """A text file is one document; it is never in memory as a whole."""
    stream = tokenizer._stream(special=arguments.special, invalid=arguments.invalid)
    counter.add([])  # a document of its own, which the blocks continue
    for block in read_blocks(file):
        counter.add(stream.feed(block), continued=True)
        progress.add(len(block))
    counter.add(stream.finish(), continued=True)


def _count_documents(tokenizer: Tokenizer, file: str, counter: NgramCounter, arguments: argparse.Namespace, progress: Progress) -> None:
    done = 0
    for batch in read_documents(file, format=arguments.input_format, field=arguments.field, lines=arguments.lines):
        with in_file(file, done):
            rows = tokenizer.encode_batch(batch, special=arguments.special, invalid=arguments.invalid, threads=arguments.threads)
        counter.add(rows)
        done += len(batch)
        progress.add(sum(map(len, batch)))


def _print_json(tokenizer: Tokenizer, counts: NgramCounts, top: int) -> None:
    orders = []
    for order in counts.orders:
        totals = counts.totals(order)
        row = {"order": order, "occurrences": totals.occurrences, "distinct": totals.distinct, "seen_once": totals.seen_once}
        best, found = counts.top(order, top)
        frequent = [
            {"ids": ngram, "count": count, "text": tokenizer.decode(ngram)}
            for ngram, count in zip(best.tolist(), found.tolist(), strict=True)
        ]
        orders.append(row | ({"top": frequent} if top else {}))
    print(json.dumps({"tokens": counts.tokens, "min_count": counts.min_count, "orders": orders}))


def _print_text(tokenizer: Tokenizer, counts: NgramCounts, top: int) -> None:
    print(f"{counts.tokens:,} tokens")
    print(f"{'order':>5}  {'n-grams':>15}  {'distinct':>15}  {'seen once':>15}")
    for order in counts.orders:
        totals = counts.totals(order)
        print(
            f"{order:>5}  {totals.occurrences:>15,}  {totals.distinct:>15,}  {totals.seen_once:>15,}  "
            f"({totals.share_seen_once:.1%} of the distinct)"
        )
    for order in counts.orders if top else ():
        print(f"\nmost frequent of order {order}")
        for ngram, count in zip(*(array.tolist() for array in counts.top(order, top)), strict=True):
            print(f"{count:>15,}  {tokenizer.decode(ngram)!r}  {' '.join(map(str, ngram))}")


def _orders(text: str) -> tuple[int, ...]:
    try:
        orders = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of lengths such as 1,2,3") from None
    if not all(1 <= order <= 8 for order in orders):
        raise argparse.ArgumentTypeError(f"lengths are from 1 to 8, not {text}")
    return orders
