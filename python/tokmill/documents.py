"""Where text comes from: files, standard input, jsonl, Arrow and Parquet; plain, gz or zst -> blocks of bytes, or whole documents.

A plain text file is one document; ``lines=True`` makes each line one, its line end kept. A jsonl file holds one document a line, in a
field of the object. Compression is recognised by the first bytes, so it works on standard input too. Failures are DocumentError, with
path and line, or InputError if the system refuses a file.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .errors import ArgumentError, DocumentError, InvalidUtf8Error, PretokenTooLongError, SpecialTokenError
from .files import input_error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["DEFAULT_FIELD", "Format", "Source", "format_of", "in_file", "name_of", "read_blocks", "read_documents"]

Source: TypeAlias = str | os.PathLike[str] | IO[bytes]
Format: TypeAlias = Literal["text", "jsonl", "arrow", "parquet"]

DEFAULT_FIELD = "text"
DEFAULT_BLOCK_BYTES = 1 << 20
DEFAULT_BATCH_BYTES = 4 << 20

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
FORMAT_OF_ENDING: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".parquet": "parquet",
}


def name_of(source: Source) -> str:
    """What messages call a source: its path, or ``standard input``."""
    if isinstance(source, (str, os.PathLike)):
        return "standard input" if source == "-" else os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the given file"


@contextmanager
def in_file(source: Source, first_document: int = 0) -> Iterator[None]:
    """Puts the source's name before what the core says of a text; the texts of a call are its documents from ``first_document`` on."""
    try:
        yield
    except (InvalidUtf8Error, SpecialTokenError, PretokenTooLongError) as error:
        message = re.sub(r"^text (\d+)(?=:)", lambda text: f"document {first_document + int(text[1])}", str(error))
        raise type(error)(f"{name_of(source)}: {message}", error.where) from error


def format_of(source: Source) -> Format:
    """The format that the ending of a source's name tells; text if it tells nothing."""
    stem = name_of(source).lower().removesuffix(".gz").removesuffix(".zst")
    return FORMAT_OF_ENDING.get(os.path.splitext(stem)[1], "text")


def read_blocks(source: Source, *, block_bytes: int = DEFAULT_BLOCK_BYTES) -> Iterator[bytes]:
    """The bytes of a source, decompressed, in blocks of at most ``block_bytes``. Raises InputError, DocumentError."""
    if block_bytes < 1:
        raise ArgumentError(f"block_bytes has to be 1 or more, not {block_bytes}")
    with _opened(source) as file, _reading(source):
        while block := file.read(block_bytes):
            yield block


def read_documents(
    source: Source,
    *,
    format: Format | None = None,
    field: str = DEFAULT_FIELD,
    lines: bool = False,
    batch_bytes: int = DEFAULT_BATCH_BYTES,
) -> Iterator[list[str] | list[bytes]]:
    """The documents of a source, in lists of about ``batch_bytes`` of text (or one longer document).

    ``format`` is told by the name's ending if it is not given. Documents are ``bytes`` (text, lines) or ``str`` (jsonl, Arrow, Parquet).
    Raises InputError, DocumentError.
    """
    chosen = format or format_of(source)
    if lines and chosen != "text":
        raise ArgumentError(f"lines=True is for text, {name_of(source)} is read as {chosen}")
    if chosen == "text":
        yield from _read_lines(source, batch_bytes) if lines else _read_whole(source)
    elif chosen == "jsonl":
        yield from _read_jsonl(source, field, batch_bytes)
    elif chosen in ("arrow", "parquet"):
        yield from _read_columns(source, chosen, field, batch_bytes)
    else:
        raise ArgumentError(f"format has to be one of text, jsonl, arrow, parquet, not {chosen!r}")


def _read_whole(source: Source) -> Iterator[list[bytes]]:
    yield [b"".join(read_blocks(source))]


def _read_lines(source: Source, batch_bytes: int) -> Iterator[list[bytes]]:
    with _opened(source) as file, _reading(source):
        while batch := file.readlines(batch_bytes):
            yield batch


def _read_jsonl(source: Source, field: str, batch_bytes: int) -> Iterator[list[str]]:
    path = name_of(source)
    number = 0
    for batch in _read_lines(source, batch_bytes):
        documents = []
        for line in batch:
            number += 1
            if not line.strip():
                continue
            documents.append(_document_in(line, field, path, number))
        if documents:
            yield documents


def _document_in(line: bytes, field: str, path: str, number: int) -> str:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}, line {number}: not UTF-8 at byte {error.start} of the line", number, path) from error
    except json.JSONDecodeError as error:
        raise DocumentError(f"{path}, line {number}: not JSON: {error.msg} at character {error.pos} of the line", number, path) from error
    except (RecursionError, ValueError) as error:
        raise DocumentError(f"{path}, line {number}: not JSON that can be read: {error}", number, path) from error
    if not isinstance(row, dict):
        raise DocumentError(f"{path}, line {number}: holds {type(row).__name__}, expected an object with a field {field!r}", number, path)
    if field not in row:
        there = ", ".join(repr(name) for name in list(row)[:8])
        raise DocumentError(f"{path}, line {number}: no field {field!r}; there are {there or 'none'}: choose with field=", number, path)
    document = row[field]
    if not isinstance(document, str):
        raise DocumentError(f"{path}, line {number}: field {field!r} holds {type(document).__name__}, expected a string", number, path)
    return document


