"""Opcodes: records by hand, laws on random streams, strict reading against the oracle, views, pieces, saved files, the pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill import Ragged
from tokmill.condensed import Opcodes, OpcodeShard, OpcodeStream, save_opcodes
from tokmill.condensed.opcode_stream import COPY, DEF, ENTER, EOD, LEAVE, LIT, RESET, USE, Records, join
from tokmill.errors import ArgumentError, ArgumentTypeError, SnapshotError, StreamError, UnknownIdError

from tests.conftest import SCALE
from tests.oracle import opcodes as oracle


def records_of(stream: OpcodeStream | Records) -> list[tuple[int, int, int, int]]:
    return list(zip(stream.op.tolist(), stream.a.tolist(), stream.b.tolist(), stream.base_counts.tolist(), strict=True))


def stream_of(records: list[tuple[int, int, int, int]], literals: list[int]) -> OpcodeStream:
    op, a, b, counts = (np.array(column) for column in zip(*records, strict=True)) if records else (np.empty(0, int),) * 4
    base = int(counts.sum())
    return OpcodeStream(
        op.astype(np.uint8),
        a,
        b,
        counts,
        np.array(literals, np.int64),
        np.array([0, len(op)]),
        np.array([0, len(literals)]),
        np.array([0, base]),
    )


def refusal(call: Callable[[], object]) -> tokmill.Error | None:
    """How a call refuses a bad stream; None if it does not."""
    try:
        call()
    except (StreamError, UnknownIdError) as error:
        return error
    return None


# By hand


def test_flat_by_hand() -> None:
    z = Opcodes(10, slots=0)
    s = z.condense(Ragged.from_rows([[1, 2, 3, 4, 1, 2, 3, 4, 5], [], [7, 7, 7, 7, 7, 7], [1, 2, 3, 4]]))
    assert records_of(s) == [
        *[(LIT, 0, 4, 4), (COPY, 4, 4, 4), (LIT, 0, 1, 1), (EOD, 0, 0, 0)],
        (EOD, 0, 0, 0),
        *[(LIT, 0, 1, 1), (COPY, 1, 5, 5), (EOD, 0, 0, 0)],
        *[(LIT, 0, 4, 4), (EOD, 0, 0, 0)],  # documents do not know each other
    ]
    assert s.literals.tolist() == [1, 2, 3, 4, 5, 7, 1, 2, 3, 4]
    assert (s.offsets.tolist(), s.literal_offsets.tolist(), s.base_offsets.tolist()) == (
        [0, 4, 5, 8, 10],
        [0, 5, 5, 6, 10],
        [0, 9, 9, 15, 19],
    )
    first_op, first_number, first_phrase, end = z._rules.flat_bounds
    assert (first_op, first_number, first_phrase, end) == (10, 18, 18 + 8193, 18 + 8193)
    view = z.flat(s)
    assert view.ragged.lists()[0] == [1, 2, 3, 4, 10, 18 + 4, 18 + 4, 5, 17]
    assert view.base_counts[:9].tolist() == [1, 1, 1, 1, 0, 0, 4, 1, 0]
    assert z.flat_id_end == end
    f = z.factored(s)
    assert f.op[:7].tolist() == [LIT, LIT, LIT, LIT, COPY, LIT, EOD]
    assert f.a[:7].tolist() == [1, 2, 3, 4, 4, 5, 0]
    assert f.b[:7].tolist() == [0, 0, 0, 0, 4, 0, 0]
    assert f.positions.tolist() == [0, 1, 2, 3, 7, 8, 8, -1, 0, 5, 5, 0, 1, 2, 3, 3]
    assert f.offsets.tolist() == [0, 7, 8, 11, 16]
    assert "COPY   4 4" in z.text_of(s)


def test_what_pays() -> None:
    """A COPY of three ids costs three flat ids, and is left out; in the factored view two ids are enough."""
    ids = [1, 2, 3, 9, 1, 2, 3]
    assert records_of(Opcodes(10).condense(ids)) == [(LIT, 0, 7, 7), (EOD, 0, 0, 0)]
    assert records_of(Opcodes(10, "factored").condense(ids)) == [(LIT, 0, 4, 4), (COPY, 4, 3, 3), (EOD, 0, 0, 0)]
    assert records_of(Opcodes(10, "factored", window=3).condense(ids)) == [(LIT, 0, 7, 7), (EOD, 0, 0, 0)]
    # The better copy begins an id later.
    lazy = [1, 2, 9, 2, 3, 4, 5, 9, 1, 2, 3, 4, 5]
    assert records_of(Opcodes(10, "factored").condense(lazy))[-3:] == [(LIT, 0, 9, 9), (COPY, 6, 4, 4), (EOD, 0, 0, 0)]


def test_phrases_names_domains_and_resets() -> None:
    z = Opcodes(50, phrases=[[1, 2], [1, 2, 3]], slots=2, reset_every=0)
    assert records_of(z.condense([1, 2, 3, 1, 2, 4])) == [(2, 1, 0, 3), (2, 0, 0, 2), (LIT, 0, 1, 1), (EOD, 0, 0, 0)]
    phrase = [10, 11, 12, 13, 14]
    ids = [id for k in range(6) for id in [*phrase, 20 + k]]
    s = Opcodes(50, slots=2).condense(ids)
    assert [record[0] for record in records_of(s)] == [LIT, COPY, LIT, COPY, LIT, COPY, DEF, LIT, USE, LIT, USE, LIT, EOD]
    assert records_of(s)[6] == (DEF, 0, 5, 0)
    assert records_of(s)[8] == (USE, 0, 0, 5)
    z = Opcodes(50, "factored")
    s = z.condense([1, 2, 1, 2, 1, 2], spans=[[2, 4]], tags=[7])
    assert records_of(s) == [
        *[(LIT, 0, 2, 2), (ENTER, 7, 0, 0), (COPY, 2, 2, 2), (LEAVE, 7, 0, 0)],
        *[(COPY, 2, 2, 2), (EOD, 0, 0, 0)],
    ]
    over = z.condense(Ragged.from_rows([[1, 2], [3, 4]]), spans=[[1, 4]])
    assert [record[:2] for record in records_of(over)] == [
        (LIT, 0),
        (ENTER, 1),
        (LIT, 0),
        (LEAVE, 1),
        (EOD, 0),
        (ENTER, 1),
        (LIT, 0),
        (LEAVE, 1),
        (EOD, 0),
    ]
    s = Opcodes(50, "factored", reset_every=4).condense([1, 2, 1, 2, 1, 2, 1, 2, 1])
    assert records_of(s) == [
        *[(LIT, 0, 2, 2), (COPY, 2, 2, 2), (RESET, 0, 0, 0), (LIT, 0, 2, 2), (COPY, 2, 2, 2), (RESET, 0, 0, 0)],
        *[(LIT, 0, 1, 1), (EOD, 0, 0, 0)],
    ]
    s = Opcodes(50, "factored").condense([1, 2, 1, 2, 1, 2], barriers=[3])
    assert records_of(s) == [(LIT, 0, 3, 3), (COPY, 2, 3, 3), (EOD, 0, 0, 0)]


# Laws


def random_condenser(rng: random.Random) -> tuple[Opcodes, oracle.Rules]:
    vocab = rng.choice([1, 2, 5, 300, 40_000])
    most = rng.choice([2, 3, 8, 256])
    window, slots = rng.choice([0, 1, 7, 64, 8192]), rng.choice([0, 1, 3, 64])
    phrases = list({tuple(rng.randrange(vocab) for _ in range(rng.randint(2, min(most, 5)))) for _ in range(rng.choice([0, 0, 3, 40]))})
    reset_every = rng.choice([None, 0, 1, 5, 100])
    z = Opcodes(
        vocab,
        rng.choice(["flat", "factored", "storage"]),
        window=window,
        max_length=most,
        slots=slots,
        phrases=phrases,
        reset_every=reset_every,
    )
    return z, oracle.Rules(vocab, window, most, slots, phrases)


def random_documents(rng: random.Random, vocab: int) -> list[list[int]]:
    rows = []
    for _ in range(rng.randint(0, 4)):
        row: list[int] = []
        size = rng.choice([0, 1, 3, 30, 200])
        while len(row) < size:
            if row and rng.random() < 0.6:
                start = rng.randrange(len(row))
                row += row[start : start + rng.randint(1, 20)]
            else:
                row += [rng.randrange(min(vocab, rng.choice([3, 40_000]))) for _ in range(rng.randint(1, 6))]
        rows.append(row)
    return rows


def check(z: Opcodes, rules: oracle.Rules, rows: list[list[int]], rng: random.Random) -> None:
    ragged = Ragged.from_rows(rows, np.int32)
    s = z.condense(ragged, threads=1)
    assert z.expand(s).lists() == rows
    columns = records_of(s)
    for d, row in enumerate(rows):
        part = columns[s.offsets[d] : s.offsets[d + 1]]
        literals = s.literals[s.literal_offsets[d] : s.literal_offsets[d + 1]].tolist()
        assert oracle.judge(rules, part, literals) == (None, row)
        resets = sum(record[0] == RESET for record in part)
        if z.view == "flat" and z.slots == 0:
            assert oracle.flat_length(part) <= len(row) + 1 + resets
        alone = z.condense(row)
        assert records_of(alone) == part
        encoder, decoder, at, made = z.state(), z.decoder(), 0, []
        while at < len(row):
            step = rng.choice([1, 2, 50, 500])
            made.append(encoder.extend(0, row[at : at + step]))
            at += step
        made.append(encoder.finish(encoder.fork(0)))
        joined = join(made)
        assert records_of(joined) == part
        assert joined.literals.tolist() == literals
        assert [id for piece in made for id in decoder.extend(0, piece).tolist()] == row
        assert decoder.are_between.tolist() == [True]
        if row:
            start, stop = sorted((rng.randint(0, len(row)), rng.randint(0, len(row))))
            assert z.slice(s, start, stop, document=d).tolist() == row[start:stop]
    view = z.flat(s)
    assert len(view.ids) == oracle.flat_length(columns)
    assert view.base_counts.sum() == s.base_counts.sum()
    back = z.from_flat(view)
    for name in ("op", "a", "b", "base_counts", "literals", "offsets", "literal_offsets", "base_offsets"):
        assert np.array_equal(getattr(back, name), getattr(s, name)), name
    f = z.factored(s)
    assert f.base_counts.sum() == s.base_counts.sum()
    assert f.a[f.op == LIT].tolist() == s.literals.tolist()


def test_laws(rng: random.Random) -> None:
    for _ in range(int(250 * SCALE)):
        z, rules = random_condenser(rng)
        check(z, rules, random_documents(rng, rules.vocab), rng)


def test_threads(rng: random.Random) -> None:
    rows = [[rng.randrange(50) for _ in range(rng.choice([0, 10, 3000]))] for _ in range(60)]
    z = Opcodes(50, reset_every=700)
    wanted = z.condense(Ragged.from_rows(rows, np.int32), threads=1)
    for threads in (2, 5):
        made = z.condense(Ragged.from_rows(rows, np.int32), threads=threads)
        for name in ("op", "a", "b", "base_counts", "literals", "offsets", "literal_offsets"):
            assert np.array_equal(getattr(made, name), getattr(wanted, name)), name
        assert z.expand(made, threads=threads).lists() == rows
    long = np.array([rng.randrange(30) for _ in range(150_000)], np.uint16)
    assert np.array_equal(z.expand(z.condense(long)).ids, long)


def test_domains_come_back(rng: random.Random) -> None:
    z = Opcodes(9, "factored", reset_every=6)
    for _ in range(int(60 * SCALE)):
        rows = random_documents(rng, 9) or [[]]
        size = sum(map(len, rows))
        places = sorted(rng.sample(range(size + 1), min(size + 1, 2 * rng.randint(0, 3)) // 2 * 2))
        spans = np.array(places).reshape(-1, 2)
        tags = [rng.randint(1, 65535) for _ in spans]
        s = z.condense(Ragged.from_rows(rows, np.int32), spans=spans, tags=tags)
        assert z.expand(s).lists() == rows
        decoder, wanted = z.decoder(), []
        for begin, end in zip(s.offsets[:-1], s.offsets[1:], strict=True):
            lane = int(s.literal_offsets[np.searchsorted(s.offsets, begin, side="right") - 1])
            for r in range(begin, end):
                count = int(s.b[r]) if s.op[r] == LIT else 0
                decoder.extend(0, Records(*(column[r : r + 1] for column in s.records[:4]), s.literals[lane : lane + count]))
                lane += count
                wanted += (decoder.domains() or [0]) * int(s.base_counts[r])
        expected = [0] * size
        for (start, stop), tag in zip(spans.tolist(), tags, strict=True):
            expected[start:stop] = [tag] * (stop - start)
        assert wanted == expected
        for d, row in enumerate(rows):
            if row:
                assert z.slice(s, len(row) // 2, len(row), document=d).tolist() == row[len(row) // 2 :]


# Bad streams


def test_mutated_records(rng: random.Random) -> None:
    """What cannot be is refused where the oracle says; what can be gives the oracle's ids."""
    refused = 0
    for _ in range(int(1200 * SCALE)):
        z, rules = random_condenser(rng)
        rows = [row for row in random_documents(rng, rules.vocab) if len(row) < 60] or [[0, 0, 0, 0, 0, 0]]
        s = z.condense(rows[0])
        records, literals = records_of(s), s.literals.tolist()
        for _ in range(rng.randint(1, 2)):
            what = rng.randrange(6)
            if what == 0 and records:
                del records[rng.randrange(len(records))]
            elif what == 1 and literals:
                del literals[rng.randrange(len(literals))]
            elif what == 2:
                records.insert(rng.randint(0, len(records)), (rng.randrange(12), rng.randint(0, 5), rng.randint(0, 3), rng.randint(0, 2)))
            elif records:
                place = rng.randrange(len(records))
                record = list(records[place])
                record[rng.randrange(4)] = rng.choice([0, 1, 2, -1, 2**31 - 1, rng.randint(0, 70_000)])
                records[place] = (record[0] % 256, record[1], record[2], min(max(record[3], 0), rules.most))
        stream = stream_of(records, literals)
        place, wanted = oracle.judge(rules, records, literals)
        error = refusal(partial(z.expand, stream))
        if place is None:
            assert error is None
            assert z.expand(stream).ids.tolist() == wanted
        else:
            refused += 1
            assert isinstance(error, StreamError)
            assert error.where == place, (records, literals, str(error))
            decoder = z.decoder()
            if place < len(records) and (EOD, 0, 0, 0) not in records[:place]:
                assert refusal(partial(decoder.extend, 0, stream.records)) is not None
                assert decoder.are_between.all()
        for call in (partial(z.flat, stream), partial(z._rules.pack, *stream.records, stream.offsets)):
            error = refusal(call)
            assert error is None or error.where in range(max(len(records), len(literals)) + 1)
    assert refused > 100


