"""Superwords: encoding in two levels equals flat merging, however text is cut; training of the second stage equals the oracle."""

from __future__ import annotations

import functools
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.bench import superwords as bench
from tokmill.conversion import byte_level_json, spelled
from tokmill.errors import ArgumentError
from tokmill.tokenizer import Tokenizer
from tokmill.training import Counts, Stage2, train
from tokmill.training.stage2 import BARRIERS, barrier_pattern

from tests.conftest import SCALE, SEED, corpus
from tests.oracle.superwords import learn_superwords, merge_flat, random_merges
from tests.oracle.training import byte_level_order

SPECIAL = "<|end|>"
ALPHABETS = [b" ab", b" ab.", b" a.1\n", " aé中".encode(), b" \t\xffab"]
RELEASED = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)"
SPLITS = [[RELEASED], [r"\n+"], [barrier_pattern(tuple(BARRIERS))], [r"\p{N}+", r"(?=(\d{3})+(?!\d))"], [r"\.\n|c"]]


def of(merges: list[tuple[bytes, bytes]], splits: list[str], first_ids: int = 0, order: random.Random | None = None) -> Tokenizer:
    """A vocabulary of all bytes and these merges, with a special token behind or before them; ids in any order, if one is given."""
    tokens = [bytes([byte]) for byte in byte_level_order()] + [left + right for left, right in merges]
    specials = {SPECIAL: 0 if first_ids else len(tokens)}
    ids = list(range(first_ids, first_ids + len(tokens)))
    if order is not None:
        order.shuffle(ids)
    vocab = {spelled(token): id for token, id in zip(tokens, ids, strict=True)} | specials
    file = byte_level_json(vocab, [(spelled(left), spelled(right)) for left, right in merges], specials, splits)
    return Tokenizer._from_tokenizer_json(json.dumps(file).encode(), name="test")


def ids_by_hand(tok: Tokenizer, merges: list[tuple[bytes, bytes]], splits: list[str], text: str) -> list[int]:
    """Split by our splitter, which has its own tests; merged by the definition."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    pieces = [text.encode()]
    for split in splits:
        splitter = tokmill.Splitter(split)
        pieces = [piece[a:b] for piece in pieces for a, b in splitter.split(piece.decode()).tolist()]
    known = {token: id for id, token in enumerate(tok.token_bytes) if token is not None}
    return [known[token] for piece in pieces for token in merge_flat(piece, ranks)]


def random_text(rng: random.Random, alphabet: bytes, merges: list[tuple[bytes, bytes]], length: int) -> str:
    tokens = [left + right for left, right in merges] or [b"a"]
    text = b""
    while len(text) < length:
        text += rng.choice(tokens) if rng.random() < 0.6 else bytes(rng.choices(alphabet, k=rng.randint(1, 4)))
    return text.decode("utf8", "ignore")


def in_two_levels(tok: Tokenizer) -> bool:
    """Words are looked up, not whole pretokens."""
    before = tok._table_statistics()["lookups"]
    tok.encode("aa bb aa bb aa bb aa bb")
    return tok._table_statistics()["lookups"] - before > 4


@pytest.mark.parametrize("seed", range(30 * SCALE))
def test_random_vocabularies(seed: int) -> None:
    rng = random.Random(f"{SEED} superwords {seed}")
    alphabet, splits = rng.choice(ALPHABETS), rng.choice(SPLITS)
    merges = random_merges(rng, alphabet, rng.choice([3, 10, 40]), rng.choice([1, 10, 60]))
    base = of(merges, splits, first_ids=seed % 2, order=rng if seed % 3 == 0 else None)
    texts = [random_text(rng, alphabet, merges, rng.choice([5, 40, 70, 300])) for _ in range(12)]
    wanted = [ids_by_hand(base, merges, splits, text) for text in texts]
    for isa in tokmill.isa()["supported"]:
        tok = base._with_isa(isa)
        for text, ids in zip(texts, wanted, strict=True):
            assert tok.encode_list(text) == ids, (isa, splits, text)
            assert tok.count(text) == len(ids)
        ragged = tok.encode_batch([*texts, "", *texts], threads=2, dtype=np.uint16)
        assert ragged.lists() == [*wanted, [], *wanted]
        joined = SPECIAL.join(texts)
        end = tok.special_tokens[SPECIAL]
        expected = [id for i, ids in enumerate(wanted) for id in ([end] if i else []) + ids]
        assert tok.encode(joined, special="parse").tolist() == expected
        assert tok.encode(joined, special="parse", dtype=np.int64).tolist() == expected


def test_both_ways_are_taken() -> None:
    words = [(b"a", b"a"), (b" ", b"b"), (b" b", b"b")]
    assert in_two_levels(of([*words, (b"aa", b" bb")], [RELEASED]))
    assert not in_two_levels(of(words, [RELEASED])), "no token goes on across a space"


def test_a_part_made_later_is_encoded_flat() -> None:
    """ "aaa" would belong to the first level, but one of its parts is a superword's sibling made after the first superword."""
    merges = [(b" ", b"b"), (b"a", b" b"), (b"a", b"a"), (b"aa", b"a")]
    tok = of(merges, [RELEASED])
    for text in ("aaa b", "a baaa", "aa b", "aaaa b b"):
        assert tok.encode_list(text) == ids_by_hand(tok, merges, [RELEASED], text)


