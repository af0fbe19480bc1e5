"""Text rewritten before it is tokenized: Unicode normal forms, and the steps that the normalizer of a ``tokenizer.json`` is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._core import CoreNormalizer
from .errors import ArgumentError
from .signatures import Text

__all__ = ["Normalizer", "normalize"]

Step: TypeAlias = "str | tuple[Any, ...]"
Data: TypeAlias = Literal["unicode-16.0", "tokenizers"]

# The options of each step, with what they are when left out (`...`: they cannot be).
_OPTIONS: dict[str, dict[str, Any]] = {
    **{form: {} for form in ("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents", "byte_level", "nmt")},
    "strip": {"left": True, "right": True},
    "replace": {"old": ..., "new": ...},
    "prepend": {"text": ...},
    "bert": {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
}


def _checked(step: Step) -> tuple[Any, ...]:
    """The step as the core takes it: its name in lower case, then every option."""
    name, *given = (step,) if isinstance(step, str) else tuple(step) or ("",)
    key = str(name).lower()
    if key not in _OPTIONS:
        raise ArgumentError(f"there is no step {name!r}; there are {', '.join(_OPTIONS)}")
    options = _OPTIONS[key]
    values = [*given, *list(options.values())[len(given) :]]
    if len(given) > len(options) or ... in values:
        raise ArgumentError(f"the step {key!r} takes {', '.join(options) or 'no options'}; {len(given)} were given")
    for option, value, default in zip(options, values, options.values(), strict=True):
        wanted = str if default is ... else bool
        if not isinstance(value, wanted) and not (value is None and default is None):
            raise ArgumentError(f"{option} of the step {key!r} is a {wanted.__name__}, not {value!r}")
    if key == "bert" and values[2] is None:
        values[2] = values[3]
    return (key, *values)


class Normalizer(CoreNormalizer):
    """A sequence of steps that rewrite text; immutable, for any number of threads.

    ``steps`` is one step or a sequence of them. A step is a name, or a tuple of a name and its options:

    - ``"NFC"``, ``"NFD"``, ``"NFKC"``, ``"NFKD"``: the normal forms of UAX #15;
    - ``"lowercase"``: each character for itself (a final sigma becomes σ);
    - ``"strip_accents"``: drops combining marks (after NFD or NFKD this takes accents off);
    - ``("strip", left, right)``: white space off the ends;
    - ``("replace", old, new)``: every occurrence of a string;
    - ``("prepend", text)``: unless the text is empty;
    - ``"byte_level"``: bytes as GPT-2's byte characters;
    - ``"nmt"``; ``("bert", clean_text, handle_chinese_chars, strip_accents, lowercase)``.

    Each does what the normalizer of that name in ``tokenizers`` 0.23.3 does. ``data`` says by which version of Unicode the forms and
    ``strip_accents`` go: ``"unicode-16.0"``, or ``"tokenizers"``, the older data inside that package, which its models were made with.

    Raises ``ArgumentError`` for a step or option that does not exist.
    """

    def __init__(self, steps: Step | Sequence[Step], *, data: Data = "unicode-16.0") -> None:
        if data not in ("unicode-16.0", "tokenizers"):
            raise ArgumentError(f'data= takes "unicode-16.0" or "tokenizers", not {data!r}')
        several = [steps] if isinstance(steps, str | tuple) else list(steps)
        self._steps = [_checked(step) for step in several]
        self._data = data
        super().__init__(self._steps, data)

    def __repr__(self) -> str:
        return f"Normalizer({self._steps!r}, data={self._data!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self._steps, self._data)

    @property
    def is_identity(self) -> bool:
        """Is there no step, so that no text changes?"""
        return self._is_identity

    def normalize(self, text: Text) -> str:
        """The rewritten text. ``text`` is a ``str`` or UTF-8 bytes; a lone surrogate of a ``str`` becomes U+FFFD.

        Raises ``InvalidUtf8Error`` for bytes that are not UTF-8, ``ArgumentError`` if the steps make more than 64 times the text plus
        1 MiB of it.
        """
        return self._normalize(text)

    def normalize_batch(self, texts: Iterable[Text]) -> list[str]:
        """`normalize` for many texts."""
        return self._normalize_batch(texts)

    def align(self, text: Text, *, unit: Literal["char", "byte"] = "char") -> tuple[str, NDArray[np.int64]]:
        """The rewritten text and the part of ``text`` that each of its characters came from.

        Returns the text and an int64 array of shape ``[characters, 2]``: begin and end in characters of ``text``; with ``unit="byte"``
        a row for each byte of the UTF-8 of the result, in bytes of that of ``text``. A character has the span of one character: of
        the first if it was composed of several, of the one before it if it was added. What stands before everything and replaces
        nothing has the span (0, 0). These are the spans that ``tokenizers`` gives tokens by.
        """
        if unit not in ("char", "byte"):
            raise ArgumentError(f'unit= takes "char" or "byte", not {unit!r}')
        return self._align(text, unit == "char")


def _remake(steps: Sequence[Step], data: Data) -> Normalizer:
    return Normalizer(list(steps), data=data)


def normalize(text: Text, steps: Step | Sequence[Step] = "NFC", *, data: Data = "unicode-16.0") -> str:
    """``text`` in a normal form, or rewritten by other steps: see `Normalizer`, which is quicker for many short texts.

    >>> normalize("ﬁancée", "NFKC")
    'fiancée'
    >>> normalize("Crème Brûlée", ["NFD", "strip_accents", "lowercase"])
    'creme brulee'
    """
    return Normalizer(steps, data=data).normalize(text)
