"""Supertokens in pipelines, chains, other libraries' files, reports and the command line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokmill import Pipeline, Ragged, Tokenizer
from tokmill.cli import main
from tokmill.condensed import BASE, HYPER, SUPER, Chain, Hypertokens, Supertokens, combined
from tokmill.errors import ArgumentError, ArgumentTypeError, UnknownIdError
from tokmill.report.condensed import growth_table, supertokens_section

from tests.conftest import SCALE

WORDS = [
    "the price of",
    "the house",
    "of the garden",
    "was 1,250 euros",
    "café",
    "日本語",
    "in the",
    "\n\n",
    "GET /health took 3 ms\n",
    "!",
]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(7)
    return [" ".join(rng.choices(WORDS, k=rng.randrange(120))) for _ in range(20)]


@pytest.fixture(scope="module")
def phrases(embedded: Tokenizer, texts: list[str]) -> Supertokens:
    return Supertokens.train(embedded, embedded.encode_batch(texts), 60)


# Chains


def test_a_chain_by_hand() -> None:
    chain = Chain.over(Supertokens(10, [1], [2]), "zip2zip", book_size=4, max_subtokens=2)
    c = chain.condense([1, 2, 3, 1, 2, 3, 1, 2])
    assert c.ids.tolist() == [10, 3, 11, 10]  # 1 2 | 3 | (1 2) 3 | 1 2
    assert c.base_counts.tolist() == [2, 1, 3, 2]
    assert c.kind.tolist() == [SUPER, BASE, HYPER, SUPER]
    assert chain.levels == ((10, SUPER), (11, HYPER))
    assert (chain.vocab_size, chain.id_end) == (10, 15)
    assert chain.expand(c.ids).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]


@settings(max_examples=60 * SCALE, deadline=None, derandomize=True)
@given(st.data())
def test_laws_of_chains(data: st.DataObject) -> None:
    ids = st.lists(st.integers(0, 5), max_size=60)
    first = Supertokens.train(6, data.draw(ids), data.draw(st.integers(0, 6)), mode=data.draw(st.sampled_from(["longest", "merge"])))
    chain = Chain.over(first, data.draw(st.sampled_from(["zip2zip", "lru"])), book_size=data.draw(st.integers(0, 9)), max_subtokens=3)
    documents = Ragged.from_rows(data.draw(st.lists(ids, max_size=4)), np.int32)
    barriers = data.draw(st.lists(st.integers(0, len(documents.ids)), max_size=4))
    c = chain.condense(documents, barriers=barriers)
    assert chain.expand(c) == documents
    assert int(c.base_counts.sum()) == len(documents.ids)
    assert {place for place in barriers if place < len(documents.ids)} <= set(c.base_starts.tolist())
    assert chain.condense(documents, barriers=barriers, threads=2).ragged == c.ragged


def test_chains_that_cannot_be(embedded: Tokenizer) -> None:
    first = Supertokens(10, [1], [2])
    with pytest.raises(ArgumentError):
        Chain(first, Hypertokens(10))
    with pytest.raises(ArgumentTypeError):
        Chain(Hypertokens(10), Hypertokens(10))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        Chain.over(first, disabled="digits")
    with pytest.raises(UnknownIdError):
        Chain.over(first).expand([1, 99])
    assert len(Chain.over(Supertokens(embedded, [1], [2])).second.disabled) > 10


# Pipelines


@pytest.mark.parametrize("mode", ["longest", "merge"])
def test_one_call_is_one_stage_after_the_other(
    embedded: Tokenizer, phrases: Supertokens, texts: list[str], tmp_path: Path, mode: Any
) -> None:
    z = phrases.with_mode(mode)
    file = tmp_path / "text.txt"
    file.write_text(" ".join(texts) * 3, encoding="utf-8")
    for condenser in (z, Chain.over(z)):
        pipe = Pipeline(embedded, condensed=condenser)
        wanted = condenser.condense(embedded.encode_batch(texts))
        for threads in (1, 2):
            made = pipe(texts, threads=threads).condensed
            assert made is not None
            assert made.ragged == wanted.ragged
            assert np.array_equal(made.base_counts, wanted.base_counts)
            assert made.levels == wanted.levels
        whole = condenser.condense(embedded.encode(file.read_text("utf-8")))
        pieces = [block.condensed for block in pipe.stream_file(file, block_bytes=300) if block.condensed is not None]
        assert len(pieces) > 5
        assert np.concatenate([piece.ids for piece in pieces]).tolist() == whole.ids.tolist()
        assert np.concatenate([piece.base_counts for piece in pieces]).tolist() == whole.base_counts.tolist()
    with pytest.raises(ArgumentTypeError):
        Pipeline(embedded, condensed=embedded)  # type: ignore[arg-type]


# One vocabulary out of two


def test_one_vocabulary_that_others_load(embedded: Tokenizer, phrases: Supertokens, texts: list[str], tmp_path: Path) -> None:
    both = combined(phrases, name="with phrases")
    tok = both.tokenizer
    assert set(both.unreachable).isdisjoint(both.repeated)
    assert len(both.unreachable) + len(both.repeated) < phrases.size / 4
    lost = {*both.unreachable, *both.repeated}
    for row, phrase in enumerate(phrases.phrases):
        if row not in lost:
            assert tok.encode(embedded.decode_bytes(phrase)).tolist() == [phrases.vocab_size + row]
    for text in texts:
        assert tok.decode(tok.encode(text)) == text
    assert sum(map(len, tok.encode_batch(texts))) < 0.8 * sum(map(len, embedded.encode_batch(texts)))
    notes = both.save(tmp_path / "both.tokenizer.json")
    assert any("phrases are lost" in note for note in notes) == bool(lost)
    peer = pytest.importorskip("tokenizers").Tokenizer.from_file(str(tmp_path / "both.tokenizer.json"))
    for text in texts:
        assert peer.encode(text).ids == tok.encode(text).tolist()


def test_rank_files(embedded: Tokenizer, phrases: Supertokens, texts: list[str], tmp_path: Path) -> None:
    import base64

    tiktoken = pytest.importorskip("tiktoken")
    both = combined(phrases)
    both.save(tmp_path / "both.tiktoken")
    lines = (tmp_path / "both.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    peer = tiktoken.Encoding("both", pat_str=both.tokenizer.pattern, mergeable_ranks=ranks, special_tokens={})
    for text in texts:
        assert peer.encode_ordinary(text) == both.tokenizer.encode(text).tolist()


def test_phrases_that_are_lost(embedded: Tokenizer) -> None:
    the, space = embedded.id_of(b"the"), embedded.id_of(b" ")
    digits = [embedded.id_of(b"1"), embedded.id_of(b"a")]
    z = Supertokens(embedded, [space, digits[1]], [the, digits[0]])
    both = combined(z)
    assert both.repeated == [0]  # " the" is a token
    assert both.unreachable == [1]  # "a1": the pattern cuts digits off
    with pytest.raises(ArgumentError):
        combined(Supertokens(10, [1], [2]))


# Reports and the command line


def test_reports(embedded: Tokenizer, phrases: Supertokens, texts: list[str]) -> None:
    rows = embedded.encode_batch(texts)
    for z in (phrases, Chain.over(phrases)):
        section = supertokens_section(z, "title", rows, sum(len(text.encode()) for text in texts))
        cells = {row.key: row.value for row in section.rows}
        assert cells["round_trip"] == "exact"
        assert cells["reduction"] == round(z.condense(rows).reduction, 4)
        assert cells["phrases"] == phrases.size
        assert 0 < cells["used"] <= phrases.size  # type: ignore[operator]
    table = growth_table(embedded, "\n".join(texts[:10]).encode(), "\n".join(texts[10:]).encode(), 30)
    assert [line[0] for line in table.rows] == ["base vocabulary", "+ 30 supertokens", table.rows[2][0]]
    assert int(table.rows[1][1]) < int(table.rows[0][1])


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_learnt_put_in_and_taken_out_by_the_command(
    embedded: Tokenizer, texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(texts), encoding="utf-8")
    file = tmp_path / "phrases.supertokens"
    assert run("condense", text, "--learn", 60, "--max-len", 8, "-o", file) == 0
    z = Supertokens.load(file, embedded)
    assert (z.size, z.phrases) == (60, Supertokens.train(embedded, embedded.encode(text.read_text("utf-8")), 60, max_len=8).phrases)
    ids = embedded.encode(text.read_text("utf-8"))
    for which, condenser in ((f"super:{file}", z), (f"super:{file}+hyper:zip2zip", Chain.over(z, "zip2zip"))):
        assert run("condense", text, "--condense", which, "-o", tmp_path / "c.npz") == 0
        with np.load(tmp_path / "c.npz") as made:
            assert made["ids"].tolist() == condenser.condense(ids).ids.tolist()
        assert run("condense", "--expand", tmp_path / "c.npz", "-o", tmp_path / "b.npy") == 0
        assert np.load(tmp_path / "b.npy").tolist() == ids.tolist()
        assert run("report", text, "--condense", which, "--growth", "--json") == 0
        report = json.loads(capsys.readouterr().out)
        assert "supertokens" in json.dumps(report)
    assert run("condense", text, "--condense", f"super:{tmp_path / 'nothing'}", "-o", tmp_path / "d.npz") == 1
    assert run("condense", text, "--condense", "shorter", "-o", tmp_path / "d.npz") == 2
    assert run("condense", text, "--learn", 60) == 2
    assert run("condense", text, "--learn", 60, "--barrier-classes", "digits", "-o", file) == 2
    assert run("report", text, "--condense", f"super:{file}", "--book", 9) == 2
