"""Hypertokens: equal to zip2zip_compression and to the oracle, reversible whatever comes, precise about what cannot be."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokmill import Ragged
from tokmill.condensed import Condensed, Hypertokens
from tokmill.errors import ArgumentError, ArgumentTypeError, UnknownIdError

from tests.conftest import SCALE, corpus
from tests.oracle import hypertokens as oracle

PROFILES: list[Any] = ["zip2zip", "lru"]


def random_rules(rng: random.Random) -> oracle.Rules:
    vocab = rng.choice([2, 3, 5, 20, 100])
    disabled = {rng.randrange(vocab), *rng.sample(range(vocab), rng.choice([0, 0, 1, min(3, vocab)]))}
    rules = oracle.Rules(vocab, rng.choice([0, 1, 2, 3, 10, 50]), rng.choice([1, 2, 3, 4, 8]), disabled)
    if rng.random() < 0.3:
        rules.seed = random_seed(rng, rules)
    return rules


def random_seed(rng: random.Random, rules: oracle.Rules) -> list[oracle.Phrase]:
    """Phrases of which each has grown from one that is there, in any order."""
    ids = [id for id in range(rules.vocab) if id not in rules.disabled]
    known: list[oracle.Phrase] = [(id,) for id in ids]
    seed: list[oracle.Phrase] = []
    for _ in range(rng.randrange(rules.book + 1) if ids else 0):
        phrase = (*rng.choice(known), rng.choice(ids))
        if len(phrase) <= rules.most and phrase not in seed:
            seed.append(phrase)
            known.append(phrase)
    rng.shuffle(seed)
    return seed


def condenser(rules: oracle.Rules, profile: Any = "zip2zip") -> Hypertokens:
    return Hypertokens(
        rules.vocab, profile, book_size=rules.book, max_subtokens=rules.most, disabled=sorted(rules.disabled), seed=rules.seed
    )


def random_ids(rng: random.Random, vocab: int, longest: int = 60) -> list[int]:
    few = rng.choice([vocab, min(vocab, 2)])
    return [rng.randrange(few) for _ in range(rng.randrange(longest))]


def outcome(rules: oracle.Rules, ids: Sequence[int], strict: bool, profile: str = "zip2zip") -> list[int] | tuple[str, int]:
    try:
        return oracle.decode(rules, ids, profile, strict)
    except oracle.ImpossibleCode as error:
        return "impossible", error.args[0]


def expanded(z: Hypertokens, ids: Sequence[int], strict: bool) -> list[int] | tuple[str, int | None]:
    try:
        return z.expand(np.array(ids, np.int64), strict=strict).tolist()
    except UnknownIdError as error:
        return "impossible", error.where


def book_of(z: Hypertokens, ids: Sequence[int], *, condensed: bool = True) -> dict[int, oracle.Phrase]:
    return {z.vocab_size + row: tuple(phrase.tolist()) for row, phrase in enumerate(z.book(ids, condensed=condensed))}


# Against the package and the oracle


def test_the_oracle_is_the_package(rng: random.Random) -> None:
    peer = pytest.importorskip("zip2zip_compression")
    for _ in range(3000 * SCALE):
        rules = random_rules(rng)
        rules.seed = []
        pad = min(rules.disabled)
        codec = peer.LZWCompressor(rules.vocab, rules.book, rules.most, pad, sorted(rules.disabled))
        ids = random_ids(rng, rules.vocab)
        wanted, _, book = codec.encode(ids)
        got = oracle.zip2zip_encode(rules, ids)
        assert (got.ids, got.book) == (wanted, {code: tuple(phrase) for code, phrase in book.to_dict().items()}), (rules, ids)
        assert oracle.zip2zip_decode(rules, wanted)[0] == ids == codec.decode(wanted)[0], (rules, ids)
        stream = [rng.randrange(rules.vocab + rng.choice([0, rules.book + 3])) for _ in range(rng.randrange(30))]
        lenient = outcome(rules, stream, strict=False)
        if isinstance(lenient, list):  # where the oracle has no answer the package panics
            assert lenient == codec.decode(stream)[0], (rules, stream)


def test_equal_to_the_package(rng: random.Random) -> None:
    peer = pytest.importorskip("zip2zip_compression")
    for _ in range(8_000 * SCALE):
        rules = random_rules(rng)
        rules.seed = []
        codec = peer.LZWCompressor(rules.vocab, rules.book, rules.most, min(rules.disabled), sorted(rules.disabled))
        ids = random_ids(rng, rules.vocab, 120)
        z = condenser(rules)
        wanted, _, book = codec.encode(ids)
        assert z.condense(ids).ids.tolist() == wanted, (rules, ids)
        assert book_of(z, ids, condensed=False) == {code: tuple(phrase) for code, phrase in book.to_dict().items()}
        base, inferred = codec.decode(wanted)
        assert z.expand(wanted).tolist() == base == ids, (rules, ids)
        assert book_of(z, wanted) == {code: tuple(phrase) for code, phrase in inferred.to_dict().items()}


def test_the_readers_view_is_the_writers(rng: random.Random) -> None:
    for _ in range(1000 * SCALE):
        rules = random_rules(rng)
        ids = random_ids(rng, rules.vocab)
        assert oracle.zip2zip_encode(rules, ids).ids == oracle.zip2zip_condense(rules, ids).ids, (rules, ids)


@pytest.mark.parametrize("profile", PROFILES)
def test_equal_to_the_oracle(rng: random.Random, profile: str) -> None:
    for _ in range(2000 * SCALE):
        rules, barriers = random_rules(rng), set()
        ids = random_ids(rng, rules.vocab, 100)
        z = condenser(rules, profile)
        if rng.random() < 0.7:
            barriers = {rng.randrange(len(ids) + 1) for _ in range(rng.randrange(10))}
        wanted = oracle.condense(rules, ids, profile, barriers)
        c = z.condense(ids, barriers=sorted(barriers), installed=True)
        assert c.ids.tolist() == wanted.ids, (rules, ids, barriers)
        assert c.base_counts.tolist() == wanted.base_counts
        assert c.installed is not None
        assert c.installed.tolist() == wanted.installed, (rules, ids, barriers)
        assert z.expand(c).ids.tolist() == ids, (rules, ids, barriers)
        assert not set(c.base_starts.tolist()) ^ (set(c.base_starts.tolist()) | {b for b in barriers if b < len(ids)})


@pytest.mark.parametrize("profile", PROFILES)
def test_streams_that_no_encoder_wrote(rng: random.Random, profile: str) -> None:
    for _ in range(3000 * SCALE):
        rules = random_rules(rng)
        z = condenser(rules, profile)
        top = rules.vocab + rng.choice([0, 2, rules.book, rules.book + 3])
        stream = [rng.randrange(top) if rng.random() < 0.7 else rng.randrange(rules.vocab) for _ in range(rng.randrange(60))]
        if rng.random() < 0.1:
            stream.insert(rng.randrange(len(stream) + 1), rng.choice([-1, -5, -(2**31)]))
        for strict in (True, False):
            assert expanded(z, stream, strict) == outcome(rules, stream, strict, profile), (rules, stream, strict)


# Laws


@st.composite
def documents(draw: st.DrawFn) -> tuple[Hypertokens, list[list[int]]]:
    vocab = draw(st.integers(1, 40))
    z = Hypertokens(
        vocab,
        draw(st.sampled_from(PROFILES)),
        book_size=draw(st.integers(0, 60)),
        max_subtokens=draw(st.integers(1, 9)),
        disabled=draw(st.sets(st.integers(0, vocab - 1), max_size=3)),
    )
    rows = draw(st.lists(st.lists(st.integers(0, min(vocab - 1, draw(st.sampled_from([1, 3, 40])))), max_size=60), max_size=6))
    return z, rows


@settings(max_examples=300 * SCALE, deadline=None)
@given(documents(), st.data())
def test_laws(case: tuple[Hypertokens, list[list[int]]], data: st.DataObject) -> None:
    z, rows = case
    ragged = Ragged.from_rows(rows, np.int32)
    size = len(ragged.ids)
    barriers = sorted(data.draw(st.sets(st.integers(0, size), max_size=5)))
    c = z.condense(ragged, barriers=barriers, threads=1)
    assert z.expand(c) == ragged
    assert c.base_counts.min(initial=1) >= 1
    assert int(c.base_counts.sum()) == size
    assert len(c) == len(rows)
    for row, (start, end) in enumerate(zip(c.offsets[:-1], c.offsets[1:], strict=True)):
        begin = int(ragged.offsets[row])
        inside = [b - begin for b in barriers if begin <= b <= begin + len(rows[row])]
        alone = z.condense(rows[row], barriers=inside)
        assert alone.ids.tolist() == c.ids[start:end].tolist()
        assert c.base_counts[start:end].sum() == len(rows[row])
    base = c.ids[c.ids < z.vocab_size]
    assert base.tolist() == ragged.ids[c.base_starts[c.ids < z.vocab_size]].tolist()
    carried = z.condense(ragged, barriers=barriers, carry=True)
    assert z.expand(carried) == ragged


def big_documents(rng: random.Random) -> Ragged:
    words = [[rng.randrange(500) for _ in range(rng.randrange(1, 9))] for _ in range(200)]
    rows: list[list[int]] = []
    for _ in range(60):
        row: list[int] = []
        for _ in range(rng.choice([0, 1, 300, 4000])):
            row += rng.choice(words)
        rows.append(row)
    return Ragged.from_rows(rows, np.int32)


def equal(a: Condensed, b: Condensed) -> bool:
    return (
        np.array_equal(a.ids, b.ids)
        and np.array_equal(a.base_counts, b.base_counts)
        and np.array_equal(a.offsets, b.offsets)
        and (a.installed is None or (b.installed is not None and np.array_equal(a.installed, b.installed)))
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_threads_change_nothing(rng: random.Random, profile: Any) -> None:
    ragged = big_documents(rng)
    z = Hypertokens(500, profile, book_size=1024, max_subtokens=4, disabled=[7])
    one = z.condense(ragged, threads=1, installed=True)
    for threads in (2, 3, 8):
        assert equal(z.condense(ragged, threads=threads, installed=True), one)
        assert z.expand(one, threads=threads) == ragged
    ids = ragged.ids.copy()
    bad = len(ids) * 3 // 4
    ids[bad] = 500
    for threads in (1, 4):
        with pytest.raises(UnknownIdError, match=f"id 500 at {bad} ") as caught:
            z.condense(Ragged(ids, ragged.offsets), threads=threads)
        assert caught.value.where == bad


# Rows for trainers


@pytest.mark.parametrize("profile", PROFILES)
def test_packed_rows(rng: random.Random, profile: Any) -> None:
    for _ in range(150 * SCALE):
        rules = random_rules(rng)
        z = condenser(rules, profile)
        ragged = Ragged.from_rows([random_ids(rng, rules.vocab, 90) for _ in range(rng.randrange(5))], np.int32)
        size, seq_len = len(ragged.ids), rng.choice([1, 2, 7, 30])
        mask = np.array([rng.random() < 0.8 for _ in range(size)], np.bool_)
        fill = rng.random() < 0.5
        packed = z.pack(ragged, seq_len, loss_mask=mask, fill_last=fill)
        assert packed.ids.shape == (len(packed), seq_len)
        at = 0
        for row in range(len(packed)):
            start, end = packed.row_starts[row : row + 2].tolist()
            assert start == at
            at = end
            bounds = [bound - start for bound in ragged.offsets.tolist() if start <= bound <= end]
            one = z.condense(ragged.ids[start:end], barriers=bounds, installed=True)
            count = len(one.ids)
            assert count == seq_len or (fill and row == len(packed) - 1 and end == size)
            assert packed.ids[row, :count].tolist() == one.ids.tolist()
            assert packed.base_counts[row].tolist() == one.base_counts.tolist() + [0] * (seq_len - count)
            assert one.installed is not None
            assert packed.installed[row, :count].tolist() == one.installed.tolist()
            assert packed.loss_mask[row].tolist() == one.mask(mask[start:end]).tolist() + [False] * (seq_len - count)
            whose = np.searchsorted(ragged.offsets, start + one.base_starts, side="right") - 1
            assert packed.documents[row].tolist() == whose.tolist() + [-1] * (seq_len - count)
            expanded_row: list[int] = []
            for dense in packed.dense_ids[row, :count].tolist():
                number = dense - z.vocab_size
                length = 0 if number < 0 else int(packed.code_lengths[row, number])
                expanded_row += [dense] if number < 0 else packed.codebook[row, number, :length].tolist()
            assert expanded_row == ragged.ids[start:end].tolist()
            used = int(packed.used_counts[row])
            assert sorted(set(packed.dense_ids[row, :count].tolist()) - set(range(z.vocab_size))) == [z.vocab_size + n for n in range(used)]
            assert packed.positions[row, :count].tolist() == (one.base_ends - 1).tolist()
        assert packed.resume.start == at
        if size:
            assert packed.resume.position == at - ragged.offsets[packed.resume.document]
        if fill:
            assert at == size
        else:
            rest = z.condense(ragged.ids[at:], barriers=[bound - at for bound in ragged.offsets.tolist() if bound >= at])
            assert len(rest.ids) < seq_len
        first = z.pack(ragged, seq_len, rows=1)
        then = z.pack(ragged, seq_len, start=first.resume, fill_last=fill)
        assert [*first.ids.tolist(), *then.ids.tolist()] == packed.ids.tolist()


# Step by step


class Grown:
    """A sequence as a test remembers it: what went in step by step, and what came out of each."""

    def __init__(self, steps: Sequence[tuple[int, list[int]]] = ()) -> None:
        self.steps = list(steps)

    @property
    def put(self) -> list[int]:
        return [id for id, _ in self.steps]

    @property
    def got(self) -> list[int]:
        return [id for _, ids in self.steps for id in ids]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("way", ["encode", "decode"])
def test_steps_equal_one_shot(rng: random.Random, profile: Any, way: str) -> None:
    for _ in range(150 * SCALE):
        rules = random_rules(rng)
        z = condenser(rules, profile)
        most = rng.choice([0, 1, 5, 40])
        state: Any = z.state(2, max_rewind=most) if way == "encode" else z.decoder(2, max_rewind=most)
        grown = [Grown(), Grown()]
        undoable = [0, 0]
        for _ in range(rng.randrange(80)):
            pick = rng.randrange(len(grown)) if grown else 0
            action = rng.choice(["step"] * 6 + ["extend", "fork", "reorder", "rewind", "add", "drop"])
            if action == "step":
                ids = [next_id(rng, rules, z, sequence, way) for sequence in grown]
                for row, (sequence, id) in enumerate(zip(grown, ids, strict=True)):
                    if id >= 0:
                        sequence.steps.append((id, []))
                        undoable[row] = min(most, undoable[row] + 1)
                out = state.step(np.array(ids, np.int32))
                for sequence, id, row in zip(grown, ids, out.tolist(), strict=True):
                    if id >= 0:
                        sequence.steps[-1][1].extend(one for one in row if one >= 0)
                    else:
                        assert set(row) <= {-1}
            elif action == "extend" and grown:
                copy = Grown(grown[pick].steps)
                for _ in range(rng.randrange(12)):
                    id = next_id(rng, rules, z, copy, way)
                    if id >= 0:
                        copy.steps.append((id, []))
                ids = copy.put[len(grown[pick].put) :]
                out = state.extend(pick, np.array(ids, np.int32)).tolist()
                if ids:
                    # Which of them gave what is not told; the single steps are known from the whole.
                    before = len(grown[pick].steps)
                    for n in range(before, len(copy.steps)):
                        copy.steps[n] = (copy.steps[n][0], ending(z, copy.put[: n + 1], way)[len(ending(z, copy.put[:n], way)) :])
                    assert [one for _, made in copy.steps[before:] for one in made] == out
                    grown[pick] = copy
                    undoable[pick] = min(most, undoable[pick] + len(ids)) if way == "decode" or len(ids) <= most else most
            elif action == "fork" and grown:
                assert state.fork(pick) == len(grown)
                grown.append(Grown(grown[pick].steps))
                undoable.append(undoable[pick])
            elif action == "reorder" and grown:
                sources = [rng.randrange(len(grown)) for _ in range(rng.randrange(1, 5))]
                state.reorder(sources)
                grown = [Grown(grown[source].steps) for source in sources]
                undoable = [undoable[source] for source in sources]
            elif action == "rewind" and grown:
                counts = [rng.randrange(most_of + 1) for most_of in undoable]
                if rng.random() < 0.2:
                    with pytest.raises(ArgumentError):
                        state.rewind([count + most + 1 for count in counts])
                state.rewind(counts)
                for row, count in enumerate(counts):
                    del grown[row].steps[len(grown[row].steps) - count :]
                    undoable[row] -= count
            elif action == "add":
                state.add(1)
                grown.append(Grown())
                undoable.append(0)
            elif action == "drop" and len(grown) > 1:
                state.drop([pick])
                del grown[pick], undoable[pick]
            assert state.sequences == len(grown)
        for row, sequence in enumerate(grown):
            assert sequence.got == ending(z, sequence.put, way), (rules, sequence.put)
            if way == "encode":
                assert [*sequence.got, *state.finish(row).tolist()] == z.condense(sequence.put).ids.tolist()
            else:
                phrases, lengths = state.book(row)
                rows = [tuple(phrase[:length].tolist()) for phrase, length in zip(phrases, lengths, strict=True)]
                assert rows == list(book_of(z, sequence.put).values())
                assert state.base_counts[row] == len(sequence.got)
                assert state.installed[row] == len(rows)


def next_id(rng: random.Random, rules: oracle.Rules, z: Hypertokens, sequence: Grown, way: str) -> int:
    """An id that may come next, -1 for none."""
    if rng.random() < 0.1:
        return -1
    if way == "encode":
        return rng.randrange(min(rules.vocab, 3))
    codes = list(book_of(z, sequence.put))
    return rng.choice(codes) if codes and rng.random() < 0.5 else rng.randrange(min(rules.vocab, 3))


def ending(z: Hypertokens, ids: Sequence[int], way: str) -> list[int]:
    """What has come out after these ids, and no more."""
    if way == "decode":
        return z.expand(list(ids)).tolist()
    whole = z.state(1)
    return [one for id in ids for one in whole.step([id])[0].tolist() if one >= 0]


def test_steps_refuse_and_change_nothing() -> None:
    z = Hypertokens(10, book_size=8, max_subtokens=4)
    state = z.state(2, max_rewind=4)
    state.step([1, 1])
    with pytest.raises(UnknownIdError) as caught:
        state.step([2, 10])
    assert caught.value.where == 1
    with pytest.raises(UnknownIdError) as caught:
        state.extend(0, [2, 3, 10])
    assert caught.value.where == 2
    assert state.base_counts.tolist() == [1, 1]
    for wrong in ([1], [1, 2, 3]):
        with pytest.raises(ArgumentError):
            state.step(wrong)
        with pytest.raises(ArgumentError):
            state.rewind(wrong)
    for call in (
        lambda: state.fork(2),
        lambda: state.drop([2]),
        lambda: state.reorder([0, 2]),
        lambda: state.extend(2, []),
        lambda: state.rewind(2),
    ):
        with pytest.raises(ArgumentError):
            call()
    with pytest.raises(ArgumentError):
        state.step([1, 1], out=np.empty((2, 3), np.int32))
    reader = z.decoder(2)
    reader.step([1, 2])
    with pytest.raises(UnknownIdError) as caught:
        reader.step([2, 11])
    assert caught.value.where == 1
    assert reader.base_counts.tolist() == [1, 1]
    assert reader.step([10, -1]).tolist() == [[1, 1, -1, -1], [-1] * 4]
    assert reader.last_rows.tolist()[0] == 0
    out = np.empty((2, 4), np.int32)
    assert reader.step([1, 1], out=out) is out


# Bad input


def test_bad_arguments_are_named() -> None:
    z = Hypertokens(10, book_size=8, max_subtokens=4, disabled=[3])
    for ids, where in (([1, 2, -1], 2), ([1, 10], 1), (np.array([2**40]), 0), (np.array([1, 2**63], np.uint64), 1)):
        with pytest.raises(UnknownIdError) as caught:
            z.condense(np.array(ids))
        assert caught.value.where == where
    with pytest.raises(UnknownIdError, match="means nothing there") as caught:
        z.expand([1, 2, 12])
    assert caught.value.where == 2
    for barriers in ([-1], [4], [0, 9, 3]):
        with pytest.raises(ArgumentError):
            z.condense([1, 2, 3], barriers=barriers)
    for spans in ([[0, 0]], [[2, 1]], [[0, 4]], [[-1, 2]], [[0, 2], [1, 3]], [[1, 2], [0, 1]]):
        with pytest.raises(ArgumentError, match="span"):
            z.condense([1, 2, 3], spans=spans)
    for tags in ([0], [65536], [1, 2], [1.5]):
        with pytest.raises(ArgumentError, match="tag"):
            z.condense([1, 2, 3], spans=[[0, 1]], tags=tags)
    for options in ({"seq_len": 0}, {"seq_len": 4, "start": 4}, {"seq_len": 4, "loss_mask": [True]}, {"seq_len": 4, "start": -1}):
        with pytest.raises(ArgumentError):
            z.pack([1, 2, 4], **options)  # type: ignore[arg-type]
    with pytest.raises(UnknownIdError, match="id 10 at 2"):
        z.pack([1, 2, 10], 2, fill_last=True)
    for wrong in ("text", [1.5], [[1]], 3):
        with pytest.raises((ArgumentTypeError, ArgumentError)):
            z.condense(wrong)  # type: ignore[arg-type]
    for options in (
        {"book_size": 2**21},
        {"book_size": -1},
        {"max_subtokens": 0},
        {"max_subtokens": 256},
        {"disabled": [10]},
        {"disabled": "digits"},
        {"disabled": ["letters"]},
        {"profile": "lzw"},
        {"seed": [[1]]},
        {"seed": [[1, 2, 4]]},
        {"seed": [[1, 2], [1, 2]]},
        {"seed": [[1, 3]], "disabled": [3]},
        {"seed": [[1, 11]]},
        {"seed": [[1, 2], [1, 4]], "book_size": 1},
    ):
        with pytest.raises(ArgumentError):
            Hypertokens(10, **{"max_subtokens": 4, **options})  # type: ignore[arg-type]


def test_spans_and_tags() -> None:
    z = Hypertokens(10, book_size=50, max_subtokens=4)
    ids = [1, 2, 3] * 6
    c = z.condense(ids, spans=[[4, 8], [9, 11]], tags=[7, 9])
    assert c.tags is not None
    tags = np.repeat(c.tags, c.base_counts)
    assert tags.tolist() == [0] * 4 + [7] * 4 + [0] + [9] * 2 + [0] * 7
    assert {4, 8, 9, 11} <= set(c.base_starts.tolist())


# Texts

TEXTS = [
    "cjk",
    "code",
    "english-prose",
    "english-pydoc",
    "english-wikitext2",
    "html",
    "json",
    "kernel-rst",
    "logs",
    "markdown",
    "multilingual",
    "tables-and-dna",
    "udhr-many-languages",
]


@pytest.mark.parametrize("name", TEXTS)
def test_corpora_equal_the_package(load: Any, name: str) -> None:
    peer = pytest.importorskip("zip2zip_compression")
    tok = load("cl100k_base")
    # The long run takes the whole texts.
    ids = tok.encode(corpus(name)[:80_000] if SCALE == 1 else corpus(name), invalid="replace")
    for book, most, chunk in ((1024, 3, 8192), (4096, 8, 50_000)):
        z = Hypertokens(tok.vocab_size, book_size=book, max_subtokens=most, pad_id=0)
        codec = peer.LZWCompressor(tok.vocab_size, book, most, 0, [])
        rows = Ragged(ids, np.append(np.arange(0, len(ids), chunk), len(ids)))
        wanted = [codec.encode(row.tolist())[0] for row in rows]
        assert z.condense(rows).ragged.lists() == wanted
        assert z.expand(Ragged.from_rows(wanted)) == rows