def test_refusals_name_the_place() -> None:
    z = Opcodes(10, slots=2, phrases=[[1, 2]])
    for records, literals, place, part in [
        ([], [], 0, "has no EOD"),
        ([(LIT, 0, 1, 1)], [1], 1, "cut short"),
        ([(LIT, 0, 2, 2), (EOD, 0, 0, 0)], [1], 0, "takes 2 literals, of which 1"),
        ([(LIT, 0, 1, 1), (EOD, 0, 0, 0)], [1, 2], 2, "leave 1 of their literals"),
        ([(LIT, 0, 2, 2), (COPY, 3, 1, 1), (EOD, 0, 0, 0)], [1, 2], 1, "reaches 3 ids back, of 2"),
        ([(2, 1, 0, 2), (EOD, 0, 0, 0)], [], 0, "phrase 1; there are 1"),
        ([(2, 0, 0, 3), (EOD, 0, 0, 0)], [], 0, "3 base ids, it makes 2"),
        ([(USE, 1, 0, 2), (EOD, 0, 0, 0)], [], 0, "slot 1, which names nothing"),
        ([(LIT, 0, 1, 1), (DEF, 0, 2, 0), (EOD, 0, 0, 0)], [1], 1, "names the last 2 ids, of 1"),
        ([(ENTER, 3, 0, 0), (LEAVE, 4, 0, 0), (EOD, 0, 0, 0)], [], 1, "leaves domain 4, but 3"),
        ([(ENTER, 3, 0, 0), (EOD, 0, 0, 0)], [], 1, "inside of a domain"),
        ([(ENTER, 3, 0, 0)] * 17 + [(EOD, 0, 0, 0)], [], 16, "too deep"),
        ([(EOD, 0, 0, 0), (EOD, 0, 0, 0)], [], 1, "behind the end"),
        ([(9, 0, 0, 0), (EOD, 0, 0, 0)], [], 0, "opcodes are 0 to 8"),
        ([(LIT, 0, 1, 300), (EOD, 0, 0, 0)], [1], 0, "from 0 to 256"),
        ([(LIT, 0, 1, -1), (EOD, 0, 0, 0)], [1], 0, "of -1 base ids"),
    ]:
        with pytest.raises(StreamError, match=part) as error:
            z.expand(stream_of(records, literals))
        assert error.value.where == place, part
    with pytest.raises(UnknownIdError) as unknown:
        z.expand(stream_of([(LIT, 0, 2, 2), (EOD, 0, 0, 0)], [1, 10]))
    assert unknown.value.where == 1


