"""The oracle itself, proved against tiktoken: classes of all code points, all short strings, seeded random strings, merging."""

from __future__ import annotations

import random
import unicodedata
from typing import Any

import pytest

from tests.oracle import bpe, classes, splitters
from tests.texts import ALPHABET, class_string, mixed_text, short_strings
from tests.vocabularies import decoy_ranks, random_ranks

tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")

SCALARS = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))


def encoding(pattern: str, ranks: dict[bytes, int]) -> Any:
    return tiktoken.Encoding(name="test", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def assert_same_cuts(pattern: str, strings: list[str]) -> None:
    rows = [splitters.split(pattern, text) for text in strings]
    ranks = decoy_ranks(rows)
    judge = encoding(splitters.PATTERNS[pattern], ranks)
    for text, row, ids in zip(strings, rows, judge.encode_ordinary_batch(strings, num_threads=1), strict=True):
        assert ids == [ranks[piece.encode()] for piece in row], (pattern, text, row)


@pytest.mark.parametrize(
    ("letters", "regex"),
    [
        ("u", r"[\p{Lu}\p{Lt}]"), ("l", r"\p{Ll}"), ("c", r"[\p{Lm}\p{Lo}]"), ("m", r"\p{M}"), ("n", r"\p{N}"),
        ("bsr", r"\s"), ("r", r"[\r\n]"), ("b", " "), ("om", r"[^\s\p{L}\p{N}]"),
    ],
)  # fmt: skip
def test_classes_of_all_code_points(letters: str, regex: str) -> None:
    # What the pattern does not match, tiktoken leaves out: the ids that remain are the bytes of the class.
    judge = encoding(regex, {bytes([value]): value for value in range(256)})
    table = classes.read()
    assert bytes(judge.encode_ordinary(SCALARS)).decode() == "".join(c for c in SCALARS if table[ord(c)] in letters)


def test_the_committed_classes_are_those_of_unicode_16() -> None:
    pytest.importorskip("unicodedata2", reason="unicodedata2 is not installed")
    assert classes.read_fine() == classes.derive()


@pytest.mark.parametrize("pattern", splitters.PATTERNS)
def test_patterns_are_tiktokens(pattern: str) -> None:
    public = pytest.importorskip("tiktoken_ext.openai_public")
    if pattern == "gpt2":
        assert splitters.PATTERNS[pattern] == public.r50k_pat_str
    else:  # the others stand in the source of the functions that load the files
        constants = [value for value in getattr(public, f"{pattern}_base").__code__.co_consts if isinstance(value, str | tuple)]
        texts = [text for value in constants for text in ([value] if isinstance(value, str) else ["|".join(value)])]
        assert splitters.PATTERNS[pattern] in [*texts, "|".join(text for text in texts if "\\" in text)]


@pytest.mark.parametrize("pattern", splitters.PATTERNS)
def test_characters_between_letters_and_in_a_row(pattern: str, scale: int) -> None:
    # At scale 1 those where the class changes, with their neighbours; in the long run every character.
    table = classes.read()
    chosen = [c for c in SCALARS if scale >= 10 or len(set(table[max(ord(c) - 1, 0) : ord(c) + 2])) > 1]
    assert len(chosen) > 4_000
    assert_same_cuts(pattern, ["a".join(chosen[i : i + 64]) + "".join(chosen[i : i + 64]) for i in range(0, len(chosen), 64)])


@pytest.mark.parametrize("pattern", splitters.PATTERNS)
def test_all_short_strings(pattern: str, scale: int) -> None:
    for length in range(1, 6 if scale >= 10 else 5):
        for head in short_strings(max(0, length - 4)):
            assert_same_cuts(pattern, [head + tail for tail in short_strings(min(length, 4))])


@pytest.mark.parametrize("pattern", splitters.PATTERNS)
def test_random_strings(pattern: str, rng: random.Random, scale: int) -> None:
    for _ in range(scale):
        assert_same_cuts(pattern, [class_string(rng) for _ in range(40_000)])
        assert_same_cuts(
            pattern, [mixed_text(rng, ["ing", " the", "'ll", "\n\n\n"], [unicodedata.normalize("NFD", "Ünïcödé's")]) for _ in range(5_000)]
        )


def test_the_alphabet_has_every_class() -> None:
    table = classes.read()
    assert {table[ord(c)] for c in ALPHABET} == set(table)


def test_merging_of_random_vocabularies(rng: random.Random, scale: int) -> None:
    for _ in range(150 * scale):
        ranks, letters = random_ranks(rng)
        judge = encoding(splitters.PATTERNS["gpt2"], ranks)
        for _ in range(20):
            text = "".join(rng.choices(letters, k=rng.randint(1, 150 if rng.random() < 0.1 else 25)))
            assert judge.encode_ordinary(text) == bpe.encode(splitters.split("gpt2", text), ranks), (text, ranks)


@pytest.mark.parametrize(
    ("pattern", "text", "pieces"),
    [
        ("gpt2", "I'll don't WE'LL  go\n\n now ", ["I", "'ll", " don", "'t", " WE", "'", "LL", " ", " go", "\n\n", " now", " "]),
        ("cl100k", "x12345  \n\t\n y!?\r\n\r\n'S", ["x", "123", "45", "  \n\t\n", " y", "!?\r\n\r\n", "'S"]),
        ("o200k", "HTTPServer's été\u0301 //\n/a", ["HTTPServer's", " été\u0301", " //\n/", "a"]),
    ],
)
def test_literals(pattern: str, text: str, pieces: list[str]) -> None:
    assert splitters.split(pattern, text) == pieces
