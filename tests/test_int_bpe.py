"""``IntBPE`` and ``BatchMerges``: merges of any integers, equal to the oracle and, where the rules agree, to Hugging Face's trainer."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokmill import Ragged, Tokenizer
from tokmill.condensed import SUPER, BatchMerges, IntBPE
from tokmill.errors import ArgumentError, ArgumentTypeError, SnapshotError, UnknownIdError

from tests.conftest import SCALE
from tests.oracle import supertokens as oracle


def random_alphabet(rng: random.Random) -> list[int]:
    size = rng.choice([1, 2, 4, 20])
    low = rng.choice([-354, 0, -(2**31), 2**31 - 200])
    wide = rng.choice([size, 3 * size, 200])
    if rng.random() < 0.2:
        return sorted({-(2**31), 2**31 - 1, *rng.sample(range(-1000, 1000), size)})
    return sorted(rng.sample(range(low, low + wide), size))


def random_symbols(rng: random.Random, alphabet: list[int]) -> list[list[int]]:
    few = rng.sample(alphabet, min(len(alphabet), rng.choice([2, 3, 20])))
    return [rng.choices(few, k=rng.randrange(60)) for _ in range(rng.randrange(1, 5))]


# IntBPE


def test_by_hand() -> None:
    z = IntBPE.train([-3, 7, -3, 7, 0, -3, 7], 5)
    assert z.alphabet.tolist() == [-3, 0, 7]
    assert (z.lefts.tolist(), z.rights.tolist()) == ([0], [2])
    c = z.condense(Ragged.from_rows([[-3, 7, 0], [7, -3, 7]]))
    assert c.ids.tolist() == [3, 1, 2, 3]
    assert c.base_counts.tolist() == [2, 1, 1, 2]
    assert c.kind.tolist() == [SUPER, 0, 0, SUPER]
    assert z.expand(c).lists() == [[-3, 7, 0], [7, -3, 7]]
    assert z.expand([3, 0]).tolist() == [-3, 7, -3]
    assert z.to_ids([7, -3]).tolist() == [2, 0]
    assert z.to_symbols([2, 0]).tolist() == [7, -3]
    text = z.explain(c, render=lambda symbols: "/".join(map(str, symbols.tolist()))).explain(0).text
    assert text == "-3/7"


def test_equal_to_the_oracle(rng: random.Random) -> None:
    for _ in range(150 * SCALE):
        alphabet = random_alphabet(rng)
        documents = random_symbols(rng, alphabet)
        number = {symbol: i for i, symbol in enumerate(alphabet)}
        numbered = [[number[symbol] for symbol in document] for document in documents]
        barrier = rng.choice(alphabet)
        options: dict[str, Any] = {"max_len": rng.choice([2, 4, 40]), "min_count": rng.choice([1, 2])}
        pairs, _ = oracle.learn(numbered, len(alphabet), 8, alone={number[barrier]}, **options)
        z = IntBPE.train(Ragged.from_rows(documents, np.int64), 8, alphabet=alphabet, barrier_symbols=[barrier], **options)
        assert list(zip(z.lefts.tolist(), z.rights.tolist(), strict=True)) == pairs, (alphabet, documents, barrier, options)
        c = z.condense(Ragged.from_rows(documents, np.int64))
        assert c.ragged.lists() == [oracle.merged(document, len(alphabet), pairs) for document in numbered]
        assert z.expand(c).lists() == documents


def test_equal_to_tokenizers(rng: random.Random) -> None:
    """Symbols as characters, as FAST has them: the same merges in the same order, and the same ids of other streams.

    Where Hugging Face makes the same string twice it gives it the same id, tokmill passes over the second: such streams are left out.
    """
    tokenizers = pytest.importorskip("tokenizers")
    compared = 0
    for _ in range(20 * SCALE):
        low, size = -20, 40
        documents = [[round(rng.gauss(0, 5)) for _ in range(rng.randrange(2, 120))] for _ in range(20)]
        documents = [[min(max(symbol, low), low + size - 1) for symbol in document] for document in documents]
        spelled = ["".join(chr(0x4E00 + symbol - low) for symbol in document) for document in documents]
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size + 60,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=[chr(0x4E00 + i) for i in range(size)],
        )
        peer = tokenizers.Tokenizer(tokenizers.models.BPE())
        peer.train_from_iterator(spelled[:15], trainer)
        z = IntBPE.train(Ragged.from_rows(documents[:15]), 60, alphabet=range(low, low + size))
        vocab = peer.get_vocab()
        phrases = ["".join(chr(0x4E00 + symbol) for symbol in phrase) for phrase in z.phrases.lists()]
        if [vocab.get(phrase) for phrase in phrases] != list(range(size, size + len(phrases))):
            continue
        compared += 1
        for document, text in zip(documents, spelled, strict=True):
            assert z.condense(document).ids.tolist() == peer.encode(text).ids
    assert compared > 2 * SCALE


def test_the_longest_match_streams_and_comes_back(rng: random.Random) -> None:
    symbols = [rng.choice([-5, -5, 0, 3]) for _ in range(2000)]
    z = IntBPE.train(symbols, 40, mode="longest")
    assert z.expand(z.condense(symbols).ids).tolist() == symbols
    assert z.condense(symbols, barriers=[5]).base_starts.tolist().count(5) == 1


def test_saved_and_loaded(tmp_path: Path) -> None:
    file = tmp_path / "merges"
    z = IntBPE.train([5, -(2**31), 5, -(2**31), 2**31 - 1] * 4, 9, mode="longest")
    z.save(file)
    again = IntBPE.load(file)
    assert (again.mode, again.alphabet.tolist(), again.phrases) == ("longest", [-(2**31), 5, 2**31 - 1], z.phrases)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SnapshotError):
        IntBPE.load(file)


@pytest.mark.parametrize("alphabet", [range(-4, 5), [-4, 0, 4], [-(2**31), 0, 2**31 - 1]])
def test_symbols_that_are_none(alphabet: Any) -> None:
    z = IntBPE(alphabet, [], [])
    assert z.to_ids(np.array(alphabet)).tolist() == list(range(len(alphabet)))
    for bad in (1000, -1000, 2**31, -(2**31) - 1, 2**63 - 1):
        calls: list[Any] = [z.condense, z.to_ids]
        for call in calls:
            with pytest.raises(UnknownIdError) as caught:
                call(np.array([0, 0, bad, 0]))
            assert caught.value.where == 2
    for bad in (-1, len(alphabet)):
        calls = [z.expand, z.to_symbols]
        for call in calls:
            with pytest.raises(UnknownIdError) as caught:
                call(np.array([0, bad]))
            assert caught.value.where == 1


def test_alphabets_that_cannot_be() -> None:
    for wrong in ([], range(0), range(2**25), [0.5], [2**31], np.zeros((2, 2), np.int32)):
        with pytest.raises(ArgumentError):
            IntBPE(wrong, [], [])
    with pytest.raises(UnknownIdError):
        IntBPE.train([0, 1, 2], 4, alphabet=range(2))
    with pytest.raises(UnknownIdError):
        IntBPE.train([0, 1], 4, barrier_symbols=[9])
    with pytest.raises(ArgumentTypeError):
        IntBPE.train([0.5, 1.5], 4)
    assert IntBPE.train([], 4).size == 0


# BatchMerges


def test_a_batch_has_its_own_codebook() -> None:
    z = BatchMerges(10, 3)
    c = z.condense(Ragged.from_rows([[1, 2, 3, 1, 2], [4, 1, 2, 3]]))
    assert c.ids.tolist() == [11, 10, 4, 11]
    assert c.codebook.tolist() == [[1, 2, -1], [1, 2, 3]]
    assert c.code_lengths.tolist() == [2, 3]
    assert c.kind.tolist() == [SUPER, SUPER, 0, SUPER]
    assert z.expand(c).lists() == [[1, 2, 3, 1, 2], [4, 1, 2, 3]]
    other = z.condense([5, 6, 5, 6])
    assert (other.codebook.tolist(), other.ids.tolist()) == ([[5, 6]], [10, 10])
    assert z.condense([]).codebook.shape == (0, 0)
    assert (z.id_end, z.levels) == (13, ((10, SUPER),))
    with pytest.raises(ArgumentError):
        z.expand(z.condense([1]).ragged)  # type: ignore[arg-type]


def test_batches_of_text(embedded: Tokenizer) -> None:
    texts = ["The price of the house was 120.", "The price of the garden was 120.", "In the price of the house"]
    rows = embedded.encode_batch(texts)
    z = BatchMerges(embedded, 50)
    c = z.condense(rows)
    assert z.expand(c) == rows
    assert len(c.ids) < len(rows.ids)
    assert any("price of the" in phrase.text for phrase in z.explain(c).top_phrases(3))
    assert c.merges is not None
    assert not any(letter.isdigit() for phrase in c.merges.phrases for letter in embedded.decode(phrase))
    with pytest.raises(ArgumentError):
        BatchMerges(embedded, 50, max_len=1)
    with pytest.raises(ArgumentError):
        BatchMerges(300, barrier_classes=["digit"])