@pytest.mark.parametrize("split", [RELEASED, r"\n+"])
def test_streams_at_any_cut(split: str) -> None:
    rng = random.Random(f"{SEED} streams {split}")
    merges = random_merges(rng, b" ab.", 20, 60)
    tok = of(merges, [split])
    text = random_text(rng, b" ab.", merges, 3000) + "\n é中 12345"
    wanted = tok.encode_list(text)
    data = text.encode()
    for _ in range(20 * SCALE):
        cuts = sorted(rng.sample(range(len(data)), rng.randint(1, 30)))
        stream = tok._stream()
        got = [stream.feed(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert np.concatenate([*got, stream.finish()]).tolist() == wanted


def test_runs_without_end() -> None:
    """Joinable neighbours through a whole document, of one pretoken: by the oracle at length 300, by laws beyond."""
    merges = [(b" ", b"o"), (b" o", b"f"), (b" of", b" of"), (b" of of", b" of"), (b" of of", b" of of")]
    tok = of(merges, [r"\n+"])
    assert in_two_levels(of([(b"a", b"a"), (b" ", b"b"), (b" b", b"b"), (b"aa", b" bb")], [r"\n+"]))
    for n in (2, 3, 63, 64, 65, 100):
        assert tok.encode_list(" of" * n) == ids_by_hand(tok, merges, [r"\n+"], " of" * n)
    n = 400_000
    long = tok.encode(" of" * n)
    assert len(long) == n // 4
    assert tok.decode(long) == " of" * n


@functools.cache
def judge_of_released(data: Path) -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    import gzip

    return tokenizers.Tokenizer.from_str(gzip.decompress((data / "vocab/superbpe-200k.tokenizer.json.gz").read_bytes()).decode())


@pytest.mark.parametrize("name", ["english-prose", "code", "multilingual", "cjk", "tables-and-dna", "html"])
def test_the_released_vocabulary(data: Path, name: str) -> None:
    rng = random.Random(f"{SEED} released {name}")
    judge = judge_of_released(data)
    tok = tokmill.load(data / "vocab/superbpe-200k.tokenizer.json.gz")
    assert in_two_levels(tok)
    text = corpus(name).decode("utf8", "replace")
    begins = [rng.randrange(max(1, len(text) - 9000)) for _ in range(2 * SCALE)]
    stretches = [text[begin : begin + 9000] for begin in begins]
    stretches += [" ".join(rng.choices(text[:20_000].split(), k=300)) for _ in range(2)]
    wanted = [judge.encode(stretch).ids for stretch in stretches]
    for isa in tokmill.isa()["supported"]:
        assert tok._with_isa(isa).encode_batch(stretches).lists() == wanted, isa


def test_hostile_texts_of_the_released_vocabulary(data: Path) -> None:
    judge = judge_of_released(data)
    tok = tokmill.load(data / "vocab/superbpe-200k.tokenizer.json.gz")
    rng = random.Random(f"{SEED} hostile")
    tokens = [token.decode("utf8", "ignore") for token in tok.token_bytes[180_000:] if token]
    texts = [
        " of the" * 500,
        ", and" * 500,
        "a" * 3000,
        " " * 3000,
        "\t" * 999,
        "\0 \0a\0 of the\0" * 50,
        "".join(rng.choices(tokens, k=400)),
        "".join(rng.choices("ab \u00a0é中\u3000", k=2000)),
        "\ufeff of the \U0001f600 of the" * 40,
    ]
    wanted = [judge.encode(text).ids for text in texts]
    for isa in tokmill.isa()["supported"]:
        for text, ids in zip(texts, wanted, strict=True):
            assert tok._with_isa(isa).encode_list(text) == ids, (isa, text[:40])


# Training.

WORDS = ["of", "the", "in", "a", "low", "lower", "12", "7", "--", "x.", "\n", "by the way", "one of the", "日本", ":"]


def corpus_of(rng: random.Random, documents: int, words: int) -> list[str]:
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, words))) for _ in range(documents)]


