"""Which script a pretoken is written in: that of its first letter, by the tables of the pattern engine (Unicode 16.0.0)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from .._core import Splitter

__all__ = ["script_of"]

# Those of most text there is; the letters of all others are told apart from what is no letter, and no further.
SCRIPTS = [
    "Latin",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Devanagari",
    "Bengali",
    "Gurmukhi",
    "Gujarati",
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Sinhala",
    "Thai",
    "Lao",
    "Tibetan",
    "Myanmar",
    "Khmer",
    "Georgian",
    "Armenian",
    "Ethiopic",
]
CLASSES = {
    "other scripts": r"\p{L}",
    **{name: rf"\p{{{name}}}" for name in SCRIPTS},
    "digits": r"\p{N}",
    "white space": r"\s",
}  # later ones win
CODE_POINTS = 0x32400  # all assigned letters lie below


@functools.cache
def _tables() -> tuple[list[str], NDArray[np.uint8], NDArray[np.bool_]]:
    """Names; the number of the name of each code point; whether it is a letter."""
    names = ["signs", *CLASSES]
    everything = [code for code in range(CODE_POINTS) if not 0xD800 <= code < 0xE000]
    codes, text = np.array(everything), "".join(map(chr, everything))

    def matched(pattern: str) -> NDArray[np.int64]:
        pieces = Splitter(f"(?:{pattern})", behaviour="removed", invert=True).split(text, unit="char")
        places: NDArray[np.int64] = codes[pieces[:, 0]]
        return places

    number = np.zeros(CODE_POINTS, np.uint8)
    letter = np.zeros(CODE_POINTS, bool)
    letter[matched(r"\p{L}")] = True
    for i, pattern in enumerate(CLASSES.values(), 1):
        number[matched(pattern)] = i
    return names, number, letter


def script_of(word: bytes) -> str:
    """The script of the first letter; of a word without letters what it is: digits, white space, or signs."""
    names, number, letter = _tables()
    text = word.decode(errors="replace")
    codes = [min(ord(character), CODE_POINTS - 1) for character in text]
    first = next((code for code in codes if letter[code]), None)
    if first is not None:
        return str(names[number[first]])
    kinds = {names[number[code]] for code in codes}
    return "digits" if "digits" in kinds else "white space" if kinds == {"white space"} else "signs"
