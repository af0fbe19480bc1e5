"""``tokmill count``: how many tokens files have."""

from __future__ import annotations

import argparse
import json

from ..documents import in_file, name_of, read_documents
from .options import add_documents, add_encoding, add_threads, add_vocabulary, load_vocabulary, total_size
from .progress import Progress

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_documents(parser)
    add_vocabulary(parser)
    add_encoding(parser)
    add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a file")


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    results = []
    with Progress(total_size(arguments.files)) as progress:
        for file in arguments.files:
            documents = tokens = 0
            for batch in read_documents(file, format=arguments.input_format, field=arguments.field, lines=arguments.lines):
                with in_file(file, documents):
                    counts = tokenizer.count_batch(batch, special=arguments.special, invalid=arguments.invalid, threads=arguments.threads)
                documents += len(batch)
                tokens += int(counts.sum())
                progress.add(sum(map(len, batch)))
            results.append((tokens, documents, name_of(file)))
    if arguments.json:
        for tokens, documents, name in results:
            print(json.dumps({"file": name, "documents": documents, "tokens": tokens}))
        return 0
    if len(results) > 1:
        results.append((sum(row[0] for row in results), 0, "total"))
    width = max(len(f"{tokens:,}") for tokens, _, _ in results)
    for tokens, _, name in results:
        print(f"{tokens:>{width},}  {name}")
    return 0
