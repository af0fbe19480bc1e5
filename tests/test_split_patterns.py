"""The general split-pattern engine against the two owners of split regexes, hand-written cases, and the laws of streaming."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest
import tokmill
from tokmill import Splitter

from tests.conftest import SCALE
from tests.oracle.splitting import tiktoken_pieces, tokenizers_spans

needs_tokenizers = pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="tokenizers is not installed")
needs_tiktoken = pytest.mark.skipif(importlib.util.find_spec("tiktoken") is None, reason="tiktoken is not installed")

BEHAVIOURS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
# Characters that the published patterns, the dialects and their case folds treat in ways of their own.
SCRAPS = [
    *"abBstSlLdDmxXzZ''’129!/_-$([|:;.éÉЖжßſK½²٣中国あア한ǅʰ।😀",
    *"\u200d\u200c\u0301\u00a0\u3000\u2028\u0085\U0001d7ce\U00020000",
    *("12345", "...", "qu'", "ll", "'ve", "'S", "IMG", "<|endoftext|>", "<sentinel:3>", "http"),
    *(" ", " ", " ", "  ", "\n", "\n\n", "\r", "\r\n", "\t"),
]


def random_texts(rng: random.Random, count: int, most: int = 14) -> list[str]:
    return ["".join(rng.choice(SCRAPS) for _ in range(rng.randrange(1, most))) for _ in range(count)]


def spans(splitter: Splitter, text: str) -> list[tuple[int, int]]:
    return [(begin, end) for begin, end in splitter.split(text, unit="char").tolist()]


def pieces(splitter: Splitter, text: str) -> list[str]:
    return [text[begin:end] for begin, end in spans(splitter, text)]


def published(data: Path) -> list[dict[str, Any]]:
    pipelines: list[dict[str, Any]] = json.loads((data / "vocab" / "patterns.json").read_text("utf8"))
    return pipelines


def published_regexes(data: Path) -> dict[str, list[str]]:
    steps = [step["regex"] for one in published(data) for step in one["steps"] if step["type"] == "Split" and step.get("regex")]
    return {
        "tokenizers": list(dict.fromkeys(steps)),
        "tiktoken": list(dict.fromkeys(one["tiktoken_regex"] for one in published(data) if one.get("tiktoken_regex"))),
    }


# By hand: no data, no peer


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [
        (r"\p{L}+", "ab1c", ["ab", "1", "c"]),
        (r"a|ab", "abab", ["a", "b", "a", "b"]),  # the first alternative wins, not the longest
        (r"ab|a", "abaab", ["ab", "a", "ab"]),
        (r"a+?", "aaa", ["a", "a", "a"]),
        (r"a{2,3}", "aaaaaaa", ["aaa", "aaa", "a"]),
        (r"x(?=y)", "xyxx", ["x", "yxx"]),
        (r"(?<=a)b", "abbb", ["a", "b", "bb"]),
        (r"(?<!a)b", "abbb", ["ab", "b", "b"]),
        (r"\s+(?!\S)|\s+", "a   b", ["a", "  ", " ", "b"]),
        (r"(?i:TRA)", "xtraTRA", ["x", "tra", "TRA"]),
        (r"[\p{L}&&[^a-c]]+", "abcdef", ["abc", "def"]),
        (r"(?>a|ab)c", "abcac", ["abc", "ac"]),
        (r"a++b|a", "aaab a", ["aaab", " ", "a"]),
        (r"\bfoo\b", "foo food", ["foo", " food"]),
        (r"[中-国]+", "x中国y", ["x", "中国", "y"]),
        (r"([ab])\1", "abba", ["a", "bb", "a"]),
        (r"(?=b)", "abb", ["a", "b", "b"]),
        (r"\G\d", "12a3", ["1", "2", "a3"]),
    ],
)
def test_by_hand(regex: str, text: str, expected: list[str]) -> None:
    assert pieces(Splitter(regex), text) == expected


@pytest.mark.parametrize(
    ("regex", "text", "tokenizers", "tiktoken"),
    [
        (r"\d{1,2}+", "12345", ["12345"], ["12", "34", "5"]),
        (r"x$", "x\nx", ["x", "\n", "x"], ["x\n", "x"]),
        (r"^x", "x\nx", ["x", "\n", "x"], ["x", "\nx"]),
        (r"\w", "²", ["²"], ["²"]),
        (r"a\Z", "a\n\n", ["a\n\n"], ["a", "\n\n"]),
        (r"(?i:\p{Lu})", "aB", ["a", "B"], ["a", "B"]),
        (r"a(?i)b|c", "aC", ["aC"], ["a", "C"]),
    ],
)
def test_the_owners_differ(regex: str, text: str, tokenizers: list[str], tiktoken: list[str]) -> None:
    assert pieces(Splitter(regex, dialect="tokenizers"), text) == tokenizers
    assert pieces(Splitter(regex, dialect="tiktoken"), text) == tiktoken


@pytest.mark.parametrize(
    ("regex", "dialect", "byte", "names"),
    [
        ("a(b", "tokenizers", 1, "without its )"),
        ("ab)", "tokenizers", 2, "without its ("),
        ("é[a", "tokenizers", 2, "without its ]"),
        (r"(ab)\1", "tokenizers", 4, "back reference"),
        (r"\p{Klingon}", "tiktoken", 0, "Klingon"),
        (r"中\K", "tokenizers", 3, r"\K"),
        ("a**", "tokenizers", 2, "quantifier on a quantifier"),
        ("a{2000}", "tiktoken", 1, "1000"),
        ("(?x)a", "tiktoken", 2, "flag"),
        ("[a--b]", "tiktoken", 2, "difference"),
        (r"\07", "tokenizers", 0, "octal"),
        (r"a\Gb", "tokenizers", 1, r"\G"),
        ("(?<=a(?=b))c", "tokenizers", 5, "look-behind"),
        ("(?i:ss)", "tokenizers", 4, "fold"),
        ("(?~ab)", "tokenizers", 2, "group"),
        ("b{2,1}", "tokenizers", 1, "order"),
        ("+", "tiktoken", 0, "nothing before it"),
        ("(?:a*){3}", "tiktoken", 0, "counted repeat"),
    ],
)
def test_what_is_refused_says_where(regex: str, dialect: str, byte: int, names: str) -> None:
    with pytest.raises(tokmill.errors.PatternError) as caught:
        Splitter(regex, dialect=dialect)
    assert names in str(caught.value)
    assert f"at byte {byte}" in str(caught.value)


# Against the owners


@needs_tokenizers
def test_published_regexes_as_tokenizers(data: Path, rng: random.Random) -> None:
    texts = random_texts(rng, 150 * SCALE)
    for regex in published_regexes(data)["tokenizers"]:
        splitter = Splitter(regex)
        assert not splitter.statistics["tabulated"]
        for text, expected in zip(texts, tokenizers_spans(regex, texts), strict=True):
            assert spans(splitter, text) == expected, (regex, text)


@needs_tiktoken
def test_published_regexes_as_tiktoken(data: Path, rng: random.Random) -> None:
    texts = random_texts(rng, 128 * SCALE)
    regexes = published_regexes(data)
    for regex in dict.fromkeys(regexes["tiktoken"] + regexes["tokenizers"]):
        splitter = Splitter(regex, dialect="tiktoken", behaviour="removed", invert=True)
        for text, expected in zip(texts, tiktoken_pieces(regex, texts), strict=True):
            if expected is None:  # it panics on empty matches
                assert splitter.statistics["has_empty_matches"], (regex, text)
                continue
            encoded = text.encode()
            assert [encoded[begin:end] for begin, end in splitter.split(text).tolist()] == expected, (regex, text)
