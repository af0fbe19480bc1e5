"""``tokmill decode``: ids from .npy, raw .bin or numbers back to text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents import name_of, read_blocks
from ..errors import DocumentError, UnknownIdError
from ..files import Output, input_error
from .options import add_vocabulary, load_vocabulary
from .progress import Progress

__all__ = ["ENDINGS", "add_parser", "read_ids", "run"]

IDS_IN_A_STEP = 1 << 20
ENDINGS = {".npy": "npy", ".bin": "raw"}


def add_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard input (the default)")
    parser.add_argument("--format", choices=("npy", "raw", "ids"), help="told by the name's ending if not given, else ids: numbers")
    parser.add_argument("--dtype", choices=("uint16", "uint32", "int32", "int64"), default="int32", help="type of raw ids (%(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="standard output if not given")
    parser.add_argument("--skip-special-tokens", action="store_true", help="leave special tokens out of the text")
    parser.add_argument(
        "--unknown",
        choices=("error", "replace", "skip"),
        default="error",
        help="what an id outside of the vocabulary becomes (%(default)s)",
    )
    add_vocabulary(parser)


def run(arguments: argparse.Namespace) -> int:
    tokenizer = load_vocabulary(arguments)
    format = arguments.format or next((name for ending, name in ENDINGS.items() if arguments.file.endswith(ending)), "ids")
    done = 0
    with ExitStack() as files, Progress() as progress:
        output = files.enter_context(Output(arguments.output)) if arguments.output not in (None, "-") else sys.stdout.buffer
        for ids in read_ids(arguments.file, format, np.dtype(arguments.dtype).newbyteorder("<")):
            try:
                text = tokenizer.decode_bytes(ids, unknown=arguments.unknown, skip_special_tokens=arguments.skip_special_tokens)
            except UnknownIdError as error:
                if done == 0:
                    raise
                raise UnknownIdError(f"{error} (indices are counted from id {done:,} of the file)", error.where) from error
            output.write(text)
            done += len(ids)
            progress.add(len(text))
    return 0


def read_ids(file: str, format: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """The ids of a file (``npy``, ``raw``, or ``ids``: numbers), step by step. Raises DocumentError for a file that holds none."""
    if format == "ids":
        yield from _read_numbers(file)
    elif format == "npy":
        yield from _read_npy(file)
    else:
        yield from _read_raw(file, dtype)


def _read_numbers(file: str) -> Iterator[NDArray[Any]]:
    rest = b""
    for block in read_blocks(file):
        text = rest + block
        # The last number may go on in the next block.
        end = max(text.rfind(b" "), text.rfind(b"\n")) + 1
        rest = text[end:]
        yield _numbers(text[:end], file)
    yield _numbers(rest, file)


def _numbers(text: bytes, file: str) -> NDArray[Any]:
    words = text.split()
    try:
        return np.array([int(word) for word in words], np.int64)
    except (ValueError, OverflowError) as error:
        wrong = next(word for word in words if not _is_id(word))
        raise DocumentError(f"{name_of(file)}: {wrong[:40]!r} is not an id; give --format if these are not numbers", path=file) from error


def _is_id(word: bytes) -> bool:
    try:
        return -(2**63) <= int(word) < 2**63
    except ValueError:
        return False


def _read_npy(file: str) -> Iterator[NDArray[Any]]:
    path = "/dev/stdin" if file == "-" else file
    try:
        ids = np.load(path, mmap_mode=None if file == "-" else "r", allow_pickle=False)
    except OSError as error:
        raise input_error(error, file) from error
    except (ValueError, EOFError) as error:
        raise DocumentError(f"{name_of(file)}: not a .npy file of ids: {error}", path=file) from error
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise DocumentError(f"{name_of(file)}: does not hold a 1-D array of integer ids", path=file)
    for start in range(0, len(ids), IDS_IN_A_STEP):
        yield np.ascontiguousarray(ids[start : start + IDS_IN_A_STEP])


def _read_raw(file: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    rest = b""
    for block in read_blocks(file, block_bytes=IDS_IN_A_STEP * dtype.itemsize):
        data = rest + block
        end = len(data) - len(data) % dtype.itemsize
        rest = data[end:]
        yield np.frombuffer(data[:end], dtype)
    if rest:
        raise DocumentError(
            f"{name_of(file)}: not a whole number of {dtype.name} ids, {len(rest)} bytes are left: check --dtype", path=file
        )