def test_bad_flat_ids(rng: random.Random) -> None:
    z = Opcodes(10, window=4, max_length=4, slots=2, phrases=[[1, 2]])
    copy, define, use, leave, end = 10, 12, 13, 15, 17
    zero = 18
    for ids, place, part in [
        ([1, copy], 1, "lacks an operand"),
        ([copy, 1, zero], 1, "is no number"),
        ([zero], 0, "operand without an opcode"),
        ([end, 1], 0, "more follows"),
        ([leave], 0, "none is open"),
        ([use, zero], 0, "names nothing"),
        ([define, zero + 2, zero + 1], 0, "names nothing"),
        ([11], 0, "never written"),
        ([99], 0, "not in the flat vocabulary"),
        ([-1], 0, "not in the flat vocabulary"),
    ]:
        with pytest.raises(StreamError, match=part) as refused:
            z.from_flat(ids)
        assert refused.value.where == place, part
    for _ in range(int(1500 * SCALE)):
        ids = [rng.choice([rng.randrange(10), rng.randrange(10, z.flat_id_end)]) for _ in range(rng.randint(0, 12))]
        error = refusal(partial(z.from_flat, ids))
        if error is None:
            assert z.flat(z.from_flat(ids)).ids.tolist() == ids
        else:
            assert error.where in range(len(ids))


