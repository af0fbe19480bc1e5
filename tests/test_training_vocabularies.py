"""Trained and converted vocabularies: files that tokenizers and tiktoken load with equal ids, extending, pruning, rustbpe's rules."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.training import Counts, extend, prune, train

from tests.conftest import SCALE, SEED
from tests.oracle import training as oracle
from tests.test_training import random_text
from tests.texts import class_string
from tests.vocabularies import random_ranks, rank_file


def texts_for(rng: random.Random, count: int) -> list[str]:
    return [
        rng.choice([random_text(rng, rng.randint(1, 30)), class_string(rng), "".join(rng.choices("aeiot nrs\n'1", k=40))])
        for _ in range(count)
    ]


def trained(rng: random.Random, vocab_size: int = 600, **options: Any) -> tokmill.Tokenizer:
    pattern = options.pop("pattern", "cl100k")
    return train(Counts.from_texts([random_text(rng, 300), *texts_for(rng, 60)], pattern=pattern), vocab_size, **options)


def assert_loads_in_tokenizers(tok: tokmill.Tokenizer, path: Path, texts: list[str]) -> list[str]:
    tokenizers = pytest.importorskip("tokenizers")
    notes = tok.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    ours = tok.encode_batch(texts, special="parse").lists()
    assert [encoding.ids for encoding in theirs.encode_batch(texts, add_special_tokens=False)] == ours
    again = tokmill.load(path)
    assert again.encode_batch(texts, special="parse").lists() == ours
    assert all(theirs.token_to_id(text) == id for text, id in tok.special_tokens.items() if "shares" not in str(notes))
    return notes


@pytest.mark.parametrize("pattern", ["cl100k", "o200k", "gpt2", "llama3", "qwen2", r"\p{L}+|\p{N}|[^\p{L}\p{N}]"])
@pytest.mark.parametrize("parity", ["hf", "tiktoken"])
def test_trained_vocabulary_loads_in_tokenizers(pattern: str, parity: Any, tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} loads {pattern} {parity}")
    tok = trained(rng, pattern=pattern, parity=parity, special_tokens=["<|endoftext|>", "<pad>"])
    assert tok.special_tokens == (
        {"<|endoftext|>": 0, "<pad>": 1} if parity == "hf" else {"<|endoftext|>": tok.vocab_size - 2, "<pad>": tok.vocab_size - 1}
    )
    texts = [*texts_for(rng, 300 * SCALE), "<|endoftext|> and <pad>", ""]
    assert assert_loads_in_tokenizers(tok, tmp_path / "my.tokenizer.json", texts) == []
    assert tok.decode_batch(tok.encode_batch(texts)) == texts


def test_same_vocabulary_for_any_threads_and_order(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} order")
    texts = texts_for(rng, 400)
    digests = {train(Counts.from_texts(texts, threads=threads), 700).digest for threads in (1, 2, 3, 8)}
    rng.shuffle(texts)
    digests.add(train(Counts.from_texts(texts[:100]) + Counts.from_texts(texts[100:]), 700).digest)
    Counts.from_texts(texts).save(tmp_path / "counts")
    digests.add(train(Counts.load(tmp_path / "counts"), 700).digest)
    assert len(digests) == 1


@pytest.mark.parametrize("seed", range(20 * SCALE))
def test_against_rustbpe(seed: int) -> None:
    rustbpe = pytest.importorskip("rustbpe")
    rng = random.Random(f"{SEED} rustbpe {seed}")
    texts = [*texts_for(rng, 30), "".join(rng.choices("ab ", k=400))]
    vocab_size = 256 + rng.randint(0, 400)
    theirs = rustbpe.Tokenizer()
    theirs.train_from_iterator(iter(texts), vocab_size, pattern=tokmill.PATTERNS["cl100k"])
    tok = train(Counts.from_texts(texts), vocab_size, parity="tiktoken")
    assert [bytes(token) for token, _ in sorted(theirs.get_mergeable_ranks(), key=lambda entry: entry[1])] == tok.token_bytes


@pytest.mark.parametrize("seed", range(30 * SCALE))
def test_rank_files_become_tokenizer_json(seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} conversion {seed}")
    ranks, letters = random_ranks(rng)
    (tmp_path / "my.tiktoken").write_bytes(rank_file(ranks))
    top = max(ranks.values())
    specials = rng.choice([{}, {"<s>": top + 1}, {"<s>": top + 5, "</s>": top + 2}])
    tok = tokmill.load(tmp_path / "my.tiktoken", pattern="cl100k", special_tokens=specials)
    texts = ["".join(rng.choices(letters + rng.choice(["", " ", "1\n"]), k=rng.randint(0, 40))) for _ in range(100)] + ["a<s>b"]
    notes = assert_loads_in_tokenizers(tok, tmp_path / "my.json", texts)
    model = json.loads((tmp_path / "my.json").read_text("utf8"))["model"]
    assert model["ignore_merges"] == any("no merges make" in note for note in notes)
    unreachable = [token for token, id in ranks.items() if oracle_merged(token, ranks) != [id]]
    assert model["ignore_merges"] == bool(unreachable)
    assert any("are no token" in note for note in notes) == (tok.vocab_size > len(ranks) + len(specials))
    # and back again
    again = tokmill.load(tmp_path / "my.json")
    notes = again.save(tmp_path / "again.tiktoken")
    assert (tmp_path / "again.tiktoken").read_bytes().splitlines() == rank_file(
        dict(sorted(ranks.items(), key=lambda item: item[1]))
    ).splitlines()
    assert "pattern and special tokens" in notes[0]


def oracle_merged(token: bytes, ranks: dict[bytes, int]) -> list[int]:
    """tiktoken's merging alone, without its look-up of whole pretokens."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 1:
        rank, at = min((ranks.get(parts[i] + parts[i + 1], 1 << 40), i) for i in range(len(parts) - 1))
        if rank == 1 << 40:
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return [ranks[part] for part in parts]


