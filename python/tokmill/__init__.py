"""tokmill turns text into the arrays of token ids that language models are trained on and fed with.

>>> import tokmill
>>> tok = tokmill.load("tokmill-64k-preview")
>>> ids = tok.encode("Hello, world")
>>> tok.decode(ids)
'Hello, world'
"""

from __future__ import annotations

from . import condensed, errors
from ._core import PATTERNS, StreamDecoder, StreamEncoder, default_thread_count, isa
from .errors import Error
from .ragged import Packed, Ragged
from .registry import load, vocabulary_names
from .tokenizer import Tokenizer

__all__ = [
    "PATTERNS",
    "Error",
    "Packed",
    "Ragged",
    "StreamDecoder",
    "StreamEncoder",
    "Tokenizer",
    "__version__",
    "condensed",
    "default_thread_count",
    "errors",
    "isa",
    "load",
    "vocabulary_names",
]

__version__: str


def __getattr__(name: str) -> str:
    # importlib.metadata takes longer to import than the rest of the package; few ask for the version.
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("tokmill")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
