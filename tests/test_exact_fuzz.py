"""Ids equal the oracle's and tiktoken's on generated input: every pattern, every vocabulary, every instruction set.

At scale 1: 200,000 random strings a pattern, all strings up to length 5 over a 12-class alphabet, 20,000 texts a
vocabulary. At scale 10 ten times as many, and length 6.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.compare import assert_rows, assert_text, rows_of
from tests.conftest import RANK_FILE, corpus, ranks_of
from tests.oracle import bpe, splitters
from tests.texts import ALPHABET, class_string, mixed_text, short_strings
from tests.vocabularies import decoy_ranks, random_ranks, rank_file

ISAS: list[str] = tokmill.isa()["supported"]
PATTERNS = list(splitters.PATTERNS)


def tokenizer(ranks: dict[bytes, int], pattern: str) -> tokmill.Tokenizer:
    return tokmill.Tokenizer._from_ranks(rank_file(ranks), name="test", pattern=pattern, special_tokens={})


def assert_same_cuts(pattern: str, strings: Sequence[str]) -> None:
    """Each string as a row of a batch, and the first of them joined as one long text."""
    texts = [*strings, "".join(strings[:4_000])]
    pieces = [splitters.split(pattern, text) for text in texts]
    ranks = decoy_ranks(pieces)
    expected = rows_of([[ranks[piece.encode()] for piece in row] for row in pieces])
    tok = tokenizer(ranks, pattern)
    for isa in ISAS:
        forced = tok._with_isa(isa)
        assert_rows(forced.encode_batch(texts, threads=1), expected, texts, f"{pattern}, {isa}")
        assert forced.encode_list(texts[-1]) == expected.lists[-1], (pattern, isa)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_short_strings(pattern: str, scale: int) -> None:
    assert_same_cuts(pattern, [text for length in range(5) for text in short_strings(length)])
    for length in range(5, 7 if scale >= 10 else 6):
        for head in short_strings(length - 4):
            assert_same_cuts(pattern, [head + tail for tail in short_strings(4)])


@pytest.mark.parametrize(
    ("pattern", "alphabet"),
    [
        ("gpt2", " a'\n"), ("gpt2", "'s! "), ("cl100k", " \n!a"), ("cl100k", "\t\n 1"), ("cl100k", "'sA!"),
        ("o200k", "\u0301\n/!"), ("o200k", "Aa中'"), ("o200k", "As'\u0301"), ("o200k", " \n/a"),
    ],
)  # fmt: skip
def test_longer_strings_of_few_classes(pattern: str, alphabet: str, scale: int) -> None:
    # Classes whose rules meet: what goes wrong there can take eight characters to show.
    for length in range(1, 10 if scale >= 10 else 9):
        for head in short_strings(max(0, length - 7), alphabet):
            assert_same_cuts(pattern, [head + tail for tail in short_strings(min(length, 7), alphabet)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_longer_strings_of_random_classes(pattern: str, rng: random.Random, scale: int) -> None:
    for _ in range(6 * scale):
        alphabet = rng.sample(ALPHABET, 4)
        for head in alphabet:
            assert_same_cuts(pattern, [head + tail for tail in short_strings(7, alphabet)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_random_strings(pattern: str, rng: random.Random, scale: int) -> None:
    for _ in range(10 * scale):
        assert_same_cuts(pattern, [class_string(rng) for _ in range(20_000)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_strings_that_once_failed(pattern: str) -> None:
    # A mark behind slashes that a line end has taken is a letter, also when another mark in the block is none.
    found = ["!!\u0301\n//\u0301!", "//\u20dd\n//\u20dd/", "''\u0301\n//\u0301\n", "  !!\u0301\n//\u0301!a"]
    assert_same_cuts(
        pattern, [before + text + after for text in found for before in ("", "a" * 55, " " * 61) for after in ("", "b", " \n")]
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_strings_at_every_distance_from_a_border(pattern: str, rng: random.Random) -> None:
    # Kernels work in vectors and blocks: the same few characters have to give the same cuts wherever in a block they lie.
    strings = [class_string(rng)[:8] for _ in range(40)]
    fillers = ["a", " a", "中", "1", "!"]
    assert_same_cuts(pattern, [(rng.choice(fillers) * 140)[:distance] + text for text in strings for distance in range(1, 140)])


@pytest.mark.parametrize("name", RANK_FILE)
def test_fuzzed_texts_against_tiktoken(
    name: str, load: Callable[..., tokmill.Tokenizer], judge: Callable[[str], Any], rng: random.Random, scale: int
) -> None:
    tok, peer = load(name), judge(name)
    entries = [token.decode() for token in ranks_of(name) if token.decode("utf-8", "ignore").encode() == token]
    samples = [corpus(text).decode() for text in ("multilingual", "udhr-many-languages", "markdown", "json", "cjk")]
    for _ in range(4 * scale):
        texts = [mixed_text(rng, entries, samples) for _ in range(5_000)]
        expected = rows_of(peer.encode_ordinary_batch(texts, num_threads=1))
        for isa in ISAS:
            assert_rows(load(name, isa).encode_batch(texts, threads=1), expected, texts, f"{name}, {isa}")
        joined = "".join(texts)
        assert_text(tok.encode_list, peer.encode_ordinary, joined, f"{name}, joined")
        for text, ids in zip(texts[:500], expected.lists, strict=False):
            assert tok.encode_list(text) == ids, (name, text)
            assert tok.encode(text).tolist() == ids, (name, text)
            assert tok.encode(text.encode()).tolist() == ids, (name, text)


@pytest.mark.parametrize("isa", ISAS)
def test_the_embedded_vocabulary_against_the_oracle(isa: str, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
    # No data and no peer needed. The ids of its specials are above those of its tokens: without them these are the ranks.
    specials = set(embedded.special_tokens.values())
    ranks = {token: rank for rank, token in enumerate(embedded.token_bytes) if token is not None and rank not in specials}
    entries = [token.decode() for token in ranks if token.decode("utf-8", "ignore").encode() == token]
    texts = [mixed_text(rng, entries, []) for _ in range(1_500 * scale)]
    expected = rows_of([bpe.encode(splitters.split("cl100k", text), ranks) for text in texts])
    assert_rows(embedded._with_isa(isa).encode_batch(texts), expected, texts, f"embedded, {isa}")


def test_small_vocabularies_against_naive_merging(rng: random.Random, scale: int) -> None:
    for _ in range(250 * scale):
        ranks, letters = random_ranks(rng)
        pattern = rng.choice(PATTERNS)
        tok = tokenizer(ranks, pattern)
        texts = ["".join(rng.choices(letters + " ", k=rng.randint(1, 120 if rng.random() < 0.1 else 25))) for _ in range(60)]
        expected = rows_of([bpe.encode(splitters.split(pattern, text), ranks) for text in texts])
        for isa in ISAS:
            assert_rows(tok._with_isa(isa).encode_batch(texts, threads=1), expected, texts, f"{pattern}, {ranks}, {isa}")
        assert [tok.encode_list(text) for text in texts] == expected.lists, ranks


def test_long_pretokens_of_small_vocabularies(rng: random.Random, scale: int) -> None:
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    for _ in range(40 * scale):
        ranks, letters = random_ranks(rng)
        tok = tokenizer(ranks, "gpt2")
        peer = tiktoken.Encoding(name="test", pat_str=splitters.PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens={})
        for _ in range(6):
            period = "".join(rng.choices(letters, k=rng.choice([1, 2, 3, 5, 50, 5_000])))
            text = (period * 5_000)[: rng.randint(200, 5_000)]
            expected = peer.encode_ordinary(text)
            for isa in ISAS:
                assert_text(tok._with_isa(isa).encode_list, peer.encode_ordinary, text, f"{ranks}, {isa}", expected)


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "r50k_base"])
def test_long_pretokens_of_real_vocabularies(
    name: str, load: Callable[..., tokmill.Tokenizer], judge: Callable[[str], Any], rng: random.Random, scale: int
) -> None:
    peer = judge(name)
    entries = [token.decode() for token in ranks_of(name) if token.isalpha() and token.isascii()]
    for _ in range(30 * scale):
        kind = rng.randrange(4)
        if kind == 0:
            unit = rng.choice(
                ["a", "ab", "the", "A", "é", "中", "\u0301", "!", "=", "-", " ", "\n", "\t", "\r\n", "x" * 9, "\U0001f600", "가나"]
            )
            text = unit * rng.randint(50, 20_000 // len(unit))
        elif kind == 1:
            text = "".join(rng.choices(entries, k=rng.randint(10, 3_000)))
        elif kind == 2:
            text = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(100, 20_000)))
        else:
            text = "".join(chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(rng.randint(30, 6_000)))
        expected = peer.encode_ordinary(text)
        for isa in ISAS:
            assert_text(load(name, isa).encode_list, peer.encode_ordinary, text, f"{name}, {isa}", expected)


def test_results_do_not_depend_on_what_was_encoded_before(embedded: tokmill.Tokenizer, rng: random.Random) -> None:
    # Word tables replace; a text has to give the same ids cold, warm, and after other text has pushed its words out.
    texts = [mixed_text(rng, [], []) for _ in range(300)]
    first = [embedded.encode_list(text) for text in texts]
    for _ in range(3):
        embedded.count("".join(chr(rng.randint(97, 122)) if rng.random() < 0.8 else " " for _ in range(200_000)))
        order = rng.sample(range(len(texts)), len(texts))
        assert [embedded.encode_list(texts[i]) for i in order] == [first[i] for i in order]
    assert np.concatenate([embedded.encode(text) for text in texts]).tolist() == [token for row in first for token in row]
