"""Frequent n-grams, distinct rows of a batch, and plans of tables."""

from __future__ import annotations

import contextlib
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from numpy.typing import NDArray
from tokmill.ngrams import FrequentNgrams, NgramCounts, TablePlanWarning, plan_tables, polynomial_rows, unique_rows
from tokmill.ngrams.arguments import bytes_of, readable_bytes

from tests.oracle import ngram_counts as oracle
from tests.test_ngram_counting import ragged, random_documents, reseal

errors = tokmill.errors

# Frequent n-grams


def test_by_hand() -> None:
    """The example of the reference: the longest n-gram that ends at each position, within a document."""
    frequent = FrequentNgrams([(1, 2), (2, 3), (1, 2, 3)], vocab_size=10)
    rows, lengths = frequent.rows([1, 2, 3, 2, 3])
    assert rows.tolist() == [-1, 0, 2, -1, 1]
    assert lengths.tolist() == [0, 2, 3, 0, 2]
    assert frequent.rows([1, 2, 3], [0, 2, 3])[0].tolist() == [-1, 0, -1]
    assert frequent.rows([1, 2, 3, 2, 3], token_rows=True)[0].tolist() == [1, 10, 12, 2, 11]
    assert (len(frequent), frequent.longest, frequent[2]) == (3, 3, (1, 2, 3))


@pytest.mark.parametrize("vocab_size", [2, 30, 100_277, 1 << 24])
def test_longest_match(rng: random.Random, vocab_size: int, tmp_path: Path) -> None:
    documents = random_documents(rng, 4000, vocab_size, 60)
    windows = [tuple(d[i : i + n]) for d in documents for n in range(1, 9) for i in range(len(d) - n + 1)]
    chosen = list(dict.fromkeys(rng.sample(windows, 2000) + [tuple(rng.randrange(vocab_size) for _ in range(3)) for _ in range(50)]))
    frequent = FrequentNgrams(chosen, vocab_size=vocab_size)
    expected = oracle.longest_rows({ngram: row for row, ngram in enumerate(chosen)}, documents, 8)
    frequent.save(tmp_path / "set")
    for each in (frequent, FrequentNgrams.load(tmp_path / "set")):
        assert each.ngrams.lists() == [list(ngram) for ngram in chosen]
        for threads in (1, 3):
            rows, lengths = each.rows(ragged(documents), threads=threads)
            assert list(zip(rows.tolist(), lengths.tolist(), strict=True)) == expected
    one_by_one = [frequent.rows(np.array(document, np.int64))[0].tolist() for document in documents]
    assert [row for rows in one_by_one for row in rows] == [row for row, _ in expected]


def test_long_inputs_are_cut_between_threads(rng: random.Random) -> None:
    ids = np.array([rng.randrange(5) for _ in range(150_000)], np.uint16)
    chosen = [tuple(rng.randrange(5) for _ in range(n)) for n in (2, 3, 5, 8)]
    frequent = FrequentNgrams(list(dict.fromkeys(chosen)), vocab_size=5)
    alone = frequent.rows(ids, threads=1)
    expected = oracle.longest_rows({n: r for r, n in enumerate(dict.fromkeys(chosen))}, [ids.tolist()], 8)
    assert alone[0].tolist() == [row for row, _ in expected]
    for threads in (2, 7):
        assert np.array_equal(frequent.rows(ids, threads=threads), alone)


def test_nothing_to_look_up() -> None:
    nothing = FrequentNgrams([], vocab_size=5)
    assert nothing.rows([1, 2])[0].tolist() == [-1, -1]
    assert nothing.rows([])[0].tolist() == []
    assert nothing.rows([1, 2], token_rows=True)[0].tolist() == [1, 2]


def test_from_counts(rng: random.Random) -> None:
    documents = random_documents(rng, 6000, 40, 80)
    counts = NgramCounts.from_ids(ragged(documents), orders=(1, 2, 3, 4), vocab_size=40)
    every = [item for order in (2, 3, 4) for item in oracle.count(documents, order).items() if item[1] >= 5]
    ranked = [ngram for ngram, _ in sorted(every, key=lambda item: (-item[1], len(item[0]), item[0]))]
    for size in (0, 1, 50, len(ranked), 10**6):
        assert FrequentNgrams.from_counts(counts, size).ngrams.lists() == [list(ngram) for ngram in ranked[:size]]
    unigrams = FrequentNgrams.from_counts(counts, 10, orders=(1,), min_count=1)
    assert unigrams.ngrams.ids.tolist() == counts.top(1, 10)[0].ravel().tolist()
    with pytest.raises(errors.ArgumentError):
        FrequentNgrams.from_counts(NgramCounts.from_ids([1], orders=(1,), vocab_size=3), 5)


