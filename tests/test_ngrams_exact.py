"""N-gram rows of any plan, any cut, any kind of array equal the oracle's: random plans, the values that fast remainders could get wrong,
boundaries, 2-D batches, threads, arrays of all types; nothing is written outside of the output."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.errors import ArgumentError, ArgumentTypeError, UnknownIdError
from tokmill.ngrams import BigramHash, ByteNgrams, Description, Engram, LongCat, NgramHash, OverEncoding, Plan, Table

from tests.conftest import corpus
from tests.oracle import ngrams as oracle

ISAS: list[str] = tokmill.isa()["supported"]
TWO_64 = 1 << 64


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def general_rows(plan: Plan, seen: list[list[int]]) -> list[list[int]]:
    says = plan.description
    return [
        [oracle.general_row(window, says.mixes[table.mix], says.combine, says.word_bits, table.modulus) for table in plan.tables]
        for window in seen
    ]


def random_mixes(rng: random.Random, combine: str, size: int) -> list[tuple[int, ...]]:
    """Mixes with and without something in common: prefixes, Horner's rule, nothing; weights of all magnitudes."""
    longest = rng.choice([1, 2, 3, 4, 8, 20])
    kind = rng.choice(["prefixes", "horner", "polynomial", "any"])
    bits = rng.choice([1, 8, 31, 32, 40, 63, 64])
    draw = lambda: rng.choice([1, (1 << bits) - 1, rng.randrange(1 << bits)])  # noqa: E731
    orders = sorted(rng.choices(range(1, longest + 1), k=rng.choice([1, 2, 3, 6])))
    if kind == "prefixes":
        weights = [draw() for _ in range(longest)]
        return [tuple(weights[:order]) for order in orders]
    if kind == "horner":
        prime = draw()
        return [tuple(pow(prime, order - 1 - d, TWO_64) for d in range(order)) for order in orders]
    if kind == "polynomial":
        return [tuple(pow(size, d, rng.randrange(1000, 1 << 31)) if d else 1 for d in range(order)) for order in orders]
    return [tuple(draw() for _ in range(order)) for order in orders]


def random_plan(rng: random.Random) -> Description:
    size = rng.choice([1, 2, 260, 1000, 100_278, 1 << 24, 1 << 30])
    combine: Any = rng.choice(["add", "xor"])
    mixes = random_mixes(rng, combine, size)
    tables = []
    most_bits = rng.choice([2, 12, 24, 31, 31, 40])
    for mix in range(len(mixes)):
        for _ in range(rng.choice([0, 1, 1, 2, 4, 8, 11]) if len(mixes) > 1 else rng.choice([1, 3, 8, 16])):
            modulus = rng.choice([rng.randrange(2, 1 << most_bits), min(1 << most_bits, (1 << 40) - 1), (1 << most_bits) - 1])
            tables.append(Table(mix, max(2, modulus), max(2, modulus), rng.randrange(1 << 33)))
    tables = tables or [Table(0, 7, 7)]
    small = min(size, 50)
    boundary: Any = rng.choice(["cross", "documents", "eos", "ignored" if size <= 1 << 24 else "eos"])
    return Description(
        scheme="random",
        vocab_size=size,
        combine=combine,
        mixes=tuple(mixes),
        tables=tuple(tables),
        layer_rows=(0,),
        missing=rng.choice([0, 1, small, (1 << 30) - 1]),
        boundary=boundary,
        eos_id=rng.randrange(small) if boundary == "eos" else None,
        ignored_ids=tuple(rng.sample(range(small), k=min(small, rng.choice([1, 2])))) if boundary == "ignored" else (),
        word_bits=rng.choice([64, 64, 64, 32]),
    )


def random_ids(rng: random.Random, says: Description, count: int) -> list[int]:
    marks = [says.eos_id] if says.eos_id is not None else list(says.ignored_ids)
    choices = [lambda: rng.randrange(says.vocab_size), lambda: says.vocab_size - 1, lambda: 0]
    return [rng.choice(marks) if marks and rng.random() < 0.08 else rng.choice(choices)() for _ in range(count)]


def random_offsets(rng: random.Random, count: int) -> list[int]:
    offsets = [0]
    while offsets[-1] < count:
        offsets.append(min(count, offsets[-1] + rng.choice([0, 1, 2, 3, 8, 15, 16, 17, 90])))
    return offsets


