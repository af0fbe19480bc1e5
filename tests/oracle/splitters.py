"""The split patterns of tiktoken 0.14.0, written out by hand: text -> pretokens.

Each pattern is an ordered choice: the first alternative that matches at a position wins, and the next search starts
where the match ends. An alternative is a line or two below, in the pattern's own order and with its text beside it.
`c` is the text's classes, one letter a character (see classes.py), with a `$` behind the last one. A repetition
is `skip`; where the engine would give characters back to let the rest of an alternative match, a comment says why
the line does the same.
"""

from __future__ import annotations

from collections.abc import Callable

from . import classes

PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}

LETTER = "ulc"  # \p{L}
SPACE = "bsr"  # \s
OTHER = "om"  # [^\s\p{L}\p{N}]
CAPITAL = "ucm"  # [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
SMALL = "lcm"  # [\p{Ll}\p{Lm}\p{Lo}\p{M}]
PREFIX = "bsom"  # [^\r\n\p{L}\p{N}]

# Without regard to case, U+017F (long s) is an s as well. Neither of the other letters of the contractions has a
# third form (U+212A, the Kelvin sign, is a k).
FOLDED = str.maketrans("SDMTLVERſ", "sdmtlvers")


def skip(c: str, i: int, wanted: str) -> int:
    """Past the run of characters of the wanted classes."""
    while c[i] in wanted:
        i += 1
    return i


def contraction(text: str, i: int) -> int:
    """Past '(?:[sdmt]|ll|ve|re) at i, else i."""
    if text[i : i + 1] == "'":
        if text[i + 1 : i + 2] in ("s", "d", "m", "t"):
            return i + 2
        if text[i + 1 : i + 3] in ("ll", "ve", "re"):
            return i + 3
    return i


def contraction_any_case(text: str, i: int) -> int:
    """Past '(?i:[sdmt]|ll|ve|re) at i, else i."""
    return i + contraction(text[i : i + 3].translate(FOLDED), 0) if text[i : i + 1] == "'" else i


def gpt2(text: str, c: str, i: int) -> int:
    if (end := contraction(text, i)) > i:  # '(?:[sdmt]|ll|ve|re)
        return end
    start = i + 1 if c[i] == "b" else i
    for run in (LETTER, "n", OTHER):  # ␣?\p{L}++ | ␣?\p{N}++ | ␣?[^\s\p{L}\p{N}]++
        if c[start] in run:
            return skip(c, start, run)
    end = skip(c, i, SPACE)
    if c[end] == "$":  # \s++$
        return end
    return max(end - 1, i + 1)  # \s+(?!\S) leaves the last one to what follows, unless it is the only one: \s


def cl100k(text: str, c: str, i: int) -> int:
    if (end := contraction_any_case(text, i)) > i:  # '(?i:[sdmt]|ll|ve|re)
        return end
    start = i + 1 if c[i] in PREFIX else i
    if c[start] in LETTER:  # [^\r\n\p{L}\p{N}]?+\p{L}++
        return skip(c, start, LETTER)
    if c[i] == "n":  # \p{N}{1,3}+
        return min(skip(c, i, "n"), i + 3)
    start = i + 1 if c[i] == "b" else i
    if c[start] in OTHER:  # ␣?[^\s\p{L}\p{N}]++[\r\n]*+
        return skip(c, skip(c, start, OTHER), "r")
    end = skip(c, i, SPACE)
    if c[end] == "$":  # \s++$
        return end
    if "r" in c[i:end]:  # \s*[\r\n]: the star gives back as far as the last line end
        return c.rindex("r", i, end) + 1
    return max(end - 1, i + 1)  # \s+(?!\S) | \s


def o200k(text: str, c: str, i: int) -> int:
    starts = (i + 1, i) if c[i] in PREFIX else (i,)  # the prefix is given back when it is a mark and a word needs it
    for start in starts:  # [^\r\n\p{L}\p{N}]? CAPITAL* SMALL+ contraction?
        capitals = skip(c, start, CAPITAL)
        while capitals > start and c[capitals] not in SMALL:  # the star gives back until a SMALL can follow
            capitals -= 1
        if c[capitals] in SMALL:
            return contraction_any_case(text, skip(c, capitals, SMALL))
    for start in starts:  # [^\r\n\p{L}\p{N}]? CAPITAL+ SMALL* contraction?
        if c[start] in CAPITAL:
            return contraction_any_case(text, skip(c, skip(c, start, CAPITAL), SMALL))
    if c[i] == "n":  # \p{N}{1,3}
        return min(skip(c, i, "n"), i + 3)
    start = i + 1 if c[i] == "b" else i
    if c[start] in OTHER:  # ␣?[^\s\p{L}\p{N}]+[\r\n/]*
        end = skip(c, start, OTHER)
        while text[end : end + 1] in ("\r", "\n", "/"):
            end += 1
        return end
    end = skip(c, i, SPACE)
    if "r" in c[i:end]:  # \s*[\r\n]+: the star gives back as far as the last line end
        return c.rindex("r", i, end) + 1
    if c[end] == "$":  # \s+(?!\S)
        return end
    return max(end - 1, i + 1)  # \s+(?!\S) | \s+


SPLITTERS: dict[str, Callable[[str, str, int], int]] = {"gpt2": gpt2, "cl100k": cl100k, "o200k": o200k}
_CLASS_OF = classes.read()


def split(pattern: str, text: str) -> list[str]:
    """The pretokens of a text; joined they are the text. No lone surrogates, please."""
    end_of_match = SPLITTERS[pattern]
    c = text.translate(_CLASS_OF) + "$"
    pieces, i = [], 0
    while i < len(text):
        end = end_of_match(text, c, i)
        pieces.append(text[i:end])
        i = end
    return pieces