def test_bad_arguments() -> None:
    sizes: list[dict[str, Any]] = [{"window": 2**21}, {"max_length": 1}, {"slots": 257}, {"view": "round"}]
    for bad in [*sizes, *({"phrases": phrases} for phrases in ([[1]], [[1, 10]], [[1, 2], [1, 2]]))]:
        with pytest.raises(ArgumentError):
            Opcodes(10, **bad)
    with pytest.raises(ArgumentError):
        Opcodes(0)
    z = Opcodes(10)
    with pytest.raises(UnknownIdError) as error:
        z.condense([1, 2, 10])
    assert error.value.where == 2
    with pytest.raises(UnknownIdError):
        z.state().extend(0, [-1])
    s = z.condense([1, 2, 3])
    for document, start, stop in ((0, 0, 4), (0, 2, 1), (0, -1, 1), (1, 0, 1)):
        with pytest.raises(ArgumentError):
            z.slice(s, start, stop, document=document)
    with pytest.raises(ArgumentTypeError):
        z.slice(s, 0, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError):
        z._rules.to_flat(s.op.astype(np.int32), s.a, s.b, s.base_counts, s.literals, s.offsets)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        z._rules.to_flat(s.op, s.a[:1], s.b, s.base_counts, s.literals, s.offsets)


