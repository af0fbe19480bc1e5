"""``tokmill condense``: text to condensed ids, with ``--expand`` condensed ids back to base ids, with ``--learn`` text to supertokens.

A ``.npz`` file holds all that is needed for the way back: ``ids``, ``base_counts``, ``offsets``, ``base_offsets``, and the condenser: of
hypertokens ``profile``, ``sizes`` (base vocabulary, book, longest phrase) and ``disabled`` ids, of supertokens ``lefts``, ``rights``,
``mode`` and ``vocab_size``. A ``.opcodes`` file is the same for opcodes. The other formats are those of ``tokmill encode``; for opcodes
they hold the flat view.
"""

from __future__ import annotations

import argparse
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..condensed import Condensed, Opcodes, Supertokens
from ..condensed.supertokens import BARRIER_CLASSES, DEFAULT_BARRIER_CLASSES
from ..documents import format_of, in_file, name_of, read_documents
from ..errors import ArgumentError, ArgumentTypeError, DocumentError
from ..files import Output, input_error
from ..pipeline import Pipeline
from ..ragged import Ragged
from .condensers import Condenser, add_condenser, arrays_of, condenser_of, load_condenser, most_base_ids, read_blocks_of
from .inputs import format_of_ids, load_integers, read_ids
from .opcodes import ENDING, condense_opcodes, expand_opcodes
from .options import add_documents, add_encoding, add_vocabulary, load_vocabulary, positive
from .outputs import FORMATS, Writer, add_output, format_of_output, open_writer
from .progress import Progress

__all__ = ["add_parser", "run"]

ARRAYS = ("ids", "base_counts", "offsets", "base_offsets")


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_documents(parser)
    add_vocabulary(parser)
    add_encoding(parser)
    add_condenser(parser, default="hyper", help="hyper:lru, hyper:zip2zip, super:FILE, super:FILE+hyper, opcodes (%(default)s)")
    group = add_output(parser, formats=("npz", "opcodes", *FORMATS))
    group.add_argument("--base-counts", metavar="FILE.npy", help="also write how many base ids each id stands for, int32")
    learning = parser.add_argument_group("learning")
    learning.add_argument("--learn", type=positive, metavar="N", help="learn N supertokens from the files, and write them to -o")
    learning.add_argument("--max-len", type=positive, metavar="N", default=16, help="base ids of the longest one (%(default)s)")
    learning.add_argument("--max-words", type=positive, metavar="N", help="words of the longest one (any number)")
    learning.add_argument("--objective", choices=("count", "length"), default="count", help="what is joined first (%(default)s)")
    learning.add_argument(
        "--barrier-classes",
        metavar="CLASSES",
        default=",".join(DEFAULT_BARRIER_CLASSES),
        help=f"tokens that are in none of them: {', '.join(BARRIER_CLASSES)}, or none (%(default)s)",
    )
    back = parser.add_argument_group("the way back")
    back.add_argument("--expand", action="store_true", help="FILE holds condensed ids (.npz, or .npy and others by the same condenser)")
    back.add_argument("--input-offsets", metavar="FILE.npy", help="where its documents begin and end; one document if not given")


def run(arguments: argparse.Namespace) -> int:
    if arguments.learn:
        return _learn(arguments)
    return _expand(arguments) if arguments.expand else _condense(arguments)