def words_of(run: bytes) -> list[bytes]:
    return [run[a:b] for a, b in tokmill.Splitter(Counts().pattern).split(run.decode()).tolist()]


@pytest.mark.parametrize("seed", range(6 * SCALE))
def test_the_second_stage_against_the_oracle(seed: int) -> None:
    rng = random.Random(f"{SEED} stage2 {seed}")
    stage2 = Stage2(330, rng.choice([1, 2, 4]), rng.choice([tuple(BARRIERS), ("newline",), ("digits", "x")]))
    texts = corpus_of(rng, 40, 60)
    counts = Counts.from_texts(texts, barriers=stage2.barriers)
    first = train(counts, 285)
    both = train(counts, 285, stage2=stage2)
    assert both.token_bytes[:285] == first.token_bytes
    splitter = tokmill.Splitter(barrier_pattern(stage2.barriers))
    runs: Counter[tuple[bytes, ...]] = Counter()
    for text in texts:
        data = text.encode()
        for a, b in splitter.split(text).tolist():
            ids = [id for word in words_of(data[a:b]) for id in first.encode_list(word.decode())]
            runs[tuple(first.bytes_of(id) for id in ids)] += 1
    wanted = learn_superwords(runs, [token for token in first.token_bytes if token is not None], 330, stage2.max_words)
    assert both.token_bytes[285:] == [left + right for left, right in wanted]
    assert both.vocab_size == 285 + len(wanted)


def test_of_equal_pairs_the_smaller_ids_come_first() -> None:
    """Ids of bytes are in the order of their characters in a tokenizer.json, where a blank comes behind all letters."""
    stage2 = Stage2(258, max_words=4, barriers=("newline",))
    texts = ["a x."] * 3
    assert train(Counts.from_texts(texts, barriers=("newline",)), 256, stage2=stage2).token_bytes[256:] == [b"a ", b"x."]
    counts = Counts.from_texts(texts, pattern=r"[^\n]+")
    assert train(counts, 258, init=train(counts, 256)).token_bytes[256:] == [b"a ", b"x."]


