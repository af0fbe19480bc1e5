"""Where the ids of ``tokmill encode`` go: .npy, raw integers, Megatron's .bin/.idx, or numbers to read.

Every file is written beside its name and renamed when whole (see ``tokmill.files``). All numbers are little-endian.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, OutputError
from ..files import Output
from ..tokenizer import DEFAULT_MAX_PRETOKEN_BYTES
from .options import add_threads, positive

__all__ = ["FORMATS", "Writer", "add_output", "format_of_output", "open_matrix", "open_writer"]

FORMATS = ("npy", "raw", "megatron", "ids")

# Megatron-LM's MMapIndexedDataset: the code of each type that its index may name.
MEGATRON_MAGIC = b"MMIDIDX\x00\x00"
MEGATRON_VERSION = 1
MEGATRON_DTYPES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint16": 8}
# Megatron itself takes uint16 for vocabularies below this.
MEGATRON_UINT16_VOCABULARY = 65_500
MEGATRON_MAX_LENGTH = 2**31 - 1

NPY_HEADER_BYTES = 128


class Writer(Protocol):
    """Takes the ids of documents, in order."""

    def write(self, ids: NDArray[Any]) -> None:
        """More ids."""

    def end_documents(self, lengths: NDArray[np.int64]) -> None:
        """The ids written since the last call are documents of these lengths."""


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> argparse._ArgumentGroup:
    """The options of commands that write ids as texts are read; more may be added to the group."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="numbers on standard output if not given")
    group.add_argument("--format", choices=formats, help="told by the output's ending if not given; megatron writes FILE.bin and FILE.idx")
    group.add_argument("--dtype", choices=("uint16", "uint32", "int32", "int64"), help="type of the ids (int32)")
    group.add_argument("--offsets", metavar="FILE.npy", help="also write where the documents begin and end, int64")
    add_threads(group, "for jsonl, lines, Arrow and Parquet ")
    group.add_argument(
        "--max-pretoken-bytes",
        type=positive,
        default=DEFAULT_MAX_PRETOKEN_BYTES,
        help="refuse a text file with a longer stretch that the split pattern does not cut (%(default)s)",
    )
    return group


def format_of_output(path: str | None, chosen: str | None) -> str:
    """The format asked for, else the one that the name tells. Raises ArgumentError."""
    if chosen is not None:
        return chosen
    if path is None or path == "-":
        return "ids"
    for ending, format in ((".npy", "npy"), (".bin", "raw"), (".idx", "megatron"), (".ids", "ids"), (".txt", "ids")):
        if path.endswith(ending):
            return format
    raise ArgumentError(f"cannot tell the format of {path}: end its name in .npy, .bin or .ids, or give --format ({', '.join(FORMATS)})")


def open_writer(
    path: str | None, format: str, dtype_name: str | None, vocab_size: int, offsets_path: str | None
) -> AbstractContextManager[Writer]:
    """A context that gives a writer; the files appear at its end, or not at all if it raised.

    Raises ArgumentError if the ids do not fit into the type, or the format into the place.
    """
    if dtype_name is None:
        dtype_name = "uint16" if format == "megatron" and vocab_size < MEGATRON_UINT16_VOCABULARY else "int32"
    dtype = np.dtype(dtype_name).newbyteorder("<")
    if vocab_size - 1 > np.iinfo(dtype).max:
        raise ArgumentError(f"ids go up to {vocab_size - 1:,}, which {dtype_name} cannot hold: give a wider --dtype")
    target = None if path == "-" else path
    if target is None and format in ("npy", "megatron"):
        raise ArgumentError(f"{format} needs a file to write to: give -o")
    if format != "megatron":
        return _array_writer(target, format, dtype, offsets_path)
    if dtype_name not in MEGATRON_DTYPES:
        raise ArgumentError(f"Megatron's index knows no {dtype_name}: choose one of {', '.join(MEGATRON_DTYPES)}")
    if offsets_path is not None:
        raise ArgumentError("--offsets is not needed with Megatron's format: its .idx file holds the documents' ends")
    assert target is not None
    return _megatron_writer(target.removesuffix(".bin").removesuffix(".idx"), dtype, MEGATRON_DTYPES[dtype_name])


class MatrixWriter:
    """The rows of a 2-D .npy file, block by block."""

    def __init__(self, output: Output, dtype: np.dtype[Any]) -> None:
        self._output = output
        self._dtype = dtype
        self.count = 0

    def write(self, rows: NDArray[Any]) -> None:
        """More rows."""
        self.count += len(rows)
        self._output.write(rows.astype(self._dtype, copy=False).tobytes())