def seen_by(says: Description, ids: list[int], offsets: list[int]) -> list[list[int]]:
    starts = {0} if says.boundary == "cross" else set(offsets)
    return oracle.windows(
        ids, max(map(len, says.mixes)), says.missing, starts=starts, eos_id=says.eos_id, ignored=frozenset(says.ignored_ids)
    )


def test_random_plans(rng: random.Random, scale: int) -> None:
    proved = 0
    for _ in range(250 * scale):
        says = random_plan(rng)
        ids = random_ids(rng, says, rng.choice([1, 7, 16, 17, 60, 150]))
        offsets = random_offsets(rng, len(ids))
        plan = Plan(says)
        expected = np.array(general_rows(plan, seen_by(says, ids, offsets)), np.int64)
        for isa in ISAS:
            forced = plan.with_isa(isa)
            assert np.array_equal(forced.rows(ids, offsets, dtype=np.int64), expected), (isa, says)
            assert np.array_equal(forced.rows(ids, offsets, dtype=np.int64, layout="table"), expected.T), (isa, says)
            with_offsets = forced.rows(ids, offsets, dtype=np.int64, add_table_offsets=True)
            assert np.array_equal(with_offsets, expected + np.array([table.offset for table in says.tables])), (isa, says)
            if max(table.modulus for table in says.tables) <= 1 << 31:
                assert np.array_equal(forced.rows(ids, offsets), expected), (isa, says)
                assert np.array_equal(forced.rows(ids, offsets, layout="table"), expected.T), (isa, says)
        proved += plan._core.proved
    assert proved > 50 * scale  # both kinds of remainders were tried


# The remainder. Random values do not show an error of a quotient; those at the borders of multiples do.