def test_tokenizers_loads_what_was_trained(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    rng = random.Random(f"{SEED} saved")
    texts = corpus_of(rng, 100, 200)
    stage2 = Stage2(400, max_words=3)
    tok = train(Counts.from_texts(texts, barriers=stage2.barriers), 290, stage2=stage2, special_tokens=[SPECIAL])
    assert tok.special_tokens == {SPECIAL: 0}
    assert any(b" the " in token or b" of the" in token for token in tok.token_bytes if token), "there are superwords"
    tok.save(tmp_path / "my.tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "my.tokenizer.json"))
    again = tokmill.load(tmp_path / "my.tokenizer.json")
    assert in_two_levels(again)
    tok.save(tmp_path / "my.tokmill")
    snapshot = tokmill.load(tmp_path / "my.tokmill")
    for text in [*texts[:20], *corpus_of(rng, 20, 300), "one of the\u00a0of the" * 30]:
        ids = theirs.encode(text).ids
        assert tok.encode_list(text) == again.encode_list(text) == snapshot.encode_list(text) == ids
        assert tok.decode(ids) == text


def test_training_does_not_depend_on_how_it_was_counted(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} counted")
    texts = corpus_of(rng, 400, 100)
    stage2 = Stage2(360)

    def learnt(counts: Counts) -> list[bytes | None]:
        return train(counts, 290, stage2=stage2).token_bytes

    wanted = learnt(Counts.from_texts(texts, barriers=stage2.barriers, threads=1))
    shuffled = rng.sample(texts, len(texts))
    assert learnt(Counts.from_texts(shuffled, barriers=stage2.barriers, threads=3)) == wanted
    halves = [Counts.from_texts(half, barriers=stage2.barriers) for half in (texts[:100], texts[100:])]
    assert learnt(halves[0] + halves[1]) == wanted
    halves[0].save(tmp_path / "counts")
    assert learnt(halves[1] + Counts.load(tmp_path / "counts")) == wanted
    bounded = Counts(barriers=stage2.barriers, memory="200 kB", spill_directory=tmp_path)
    for text in texts:
        bounded.add_texts([text])
    assert learnt(bounded) == wanted


def test_options_that_do_not_fit() -> None:
    plain = Counts.from_texts(["of the of the"])
    runs = Counts.from_texts(["of the of the"], barriers=("newline",))
    with pytest.raises(ArgumentError, match="barriers"):
        train(plain, 260, stage2=Stage2(270))
    with pytest.raises(ArgumentError, match="barriers"):
        train(runs, 260, stage2=Stage2(270))
    with pytest.raises(ArgumentError, match="above the first stage"):
        train(runs, 260, stage2=Stage2(260, barriers=("newline",)))
    with pytest.raises(ArgumentError, match="init"):
        train(runs, 260, stage2=Stage2(270, barriers=("newline",)), init=train(plain, 258))
    with pytest.raises(ArgumentError, match="barrier"):
        Stage2(300, barriers=())
    with pytest.raises(ArgumentError, match="max_words"):
        Stage2(300, max_words=0)
    with pytest.raises(ArgumentError, match="pretokens already"):
        plain.words()
    with pytest.raises(ArgumentError, match="different"):
        plain + runs
    assert dict(runs.words()) == dict(plain)
    assert train(runs, 262).token_bytes == train(plain, 262).token_bytes


def test_the_command(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} command")
    texts = corpus_of(rng, 60, 100)
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    words = ["train", "texts.jsonl", "--vocab-size", "280", "--stage2", "320", "--max-words", "2", "-o", "my.json"]
    words += ["--barrier", "digits", "--barrier", "newline"]
    subprocess.run([sys.executable, "-m", "tokmill", *words], cwd=tmp_path, check=True, capture_output=True)
    stage2 = Stage2(320, 2, ("digits", "newline"))
    wanted = train(Counts.from_texts(texts, barriers=stage2.barriers), 280, stage2=stage2)
    assert tokmill.load(tmp_path / "my.json") == wanted


def test_the_benchmark_compares_first() -> None:
    pytest.importorskip("tokenizers")
    merges = [(b"o", b"f"), (b" ", b"of"), (b" of", b" of")]
    tok, other = of(merges, [r"\n+"]), of([*merges[:2], (b"x", b" of")], [r"\n+"])
    file = byte_level_json(
        {spelled(token): id for id, token in enumerate(tok.token_bytes) if token},
        [(spelled(left), spelled(right)) for left, right in merges],
        {},
        [r"\n+"],
    )
    content = json.dumps(file).encode()
    rows = bench.encoding_rows(other, {"small": (tok, content)}, [" of of of"] * 4, 1)
    assert [name for name, _, _ in rows] == ["test", "small", "small, tokenizers"]
    assert "ids equal" in rows[-1][2]
    with pytest.raises(AssertionError, match="different ids"):
        bench.encoding_rows(other, {"small": (other, content)}, [" of of of"] * 4, 1)
