"""Supertokens: learnt and put in as the oracle does it, reversible whatever comes, the same by any cut and number of threads."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokmill import Ragged, Tokenizer
from tokmill.condensed import SUPER, Supertokens
from tokmill.errors import ArgumentError, ArgumentTypeError, SnapshotError, UnknownIdError

from tests.conftest import SCALE
from tests.oracle import supertokens as oracle

MODES: list[Any] = ["longest", "merge"]


def random_documents(rng: random.Random, vocab: int, longest: int = 60) -> list[list[int]]:
    few = rng.choice([vocab, min(vocab, 2), min(vocab, 3)])
    return [[rng.randrange(few) for _ in range(rng.randrange(longest))] for _ in range(rng.randrange(1, 5))]


def random_barriers(rng: random.Random, documents: list[list[int]]) -> list[set[int]]:
    return [{rng.randrange(len(document) + 1) for _ in range(rng.randrange(5))} for document in documents]


def laid_out(documents: list[list[int]], barriers: list[set[int]]) -> list[int]:
    """Barriers of each document as places in the whole stream."""
    starts = np.cumsum([0, *map(len, documents)])
    return sorted({int(start) + place for start, places in zip(starts, barriers, strict=False) for place in places})


def random_phrases(rng: random.Random, vocab: int, size: int) -> list[oracle.Pair]:
    """Any phrases, learnt or not, no two of them the same."""
    pairs: list[oracle.Pair] = []
    known: set[tuple[int, ...]] = set()
    for _ in range(size):
        pair = (rng.randrange(vocab + len(pairs)), rng.randrange(vocab + len(pairs)))
        spelled = oracle.spell(vocab, pairs)
        phrase = spelled[pair[0]] + spelled[pair[1]]
        if len(phrase) <= 12 and phrase not in known:
            known.add(phrase)
            pairs.append(pair)
    return pairs


def condenser(vocab: int, pairs: list[oracle.Pair], mode: Any = "longest") -> Supertokens:
    lefts, rights = zip(*pairs, strict=True) if pairs else ((), ())
    return Supertokens(vocab, lefts, rights, mode=mode)


# By hand


def test_by_hand() -> None:
    # a b c a b c a b c: (a, b) three times, then (ab, c) three times, then (abc, abc), which stands in two places.
    z = Supertokens.train(4, [0, 1, 2, 0, 1, 2, 0, 1, 2], 9)
    assert (z.lefts.tolist(), z.rights.tolist()) == ([0, 4, 5], [1, 2, 5])
    assert z.counts is not None
    assert z.counts.tolist() == [3, 3, 2]
    assert z.phrases.lists() == [[0, 1], [0, 1, 2], [0, 1, 2, 0, 1, 2]]
    assert (z.size, z.id_end, z.max_len, z.levels) == (3, 7, 6, ((4, SUPER),))
    c = z.condense(Ragged.from_rows([[0, 1, 2, 0, 1, 3], [], [0, 1, 2, 0, 1, 2]]))
    assert c.ids.tolist() == [5, 4, 3, 6]
    assert c.base_counts.tolist() == [3, 2, 1, 6]
    assert c.offsets.tolist() == [0, 3, 3, 4]
    assert c.kind.tolist() == [SUPER, SUPER, 0, SUPER]
    assert z.expand(c).lists() == [[0, 1, 2, 0, 1, 3], [], [0, 1, 2, 0, 1, 2]]
    assert z.expand(c.ids).tolist() == [0, 1, 2, 0, 1, 3, 0, 1, 2, 0, 1, 2]


def test_the_two_modes_by_hand() -> None:
    # bc was learnt before ab: merging joins it first, the longest match from the left meets ab.
    pairs = [(1, 2), (0, 1)]
    assert condenser(3, pairs, "merge").condense([0, 1, 2]).ids.tolist() == [0, 3]
    assert condenser(3, pairs, "longest").condense([0, 1, 2]).ids.tolist() == [4, 2]


def test_barriers_by_hand() -> None:
    z = Supertokens(4, [0, 4, 5], [1, 2, 5])
    assert z.condense([0, 1, 2, 0, 1, 2], barriers=[3]).ids.tolist() == [5, 5]
    assert z.condense([0, 1, 2, 0, 1, 2], barriers=[1, 5]).ids.tolist() == [0, 1, 2, 4, 2]
    tagged = z.condense([0, 1, 2, 0, 1, 2], spans=[[0, 2]], tags=[7])
    assert (tagged.ids.tolist(), tagged.tags.tolist()) == ([4, 2, 5], [7, 0, 0])  # type: ignore[union-attr]


def test_objectives_by_hand() -> None:
    # All pairs stand twice. By count the least pair of single ids comes next, by length the one that goes on from the first.
    ids = [0, 1, 2, 3, 9, 0, 1, 2, 3]
    z = Supertokens.train(10, ids, 2)
    assert (z.lefts.tolist(), z.rights.tolist()) == ([0, 2], [1, 3])
    z = Supertokens.train(10, ids, 3, objective="length")
    assert (z.lefts.tolist(), z.rights.tolist()) == ([0, 10, 11], [1, 2, 3])


# Against the oracle


def test_learnt_as_the_oracle_learns(rng: random.Random) -> None:
    for _ in range(150 * SCALE):
        vocab = rng.choice([2, 3, 5, 30])
        documents = random_documents(rng, vocab)
        barriers = random_barriers(rng, documents) if rng.random() < 0.4 else []
        options: dict[str, Any] = {
            "max_len": rng.choice([2, 3, 5, 16]),
            "min_count": rng.choice([1, 2, 3]),
            "objective": rng.choice(["count", "length"]),
        }
        alone = {rng.randrange(vocab) for _ in range(rng.choice([0, 0, 1]))}
        pairs, counts = oracle.learn(documents, vocab, 8, barriers=barriers, alone=alone, **options)
        places = laid_out(documents, barriers) if barriers else None
        z = Supertokens.train(vocab, Ragged.from_rows(documents), 8, barriers=places, barrier_classes=sorted(alone), **options)
        assert list(zip(z.lefts.tolist(), z.rights.tolist(), strict=True)) == pairs, (documents, barriers, alone, options)
        assert z.counts is not None
        assert z.counts.tolist() == counts


@pytest.mark.parametrize("mode", MODES)
def test_put_in_as_the_oracle_does(rng: random.Random, mode: str) -> None:
    put_in = oracle.longest if mode == "longest" else oracle.merged
    for _ in range(300 * SCALE):
        vocab = rng.choice([2, 3, 5, 30])
        pairs = random_phrases(rng, vocab, rng.randrange(12))
        documents = random_documents(rng, vocab, 90)
        barriers = random_barriers(rng, documents)
        z = condenser(vocab, pairs, mode)
        c = z.condense(Ragged.from_rows(documents), barriers=laid_out(documents, barriers))
        wanted = [put_in(document, vocab, pairs, places) for document, places in zip(documents, barriers, strict=True)]
        assert c.ragged.lists() == wanted, (vocab, pairs, documents, barriers)
        assert z.expand(c).lists() == documents
        assert int(c.base_counts.sum()) == len(c.base_starts) + int((c.base_counts - 1).sum()) == sum(map(len, documents))


# Laws


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60 * SCALE, deadline=None, derandomize=True)
@given(st.data())
def test_laws(mode: str, data: st.DataObject) -> None:
    vocab = data.draw(st.integers(1, 9))
    ids = st.lists(st.integers(0, vocab - 1), max_size=80)
    size, max_len = data.draw(st.integers(0, 12)), data.draw(st.integers(2, 9))
    z = Supertokens.train(vocab, data.draw(ids), size, max_len=max_len, mode=mode)  # type: ignore[arg-type]
    documents = Ragged.from_rows(data.draw(st.lists(ids, max_size=4)), np.int32)
    c = z.condense(documents)
    assert z.expand(c) == documents
    assert int(c.base_counts.sum()) == len(documents.ids)
    assert c.base_offsets.tolist() == documents.offsets.tolist()
    assert bool((c.base_counts >= 1).all())
    assert bool((c.ids < z.id_end).all())
    assert [z.condense(document).ids.tolist() for document in documents] == c.ragged.lists()  # documents never interact
    assert z.expand(c.ids).tolist() == documents.ids.tolist()


@pytest.mark.parametrize("mode", MODES)
def test_threads_never_change_anything(rng: random.Random, mode: Any) -> None:
    generator = np.random.default_rng(rng.randrange(2**32))
    for shape in ((1, 400_000), (3000, 90)):
        ids = (generator.pareto(1.0, shape[0] * shape[1]) * 3).astype(np.int64).clip(0, 99).astype(np.int32)
        rows = Ragged(ids, np.arange(0, len(ids) + 1, shape[1]))
        z = Supertokens.train(100, rows, 300, mode=mode)
        barriers = np.unique(generator.integers(0, len(ids), 500))
        alone = z.condense(rows, barriers=barriers, threads=1)
        for threads in (2, 3):
            together = z.condense(rows, barriers=barriers, threads=threads)
            assert together.ragged == alone.ragged
            assert np.array_equal(together.base_counts, alone.base_counts)
            assert z.expand(together, threads=threads) == rows


def test_step_by_step(rng: random.Random) -> None:
    for _ in range(60 * SCALE):
        vocab = rng.choice([2, 3, 9])
        z = condenser(vocab, random_phrases(rng, vocab, rng.randrange(12)))
        documents = [[rng.randrange(min(vocab, 3)) for _ in range(40)] for _ in range(3)]
        wanted = [z.condense(document).ids.tolist() for document in documents]
        state = z.state(3, max_rewind=5)
        made: list[list[int]] = [[], [], []]
        log: list[list[int]] = [[], [], []]  # how many ids had come out before each step
        at = [0, 0, 0]
        while min(at) < 40:
            if rng.random() < 0.2:
                back = [min(rng.randrange(3), place, 5) for place in at]
                back = [min(steps, kept) for steps, kept in zip(back, map(len, log), strict=True)]
                try:
                    state.rewind(back)
                except ArgumentError:  # beyond what is kept
                    continue
                for i, steps in enumerate(back):
                    at[i] -= steps
                    if steps:
                        del made[i][log[i][-steps] :]
                        del log[i][-steps:]
                continue
            ids = [documents[i][at[i]] if at[i] < 40 and rng.random() < 0.8 else -1 for i in range(3)]
            out = state.step(ids)
            assert out.shape == (3, z.max_len)
            for i, id in enumerate(ids):
                if id >= 0:
                    at[i] += 1
                    log[i].append(len(made[i]))
                    made[i] += [one for one in out[i].tolist() if one >= 0]
        assert state.base_counts.tolist() == [40, 40, 40]
        twin = state.fork(1)
        kept = len(made[1])
        assert bool((state.pending < z.max_len).all()) or z.max_len == 1
        for i in range(3):
            made[i] += state.finish(i).tolist()
        assert made == wanted
        assert state.finish(twin).tolist() == wanted[1][kept:]
        cut = rng.randrange(41)
        state.add(1)
        pieces = [state.extend(4, documents[0][:cut]), state.extend(4, documents[0][cut:]), state.finish(4)]
        assert np.concatenate(pieces).tolist() == wanted[0]


def test_steps_that_cannot_be() -> None:
    z = Supertokens(5, [0], [1])
    state = z.state(2)
    unknown: list[Any] = [lambda: state.step([0, 5]), lambda: state.extend(0, [0, 0, 9])]
    for call in unknown:
        with pytest.raises(UnknownIdError):
            call()
    assert state.base_counts.tolist() == [0, 0]
    wrong: list[Any] = [lambda: state.step([0]), lambda: state.rewind(1), lambda: state.finish(2), z.with_mode("merge").state]
    for call in wrong:
        with pytest.raises(ArgumentError):
            call()


def test_the_first_phrases_are_those_of_a_shorter_training(rng: random.Random) -> None:
    ids = [rng.choice([0, 0, 0, 1, 1, 2, 3]) for _ in range(3000)]
    z = Supertokens.train(4, ids, 100)
    assert z.first(40).phrases == Supertokens.train(4, ids, 40).phrases


# Over a tokenizer


TEXT = (
    "In 2024 the price of the house was 1,250 euros; in 2025 the price of the house was 1,300 euros.\n\n"
    "The price of the garden was in the price of the house. "
) * 6


def test_classes_that_are_in_no_phrase(embedded: Tokenizer) -> None:
    ids = embedded.encode(TEXT)
    phrases = {}
    for classes in ((), ("digit",), ("paragraph",), ("punctuation",), ("space", "newline"), None):
        z = Supertokens.train(embedded, ids, 200, barrier_classes=classes)
        phrases[classes] = [embedded.decode(phrase) for phrase in z.phrases]
        assert z.expand(z.condense(ids)).ids.tolist() == ids.tolist()
    assert any(letter.isdigit() for text in phrases[()] for letter in text)
    assert not any(letter.isdigit() for text in phrases["digit",] for letter in text)
    assert any("\n\n" in text for text in phrases[()])
    assert not any("\n\n" in text for text in (*phrases["paragraph",], *phrases[None]))
    assert any(";" in text for text in phrases[None])
    assert not any(";" in text or "." in text for text in phrases["punctuation",])
    assert not any(letter.isdigit() for text in phrases[None] for letter in text)


def test_specials_are_in_no_phrase(embedded: Tokenizer) -> None:
    end = next(iter(embedded.special_tokens.values()))
    ids = [*embedded.encode("of the house"), end] * 5
    z = Supertokens.train(embedded, ids, 50)
    assert z.size
    assert not any(end in phrase for phrase in z.phrases.lists())


def test_words_are_counted(embedded: Tokenizer) -> None:
    ids = embedded.encode(" of the price of the house" * 9)
    for most in (1, 2, 3):
        phrases = [embedded.decode(phrase) for phrase in Supertokens.train(embedded, ids, 200, max_words=most).phrases]
        assert max(text.count(" ") for text in phrases) == most if phrases else most == 1


def test_whole_pretokens_only(embedded: Tokenizer) -> None:
    # "strengths" and the like are one token, "qqqzx" is several: no phrase reaches into it.
    ids = embedded.encode(" of the qqqzx" * 9)
    z = Supertokens.train(embedded, ids, 50, whole_pretokens=True)
    phrases = [embedded.decode(phrase) for phrase in z.phrases]
    assert phrases == [" of the"]
    assert any("q" in embedded.decode(phrase) for phrase in Supertokens.train(embedded, ids, 50).phrases)
    explained = z.explain(z.condense(ids)).explain(0)
    assert (explained.text, explained.kind, explained.byte_span) == (" of the", SUPER, (0, 7))


def test_rows_of_an_embedding() -> None:
    z = Supertokens(3, [0, 3], [1, 2])
    table = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 1.0], [9.0, 9.0]], np.float32)
    assert z.init_matrix(table).tolist() == [[2.0, 1.0], [3.0, 1.0]]
    assert z.init_matrix(table, "first").tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert z.init_matrix(table).dtype == np.float32
    assert Supertokens(3, [], []).init_matrix(table).shape == (0, 2)
    for wrong in (table[:2], table[0], table.astype(int)):
        with pytest.raises(ArgumentError):
            z.init_matrix(wrong)
    with pytest.raises(ArgumentError):
        z.init_matrix(table, "last")  # type: ignore[arg-type]


# Saved


def test_saved_and_loaded(tmp_path: Path, embedded: Tokenizer) -> None:
    file = tmp_path / "phrases.supertokens"
    ids = embedded.encode(TEXT)
    z = Supertokens.train(embedded, ids, 30, mode="merge")
    z.save(file)
    for again in (Supertokens.load(file, embedded), Supertokens.load(file)):
        assert (again.mode, again.vocab_size, again.phrases) == ("merge", z.vocab_size, z.phrases)
        assert again.counts is not None
        assert z.counts is not None
        assert again.counts.tolist() == z.counts.tolist()
        assert again.condense(ids).ids.tolist() == z.condense(ids).ids.tolist()
    other = embedded.prune(range(300))[0]
    with pytest.raises(ArgumentError, match="another vocabulary"):
        Supertokens.load(file, other)
    Supertokens.train(300, [1, 2] * 5, 1).save(file)
    with pytest.raises(ArgumentError, match="for 300 ids"):
        Supertokens.load(file, embedded)


def test_damaged_files(tmp_path: Path, rng: random.Random) -> None:
    file = tmp_path / "phrases"
    Supertokens.train(5, [0, 1, 2] * 9, 9).save(file)
    whole = file.read_bytes()
    for _ in range(60 * SCALE):
        damaged = bytearray(whole)
        if rng.random() < 0.5:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(damaged)) :]
        file.write_bytes(damaged)
        with pytest.raises(SnapshotError):
            Supertokens.load(file)


# What cannot be


@pytest.mark.parametrize(
    ("lefts", "rights", "row"),
    [
        ([0, 6], [1, 0], 1),  # made of itself
        ([0, 7], [1, 0], 1),  # made of one that comes later
        ([-1], [0], 0),
        ([0], [2**40], 0),
        ([0, 0], [1, 1], 1),  # twice
        ([0, 5, 1, 0], [1, 2, 2, 7], 3),  # spelled like another
        ([0, *range(5, 40)], [0, *range(5, 40)], 15),  # 2^16 base ids
    ],
)
def test_phrases_that_cannot_be(lefts: list[int], rights: list[int], row: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        Supertokens(5, lefts, rights)
    assert caught.value.where == row


def test_arguments_that_cannot_be(embedded: Tokenizer) -> None:
    for arguments in (
        {"max_len": 1},
        {"max_len": 40_000},
        {"min_count": 0},
        {"size": 2**21},
        {"objective": "most"},
        {"barrier_classes": [5]},
        {"barrier_classes": ["digit"]},
        {"barriers": [9]},
        {"max_words": 2},
        {"whole_pretokens": True},
    ):
        with pytest.raises(ArgumentError):
            Supertokens.train(5, [0, 1, 0, 1], **arguments)
    with pytest.raises(ArgumentError):
        Supertokens.train(embedded, [1, 2], barrier_classes=["digits"])  # type: ignore[list-item]
    with pytest.raises(ArgumentError):
        Supertokens(5, [], [], mode="shortest")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        Supertokens(5, [1], [])
    for size in (0, 2**25):
        with pytest.raises(ArgumentError):
            Supertokens(size, [], [])
    with pytest.raises(ArgumentTypeError):
        Supertokens(5, [0.5], [1])
    with pytest.raises(ArgumentTypeError):
        Supertokens.train(5, [0, 1], "9")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
def test_ids_that_cannot_be(mode: Any) -> None:
    z = Supertokens(5, [0], [1], mode=mode)
    for bad in (-1, 5, 6, 2**31 - 1, 2**31, -(2**63)):
        for call in (z.condense, lambda ids: Supertokens.train(5, ids)):
            with pytest.raises(UnknownIdError) as caught:
                call(np.array([0, 1, 0, bad, 1], np.int64))
            assert caught.value.where == 3
        if bad != 5:
            with pytest.raises(UnknownIdError) as caught:
                z.expand(np.array([0, 5, bad], np.int64))
            assert caught.value.where == 2
    long = np.zeros(300_000, np.int32)
    long[250_000] = 9
    for threads in (1, 2):
        with pytest.raises(UnknownIdError) as caught:
            z.condense(long, threads=threads)
        assert caught.value.where == 250_000
        with pytest.raises(UnknownIdError) as caught:
            z.expand(long, threads=threads)
        assert caught.value.where == 250_000
