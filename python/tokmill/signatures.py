"""Names for the types that the calls take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Buffer", "Ids", "Invalid", "SpanUnit", "Special", "Text", "Unknown"]

# Anything with one contiguous buffer of bytes is taken.
Buffer: TypeAlias = bytes | bytearray | memoryview
Text: TypeAlias = str | bytes | bytearray | memoryview

# What to do with the spelling of a special token inside a text; a collection names those to parse, the others stay text.
Special: TypeAlias = Literal["text", "parse", "error"] | Collection[str]

# What places in a text are counted in: bytes of UTF-8, or characters (the indices of a str).
SpanUnit: TypeAlias = Literal["byte", "char"]

# What to do with input that is not UTF-8; None means "error" for bytes and "replace" for the lone surrogates of a str.
Invalid: TypeAlias = Literal["error", "replace"] | None

# What to do with an id that the vocabulary does not have.
Unknown: TypeAlias = Literal["error", "replace", "skip"]

Ids: TypeAlias = NDArray[np.integer[Any]] | Sequence[int]
