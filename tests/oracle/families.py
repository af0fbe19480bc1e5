"""The split patterns of model families whose tokenizer.json spells them, written out by hand: text -> pretokens.

As in splitters.py an alternative is a line or two, with its text beside it. Here a matcher says where the match at `i`
ends, or `i` if there is none; a pattern is a list of steps, each of which cuts the pieces that the one before left:
what it matches, and what is left between its matches. `c` is the text's fine classes (classes.py) with a `$` behind them;
inside a piece, the text ends with the piece.
"""

from __future__ import annotations

from collections.abc import Callable

from . import classes
from .splitters import contraction_any_case, skip

Matcher = Callable[[str, str, int], int]

LETTER = "ulc"  # \p{L}
SPACE = "bsr"  # \s
NOT_LETTER_NUMBER_NEWLINE = "bsomx"  # [^\r\n\p{L}\p{N}]

_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+SUFFIX"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*SUFFIX"
)
_SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
STEPS: dict[str, list[str]] = {
    "llama3": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "qwen2": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "qwen3.5": [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
        r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ],
    "tekken": [_CASED.replace("SUFFIX", "") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "kimi": [
        r"[\p{Han}]+|"
        + _CASED.replace("SUFFIX", _SUFFIX).replace(r"\p{M}]", r"\p{M}&&[^\p{Han}]]")
        + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ],
    "deepseek-v3": [
        r"\p{N}{1,3}",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
    ],
    "superbpe": [r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)"],
    "superwords": [r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*|\s*[\r\n]+| +(?!\S)"],
}


def white_space(c: str, i: int) -> int:
    """Past \\s*[\\r\\n]+|\\s+(?!\\S)|\\s+ at i, else i."""
    end = skip(c, i, SPACE)
    if "r" in c[i:end]:  # \s*[\r\n]+: the star gives back as far as the last line end
        return c.rindex("r", i, end) + 1
    if c[end] == "$" or end == i:  # \s+(?!\S)
        return end
    return max(end - 1, i + 1)  # \s+(?!\S) | \s+


def others(text: str, c: str, i: int, other: str, tail: str) -> int:
    """Past ␣?[other]+[tail]* at i, else i."""
    start = i + 1 if c[i] == "b" else i
    if c[start] not in other:
        return i
    end = skip(c, start, other)
    while text[end : end + 1] and text[end] in tail:
        end += 1
    return end


def numbers(count: int) -> Matcher:
    return lambda text, c, i: min(skip(c, i, "n"), i + count)  # \p{N}{1,count}


def llama3_kin(digits: int, letter: str) -> Matcher:
    """llama3, qwen2, and qwen3.5, to which marks are letters."""
    other = "omx" if letter == LETTER else "ox"

    def match(text: str, c: str, i: int) -> int:
        if (end := contraction_any_case(text, i)) > i:  # (?i:'s|'t|'re|'ve|'m|'ll|'d)
            return end
        for start in (i + 1, i) if c[i] in NOT_LETTER_NUMBER_NEWLINE else (i,):  # [^\r\n\p{L}\p{N}]?[letter]+
            if c[start] in letter:
                return skip(c, start, letter)
        if (end := numbers(digits)(text, c, i)) > i:  # \p{N}{1,digits}
            return end
        if (end := others(text, c, i, other, "\r\n")) > i:  # ␣?[^\s\p{L}\p{N}]+[\r\n]*
            return end
        return white_space(c, i)

    return match


def o200k_kin(digits: int, tail: str, suffix: bool, han: bool) -> Matcher:
    """tekken and kimi, to which a character of the script Han is no part of a word (H if it is a letter, h if not)."""

    def match(text: str, c: str, i: int) -> int:
        if han and text[i] in classes.HAN:  # [\p{Han}]+
            while text[i : i + 1] and text[i] in classes.HAN:
                i += 1
            return i

        def word(j: int, kinds: str) -> bool:
            return c[j] in kinds and not (han and text[j] in classes.HAN)

        def run(j: int, kinds: str) -> int:
            while word(j, kinds):
                j += 1
            return j

        starts = (i + 1, i) if c[i] in NOT_LETTER_NUMBER_NEWLINE else (i,)
        for start in starts:  # [^\r\n\p{L}\p{N}]? [ucm]* [lcm]+ suffix?
            capitals = run(start, "ucm")
            while capitals > start and not word(capitals, "lcm"):  # the star gives back until the plus can follow
                capitals -= 1
            if word(capitals, "lcm"):
                end = run(capitals, "lcm")
                return contraction_any_case(text, end) if suffix else end
        for start in starts:  # [^\r\n\p{L}\p{N}]? [ucm]+ [lcm]* suffix?
            if word(start, "ucm"):
                end = run(run(start, "ucm"), "lcm")
                return contraction_any_case(text, end) if suffix else end
        if (end := numbers(digits)(text, c, i)) > i:  # \p{N}{1,digits}
            return end
        if (end := others(text, c, i, "omx", tail)) > i:  # ␣?[^\s\p{L}\p{N}]+[tail]*
            return end
        return white_space(c, i)

    return match


def cjk(text: str, c: str, i: int) -> int:
    """The run of [\\u4e00-\\u9fa5\\u3040-\\u309f\\u30a0-\\u30ff] at i."""
    while text[i : i + 1] and ("\u4e00" <= text[i] <= "\u9fa5" or "\u3040" <= text[i] <= "\u30ff"):
        i += 1
    return i


def deepseek_v3(text: str, c: str, i: int) -> int:
    """The last step."""
    after = i + 1
    while text[after : after + 1].isascii() and text[after : after + 1].isalpha():
        after += 1
    if c[i] == "o" and text[i].isascii() and after > i + 1:  # [ASCII punctuation or symbol][A-Za-z]+
        return after
    for start in (i + 1, i) if c[i] in "bsmnx" else (i,):  # [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
        if c[start] in "ulcm":
            return skip(c, start, "ulcm")
    if (end := others(text, c, i, "o", "\r\n")) > i:  # ␣?[\p{P}\p{S}]+[\r\n]*
        return end
    return white_space(c, i)


def unparted(parts_at_newlines: bool) -> Matcher:
    """superbpe and superwords: what lies between their matches is a piece, so there may be none at i."""

    def match(text: str, c: str, i: int) -> int:
        if (end := numbers(3)(text, c, i)) > i:  # \p{N}{1,3}
            return end
        start = i + 1 if c[i] == "b" else i
        if skip(c, start, "omx") >= start + 2:  # ␣?[^\s\p{L}\p{N}]{2,}[\r\n/]*
            return others(text, c, i, "omx", "\r\n/")
        if parts_at_newlines and "r" in c[i : (end := skip(c, i, SPACE))]:  # \s*[\r\n]+
            return c.rindex("r", i, end) + 1
        end = skip(c, i, "b")  #  +(?!\S)
        return end if c[end] in SPACE + "$" else max(end - 1, i)

    return match


MATCHERS: dict[str, list[Matcher]] = {
    "llama3": [llama3_kin(3, LETTER)],
    "qwen2": [llama3_kin(1, LETTER)],
    "qwen3.5": [llama3_kin(1, LETTER + "m")],
    "tekken": [o200k_kin(1, "\r\n/", suffix=False, han=False)],
    "kimi": [o200k_kin(3, "\r\n", suffix=True, han=True)],
    "deepseek-v3": [numbers(3), cjk, deepseek_v3],
    "superbpe": [unparted(False)],
    "superwords": [unparted(True)],
}
_CLASS_OF = classes.read_fine()


def isolate(match: Matcher, text: str) -> list[str]:
    """The matches of a step, leftmost first, and what lies between them."""
    c = text.translate(_CLASS_OF) + "$"
    pieces, i, gap = [], 0, 0
    while i < len(text):
        end = match(text, c, i)
        if end == i:
            i += 1
            continue
        pieces += [text[gap:i], text[i:end]]
        i = gap = end
    return [piece for piece in [*pieces, text[gap:]] if piece]


def split(pattern: str, text: str) -> list[str]:
    """The pretokens of a text; joined they are the text. No lone surrogates, please."""
    pieces = [text] if text else []
    for match in MATCHERS[pattern]:
        pieces = [part for piece in pieces for part in isolate(match, piece)]
    return pieces
