"""Chains and opcodes step by step: sequences forked, reordered and taken back give what one shot gives; what is refused changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tokmill.condensed import Chain, Hypertokens, Opcodes, Supertokens
from tokmill.condensed.opcode_stream import LIT, Records, join
from tokmill.errors import ArgumentError, StreamError, UnknownIdError

from tests.conftest import SCALE

# What a step put in, and what it gave.
Steps = list[tuple[Any, Any]]


def play(
    rng: random.Random, state: Any, most: int, next_one: Callable[[Steps], Any], step: Callable[[list[Any]], list[Any]]
) -> list[Steps]:
    """Random calls of the protocol on two sequences and more: the steps of each that were not taken back.

    ``next_one`` is what may go into a sequence, None for nothing; ``step`` puts one in for each and tells what came out of each.
    """
    grown: list[Steps] = [[], []]
    undoable = [0, 0]
    for _ in range(rng.randrange(90)):
        pick = rng.randrange(len(grown))
        action = rng.choice(["step"] * 8 + ["fork", "reorder", "rewind", "rewind", "add", "drop"])
        if action == "step":
            ones = [next_one(steps) for steps in grown]
            for row, (one, out) in enumerate(zip(ones, step(ones), strict=True)):
                if one is not None:
                    grown[row].append((one, out))
                    undoable[row] = min(most, undoable[row] + 1)
        elif action == "fork":
            assert state.fork(pick) == len(grown)
            grown.append(list(grown[pick]))
            undoable.append(undoable[pick])
        elif action == "reorder":
            sources = [rng.randrange(len(grown)) for _ in range(rng.randrange(1, 5))]
            state.reorder(sources)
            grown, undoable = [list(grown[source]) for source in sources], [undoable[source] for source in sources]
        elif action == "rewind":
            counts = [rng.randint(0, most_of) for most_of in undoable]
            with pytest.raises(ArgumentError, match=f"max_rewind is {most}"):
                state.rewind([count + most + 1 for count in counts])
            state.rewind(counts)
            for row, count in enumerate(counts):
                del grown[row][len(grown[row]) - count :]
                undoable[row] -= count
        elif action == "add":
            state.add(1)
            grown.append([])
            undoable.append(0)
        elif len(grown) > 1:
            state.drop([pick])
            del grown[pick], undoable[pick]
        assert state.sequences == len(grown)
    return grown


def put(steps: Steps) -> list[Any]:
    return [one for one, _ in steps]


def got(steps: Steps) -> list[int]:
    return [id for _, out in steps for id in out]


# Chains


def random_chain(rng: random.Random) -> Chain:
    first = Supertokens.train(5, [rng.randrange(3) for _ in range(60)], rng.randrange(8))
    return Chain.over(first, rng.choice(["zip2zip", "lru"]), book_size=rng.randrange(12), max_subtokens=rng.randrange(2, 5))


def test_chains(rng: random.Random) -> None:
    for _ in range(60 * SCALE):
        chain, most = random_chain(rng), rng.choice([0, 1, 6, 40])
        state = chain.state(2, max_rewind=most)

        def step(ones: list[Any], state: Any = state) -> list[list[int]]:
            return [[id for id in row if id >= 0] for row in state.step([-1 if one is None else one for one in ones]).tolist()]

        grown = play(rng, state, most, lambda steps: None if rng.random() < 0.1 else rng.randrange(4), step)
        assert state.base_counts.tolist() == [len(steps) for steps in grown]
        pending = state.pending.tolist()
        for row, steps in enumerate(grown):
            assert len(chain.expand(got(steps))) == len(steps) - pending[row]
            assert [*got(steps), *state.finish(row).tolist()] == chain.condense(put(steps)).ids.tolist()
        ids = [rng.randrange(4) for _ in range(30)]
        cut = rng.randrange(31)
        state.add(1)
        last = state.sequences - 1
        pieces = [*state.extend(last, ids[:cut]), *state.extend(last, ids[cut:]), *state.finish(last)]
        assert pieces == chain.condense(ids).ids.tolist()


def test_chains_read(rng: random.Random) -> None:
    for _ in range(60 * SCALE):
        chain, most = random_chain(rng), rng.choice([0, 1, 6, 40])
        reader = chain.decoder(2, max_rewind=most)

        def step(ones: list[Any], reader: Any = reader) -> list[list[int]]:
            return [[id for id in row if id >= 0] for row in reader.step([-1 if one is None else one for one in ones]).tolist()]

        def next_one(steps: Steps, chain: Chain = chain) -> int | None:
            known = chain.second.vocab_size + len(chain.second.book(put(steps)))
            return None if rng.random() < 0.1 else rng.choice([rng.randrange(3), rng.randrange(known)])

        for row, steps in enumerate(play(rng, reader, most, next_one, step)):
            assert got(steps) == chain.expand(put(steps)).tolist()
            assert reader.base_counts[row] == len(got(steps))
            reader.finish(row)
            assert reader.base_counts[row] == 0


def test_chains_refuse_and_change_nothing() -> None:
    first = Supertokens(10, [1], [2])
    chain = Chain(first, Hypertokens(20, book_size=4, max_subtokens=4))
    state, reader = chain.state(2), chain.decoder(2)
    state.step([1, 1])
    with pytest.raises(UnknownIdError) as caught:
        state.step([2, 10])
    assert caught.value.where == 1
    assert state.pending.tolist() == [1, 1]
    reader.step([10, 3])
    for wrong in ([1, 11], [1, 24], [1, 21]):  # an id between the stages, a code beyond the book, one that comes later
        with pytest.raises(UnknownIdError) as caught:
            reader.step(wrong)
        assert caught.value.where == 1
    assert reader.base_counts.tolist() == [2, 1]
    assert reader.step([10, 20]).tolist() == [[1, 2, *[-1] * 6], [3, 3, *[-1] * 6]]
    with pytest.raises(ArgumentError, match="longest"):
        Chain.over(first.with_mode("merge")).state()
    with pytest.raises(ArgumentError, match="15 in a phrase"):
        Chain(first, Hypertokens(20, book_size=4, max_subtokens=4, seed=[[1, 15]]))


# Opcodes


def random_opcodes(rng: random.Random) -> Opcodes:
    phrases = [[1, 2], [0, 2, 1]][: rng.randrange(3)]
    sizes = {"window": rng.choice([0, 5, 100]), "max_length": rng.choice([3, 6, 30]), "slots": rng.choice([0, 2])}
    return Opcodes(4, rng.choice(["flat", "factored", "storage"]), phrases=phrases, reset_every=rng.choice([0, 9]), **sizes)


def rows_of(records: Records, offsets: Any) -> list[Records]:
    """Records by sequence, each with its literals."""
    lane = np.concatenate([[0], np.cumsum(np.where(records.op == LIT, records.b, 0))])
    return [
        Records(*(column[begin:end] for column in records[:4]), records.literals[lane[begin] : lane[end]])
        for begin, end in pairwise(offsets)
    ]


def all_equal(one: Records, other: Records) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_opcodes(rng: random.Random) -> None:
    """Records that came out stay: ids that are taken back have made none."""
    for _ in range(60 * SCALE):
        z, most = random_opcodes(rng), rng.choice([0, 1, 6, 40])
        state = z.state(2, max_rewind=most)
        made: list[Records] = []

        def step(ones: list[Any], state: Any = state) -> list[Records]:
            return rows_of(*state.step([-1 if one is None else one for one in ones]))

        grown = play(rng, state, most, lambda steps: None if rng.random() < 0.1 else rng.choice([0, 1, 2, len(steps) % 3]), step)
        assert state.base_counts.tolist() == [len(steps) for steps in grown]
        pending = state.pending.tolist()
        for row, steps in enumerate(grown):
            whole = z.condense(put(steps))
            rest = state.finish(row)
            # What was taken back may have let records out; those that are there begin the whole, however many they are.
            here = len(whole.op) - len(rest.op)
            assert all_equal(join([rows_of(whole.records, [0, here])[0], rest]), whole.records)
            assert int(whole.base_counts[:here].sum()) == len(steps) - pending[row]
        made = [state.extend(0, put(grown[0])), state.finish(0)]
        assert all_equal(join(made), z.condense(put(grown[0])).records)


def test_opcodes_read(rng: random.Random) -> None:
    for _ in range(60 * SCALE):
        z, most = random_opcodes(rng), rng.choice([0, 1, 6, 40])
        reader = z.decoder(2, max_rewind=most)
        # Two documents, one behind the other, of each sequence; forks go on as what they were.
        documents = z.condense([rng.choice([0, 1, 2, 2, 1]) for _ in range(60)], spans=[[3, 9], [20, 40]], tags=[5, 6])
        records = rows_of(documents.records, np.arange(len(documents.op) + 1))
        nothing = Records(*(column[:0] for column in documents.records))

        def next_one(steps: Steps, records: list[Records] = records) -> Records | None:
            return None if rng.random() < 0.1 else records[len(steps) % len(records)]

        def step(ones: list[Any], reader: Any = reader, nothing: Records = nothing) -> list[list[int]]:
            offsets = np.cumsum([0] + [one is not None for one in ones])
            out: list[list[int]] = reader.step(join([nothing, *(one for one in ones if one is not None)]), offsets).lists()
            return out

        base = z.expand(documents).ids.tolist()
        for row, steps in enumerate(play(rng, reader, most, next_one, step)):
            whole, part = divmod(len(steps), len(records))
            count = int(documents.base_counts[:part].sum())
            assert got(steps) == base * whole + base[:count]
            assert bool(reader.are_between[row]) == (part == 0)
            assert reader.base_counts[row] == (count if part else len(base) if whole else 0)
            entered = [one.a[0] for one in records[:part] if one.op[0] in (5, 6)]
            assert reader.domains(row) == (entered[-1:] if len(entered) % 2 else [])


def test_many_records_a_step_round_trip(rng: random.Random) -> None:
    """What a step of the encoder gives a step of the decoder takes."""
    z = Opcodes(50)
    documents = [[rng.randrange(8) for _ in range(700)] for _ in range(5)]
    state, reader = z.state(5, max_rewind=3), z.decoder(5, max_rewind=3)
    back: list[list[int]] = [[] for _ in documents]
    for column in np.array(documents).T:
        for row, ids in enumerate(reader.step(*state.step(column)).lists()):
            back[row] += ids
    for row in range(5):
        back[row] += reader.extend(row, state.finish(row)).tolist()
    assert back == documents
    assert reader.are_between.all()
    assert state.base_counts.tolist() == [0] * 5


def test_opcodes_refuse_and_change_nothing() -> None:
    z = Opcodes(10, slots=2)
    state, reader = z.state(2, max_rewind=2), z.decoder(2, max_rewind=2)
    with pytest.raises(UnknownIdError) as caught:
        state.step([1, 10])
    assert caught.value.where == 1
    with pytest.raises(UnknownIdError) as caught:
        state.extend(1, [1, -1])
    assert caught.value.where == 1
    assert state.base_counts.tolist() == [0, 0]
    for call in (lambda: state.step([1]), lambda: state.rewind(1), lambda: state.finish(2), lambda: state.extend(2, [1])):
        with pytest.raises(ArgumentError):
            call()

    def records(*rows: tuple[int, int, int, int], literals: list[int]) -> Records:
        op, a, b, counts = (np.array(column, np.int32) for column in zip(*rows, strict=True))
        return Records(op.astype(np.uint8), a, b, counts, np.array(literals, np.int32))

    literal, name, use, end = (0, 0, 2, 2), (3, 1, 2, 0), (4, 1, 0, 2), (8, 0, 0, 0)
    assert reader.step(records(literal, name, literal, literals=[1, 2, 3, 4]), [0, 2, 3]).lists() == [[1, 2], [3, 4]]
    for wrong, where, error in (
        (records(end, use, literals=[]), 1, StreamError),  # the second sequence named nothing
        (records(literal, use, literals=[1, 2]), 1, StreamError),
        (records(literal, literal, literals=[1, 2, 3]), 1, StreamError),
        (records(literal, literal, literals=[1, 2, 3, 4, 5]), 2, StreamError),
        (records(literal, literal, literals=[1, 2, 3, 10]), 3, UnknownIdError),
    ):
        with pytest.raises(error) as refused:
            reader.step(wrong, [0, 1, 2])
        assert refused.value.where == where
        assert reader.base_counts.tolist() == [2, 2]
        assert not reader.are_between.any()
    with pytest.raises(StreamError):
        reader.extend(0, records(use, end, use, literals=[]))
    assert reader.extend(0, records(use, end, literals=[])).tolist() == [1, 2]
    assert reader.are_between.tolist() == [True, False]
    reader.rewind([1, 0])
    assert reader.extend(0, records(use, literals=[])).tolist() == [1, 2]
    with pytest.raises(ArgumentError, match="takes one number a sequence"):
        reader.step(records(end, literals=[]), [0, 1])
    with pytest.raises(ArgumentError, match="by 2 records, not by 3"):
        reader.rewind([3, 0])