def test_embedded_vocabulary_as_tokenizer_json(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} embedded")
    tok = tokmill.load("tokmill-64k-v1")
    assert (
        assert_loads_in_tokenizers(tok, tmp_path / "embedded.json", [*texts_for(rng, 300), "def f(x):\n        return x  # 日本語"]) == []
    )
    tok.save(tmp_path / "embedded.tokmill")
    assert tokmill.load(tmp_path / "embedded.tokmill") == tok


def test_what_a_rank_file_cannot_say(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    rng = random.Random(f"{SEED} refused")
    content = json.loads(saved(trained(rng), tmp_path))
    content["normalizer"] = {"type": "NFC"}
    tok = tokmill.load(tokenizers.Tokenizer.from_str(json.dumps(content)))
    with pytest.raises(tokmill.errors.ArgumentError, match="normalizer"):
        tok.save(tmp_path / "x.tiktoken")
    assert not (tmp_path / "x.tiktoken").exists()
    content["normalizer"] = None
    content["model"]["merges"][0], content["model"]["merges"][1] = content["model"]["merges"][1], content["model"]["merges"][0]
    with pytest.raises(tokmill.errors.ArgumentError, match="order of the ids"):
        tokmill.load(tokenizers.Tokenizer.from_str(json.dumps(content))).save(tmp_path / "x.tiktoken")
    with pytest.raises(tokmill.errors.ArgumentError, match="has to end in"):
        tok.save(tmp_path / "x.model")


def saved(tok: tokmill.Tokenizer, tmp_path: Path) -> str:
    tok.save(tmp_path / "saved.json")
    return (tmp_path / "saved.json").read_text("utf8")


@pytest.mark.parametrize("by_ranks", [False, True])
def test_extended_vocabulary(by_ranks: bool, tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} extended {by_ranks}")
    old = trained(rng, 400, special_tokens=["<s>"], parity="tiktoken")
    if by_ranks:
        old.save(tmp_path / "old.tiktoken")
        old = tokmill.load(tmp_path / "old.tiktoken", pattern="cl100k", special_tokens=old.special_tokens)
    counts = Counts.from_texts(["tokenizing tokens of tokenizers 日本語 " * 20, *texts_for(rng, 200)])
    new = old.extend(counts, old.vocab_size + 150)
    assert new == train(counts, old.vocab_size + 150, init=old) == extend(old, counts, old.vocab_size + 150)
    assert new.vocab_size == old.vocab_size + 150
    assert new.token_bytes[: old.vocab_size] == old.token_bytes
    assert new.special_tokens == old.special_tokens
    texts = [*texts_for(rng, 200), "tokenizing<s>", *(text for text in ["tokenizers 日本"])]
    for text in texts:
        longer = new.encode(text)
        assert new.decode(longer) == text
        assert len(longer) <= old.count(text)
    assert new.count("tokenizing tokens of tokenizers") < old.count("tokenizing tokens of tokenizers")
    assert_loads_in_tokenizers(new, tmp_path / "new.json", texts)


def test_extending_is_training_on(tmp_path: Path) -> None:
    # Of the counts that a vocabulary was trained on, going on gives what training in one go does.
    rng = random.Random(f"{SEED} going on")
    for _ in range(5 * SCALE):
        words = {"".join(rng.choices("abcd", k=rng.randint(1, 9))): rng.randint(1, 9) for _ in range(40)}
        counts = Counts.from_pairs(words.items())
        wanted = oracle.train({word.encode(): count for word, count in words.items()}, 300, by_value=True)
        half = train(counts, 270, parity="tiktoken")
        assert half.extend(counts, 300).token_bytes[256:] == [left + right for left, right in wanted]


def test_pruned_vocabulary(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} pruned")
    tok = trained(rng, 700, special_tokens=["<s>"])
    keep = rng.sample(range(tok.vocab_size), 150)
    pruned, old_ids = tok.prune(keep)
    assert set(keep) <= set(old_ids.tolist())
    assert pruned.vocab_size == len(old_ids) < tok.vocab_size
    assert pruned.token_bytes == [tok.token_bytes[id] for id in old_ids]
    reachable = [id for id in range(pruned.vocab_size) if pruned.bytes_of(id) != b"<s>"]
    for id in reachable:
        token = pruned.bytes_of(id)
        if token.isascii() and pruned.encode(token).tolist() != [id]:
            assert len(tok.encode(token)) > 1  # the pattern cuts it
    texts = texts_for(rng, 200)
    assert_loads_in_tokenizers(pruned, tmp_path / "pruned.json", texts)
    same, ids = prune(tok, range(tok.vocab_size))
    assert same == tok
    assert np.array_equal(ids, np.arange(tok.vocab_size))
    with pytest.raises(tokmill.errors.ArgumentError, match="no token"):
        tok.prune([tok.vocab_size])


def test_refused_beginnings() -> None:
    rng = random.Random(f"{SEED} refused beginnings")
    tok, counts = trained(rng, 300), Counts.from_texts(["text"])
    with pytest.raises(tokmill.errors.ArgumentError, match="not above"):
        tok.extend(counts, tok.vocab_size)
    with pytest.raises(tokmill.errors.ArgumentError, match="init="):
        train(counts, 400, init=tok, special_tokens=["<s>"])
    with pytest.raises(tokmill.errors.ArgumentError, match="nothing has been counted"):
        tok.extend(Counts(), 400)
