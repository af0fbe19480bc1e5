"""Stages composed give what the stages one by one give: any documents, threads, blocks and files."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.condensed import Hypertokens
from tokmill.errors import ArgumentError, ArgumentTypeError, InvalidUtf8Error, SpecialTokenError
from tokmill.ngrams import Engram, OverEncoding, Plan

from tests import texts as pieces

PLANS: dict[str, Callable[[tokmill.Tokenizer], Plan]] = {
    "documents": lambda tok: OverEncoding(tok, first_rows=1_000_003, n=3, k=4),
    "cross": lambda tok: Engram(tok, sizes=1_000_003, n=4, heads=8),
    "eos": lambda tok: OverEncoding(tok, first_rows=1_000_003, n=5, boundary="eos", eos_id=tok.id_of(b" ")),
}


def mixed_text(rng: random.Random, length: int) -> str:
    text = ""
    while len(text) < length:
        text += pieces.mixed_text(rng, ["the", " quick"], ["Brown foxes, 12 of them, don't jump over 水車は回る."])
    return text[:length]


@pytest.fixture(params=PLANS)
def pipe(request: pytest.FixtureRequest, embedded: tokmill.Tokenizer) -> tokmill.Pipeline:
    return tokmill.Pipeline(embedded, ngrams=PLANS[request.param](embedded))


def assert_same(pipe: tokmill.Pipeline, block: tokmill.Block, texts: list[Any], **more: Any) -> None:
    tokens = pipe.tokenizer.encode_batch(texts, **more)
    assert np.array_equal(block.tokens.ids, tokens.ids)
    assert np.array_equal(block.tokens.offsets, tokens.offsets)
    assert pipe.ngrams is not None
    assert np.array_equal(block.rows, pipe.ngrams.rows(tokens))
    assert block.tokens.ids.dtype == tokens.ids.dtype


def test_documents_of_all_lengths(pipe: tokmill.Pipeline, rng: random.Random) -> None:
    texts: list[str | bytes] = [mixed_text(rng, rng.choice([0, 1, 5, 60, 700])) for _ in range(300)]
    texts += ["", "a" * 3000, mixed_text(rng, 2000).encode(), " ".join(mixed_text(rng, 400) for _ in range(900)), "", "x"]
    rng.shuffle(texts)
    for threads in (1, 2, 5):
        assert_same(pipe, pipe(texts, threads=threads), texts)
    assert_same(pipe, pipe(texts, dtype=np.uint32, threads=2), texts, dtype=np.uint32)
    assert_same(pipe, pipe([]), [])
    assert_same(pipe, pipe(["", ""]), ["", ""])


def test_special_tokens_and_errors(embedded: tokmill.Tokenizer) -> None:
    pipe = tokmill.Pipeline(embedded, ngrams=PLANS["documents"](embedded), row_dtype=np.int64, add_table_offsets=True)
    name = next(iter(embedded.special_tokens))
    texts = [f"a{name}b", "c " * 300_000 + name]
    block = pipe(texts, special="parse")
    tokens = embedded.encode_batch(texts, special="parse")
    assert np.array_equal(block.tokens.ids, tokens.ids)
    assert np.array_equal(block.rows, pipe.ngrams.rows(tokens, dtype=np.int64, add_table_offsets=True))
    assert block.rows.dtype == np.int64
    with pytest.raises(SpecialTokenError, match="text 1"):
        pipe(["c", f"a{name}"], special="error")
    with pytest.raises(InvalidUtf8Error, match="text 1"):
        pipe([b"c", b"c " * 400_000 + b"\xff"])
    with pytest.raises(ArgumentError, match="the plan is for 10 ids"):
        tokmill.Pipeline(embedded, ngrams=OverEncoding(10, first_rows=7))
    with pytest.raises(ArgumentTypeError):
        tokmill.Pipeline(embedded, ngrams="plan.json")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="int32 or int64"):
        tokmill.Pipeline(embedded, ngrams=pipe.ngrams, row_dtype=np.uint16)


def test_streams(pipe: tokmill.Pipeline, rng: random.Random) -> None:
    texts = [mixed_text(rng, rng.choice([0, 5, 60, 700])) for _ in range(100)]
    for batch_bytes in (1, 100, 5000, 1 << 30):
        blocks = list(pipe.stream(iter(texts), batch_bytes=batch_bytes))
        assert batch_bytes != 1 or len(blocks) >= 50
        tokens = pipe.tokenizer.encode_batch(texts)
        assert np.array_equal(np.concatenate([block.tokens.ids for block in blocks]), tokens.ids)
        assert np.array_equal(np.concatenate([block.tokens.lengths for block in blocks]), tokens.lengths)
        assert np.array_equal(np.concatenate([block.rows for block in blocks]), pipe.ngrams.rows(tokens))
    assert list(pipe.stream([])) == []
    with pytest.raises(ArgumentError, match="batch_bytes"):
        pipe.stream(texts, batch_bytes=0)


def test_files(pipe: tokmill.Pipeline, rng: random.Random, tmp_path: Path) -> None:
    text = " ".join(mixed_text(rng, 300) for _ in range(100))
    (tmp_path / "one.txt.gz").write_bytes(gzip.compress(text.encode()))
    for block_bytes in (7, 1000, 1 << 20):
        blocks = list(pipe.stream_file(tmp_path / "one.txt.gz", block_bytes=block_bytes))
        assert [block.continues for block in blocks] == [False] + [True] * (len(blocks) - 1)
        ids = pipe.tokenizer.encode(text)
        assert np.array_equal(np.concatenate([block.tokens.ids for block in blocks]), ids)
        assert np.array_equal(np.concatenate([block.rows for block in blocks]), pipe.ngrams.rows(ids))
    documents = [mixed_text(rng, 50) for _ in range(40)]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps({"text": one}) + "\n" for one in documents))
    blocks = list(pipe.stream_file(tmp_path / "many.jsonl", block_bytes=500))
    assert len(blocks) > 3
    tokens = pipe.tokenizer.encode_batch(documents)
    assert np.array_equal(np.concatenate([block.rows for block in blocks]), pipe.ngrams.rows(tokens))
    (tmp_path / "nothing.txt").write_bytes(b"")
    assert list(pipe.stream_file(tmp_path / "nothing.txt")) == []


# Condensed ids

CONDENSERS: dict[str, Callable[[tokmill.Tokenizer], Hypertokens]] = {
    "zip2zip": lambda tok: Hypertokens(tok, book_size=64, max_subtokens=3),
    "lru": lambda tok: Hypertokens(tok, "lru", book_size=32, max_subtokens=5),
}


@pytest.fixture(params=CONDENSERS)
def condensing(request: pytest.FixtureRequest, embedded: tokmill.Tokenizer) -> tokmill.Pipeline:
    return tokmill.Pipeline(embedded, condensed=CONDENSERS[request.param](embedded))


def assert_condensed(pipe: tokmill.Pipeline, block: tokmill.Block, texts: list[Any], **more: Any) -> None:
    assert pipe.condensed is not None
    assert block.condensed is not None
    tokens = pipe.tokenizer.encode_batch(texts, **more)
    wanted = pipe.condensed.condense(tokens, threads=1)
    assert block.tokens == tokens
    for name in ("ids", "base_counts", "offsets", "base_offsets", "kind"):
        assert np.array_equal(getattr(block.condensed, name), getattr(wanted, name)), name
    assert pipe.condensed.expand(block.condensed) == tokens


def test_condensed_documents_of_all_lengths(condensing: tokmill.Pipeline, rng: random.Random) -> None:
    texts: list[str | bytes] = [mixed_text(rng, rng.choice([0, 1, 5, 60, 700])) for _ in range(300)]
    # Longer than the blocks of one thread, so that documents are cut.
    texts += ["", "a" * 3000, mixed_text(rng, 2000).encode(), " ".join(mixed_text(rng, 400) for _ in range(1800)), "", "x"]
    rng.shuffle(texts)
    for threads in (1, 2, 5):
        block = condensing(texts, threads=threads)
        assert_condensed(condensing, block, texts)
        assert block.rows is None
        for few in ([], ["", ""], ["x"]):
            assert_condensed(condensing, condensing(few, threads=threads), few)


def test_condensed_over_blocks_of_several_threads(embedded: tokmill.Tokenizer, rng: random.Random) -> None:
    """Blocks of 32 MB: a document over the end of one, whole ones before and behind it."""
    pipe = tokmill.Pipeline(embedded, condensed=CONDENSERS["zip2zip"](embedded))
    piece = " ".join(mixed_text(rng, 400) for _ in range(500))
    texts = [piece, piece * 190, "", piece, piece * 3]
    assert 33e6 < sum(map(len, texts)) < 60e6
    assert_condensed(pipe, pipe(texts, threads=2), texts)


def test_rows_and_condensed_ids_together(pipe: tokmill.Pipeline, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
    both = tokmill.Pipeline(embedded, ngrams=pipe.ngrams, condensed=CONDENSERS["lru"](embedded))
    texts = [" ".join(mixed_text(rng, 300) for _ in range(n)) for n in (1, 0, 3, 1200, 2)]
    for threads in (1, 3):
        block = both(texts, threads=threads)
        assert_condensed(both, block, texts)
        assert_same(pipe, block, texts)
    blocks = list(both.stream(texts, batch_bytes=500))
    assert len(blocks) > 2
    assert np.array_equal(np.concatenate([block.rows for block in blocks]), both(texts).rows)
    made = [block.condensed.ids for block in blocks if block.condensed is not None]
    whole = both(texts).condensed
    assert whole is not None
    assert np.array_equal(np.concatenate(made), whole.ids)


def test_condensed_files(condensing: tokmill.Pipeline, rng: random.Random, tmp_path: Path) -> None:
    text = " ".join(mixed_text(rng, 300) for _ in range(60))
    (tmp_path / "one.txt.gz").write_bytes(gzip.compress(text.encode()))
    assert condensing.condensed is not None
    ids = condensing.tokenizer.encode(text)
    wanted = condensing.condensed.condense(ids)
    for block_bytes in (7, 1000, 1 << 20):
        blocks = list(condensing.stream_file(tmp_path / "one.txt.gz", block_bytes=block_bytes))
        assert [block.continues for block in blocks] == [False] + [True] * (len(blocks) - 1)
        pieces_of = [block.condensed for block in blocks if block.condensed is not None]
        assert len(pieces_of) == len(blocks)
        assert np.array_equal(np.concatenate([c.ids for c in pieces_of]), wanted.ids)
        assert np.array_equal(np.concatenate([c.base_counts for c in pieces_of]), wanted.base_counts)
        assert sum(int(c.base_offsets[-1]) for c in pieces_of) == len(ids)
    documents = [mixed_text(rng, 50) for _ in range(40)]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps({"text": one}) + "\n" for one in documents))
    blocks = list(condensing.stream_file(tmp_path / "many.jsonl", block_bytes=500))
    whole = condensing(documents).condensed
    assert whole is not None
    assert len(blocks) > 3
    assert np.array_equal(np.concatenate([block.condensed.ids for block in blocks if block.condensed is not None]), whole.ids)
    (tmp_path / "nothing.txt").write_bytes(b"")
    assert list(condensing.stream_file(tmp_path / "nothing.txt")) == []


def test_what_a_pipeline_refuses(embedded: tokmill.Tokenizer) -> None:
    with pytest.raises(ArgumentError, match="ngrams= or condensed="):
        tokmill.Pipeline(embedded)
    with pytest.raises(ArgumentError, match="the condenser is for 10 ids"):
        tokmill.Pipeline(embedded, condensed=Hypertokens(10))
    with pytest.raises(ArgumentTypeError):
        tokmill.Pipeline(embedded, condensed="hyper")  # type: ignore[arg-type]
    pipe = tokmill.Pipeline(embedded, condensed=Hypertokens(embedded))
    with pytest.raises(ArgumentError, match="int32"):
        pipe(["a"], dtype=np.int64)
    with pytest.raises(InvalidUtf8Error, match="text 1"):
        pipe([b"c", b"c " * 400_000 + b"\xff"])
