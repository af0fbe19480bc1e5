"""Word tables hold what was merged before; ids do not depend on what they hold. With none, with room for two words, and with small ones
that forget all the time, ids equal tiktoken's and the oracle's."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import tokmill

from tests.compare import assert_text
from tests.conftest import corpus
from tests.oracle import bpe, splitters
from tests.texts import mixed_text
from tests.vocabularies import random_ranks, rank_file

ISAS: list[str] = tokmill.isa()["supported"]
SIZES = [0, 64, 128, 4_096]
TEXTS = ["english-prose", "code", "cjk", "multilingual", "kernel-rst", "tables-and-dna"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["r50k_base", "cl100k_base", "o200k_base"])
def test_stretches_of_corpora(
    name: str, text: str, load: Callable[..., tokmill.Tokenizer], judge: Callable[[str], Any], rng: random.Random, scale: int
) -> None:
    content = corpus(text).decode()
    length = 100_000 * scale
    start = rng.randrange(max(1, len(content) - length))
    content = content[start : start + length]
    wanted = judge(name).encode_ordinary(content)
    for isa in ISAS:
        for size in SIZES:
            tok = load(name, isa)._with_word_tables(size)
            for _ in range(2):  # again, with what the tables hold by now
                assert_text(tok.encode_list, judge(name).encode_ordinary, content, f"{size} bytes, {isa}, from {start}", wanted)
            assert tok.count(content, threads=1) == len(wanted)


@pytest.mark.parametrize("pattern", splitters.PATTERNS)
def test_random_vocabularies(pattern: str, rng: random.Random, scale: int) -> None:
    ranks, _ = random_ranks(rng)
    tok = tokmill.Tokenizer._from_ranks(rank_file(ranks), name="t", pattern=pattern, special_tokens={})
    for isa in ISAS:
        for size in SIZES:
            small = tok._with_isa(isa)._with_word_tables(size)
            for _ in range(20 * scale):
                text = mixed_text(rng, [], [])
                wanted = bpe.encode(splitters.split(pattern, text), ranks)
                assert small.encode_list(text) == wanted, (size, isa, text)


def test_what_tables_of_a_size_remember(embedded: tokmill.Tokenizer) -> None:
    text = "some words that are words of this vocabulary, and pseudopseudohypoparathyroidism " * 3
    none = embedded._with_word_tables(0)
    for _ in range(3):
        assert none.encode_list(text) == embedded.encode_list(text)
    found = none._table_statistics()
    assert found["misses"] == found["lookups"] > 0
    one = embedded._with_word_tables(64)
    for _ in range(100):
        one.encode_list("hello")
    assert one._table_statistics()["merges"] == 1  # all others found it
    assert embedded._with_word_tables(1 << 20)._table_statistics()["table_bytes"] > 1 << 20


@pytest.mark.parametrize("size", [1, 63, 65, 96, 1 << 31, -64])
def test_sizes_that_are_none(size: int, embedded: tokmill.Tokenizer) -> None:
    with pytest.raises(ValueError, match="word tables"):
        embedded._with_word_tables(size)