# Saved files


def test_saved(rng: random.Random, tmp_path: Path) -> None:
    for _ in range(int(40 * SCALE)):
        z, rules = random_condenser(rng)
        rows = random_documents(rng, rules.vocab)
        s = z.condense(Ragged.from_rows(rows, np.int32))
        save_opcodes(tmp_path / "a.opcodes", z, s)
        shard = OpcodeShard(tmp_path / "a.opcodes")
        assert shard.expand().lists() == rows
        back = shard.stream()
        for name in ("op", "a", "b", "base_counts", "literals", "offsets", "literal_offsets", "base_offsets"):
            assert np.array_equal(getattr(back, name), getattr(s, name)), name
        rank = {id: at for at, id in enumerate(shard._ids_by_rank.tolist())}
        assert bytes(shard._bytes) == oracle.pack(records_of(s), s.literals.tolist(), rank)
        counts = np.bincount(s.literals, minlength=1)[shard._ids_by_rank]
        assert (np.diff(counts) <= 0).all()
        for d, row in enumerate(rows):
            start, stop = sorted((rng.randint(0, len(row)), rng.randint(0, len(row))))
            assert shard.slice(start, stop, document=d).tolist() == row[start:stop]
        with pytest.raises(ArgumentError):
            shard.slice(0, 1, document=len(rows))


