"""tokmill turns text into the arrays of token ids that language models are trained on and fed with.

>>> import tokmill
>>> tok = tokmill.load("tokmill-64k-v1")
>>> ids = tok.encode("Hello, world")
>>> tok.decode(ids)
'Hello, world'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import condensed, errors
from ._core import PATTERNS, Splitter, StreamDecoder, StreamEncoder, default_thread_count, isa
from .errors import Error
from .normalization import Normalizer, normalize
from .ragged import Packed, Ragged
from .registry import load, vocabulary_names
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from . import ngrams
    from .pipeline import Block, Pipeline

__all__ = [
    "PATTERNS",
    "Block",
    "Error",
    "Normalizer",
    "Packed",
    "Pipeline",
    "Ragged",
    "Splitter",
    "StreamDecoder",
    "StreamEncoder",
    "Tokenizer",
    "__version__",
    "condensed",
    "default_thread_count",
    "errors",
    "isa",
    "load",
    "ngrams",
    "normalize",
    "vocabulary_names",
]

__version__: str


def __getattr__(name: str) -> Any:
    # What few programs need is imported when it is first asked for.
    if name == "ngrams":
        import importlib

        return importlib.import_module(".ngrams", __name__)
    if name in ("Block", "Pipeline"):
        from . import pipeline

        return getattr(pipeline, name)
    # importlib.metadata takes longer to import than the rest of the package; few ask for the version.
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("tokmill")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
