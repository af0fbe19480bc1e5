"""Files: read with errors of our own, written beside their final name and renamed when whole."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import IO

from .errors import InputError, InputNotFoundError, OutputError

__all__ = ["Output", "input_error", "read_file", "write_file"]


def input_error(error: OSError, path: str | os.PathLike[str]) -> InputError:
    """The error of our own that stands for ``error`` while reading ``path``."""
    reason = error.strerror or str(error) or type(error).__name__
    kind = InputNotFoundError if isinstance(error, FileNotFoundError) else InputError
    return kind(f"cannot read {os.fspath(path)}: {reason}")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The whole of a file. Raises InputError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise input_error(error, path) from error


class Output:
    """A binary file that appears under its name only when it is whole.

    As a context manager: the block writes to ``file``; at its end the file is renamed to ``path``, or removed if the block raised.
    Something that is no regular file (a pipe, ``/dev/null``) is written directly. Raises OutputError for whatever the system refuses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.realpath(os.fspath(path))
        self._beside: str | None = None
        self._file: IO[bytes] | None = None

    @property
    def file(self) -> IO[bytes]:
        if self._file is None:
            raise OutputError(f"{self.path} is not open")
        return self._file

    def write(self, data: bytes | memoryview) -> None:
        """Writes all of ``data``. Raises OutputError."""
        try:
            self.file.write(data)
        except OSError as error:
            raise self._refused(error) from error

    def write_at_start(self, data: bytes) -> None:
        """Writes over the first bytes. Raises OutputError, also where the output is a pipe."""
        try:
            self.file.seek(0)
            self.file.write(data)
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> Output:
        try:
            if _is_special(self.path):
                self._file = open(self.path, "wb")
                return self
            folder, name = os.path.split(self.path)
            beside = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.part")
            # Not tempfile: its files are 0600, while an output has the permissions that the user's umask gives.
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            self._beside = beside
            self._file = os.fdopen(descriptor, "w+b")
        except OSError as error:
            raise self._refused(error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.file.close()  # also when the block raised; a full disk may show only here
            if self._beside is not None and kind is None:
                os.replace(self._beside, self.path)
                self._beside = None
        except OSError as refused:
            if kind is None:
                raise self._refused(refused) from refused
        finally:
            self._file = None
            if self._beside is not None:
                _remove_quietly(self._beside)
                self._beside = None

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self.path}: {error.strerror or error}")


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a whole file, or nothing. Raises OutputError."""
    with Output(path) as output:
        output.write(data)


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _remove_quietly(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