def test_bad_sets_and_ids() -> None:
    for ngrams, where in (([(1, 2), (3,), (1, 2)], 2), ([(1,), ()], 1), ([(1,), (1,) * 9], 1)):
        with pytest.raises(errors.ArgumentError) as caught:
            FrequentNgrams(ngrams, vocab_size=10)
        assert caught.value.where == where
    for ngrams in ([(1, 10)], [(-1,)], [(2**40,)]):
        with pytest.raises(errors.UnknownIdError):
            FrequentNgrams(ngrams, vocab_size=10)
    with pytest.raises(errors.ArgumentError):
        FrequentNgrams([(1,)], vocab_size=0)
    frequent = FrequentNgrams([(1, 2)], vocab_size=10)
    with pytest.raises(errors.UnknownIdError) as unknown:
        frequent.rows([1, 2, 10])
    assert unknown.value.where == 2
    with pytest.raises(errors.ArgumentError):
        frequent.rows([1, 2, 3], [0, 2])


def test_hostile_files(rng: random.Random, tmp_path: Path, scale: int) -> None:
    path = tmp_path / "set"
    FrequentNgrams([(1, 2), (2, 3), (1, 2, 3), (7,)], vocab_size=10).save(path)
    content = path.read_bytes()
    ids = np.arange(200) % 10
    for _ in range(400 * scale):
        broken = bytearray(content)
        if rng.randrange(4) == 0:
            del broken[rng.randrange(len(broken)) :]
        else:
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        with pytest.raises(errors.SnapshotError):
            FrequentNgrams.load(path)
        # By somebody who makes the digest fit: refused, or a set that answers within its bounds.
        path.write_bytes(reseal(bytes(broken)))
        with contextlib.suppress(errors.SnapshotError, errors.UnknownIdError):
            loaded = FrequentNgrams.load(path)
            rows, lengths = loaded.rows(ids)
            assert rows.min() >= -1
            assert rows.max() < len(loaded)
            assert lengths.max() <= 8
    NgramCounts.from_ids([1, 2], vocab_size=5).save(path)
    with pytest.raises(errors.SnapshotError, match="ngram-counts"):
        FrequentNgrams.load(path)


# Distinct rows


def assert_unique(rows: NDArray[Any], owner: NDArray[Any], shard_count: int, **arguments: Any) -> None:
    """Against numpy.unique, of rows sorted by their owner first."""
    found = unique_rows(rows, **arguments)
    expected, counts = np.unique(rows, return_counts=True)
    owners = owner[expected] if len(expected) else expected
    order = np.argsort(owners, kind="stable")
    assert np.array_equal(found.rows, expected[order])
    assert np.array_equal(found.counts, counts[order])
    assert found.rows.dtype == (np.int64 if rows.dtype == np.int64 else np.int32)
    assert found.inverse.shape == rows.shape
    assert np.array_equal(found.rows[found.inverse], rows)
    assert found.shard_offsets.tolist() == np.searchsorted(owners[order], np.arange(shard_count + 1)).tolist()
    for shard in range(shard_count):
        assert np.array_equal(found.shard(shard), expected[owners == shard])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("size", [0, 1, 100, 3000, 200_000])