@contextmanager
def open_matrix(path: str, dtype_name: str, columns: int) -> Iterator[MatrixWriter]:
    """A .npy file of the shape ``[rows written, columns]``, which appears when it is whole. Raises OutputError."""
    dtype = np.dtype(dtype_name).newbyteorder("<")
    with Output(path) as output:
        output.write(_npy_header(dtype, 0, columns))
        writer = MatrixWriter(output, dtype)
        yield writer
        output.write_at_start(_npy_header(dtype, writer.count, columns))


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _ArrayWriter:
    """npy and raw: the ids of all documents end to end."""

    def __init__(self, sink: _Sink, dtype: np.dtype[Any]) -> None:
        self._sink = sink
        self._dtype = dtype
        self.count = 0
        self.lengths: list[NDArray[np.int64]] = []

    def write(self, ids: NDArray[Any]) -> None:
        self.count += len(ids)
        self._sink.write(ids.astype(self._dtype, copy=False).tobytes())

    def end_documents(self, lengths: NDArray[np.int64]) -> None:
        self.lengths.append(lengths)


class _LineWriter(_ArrayWriter):
    """ids: decimal numbers, one document a line."""

    def __init__(self, sink: _Sink, dtype: np.dtype[Any]) -> None:
        super().__init__(sink, dtype)
        self._pending: list[NDArray[Any]] = []

    def write(self, ids: NDArray[Any]) -> None:
        self._pending.append(ids)

    def end_documents(self, lengths: NDArray[np.int64]) -> None:
        super().end_documents(lengths)
        numbers = np.concatenate(self._pending).tolist() if self._pending else []
        self._pending = []
        start = 0
        for length in lengths.tolist():
            self._sink.write(" ".join(map(str, numbers[start : start + length])).encode() + b"\n")
            start += length


@contextmanager
def _array_writer(path: str | None, format: str, dtype: np.dtype[Any], offsets_path: str | None) -> Iterator[Writer]:
    with ExitStack() as files:
        output = files.enter_context(Output(path)) if path is not None else None
        offsets_output = files.enter_context(Output(offsets_path)) if offsets_path is not None else None
        sink: _Sink = sys.stdout.buffer if output is None else output
        if format == "npy":
            sink.write(_npy_header(dtype, 0))
        writer = (_LineWriter if format == "ids" else _ArrayWriter)(sink, dtype)
        yield writer
        if format == "npy" and output is not None:
            output.write_at_start(_npy_header(dtype, writer.count))
        if offsets_output is not None:
            offsets = _offsets(writer.lengths)
            offsets_output.write(_npy_header(offsets.dtype, len(offsets)))
            offsets_output.write(offsets.tobytes())


@contextmanager
def _megatron_writer(prefix: str, dtype: np.dtype[Any], dtype_code: int) -> Iterator[Writer]:
    """PREFIX.bin holds the ids, PREFIX.idx their type, the lengths and places of the sequences, and the sequences of a document (one)."""
    # Left in reverse order: the .bin appears first, so an .idx never stands beside a .bin that is not whole.
    with Output(prefix + ".idx") as index, Output(prefix + ".bin") as ids:
        writer = _ArrayWriter(ids, dtype)
        yield writer
        offsets = _offsets(writer.lengths)
        lengths = np.diff(offsets)
        if len(lengths) and int(lengths.max()) > MEGATRON_MAX_LENGTH:
            raise OutputError(f"a document has {int(lengths.max()):,} ids; Megatron's index holds no more than {MEGATRON_MAX_LENGTH:,}")
        index.write(MEGATRON_MAGIC + struct.pack("<QBQQ", MEGATRON_VERSION, dtype_code, len(lengths), len(lengths) + 1))
        index.write(lengths.astype("<i4").tobytes())
        index.write((offsets[:-1] * dtype.itemsize).astype("<i8").tobytes())
        index.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


def _offsets(lengths: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    flat = np.concatenate(lengths) if lengths else np.empty(0, np.int64)
    offsets = np.zeros(len(flat) + 1, "<i8")
    np.cumsum(flat, out=offsets[1:])
    return offsets


def _npy_header(dtype: np.dtype[Any], *shape: int) -> bytes:
    """The header of a .npy file, of the same size for every shape, so that it can be written again at the end."""
    description = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", NPY_HEADER_BYTES - 10)
    return magic + description.ljust(NPY_HEADER_BYTES - 11) + b"\n"
