"""N-gram rows step by step: however the tokens of a sequence arrive, the rows are those of the whole sequence in one call."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.errors import ArgumentError, UnknownIdError
from tokmill.ngrams import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, Plan

ISAS: list[str] = tokmill.isa()["supported"]

PLANS: dict[str, Any] = {
    "over-encoding": lambda isa: OverEncoding(300, first_rows=1003, n=3, k=4, isa=isa),
    "engram": lambda isa: Engram(300, sizes=600, n=4, heads=8, canonical=[i // 2 for i in range(300)], isa=isa),
    "eos": lambda isa: LongCat(300, ratio=7.3, n=5, k=2, eos_id=2, isa=isa),
    "ignored": lambda isa: LongCat(300, ratio=7.3, n=5, k=2, boundary="ignored", ignored_ids=(2, 3), isa=isa),
    "bytes": lambda isa: ByteNgrams(buckets=30_000, vocabulary=300, isa=isa),
    "bigram": lambda isa: BigramHash(300, rows=4001, isa=isa),
    "unigram": lambda isa: NgramHash(300, orders=(1,), moduli=101, isa=isa),
}


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def token(rng: random.Random) -> int:
    return rng.choice([2, 3, rng.randrange(300), rng.randrange(300), rng.randrange(300)])


class Model:
    """A state and, beside it, the whole sequences that it stands for."""

    def __init__(self, plan: Plan, sequences: int, max_rewind: int, **more: Any) -> None:
        self.plan = plan
        self.more = more
        self.max_rewind = max_rewind
        self.state = plan.state(sequences, max_rewind=max_rewind, **more)
        self.sequences: list[list[int]] = [[] for _ in range(sequences)]
        self.rewindable = [0] * sequences

    def rows_of(self, sequence: int, count: int) -> Any:
        """The last rows of a sequence, from the whole of it."""
        whole = self.plan.rows(np.array(self.sequences[sequence], np.int64), **self.more)
        return whole[len(whole) - count :]

    def grow(self, sequence: int, ids: list[int]) -> None:
        self.sequences[sequence] += ids
        self.rewindable[sequence] = min(self.rewindable[sequence] + len(ids), self.max_rewind)

    def step(self, rng: random.Random) -> None:
        ids = [rng.choice([-1, token(rng), token(rng)]) for _ in self.sequences]
        found = self.state.step(np.array(ids, rng.choice([np.int32, np.int64])))
        for i, id in enumerate(ids):
            if id < 0:
                assert not found[i].any()
            else:
                self.grow(i, [id])
                assert np.array_equal(found[i], self.rows_of(i, 1)[0])

    def extend(self, rng: random.Random) -> None:
        if not self.sequences:
            return
        sequence = rng.randrange(len(self.sequences))
        ids = [token(rng) for _ in range(rng.choice([0, 1, 2, 3, 5, 30]))]
        found = self.state.extend(sequence, np.array(ids, np.uint16))
        self.grow(sequence, ids)
        assert np.array_equal(found, self.rows_of(sequence, len(ids)))

    def rewind(self, rng: random.Random) -> None:
        counts = [rng.randrange(most + 1) for most in self.rewindable]
        self.state.rewind(counts)
        for i, count in enumerate(counts):
            self.sequences[i] = self.sequences[i][: len(self.sequences[i]) - count]
            self.rewindable[i] -= count

    def reorder(self, rng: random.Random) -> None:
        if not self.sequences:
            return
        sources = [rng.randrange(len(self.sequences)) for _ in range(rng.randrange(1, 6))]
        self.state.reorder(sources)
        self.sequences = [list(self.sequences[source]) for source in sources]
        self.rewindable = [self.rewindable[source] for source in sources]

    def fork(self, rng: random.Random) -> None:
        if not self.sequences:
            return
        sequence = rng.randrange(len(self.sequences))
        assert self.state.fork(sequence) == len(self.sequences)
        self.sequences.append(list(self.sequences[sequence]))
        self.rewindable.append(self.rewindable[sequence])

    def add(self, rng: random.Random) -> None:
        self.state.add(2)
        self.sequences += [[], []]
        self.rewindable += [0, 0]

    def drop(self, rng: random.Random) -> None:
        dropped = [i for i in range(len(self.sequences)) if rng.random() < 0.3]
        self.state.drop(dropped)
        self.sequences = [sequence for i, sequence in enumerate(self.sequences) if i not in dropped]
        self.rewindable = [most for i, most in enumerate(self.rewindable) if i not in dropped]


@pytest.mark.parametrize("name", PLANS)
def test_any_history_of_calls(name: str, isa: str, rng: random.Random, scale: int) -> None:
    for _ in range(4 * scale):
        more: dict[str, Any] = {"dtype": rng.choice([np.int32, np.int64]), "add_table_offsets": rng.random() < 0.5}
        model = Model(PLANS[name](isa), rng.randrange(4), rng.choice([0, 1, 3, 10]), **more)
        for _ in range(120):
            kind = rng.choices(
                (Model.step, Model.extend, Model.rewind, Model.reorder, Model.fork, Model.add, Model.drop), (9, 5, 4, 1, 1, 1, 1)
            )[0]
            kind(model, rng)
            if len(model.sequences) > 40:
                model.drop(rng)
            assert model.state.sequences == len(model.sequences)


@pytest.mark.parametrize("name", PLANS)
def test_every_cut_of_a_sequence(name: str) -> None:
    plan = PLANS[name](None)
    rng = random.Random(name)
    ids = np.array([token(rng) for _ in range(40)])
    whole = plan.rows(ids)
    for cut in range(41):
        state = plan.state()
        assert np.array_equal(np.concatenate([state.extend(0, ids[:cut]), state.extend(0, ids[cut:])]), whole)
    state = plan.state()
    assert np.array_equal(np.concatenate([state.step([id]) for id in ids]), whole)


def test_long_prefill_by_threads() -> None:
    plan = PLANS["eos"](None)
    ids = np.random.default_rng(3).integers(0, 300, 100_000)
    state = plan.state(2, max_rewind=5)
    state.extend(1, ids[:3])
    assert np.array_equal(state.extend(1, ids[3:], threads=2), plan.rows(ids)[3:])
    state.rewind([0, 5])
    assert np.array_equal(state.extend(1, ids[-5:]), plan.rows(ids)[-5:])


def test_output_of_the_caller() -> None:
    plan = PLANS["engram"](None)
    state = plan.state(3)
    out = np.empty((3, 24), np.int32)
    assert state.step([1, 2, 3], out) is out
    assert np.array_equal(out[1], plan.rows([2])[0])
    with pytest.raises(ArgumentError):
        state.step([1, 2, 3], np.empty((3, 23), np.int32))
    with pytest.raises(ArgumentError):
        state.step([1, 2, 3], np.empty((3, 24), np.int64))
    assert np.array_equal(state.step([1, 2, 3])[1], plan.rows([2, 2])[1])  # what was refused has changed nothing


def test_bad_input() -> None:
    state = PLANS["over-encoding"](None).state(2, max_rewind=2)
    with pytest.raises(ArgumentError, match="one id a sequence: 2, not 3"):
        state.step([1, 2, 3])
    with pytest.raises(UnknownIdError, match="id 300 of sequence 1") as caught:
        state.step([1, 300])
    assert caught.value.where == 1
    with pytest.raises(UnknownIdError):
        state.step(np.array([1, 1 << 40]))
    with pytest.raises(UnknownIdError, match="index 2"):
        state.extend(0, [1, 2, 300])
    with pytest.raises(UnknownIdError):
        state.extend(0, [-1])
    with pytest.raises(ArgumentError, match="can go back by 0"):
        state.rewind(1)
    state.step([1, 2])
    state.rewind(1)
    with pytest.raises(ArgumentError, match="sequence 0 can go back by 0"):
        state.rewind(1)
    with pytest.raises(ArgumentError, match="one number a sequence"):
        state.rewind([0])
    with pytest.raises(ArgumentError, match="negative"):
        state.rewind([-1, 0])
    for wrong in (lambda: state.reorder([2]), lambda: state.fork(2), lambda: state.drop([2]), lambda: state.extend(2, [1])):
        with pytest.raises(ArgumentError, match="no sequence 2"):
            wrong()
    with pytest.raises(ArgumentError):
        PLANS["eos"](None).state(-1)
    with pytest.raises(ArgumentError, match="at most"):
        PLANS["eos"](None).state(1, max_rewind=1 << 20)
    with pytest.raises((ArgumentError, MemoryError)):
        state.add(1 << 40)