def test_unique_rows(rng: random.Random, dtype: Any, size: int) -> None:
    generator = np.random.default_rng(rng.randrange(10**9))
    for row_count in (1, 7, 1000, 5_000_000):
        rows = (
            (generator.zipf(1.2, size) % row_count).astype(dtype) if rng.random() < 0.5 else generator.integers(0, row_count, size, dtype)
        )
        numbers = np.arange(row_count)
        threads = rng.choice([1, 2, 5])
        assert_unique(rows, numbers * 0, 1, threads=threads)
        for shards in (2, 5):
            width = -(-row_count // shards)
            assert_unique(rows, numbers // width, shards, shards=shards, row_count=row_count, threads=threads)
            assert_unique(rows, numbers % shards, shards, shards=shards, cut="modulo", threads=threads)
            bounds = np.sort(np.concatenate([[0, row_count], generator.integers(0, row_count + 1, shards - 1)]))
            owner = np.searchsorted(bounds[1:], numbers, side="right")
            assert_unique(rows, owner, shards, cut=bounds, threads=threads)


def test_rows_far_apart_and_of_other_types() -> None:
    far = np.array([[2**61, 0, 5], [2**40, 2**61, 2**61 - 1]])
    found = unique_rows(far)
    assert found.rows.tolist() == [0, 5, 2**40, 2**61 - 1, 2**61]
    assert np.array_equal(found.rows[found.inverse], far)
    by_remainder = unique_rows(far, shards=3, cut="modulo")
    assert by_remainder.rows.tolist() == sorted(found.rows.tolist(), key=lambda row: (row % 3, row))
    for dtype in (np.uint16, np.uint32, np.int8, ">i4", np.uint64):
        found = unique_rows(np.array([3, 1, 3], dtype))
        assert (found.rows.tolist(), found.inverse.tolist(), found.counts.tolist()) == ([1, 3], [1, 0, 1], [1, 2])
    assert unique_rows([]).rows.tolist() == []
    assert unique_rows(np.arange(10)[::3]).rows.tolist() == [0, 3, 6, 9]


def test_bad_rows_and_cuts() -> None:
    for rows, where in (([[0, 1], [2, -1]], 3), (np.array([1, -5], np.int32), 1)):
        for cut in ("range", "modulo"):
            with pytest.raises(errors.ArgumentError) as caught:
                unique_rows(rows, cut=cut, shards=1)  # type: ignore[arg-type]
            assert caught.value.where == where
    with pytest.raises(errors.ArgumentError) as caught:
        unique_rows([0, 9, 10], row_count=10)
    assert caught.value.where == 2
    with pytest.raises(errors.ArgumentError):
        unique_rows(np.array([2**64 - 1], np.uint64))
    for bad in (
        {"shards": 0},
        {"shards": 2},
        {"cut": "head"},
        {"cut": [0]},
        {"cut": [1, 5]},
        {"cut": [0, 5, 3]},
        {"cut": [0, 5], "row_count": 6},
    ):
        with pytest.raises(errors.ArgumentError):
            unique_rows([0, 1], **bad)  # type: ignore[arg-type]
    with pytest.raises(errors.ArgumentTypeError):
        unique_rows([0.5])


# Plans


def test_primes_as_published() -> None:
    """The sizes of DeepSeek-V4.1-Flash's first Engram layer: 8 heads of orders 2 to 4, above 16,000,000."""
    rows = 384_006_168
    plan = plan_tables(rows, vocab_size=99_092, width=1, dtype="int8", orders=(2, 3, 4), heads=8)
    assert plan.rows == rows == plan.bytes
    assert (plan.tables[0].rows, plan.tables[-1].rows) == (16_000_057, 16_000_463)
    assert len({table.rows for table in plan.tables}) == 24
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smaller = plan_tables(rows - 1, vocab_size=99_092, width=1, dtype="int8", orders=(2, 3, 4), heads=8)
    assert smaller.rows < rows


def test_plans_fit_their_budget(rng: random.Random) -> None:
    for _ in range(50):
        memory, width, heads = int(10 ** rng.uniform(7.2, 11)), rng.choice([1, 32, 256]), rng.choice([1, 2, 8])
        dtype, optimizer, multiple = rng.choice(["float32", "bfloat16", "int8"]), rng.choice([0, 8]), rng.choice([1, 64])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan = plan_tables(
                memory, vocab_size=5000, width=width, dtype=dtype, heads=heads, optimizer_bytes=optimizer, row_multiple=multiple
            )
        assert plan.bytes <= memory
        used = plan.bytes / memory
        assert used > 0.8 or plan.tables[0].rows < 1000
        assert all(all(table.rows % d for d in range(2, int(table.rows**0.5) + 1)) for table in plan.tables[:1] if table.rows < 10**8)
        assert plan.row_bytes == width * ({"float32": 4, "bfloat16": 2, "int8": 1}[dtype] + optimizer)


def test_too_small_a_budget_and_bad_arguments() -> None:
    with pytest.raises(errors.ArgumentError, match=r"at least 26\.62 KB"):
        plan_tables("4 KB", vocab_size=100, width=256, orders=(2, 3), heads=2)  # 3 + 5 + 7 + 11 rows of 1024 bytes
    for bad in (
        {"width": 0},
        {"vocab_size": 0},
        {"heads": 0},
        {"orders": ()},
        {"orders": (0,)},
        {"dtype": "float99"},
        {"optimizer_bytes": -1},
    ):
        with pytest.raises(errors.ArgumentError):
            plan_tables("1 GB", **{"vocab_size": 100, "width": 8, **bad})  # type: ignore[arg-type]


def test_warning_at_whole_ratios() -> None:
    with pytest.warns(TablePlanWarning, match="nearly 128 times"):
        plan = plan_tables(524_309, vocab_size=4096, width=1, dtype="int8", orders=(2,))
    assert plan.tables[0].rows == 524_309
    assert "warning:" in plan.text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan_tables(int(128.37 * 4096), vocab_size=4096, width=1, dtype="int8", orders=(2,))


def test_collisions_counted(rng: random.Random) -> None:
    documents = random_documents(rng, 20_000, 500, 100)
    counts = NgramCounts.from_ids(ragged(documents), orders=(2, 3), vocab_size=500)
    plan = plan_tables(12_700, vocab_size=500, width=1, dtype="int8", orders=(2, 3), heads=2)
    for found, table in zip(plan.measured(counts), plan.tables, strict=True):
        ngrams = oracle.count(documents, table.order)
        rows: dict[int, list[int]] = {}
        for ngram, count in ngrams.items():
            value = 0
            for one in ngram:
                value = value * 500 + one
            rows.setdefault(value % table.rows, []).append(count)
        colliding = [company for company in rows.values() if len(company) > 1]
        assert found.rows_hit == len(rows)
        assert found.distinct == len(ngrams)
        assert found.share_colliding == pytest.approx(sum(map(len, colliding)) / len(ngrams))
        assert found.share_of_occurrences == pytest.approx(sum(map(sum, colliding)) / ngrams.total())
    assert "colliding, measured" in plan.text(plan.measured(counts))
    assert plan.measured(counts, lambda ngrams, table: np.zeros(len(ngrams), np.int64))[0].rows_hit == 1


def test_expected_collisions_by_simulation(rng: random.Random) -> None:
    plan = plan_tables(2003, vocab_size=97, width=1, dtype="int8", orders=(2,))
    expected = plan.expected({2: 1500})[0]
    generator = np.random.default_rng(rng.randrange(10**9))
    trials = [np.unique(generator.integers(0, 2003, 1500), return_counts=True)[1] for _ in range(200)]
    assert expected.expected_rows_hit == pytest.approx(np.mean([len(trial) for trial in trials]), rel=0.01)
    assert expected.expected_share_colliding == pytest.approx(np.mean([(trial[trial > 1]).sum() / 1500 for trial in trials]), rel=0.02)
    assert plan.expected({2: 0})[0].expected_rows_hit == 0
    assert plan.expected({3: 5}) == []


def test_polynomial_rows_by_hand() -> None:
    """The example of the reference: V 64, moduli 192 and 194, x = 5 9 2."""
    assert polynomial_rows(np.array([[5, 9]]), 64, 192).tolist() == [137]
    assert polynomial_rows(np.array([[9, 2]]), 64, 194).tolist() == [190]
    assert polynomial_rows(np.array([[5, 9, 2]]), 64, 196).tolist() == [86]
    with pytest.raises(errors.ArgumentError):
        polynomial_rows(np.array([[1]]), 64, 1)


def test_sizes_of_memory() -> None:
    assert [bytes_of(size) for size in (5, "5", "1 GB", "1gb", "1.5 GiB", "512MiB", "2 k", "3TB")] == [
        5,
        5,
        10**9,
        10**9,
        3 << 29,
        512 << 20,
        2000,
        3 * 10**12,
    ]
    assert [readable_bytes(size) for size in (12, 1500, 2_500_000_000)] == ["12 bytes", "1.50 KB", "2.50 GB"]