def _learn(arguments: argparse.Namespace) -> int:
    """The ids of all texts are in memory: 4 bytes each, and some 30 while their neighbours are counted."""
    if arguments.expand or arguments.output in (None, "-"):
        raise ArgumentError("--learn writes a file of supertokens: give -o, and no --expand")
    tokenizer = load_vocabulary(arguments)
    parts = []
    with Progress() as progress:
        for file in arguments.files:
            with in_file(file):
                batches = read_documents(file, format=arguments.input_format, field=arguments.field, lines=arguments.lines)
                for batch in batches:
                    parts.append(
                        tokenizer.encode_batch(batch, special=arguments.special, invalid=arguments.invalid, threads=arguments.threads)
                    )
                    progress.add(parts[-1].ids.nbytes)
    lengths = np.concatenate([np.zeros(1, np.int64), *(part.lengths for part in parts)])
    classes: Any = () if arguments.barrier_classes == "none" else arguments.barrier_classes.split(",")
    z = Supertokens.train(
        tokenizer,
        Ragged(np.concatenate([np.empty(0, np.int32), *(part.ids for part in parts)]), np.cumsum(lengths)),
        arguments.learn,
        barrier_classes=classes,
        max_len=arguments.max_len,
        max_words=arguments.max_words,
        objective=arguments.objective,
    )
    z.save(arguments.output)
    return 0


def _condense(arguments: argparse.Namespace) -> int:
    if arguments.input_offsets:
        raise ArgumentError("--input-offsets goes with --expand; texts bring their own documents")
    tokenizer = load_vocabulary(arguments)
    z = load_condenser(arguments, tokenizer)
    if isinstance(z, Opcodes):
        return condense_opcodes(arguments, tokenizer, z)
    if arguments.format == "opcodes":
        raise ArgumentError("--format opcodes goes with --condense opcodes")
    pipe = Pipeline(tokenizer, condensed=z)
    with _open_sink(arguments, z) as sink, Progress() as progress:
        for file in arguments.files:
            # A text file is one document, and comes in pieces.
            is_one_document = not arguments.lines and (arguments.input_format or format_of(file)) == "text"
            length = base_length = 0
            with in_file(file):
                for block in read_blocks_of(pipe, file, arguments, progress):
                    assert block.condensed is not None
                    c = block.condensed
                    sink.write(c)
                    if not is_one_document:
                        sink.end_documents(np.diff(c.offsets), np.diff(c.base_offsets))
                    length += len(c.ids)
                    base_length += int(c.base_offsets[-1])
            if is_one_document:
                sink.end_documents(np.array([length], np.int64), np.array([base_length], np.int64))
    return 0


class _Sink(Protocol):
    """Takes condensed documents, in order."""

    def write(self, piece: Condensed) -> None:
        """More ids."""

    def end_documents(self, lengths: NDArray[np.int64], base_lengths: NDArray[np.int64]) -> None:
        """What was written since the last call are documents of these lengths."""


class _Streams:
    """The formats of ``tokmill encode``, written as they come; the numbers of base ids in a file beside."""

    def __init__(self, ids: Writer, base_counts: Writer | None) -> None:
        self._ids = ids
        self._base_counts = base_counts

    def write(self, piece: Condensed) -> None:
        self._ids.write(piece.ids)
        if self._base_counts is not None:
            self._base_counts.write(piece.base_counts)

    def end_documents(self, lengths: NDArray[np.int64], base_lengths: NDArray[np.int64]) -> None:
        self._ids.end_documents(lengths)


class _Npz:
    """A .npz, whose arrays are in memory until the end: 8 bytes a condensed id."""

    def __init__(self) -> None:
        self._ids = [np.empty(0, np.int32)]
        self._base_counts = [np.empty(0, np.int32)]
        self._lengths = [np.zeros(1, np.int64)]
        self._base_lengths = [np.zeros(1, np.int64)]

    def write(self, piece: Condensed) -> None:
        self._ids.append(piece.ids)
        self._base_counts.append(piece.base_counts)

    def end_documents(self, lengths: NDArray[np.int64], base_lengths: NDArray[np.int64]) -> None:
        self._lengths.append(lengths)
        self._base_lengths.append(base_lengths)

    def save(self, file: IO[bytes], z: Condenser) -> None:
        np.savez(
            file,
            ids=np.concatenate(self._ids),
            base_counts=np.concatenate(self._base_counts),
            offsets=np.cumsum(np.concatenate(self._lengths)),
            base_offsets=np.cumsum(np.concatenate(self._base_lengths)),
            **arrays_of(z),
        )