def words(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Three ids each, newest first, whose mix with the weights 1, 2^30 and 2^60 is that 64-bit word."""
    whole = values.astype(np.uint64)
    return np.stack([whole & (2**30 - 1), whole >> 30 & (2**30 - 1), whole >> 60], axis=1).astype(np.int64)


def borders(rng: random.Random, moduli: list[int], quotient_bits: int, count: int) -> list[int]:
    """Signed values q*p - 1, q*p, q*p + 1, q*p + p - 1 with quotients of so many bits, near the largest of them as well."""
    values = []
    for _ in range(count):
        p = rng.choice(moduli)
        end = min(1 << quotient_bits, ((1 << 63) - 1 - p) // p)
        q = rng.choice([rng.randrange(end + 1), max(0, end - rng.randrange(1000)), 1 << rng.randrange(max(1, end.bit_length()))])
        value = min(q, end) * p + rng.choice([-1, 0, 1, p // 2, p - 1])
        values.append(rng.choice([value, value, -value]))
    return values


@pytest.mark.parametrize("bits", [2, 8, 14, 15, 17, 20, 24, 27, 30, 31])
def test_values_at_the_borders_of_quotients(bits: int, rng: random.Random, scale: int) -> None:
    """All signed words, moduli from 2 bits up: those too small for the proof take the plain remainder, by themselves."""
    moduli = [max(2, (1 << bits) - 1 - rng.randrange(max(1, 1 << bits - 2))) for _ in range(15)] + [1 << bits]
    tables = tuple(Table(0, modulus, modulus) for modulus in moduli)
    says = Description("borders", 1 << 30, "add", ((1, 1 << 30, 1 << 60),), tables, (0,), boundary="documents")
    values = borders(rng, moduli, 63, 20_000 * scale)
    ids = words(np.array([value % TWO_64 for value in values], np.uint64))
    # Each word is a document of three ids; its last row is the one that counts.
    flat = ids[:, ::-1].reshape(-1)
    offsets = np.arange(len(values) + 1) * 3
    signed = np.array(values, np.int64)
    expected = np.stack([signed % modulus for modulus in moduli], axis=1)
    for isa in ISAS:
        plan = Plan(says, isa=isa)
        assert plan._core.proved == (bits >= 15)  # 2^63 / p below 2^49 wants a p above 2^14
        for layout in ("token", "table"):
            rows = plan.rows(flat, offsets, layout=layout)  # type: ignore[arg-type]
            assert np.array_equal((rows if layout == "token" else rows.T)[2::3], expected), (isa, layout)


def test_the_borders_would_show_a_careless_quotient(rng: random.Random) -> None:
    """The values above are hard: quotients cut off after one product with the reciprocal go wrong on them far more often."""
    moduli = [16_000_057, 646_403, 2_147_483_629]
    hard = np.array([value for value in borders(rng, moduli, 43, 30_000) if value >= 0], np.int64)
    easy = np.array([rng.randrange(1 << 63) for _ in range(30_000)], np.int64)
    wrong = {}
    for name, values in {"hard": hard, "easy": easy}.items():
        wrong[name] = sum(int(np.count_nonzero((values.astype(np.float64) * (1.0 / p)).astype(np.int64) != values // p)) for p in moduli)
    assert wrong["hard"] > 1000
    assert wrong["hard"] > 30 * wrong["easy"]


@pytest.mark.parametrize("mode", ["upward", "downward", "toward zero"])
def test_another_rounding_of_the_program_changes_nothing(mode: str, rng: random.Random) -> None:
    import ctypes
    import platform

    if platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux":
        pytest.skip("the numbers of rounding modes are those of Linux on x86-64")
    libm = ctypes.CDLL("libm.so.6")
    plan = OverEncoding(100_278, first_rows=12_800_000, n=3, k=4)
    big = Engram(99_092, sizes=16_000_000, n=4)
    ids = np.array([rng.randrange(99_092) for _ in range(5000)])
    before = plan.rows(ids), big.rows(ids)
    nearest = libm.fegetround()
    try:
        assert libm.fesetround({"downward": 0x400, "upward": 0x800, "toward zero": 0xC00}[mode]) == 0
        for isa in ISAS:
            with_isa = plan.with_isa(isa).rows(ids, threads=1), big.with_isa(isa).rows(ids, threads=1)
            assert all(np.array_equal(a, b) for a, b in zip(before, with_isa, strict=True)), isa
    finally:
        libm.fesetround(nearest)


# Cuts


def test_long_inputs_in_blocks_and_by_threads(isa: str, rng: random.Random) -> None:
    for make in (
        lambda: LongCat.preset("flash-lite", isa=isa),
        lambda: LongCat.preset("flash-lite", boundary="ignored", ignored_ids=(2, 9), isa=isa),
        lambda: Engram(2000, sizes=20_000, n=5, heads=8, layers=(1, 2), boundary="documents", isa=isa),
        lambda: ByteNgrams(buckets=30_000, vocabulary=2000, isa=isa),
        lambda: BigramHash(2000, rows=5000, isa=isa),
        lambda: BigramHash(2000, rows=5000, boundary="documents", isa=isa),
    ):
        plan = make()
        count = 40_000
        ids = np.array([rng.choice([2, rng.randrange(2000), rng.randrange(2000)]) for _ in range(count)])
        offsets = np.unique([0, count, *(rng.randrange(count) for _ in range(300)), *range(2040, 2060), *range(16380, 16390)])
        whole = plan.rows(ids, offsets, threads=1)
        for threads in (2, 3, 8):
            assert np.array_equal(plan.rows(ids, offsets, threads=threads), whole)
        assert np.array_equal(plan.rows(ids, offsets, threads=2, layout="table"), whole.T)
        if plan.description.boundary == "cross":
            assert np.array_equal(plan.rows(ids), whole)
            continue
        # Packed documents are the documents one by one.
        for begin, end in itertools.pairwise(offsets.tolist()):
            assert np.array_equal(plan.rows(ids[begin:end]), whole[begin:end])


def test_documents_told_in_other_ways(rng: random.Random) -> None:
    plan = OverEncoding(1000, first_rows=5003, n=4, k=2)
    ids = np.array([rng.randrange(1, 1000) for _ in range(500)])
    offsets = np.array(random_offsets(rng, 500))
    expected = plan.rows(ids, offsets)
    assert np.array_equal(plan.rows(ids, cu_seqlens=offsets.astype(np.int32)), expected)
    positions = np.concatenate([np.arange(length) for length in np.diff(offsets)])
    assert np.array_equal(plan.rows(ids, position_ids=positions), expected)
    assert np.array_equal(plan.rows(tokmill.Ragged(ids.astype(np.int32), offsets)), expected)
    ids[np.unique(offsets)[1:] - 1] = 0
    assert np.array_equal(plan.rows(ids, eos_id=0), plan.rows(ids, offsets))
    with pytest.raises(ArgumentError, match="one of"):
        plan.rows(ids, offsets, eos_id=0)
    with pytest.raises(ArgumentError, match="brings its own"):
        plan.rows(tokmill.Ragged(ids.astype(np.int32), offsets), offsets)
    with pytest.raises(ArgumentError, match=r"position_ids\[3\] = 7") as caught:
        plan.rows(ids[:5], position_ids=[0, 1, 0, 7, 8])
    assert caught.value.where == 3


@pytest.mark.parametrize("boundary", ["cross", "documents"])
def test_batches_with_padding(boundary: Any, isa: str, rng: random.Random) -> None:
    plan = Engram(500, sizes=600, n=4, heads=3, boundary=boundary, isa=isa)
    lengths = np.array([0, 1, 2, 9, 17, 30, 30])
    rows = [[rng.randrange(500) for _ in range(length)] for length in lengths]
    for padding in ("left", "right"):
        batch = np.full((len(rows), 30), 499)
        expected = np.zeros((len(rows), 30, len(plan.tables)), np.int32)
        for i, row in enumerate(rows):
            place = slice(30 - len(row), 30) if padding == "left" else slice(0, len(row))
            batch[i, place] = row
            expected[i, place] = plan.rows(np.array(row, np.int64))
        found = plan.rows(batch, lengths=lengths, padding=padding)  # type: ignore[arg-type]
        assert np.array_equal(found, expected)
        by_table = plan.rows(batch, lengths=lengths, padding=padding, layout="table")  # type: ignore[arg-type]
        assert np.array_equal(by_table, np.moveaxis(expected, 2, 0))
    whole = plan.rows(batch)
    assert all(np.array_equal(whole[i], plan.rows(batch[i])) for i in range(len(rows)))
    out = np.empty((len(rows), 30, len(plan.tables)), np.int64)
    assert plan.rows(batch, out=out) is out
    assert np.array_equal(out, whole)
    for wrong in ([1], [31] * 7, [-1] * 7, np.ones(7)):
        with pytest.raises(ArgumentError, match="lengths"):
            plan.rows(batch, lengths=wrong)
    with pytest.raises(ArgumentError, match="2-D"):
        plan.rows(batch, [0, 210])
    with pytest.raises(ArgumentError, match="lengths"):
        plan.rows(batch[0], lengths=[1])
    with pytest.raises(ArgumentError, match="padding"):
        plan.rows(batch, padding="middle")  # type: ignore[arg-type]


def test_types_of_ids(isa: str, rng: random.Random) -> None:
    plan = Engram(60_000, sizes=70_000, boundary="eos", eos_id=7, isa=isa)
    ids = [rng.choice([7, rng.randrange(60_000)]) for _ in range(3000)]
    expected = plan.rows(ids)
    for dtype in (np.uint16, np.uint32, np.int32, np.int64, np.uint64, ">i4", ">i8"):
        assert np.array_equal(plan.rows(np.array(ids, dtype)), expected), dtype
    assert np.array_equal(plan.rows(np.array(ids)[::-1][::-1]), expected)
    assert np.array_equal(plan.rows(np.array([[id, 0] for id in ids])[:, 0]), expected)
    assert plan.rows([]).shape == (0, len(plan.tables))
    assert plan.rows([], [0]).shape == (0, len(plan.tables))
    assert plan.rows([], [0, 0, 0], layout="table").shape == (len(plan.tables), 0)
    assert plan.rows(np.empty((0, 5), np.int32)).shape == (0, 5, len(plan.tables))
    for wrong in (np.array([1.0]), "12", {1: 2}, [None], [1.5]):
        with pytest.raises(ArgumentTypeError):
            plan.rows(wrong)  # type: ignore[arg-type]


def test_real_texts(data: Any, load: Callable[..., tokmill.Tokenizer]) -> None:
    """Every text of the data folder: the kernels agree with the scalar ones, and these with NumPy's whole numbers."""
    tok = load("cl100k_base")
    plan = OverEncoding(tok, first_rows=12_800_000, n=3, k=2)
    for path in sorted((data / "corpora").glob("*.txt.gz")):
        ids = tok.encode(corpus(path.name.removesuffix(".txt.gz"))[:1_000_000], invalid="replace").astype(np.int64)
        before = np.concatenate([[0], ids[:-1]])
        before_that = np.concatenate([[0, 0], ids[:-2]])[: len(ids)]
        size = tok.vocab_size
        big = ids + before * size + before_that * size * size  # below 2^51
        values = [ids + before * size] * 2 + [big] * 2
        expected = np.stack([value % table.modulus for value, table in zip(values, plan.tables, strict=True)], axis=1)
        for isa in ISAS:
            assert np.array_equal(plan.with_isa(isa).rows(ids), expected), (path.name, isa)


# Bad input


def test_ids_outside_of_the_vocabulary(isa: str) -> None:
    plan = OverEncoding(1000, first_rows=5003, isa=isa)
    for dtype in (np.uint16, np.uint32, np.int32, np.int64):
        for at in (0, 1, 2047, 2048, 16383, 16384, 39_999):
            ids = np.zeros(40_000, dtype)
            ids[at] = 1000
            with pytest.raises(UnknownIdError, match=f"id 1000 at index {at} ") as caught:
                plan.rows(ids, threads=2)
            assert caught.value.where == at
    for value in (-1, -(2**31), 1 << 31, 1 << 32, (1 << 63) - 1, -(1 << 63)):
        with pytest.raises(UnknownIdError):
            plan.rows(np.array([0, value], np.int64))
    with pytest.raises(UnknownIdError, match="id -5 at index 1 "):
        plan.rows(np.array([0, -5, 2000], np.int32))
    with pytest.raises(UnknownIdError):
        plan.rows(np.array([1 << 63], np.uint64))
    with pytest.raises(UnknownIdError):
        plan.rows([1 << 70])


def test_bounds_out_of_order() -> None:
    plan = OverEncoding(1000, first_rows=5003)
    ids = np.arange(10)
    for offsets, words_of_it in [
        ([0, 5, 4, 10], r"offsets\[2\] = 4"),
        ([0, 11], r"offsets\[1\] = 11"),
        ([0, -1, 10], r"offsets\[1\] = -1"),
        ([1, 10], r"offsets\[0\] is 0"),
        ([0, 9], "the number of ids, 10, not 9"),
        ([], "empty"),
        ([0, 1 << 62], r"offsets\[1\]"),
    ]:
        with pytest.raises(ArgumentError, match=words_of_it):
            plan.rows(ids, offsets)
        with pytest.raises(ArgumentError):
            plan.rows(ids, cu_seqlens=offsets)


def test_plans_that_break_a_rule() -> None:
    hash = lambda **more: NgramHash(100, **{"orders": (2,), "moduli": [5], **more})  # noqa: E731
    for broken, words_of_it in [
        (lambda: hash(moduli=[0]), "modulus 0 is 0"),
        (lambda: hash(moduli=[1]), "modulus 0 is 1"),
        (lambda: hash(moduli=[-3]), "modulus 0 is -3"),
        (lambda: hash(multipliers=(3, 4)), "multiplier 1 is even: 4"),
        (lambda: hash(multipliers=(3,)), "one number for each of 2"),
        (lambda: hash(multipliers=(3, 1 << 64)), "multiplier 1"),
        (lambda: hash(orders=()), "orders"),
        (lambda: hash(orders=(0,)), "orders"),
        (lambda: hash(orders=(33,), moduli=7), "between 1 and 32"),
        (lambda: hash(heads=300, moduli=7), "at most 256 tables"),
        (lambda: hash(boundary="eos"), "needs eos_id"),
        (lambda: hash(boundary="eos", eos_id=100), "EOS id 100"),
        (lambda: hash(boundary="ignored"), "needs ignored_ids"),
        (lambda: hash(boundary="ignored", ignored_ids=(100,)), "ignored id 100"),
        (lambda: hash(boundary="never"), "boundary"),
        (lambda: hash(combine="or"), "combine"),
        (lambda: hash(missing=-1), "negative"),
        (lambda: hash(moduli=[1 << 41]), r"2\^40"),
        (lambda: OverEncoding(0, first_rows=10), "between 1 and"),
        (lambda: OverEncoding(100, first_rows=1), "2 or more"),
        (lambda: OverEncoding(100, first_rows=0), "2 or more"),
        (lambda: OverEncoding(100, first_rows=10, n=1), "n is at least 2"),
        (lambda: Engram(10, sizes=50, canonical=[0] * 9), "one int for each of 10"),
        (lambda: Engram(10, sizes=50, canonical=[-1] * 10), "canonical ids are between"),
        (lambda: Engram(10, sizes=50, canonical=[5] * 10, canonical_size=5), "not below 5"),
        (lambda: Engram(10, sizes=(50,), n=3), "one number for each"),
        (lambda: Engram(10, sizes=50, pad_id=10), "pad_id 10"),
        (lambda: Engram.preset("nothing"), "no preset"),
        (lambda: ByteNgrams(buckets=10, functions=12), "between 1 and 11"),
    ]:
        with pytest.raises(ArgumentError, match=words_of_it):
            broken()
    with pytest.raises(ArgumentTypeError):
        OverEncoding("cl100k_base", first_rows=10)  # type: ignore[arg-type]


def test_int32_that_does_not_hold_the_rows() -> None:
    most = NgramHash(100, orders=(2,), moduli=[1 << 31])
    assert most.rows([5]).dtype == np.int32
    beyond = NgramHash(100, orders=(2,), moduli=[(1 << 31) + 1])
    with pytest.raises(ArgumentError, match="int64"):
        beyond.rows([5])
    assert beyond.rows([5], dtype=np.int64).dtype == np.int64
    two = NgramHash(100, orders=(2, 3), moduli=[1 << 31, 2])
    assert two.rows([5]).shape == (1, 2)
    with pytest.raises(ArgumentError, match="leave the tables' offsets out"):
        two.rows([5], add_table_offsets=True)
    with pytest.raises(ArgumentError, match="int64"):
        two.state(1, add_table_offsets=True)
    assert two.rows([5], add_table_offsets=True, dtype=np.int64)[0, 1] in (1 << 31, (1 << 31) + 1)
    with pytest.raises(ArgumentError, match="int32 or int64"):
        two.rows([5], dtype=np.uint32)


def test_wrong_outputs() -> None:
    plan = OverEncoding(1000, first_rows=5003, n=3, k=2)
    ids = np.arange(10)
    frozen = np.empty((10, 4), np.int32)
    frozen.flags.writeable = False
    for out in (
        np.empty((10, 3), np.int32),
        np.empty((4, 10), np.int32),
        np.empty((10, 8), np.int32)[:, ::2],
        np.empty((10, 4), np.int32, order="F"),
        np.empty((10, 4), ">i4"),
        np.empty((10, 4), np.float32),
        np.empty((10, 4), np.uint32),
        np.empty((9, 4), np.int32),
        frozen,
    ):
        with pytest.raises((ArgumentError, ArgumentTypeError)):
            plan.rows(ids, out=out)
    with pytest.raises(ArgumentTypeError):
        plan.rows(ids, out=[0] * 40)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        plan.rows(ids, out=np.empty((10, 4), np.int32), dtype=np.int64)


def test_nothing_is_written_outside_of_the_output(isa: str, rng: random.Random) -> None:
    canary = -123456789
    for heads, layout, dtype in itertools.product((1, 3, 4, 8, 12), ("token", "table"), (np.int32, np.int64)):
        plan = Engram(500, sizes=600, n=3, heads=heads, boundary="documents", isa=isa)
        for count in (0, 1, 5, 8, 15, 16, 17, 33, 2049):
            ids = np.array([rng.randrange(500) for _ in range(count)], np.int32)
            offsets = random_offsets(rng, count)
            size = count * len(plan.tables)
            before = rng.choice([1, 2, 16])
            memory = np.full(size + before + 64, canary, dtype)
            shape = (count, len(plan.tables)) if layout == "token" else (len(plan.tables), count)
            out = memory[before : before + size].reshape(shape)
            plan.rows(ids, offsets, out=out, layout=layout)  # type: ignore[arg-type]
            assert np.all(memory[:before] == canary)
            assert np.all(memory[before + size :] == canary)
            assert np.all(out >= 0)


def test_large_outputs(isa: str) -> None:
    """Larger than the caches, where kernels may write past them: the same rows."""
    plan = Engram(99_092, sizes=16_000_000, n=3, heads=8, isa=isa)
    ids = np.arange(300_000, dtype=np.int32) * 7919 % 99_092
    narrow = plan.rows(ids, threads=2)
    aligned = plan.rows(ids, dtype=np.int64, threads=2)
    assert np.array_equal(aligned, narrow)
    memory = np.empty(ids.size * 16 + 1, np.int64)
    assert np.array_equal(plan.rows(ids, out=memory[1:].reshape(-1, 16), threads=1), narrow)
