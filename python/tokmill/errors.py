"""The errors of tokmill: one hierarchy, every class also the built-in that a caller would expect.

Each carries ``where``: the byte, index or line that the message speaks of, or ``None``. Messages say what is wrong, where, and what
to do about it. ``str(error)`` is always the plain message.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "DigestError",
    "DocumentError",
    "DownloadError",
    "Error",
    "InputError",
    "InputNotFoundError",
    "InstructionSetError",
    "InvalidUtf8Error",
    "MissingByteError",
    "MissingPeerError",
    "OutputError",
    "PatternError",
    "PlanError",
    "PretokenTooLongError",
    "SnapshotError",
    "SpecialTokenError",
    "StreamError",
    "UnknownIdError",
    "UnknownTokenError",
    "UnknownVocabularyError",
    "UnsupportedModel",
    "VocabularyError",
]


class Error(Exception):
    """Base of every error that tokmill raises on its own account."""

    where: int | None

    def __init__(self, message: str, where: int | None = None) -> None:
        super().__init__(message)
        self.where = where

    def __str__(self) -> str:
        # KeyError would show the quoted repr of its argument, OSError its errno.
        return str(self.args[0]) if self.args else ""


class ArgumentError(Error, ValueError):
    """An argument is outside of what the call takes."""


class ArgumentTypeError(Error, TypeError):
    """An argument is of a type that the call does not take."""


class InvalidUtf8Error(Error, ValueError):
    """Input bytes are not UTF-8 (or a ``str`` holds a lone surrogate and ``invalid="error"``); ``where`` is the position."""


class MissingByteError(Error, ValueError):
    """A byte of the text is no token of a vocabulary loaded with ``missing_bytes="error"``; ``where`` is its position in bytes."""


class PretokenTooLongError(Error, ValueError):
    """A pretoken outgrew ``max_pretoken_bytes``; ``where`` is its first byte."""


class SpecialTokenError(Error, ValueError):
    """The text holds a special token and ``special="error"``; ``where`` is its position in bytes."""


class StreamError(Error, ValueError):
    """A stream of opcodes breaks a rule: a record that cannot be, a document that is cut short; ``where`` is the record, id or byte."""


class UnknownIdError(Error, KeyError):
    """An id that the vocabulary does not have; ``where`` is its index in the input."""


class UnknownTokenError(Error, KeyError):
    """Bytes or a text that are no token of the vocabulary."""


class VocabularyError(Error, ValueError):
    """A vocabulary file breaks a rule; ``where`` is the line or byte."""


class UnsupportedModel(Error, ValueError):
    """A tokenizer.json holds a component that is not done exactly; the message names it."""


class SnapshotError(Error, ValueError):
    """A ``.tokmill`` snapshot is damaged, cut short, or of another version."""


class PatternError(Error, ValueError):
    """A split pattern is missing, unknown, or holds a construct that cannot be done exactly."""


class PlanError(Error, ValueError):
    """A file of a plan (of n-gram rows) is no such file, breaks a rule, or is of another version."""


class UnknownVocabularyError(Error, LookupError):
    """Nothing provides a vocabulary of this name; the message lists the places tried and how to supply the file."""


class DigestError(Error, ValueError):
    """The SHA-256 of a file, or the digest of a tokenizer, is not the expected one."""


class DownloadError(Error, OSError):
    """A vocabulary could not be downloaded."""


class DocumentError(Error, ValueError):
    """A document cannot be read: a broken jsonl line, a missing field, a damaged gz file. ``path`` names the file, ``where`` the line."""

    path: str | None

    def __init__(self, message: str, where: int | None = None, path: str | None = None) -> None:
        super().__init__(message, where)
        self.path = path


class InputError(Error, OSError):
    """An input file could not be opened or read."""


class InputNotFoundError(InputError, FileNotFoundError):
    """There is no input file of this name."""


class OutputError(Error, OSError):
    """An output file could not be written; nothing half-written is left under its name."""


class InstructionSetError(Error, ValueError):
    """``TOKMILL_ISA`` or ``isa=`` names an instruction set that this machine or build does not have."""


class MissingPeerError(Error, ImportError):
    """A library that is no dependency of tokmill and that the call needs is not installed."""