def expand_bytes(z: Opcodes, data: bytes, byte_offsets: Any, ids_by_rank: Any) -> None:
    records, offsets, literal_offsets = z._rules.unpack(data, byte_offsets, ids_by_rank)
    z._rules.expand(*Records(*records), offsets, literal_offsets, True, 1)


def test_mutated_bytes(rng: random.Random) -> None:
    z = Opcodes(3000, "storage", window=64, slots=3, phrases=[[1, 2], [5, 6, 7]], reset_every=20)
    rows = [[rng.randrange(rng.choice([8, 3000])) for _ in range(60)] * 2 for _ in range(3)]
    s = z.condense(Ragged.from_rows(rows, np.int32))
    packed, ids_by_rank, byte_offsets, _, _ = z._rules.pack(*s.records, s.offsets)
    for _ in range(int(1500 * SCALE)):
        data = bytearray(packed.tobytes())
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        error = refusal(lambda data=bytes(data): expand_bytes(z, data, byte_offsets, ids_by_rank))  # type: ignore[misc]
        assert error is None or error.where in range(len(data) + 1)
    for few, part in [
        (b"\x05", "cut short"),
        (b"\xcf", "begins no record"),
        (b"\x80" * 6, "28 bits"),
        (b"\x00\xff\xff\xff\xff", "rank"),
    ]:
        with pytest.raises(StreamError, match=part):
            z._rules.unpack(few, [0, len(few)], ids_by_rank)
    with pytest.raises(ArgumentError, match="runs backwards"):
        z._rules.unpack(b"abc", [0, 2, 1], ids_by_rank)
    with pytest.raises(ArgumentError, match="beyond"):
        z._rules.unpack(b"abc", [0, 4], ids_by_rank)


def test_damaged_files(tmp_path: Path, rng: random.Random) -> None:
    z = Opcodes(100)
    path = tmp_path / "a.opcodes"
    save_opcodes(path, z, z.condense([1, 2, 3, 1, 2, 3]))
    whole = path.read_bytes()
    for _ in range(40):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(SnapshotError):
            OpcodeShard(path)
    path.write_bytes(whole[:-100])
    with pytest.raises(SnapshotError):
        OpcodeShard(path)


# Text


def test_pipeline(embedded: tokmill.Tokenizer, tmp_path: Path) -> None:
    z = Opcodes(embedded, reset_every=300)
    pipe = tokmill.Pipeline(embedded, condensed=z)
    texts = ["to be or not to be, that is the question. " * 30, "", "x"]
    wanted = z.condense(embedded.encode_batch(texts))
    for threads in (1, 3):
        block = pipe(texts, threads=threads)
        assert block.opcodes is not None
        assert records_of(block.opcodes) == records_of(wanted)
        assert z.expand(block.opcodes) == block.tokens
    (tmp_path / "text.txt").write_text(texts[0])
    alone = z.condense(embedded.encode(texts[0]))
    for block_bytes in (10, 300, 1 << 20):
        pieces = [block.opcodes for block in pipe.stream_file(tmp_path / "text.txt", block_bytes=block_bytes)]
        joined = join([one.records for one in pieces if one is not None])
        assert records_of(joined) == records_of(alone)
        assert joined.literals.tolist() == alone.literals.tolist()