def _read_columns(source: Source, format: Format, field: str, batch_bytes: int) -> Iterator[list[str]]:
    path = name_of(source)
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise DocumentError(f"{path}: {format} files need pyarrow: pip install 'tokmill[arrow]'", path=path) from error
    with _opened(source, decompress=False) as file:
        try:
            if not file.seekable():
                file = io.BytesIO(file.read())
            row = 0
            for column in _columns(pyarrow, file, format, field, path):
                documents: list[str] = []
                size = 0
                for value in column.to_pylist():
                    if not isinstance(value, str):
                        raise DocumentError(f"{path}, row {row}: column {field!r} holds {value!r:.40}, expected a string", row, path)
                    documents.append(value)
                    size += len(value)
                    row += 1
                    if size >= batch_bytes:
                        yield documents
                        documents, size = [], 0
                if documents:
                    yield documents
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, DocumentError):
                raise
            raise DocumentError(f"{path}: the {format} file cannot be read: {error}", path=path) from error


def _columns(pyarrow: Any, file: IO[bytes], format: Format, field: str, path: str) -> Iterator[Any]:
    if format == "parquet":
        parquet = pyarrow.parquet.ParquetFile(file)
        _check_column(field, parquet.schema_arrow.names, path)
        for batch in parquet.iter_batches(columns=[field], batch_size=1024):
            yield batch.column(0)
        return
    try:
        reader = pyarrow.ipc.open_file(file)
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
    except pyarrow.ArrowInvalid:  # not the file form: the stream form has no magic at its beginning
        file.seek(0)
        reader = batches = pyarrow.ipc.open_stream(file)
    _check_column(field, reader.schema.names, path)
    for batch in batches:
        yield batch.column(field)


def _check_column(field: str, names: list[str], path: str) -> None:
    if field not in names:
        raise DocumentError(f"{path}: no column {field!r}; there are {', '.join(map(repr, names[:8]))}: choose with field=", path=path)


@contextmanager
def _opened(source: Source, *, decompress: bool = True) -> Iterator[IO[bytes]]:
    """The source as a buffered binary file. A path is closed at the end, an open file or standard input is left open."""
    with ExitStack() as stack:
        if isinstance(source, (str, os.PathLike)):
            if source == "-":
                file: IO[bytes] = sys.stdin.buffer
            else:
                try:
                    file = stack.enter_context(open(source, "rb"))
                except OSError as error:
                    raise input_error(error, source) from error
        elif hasattr(source, "read"):
            file = source
        else:
            raise ArgumentError(f"a document source is a path, '-' or a binary file, not {type(source).__name__}")
        if decompress:
            if not hasattr(file, "peek"):
                buffered = io.BufferedReader(cast("io.RawIOBase", file))
                stack.callback(buffered.detach)  # or the caller's file would be closed with it
                file = buffered
            file = _decompressed(file, source)
        yield file


def _decompressed(file: IO[bytes], source: Source) -> IO[bytes]:
    with _reading(source):
        # peek() may give less than asked at the beginning of a pipe, but never nothing before its end.
        head = cast("io.BufferedReader", file).peek(4)[:4]
    if head.startswith(GZIP_MAGIC):
        return cast("IO[bytes]", io.BufferedReader(gzip.GzipFile(fileobj=file), DEFAULT_BLOCK_BYTES))
    if head == ZSTD_MAGIC:
        return io.BufferedReader(_ZstdReader(file, name_of(source)), DEFAULT_BLOCK_BYTES)
    return file


@contextmanager
def _reading(source: Source) -> Iterator[None]:
    """Turns what goes wrong while reading into errors of our own."""
    path = name_of(source)
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DocumentError(f"{path}: the gzip file is damaged or cut short: {error}", path=path) from error
    except OSError as error:
        raise input_error(error, path) from error


class _ZstdReader(io.RawIOBase):
    """One zst file after the other, decompressed. zstandard's own reader takes a file that is cut short for a whole one."""

    # Bounds what one step can swell to: a zst block of 4 bytes may stand for 128 KiB, so 4 KiB for 128 MiB.
    INPUT_BYTES = 1 << 12

    def __init__(self, file: IO[bytes], path: str) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise DocumentError(f"{path}: zst files need zstandard: pip install 'tokmill[zstd]'", path=path) from error
        self._zstandard = zstandard
        self._file = file
        self._path = path
        self._frame: Any = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        while not self._output:
            if not self._decompress_more():
                return 0
        size = min(len(target), len(self._output))
        target[:size] = self._output[:size]
        self._output = self._output[size:]
        return size

    def _decompress_more(self) -> bool:
        """One more piece of input; False at the end of the file."""
        if not self._input:
            self._input = self._file.read(self.INPUT_BYTES)
            if not self._input:
                if self._frame is not None:
                    raise DocumentError(f"{self._path}: the zst file is cut short", path=self._path)
                return False
        if self._frame is None:
            self._frame = self._zstandard.ZstdDecompressor().decompressobj()
        try:
            self._output = memoryview(self._frame.decompress(self._input))
        except self._zstandard.ZstdError as error:
            raise DocumentError(f"{self._path}: the zst file is damaged: {error}", path=self._path) from error
        self._input = b""
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = None
        return True
