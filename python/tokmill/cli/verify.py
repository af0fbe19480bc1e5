"""``tokmill verify``: the same ids and spans as the library that owns the vocabulary's format, on the user's own texts.

Exit code 0 if all documents of all files agree, 1 if one differs (or on failure, as everywhere).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator

from ..documents import in_file, name_of, read_documents
from ..errors import InvalidUtf8Error
from ..report import Report, Row, Section, Table, escaped
from ..report.tokens import lost_rows
from ..tokenizer import Tokenizer
from ..verify import Comparison, Difference, Peer, compare, find_peer, pieces_of
from .options import add_documents, add_encoding, add_threads, add_vocabulary, load_vocabulary, total_size
from .progress import Progress

__all__ = ["add_parser", "run"]


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_documents(parser)
    add_vocabulary(parser)
    add_encoding(parser)
    parser.add_argument(
        "--against",
        choices=("auto", "tiktoken", "tokenizers"),
        default="auto",
        help="the library to compare with; auto: the one whose format the vocabulary has (%(default)s)",
    )
    add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    peer = find_peer(tokenizer, arguments.against)
    sections, results = [], []
    with Progress(total_size(arguments.files)) as progress:
        for file in arguments.files:
            with in_file(file):
                result = compare(tokenizer, peer, _texts(file, arguments, progress), special=arguments.special, threads=arguments.threads)
            results.append(result)
            sections.append(_section(tokenizer, peer, name_of(file), result))
    title = f"{tokenizer.name}: tokmill ({tokenizer.isa} kernels) against {peer.name}"
    if arguments.json:
        print(json.dumps(_as_dict(title, arguments.files, results), indent=2))
    else:
        sys.stdout.write(Report(title, sections).to_text())
    return 0 if all(results) else 1


def _texts(file: str, arguments: argparse.Namespace, progress: Progress) -> Iterator[list[str]]:
    errors = "replace" if arguments.invalid == "replace" else "strict"
    first = 0
    for batch in read_documents(file, format=arguments.input_format, field=arguments.field, lines=arguments.lines):
        try:
            texts = [document if isinstance(document, str) else document.decode("utf-8", errors) for document in batch]
        except UnicodeDecodeError as error:
            raise InvalidUtf8Error(
                f"not UTF-8 at byte {error.start:,} of a document (from document {first:,} on); "
                "--invalid replace reads such bytes as U+FFFD",
                error.start,
            ) from error
        yield texts
        first += len(batch)
        progress.add(sum(map(len, batch)))


def _section(tokenizer: Tokenizer, peer: Peer, title: str, result: Comparison) -> Section:
    rows = [
        Row("documents", "documents", result.documents),
        Row("bytes", "bytes", result.bytes),
        Row("tokens", "tokens", result.ids),
        *lost_rows(tokenizer, result.lost_bytes),
        Row("different_documents", "differing documents", result.different_documents),
    ]
    if result.difference is None:
        return Section(title, [*rows, Row("ids", "ids", "equal"), Row("spans", "spans", "equal")])
    found = result.difference
    place = f"document {found.document:,}, byte {found.byte:,} (character {found.character:,}), token {found.token:,}"
    answers = [Row("ids", "ids", "DIFFER")] if found.what == "ids" else [Row("ids", "ids", "equal"), Row("spans", "spans", "DIFFER")]
    rows += [
        *answers,
        Row("difference", "first at", place),
        Row("context", "text", f"{_shown(found.before)} >>> {_shown(found.after)}", remark="from >>> on"),
    ]
    return Section(title, rows, tables=[_table(tokenizer, peer, found)])


def _table(tokenizer: Tokenizer, peer: Peer, found: Difference) -> Table:
    rows = []
    sides = [
        [f"{id} {_piece(token)} {begin}-{end}" for (id, token), (begin, end) in zip(pieces_of(tokenizer, ids), spans, strict=True)]
        for ids, spans in ((found.ours, found.our_spans), (found.theirs, found.their_spans))
    ]
    for i in range(max(map(len, sides))):
        ours, theirs = (side[i] if i < len(side) else "(end)" for side in sides)
        rows.append([str(found.first_token + i), ours, theirs, "" if ours == theirs else "<"])
    return Table(["token, characters", "tokmill", peer.name, ""], rows)


def _piece(token: bytes | None) -> str:
    return "(no token of this vocabulary)" if token is None else f'"{escaped(token)}"'


def _shown(text: str) -> str:
    return escaped(text.encode("utf-8", "replace"))


def _as_dict(title: str, files: list[str], results: list[Comparison]) -> dict[str, object]:
    return {
        "title": title,
        "equal": all(results),
        "files": [{"file": name_of(file), **dataclasses.asdict(result)} for file, result in zip(files, results, strict=True)],
    }