@contextmanager
def _open_sink(arguments: argparse.Namespace, z: Condenser) -> Iterator[_Sink]:
    path = arguments.output
    if arguments.format == "npz" or (arguments.format is None and path is not None and path.endswith(".npz")):
        if path in (None, "-"):
            raise ArgumentError("npz needs a file to write to: give -o")
        for option in ("dtype", "offsets", "base_counts"):
            if getattr(arguments, option):
                raise ArgumentError(f"--{option.replace('_', '-')} is not needed with npz, which holds all arrays as they are")
        with Output(path) as output:
            npz = _Npz()
            yield npz
            npz.save(output.file, z)
        return
    format = format_of_output(path, arguments.format)
    with ExitStack() as files:
        ids = files.enter_context(open_writer(path, format, arguments.dtype, z.id_end, arguments.offsets))
        counts = None
        if arguments.base_counts:
            counts = files.enter_context(open_writer(arguments.base_counts, "npy", "int32", most_base_ids(z), None))
        yield _Streams(ids, counts)


def _expand(arguments: argparse.Namespace) -> int:
    if len(arguments.files) > 1:
        raise ArgumentError("--expand takes one file of condensed ids at a time")
    if arguments.base_counts or arguments.format in ("npz", "opcodes"):
        raise ArgumentError("--expand writes base ids: without --base-counts, in a format of tokmill encode")
    (file,) = arguments.files
    if file.endswith(ENDING):
        return _write_base(arguments, *expand_opcodes(file, arguments.threads))
    if file.endswith(".npz"):
        z, rows = _read_npz(file)
    else:
        chosen = load_condenser(arguments, load_vocabulary(arguments))
        format = format_of_ids(file)
        dtype = np.dtype(arguments.dtype or "int32").newbyteorder("<")
        ids = np.concatenate([np.empty(0, np.int64), *read_ids(file, format, dtype)])
        bounds = load_integers(arguments.input_offsets) if arguments.input_offsets else np.array([0, len(ids)])
        rows = Ragged(ids, bounds)
        if isinstance(chosen, Opcodes):
            return _write_base(arguments, chosen.expand(chosen.from_flat(rows), threads=arguments.threads), chosen.vocab_size)
        z = chosen
    return _write_base(arguments, z.expand(rows, threads=arguments.threads), z.vocab_size)


def _write_base(arguments: argparse.Namespace, base: Ragged, vocab_size: int) -> int:
    format = format_of_output(arguments.output, arguments.format)
    with open_writer(arguments.output, format, None, vocab_size, arguments.offsets) as writer:
        writer.write(base.ids)
        writer.end_documents(base.lengths)
    return 0


def _read_npz(file: str) -> tuple[Condenser, Ragged]:
    """The condenser and the documents of condensed ids. Raises InputError, DocumentError."""
    try:
        # Opened here: numpy leaves a file open that it cannot read.
        with open(file, "rb") as data, np.load(data, allow_pickle=False) as arrays:
            missing = [name for name in ARRAYS if name not in arrays]
            if missing:
                raise DocumentError(f"{name_of(file)}: holds no {missing[0]!r}: not written by tokmill condense", path=file)
            held = {name: arrays[name] for name in arrays.files}
    except OSError as error:
        raise input_error(error, file) from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DocumentError(f"{name_of(file)}: not a .npz file of condensed ids: {error}", path=file) from error
    try:
        return condenser_of(held), Ragged(held["ids"], held["offsets"])
    except KeyError as error:
        raise DocumentError(f"{name_of(file)}: holds no {error.args[0]!r}: not written by tokmill condense", path=file) from error
    except (ArgumentError, ArgumentTypeError) as error:
        raise DocumentError(f"{name_of(file)}: {error}", path=file) from error
