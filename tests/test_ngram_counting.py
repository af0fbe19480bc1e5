"""Counting n-grams: the counts of a plain Counter, whatever the cutting, the threads and the memory; errors that leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.ngrams import NgramCounter, NgramCounts

from tests.conftest import REPOSITORY, corpus
from tests.oracle import ngram_counts as oracle

LEAST = 9_200_000  # the least memory that a small vocabulary allows: chunks of a few thousand ids

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def random_documents(rng: random.Random, tokens: int, vocab_size: int, longest: int) -> list[list[int]]:
    """Documents of 0 to `longest` ids, some ids far more frequent than others."""
    documents: list[list[int]] = []
    left = tokens
    while left > 0:
        size = min(left, rng.randrange(longest + 1))
        documents.append([min(int(rng.expovariate(1.0) * vocab_size / 20), vocab_size - 1) for _ in range(size)])
        left -= max(1, size)
    return documents


def ragged(documents: Sequence[Sequence[int]]) -> tokmill.Ragged:
    return tokmill.Ragged.from_rows([np.array(document, np.int32) for document in documents], np.int32)


def as_dict(counts: NgramCounts, order: int) -> dict[tuple[int, ...], int]:
    ngrams = [tuple(row) for row in counts.ngrams(order).tolist()]
    assert ngrams == sorted(set(ngrams)), "entries have to rise"
    return dict(zip(ngrams, counts.counts(order).tolist(), strict=True))


def assert_equal(counts: NgramCounts, documents: Sequence[Sequence[int]], cross_documents: bool = False) -> None:
    for order in counts.orders:
        expected = oracle.count(documents, order, cross_documents)
        assert as_dict(counts, order) == expected
        totals = counts.totals(order)
        singles = sum(count == 1 for count in expected.values())
        assert (totals.occurrences, totals.distinct, totals.seen_once) == (expected.total(), len(expected), singles)


# Exact


@pytest.mark.parametrize("cross_documents", [False, True])
@pytest.mark.parametrize("vocab_size", [1, 2, 50, 1000, 100_277, 1 << 21, (1 << 21) + 1, 1 << 24])
def test_counts_of_random_documents(rng: random.Random, vocab_size: int, cross_documents: bool) -> None:
    documents = random_documents(rng, 3000, vocab_size, rng.choice([3, 40, 1000]))
    counts = NgramCounts.from_ids(ragged(documents), orders=range(1, 9), vocab_size=vocab_size, cross_documents=cross_documents)
    assert counts.tokens == sum(map(len, documents))
    assert_equal(counts, documents, cross_documents)


def test_counts_by_hand() -> None:
    counter = NgramCounter((1, 2), vocab_size=4)
    counter.add([1, 2, 1, 2, 3], [0, 4, 5])
    counts = counter.finish()
    assert as_dict(counts, 1) == {(1,): 2, (2,): 2, (3,): 1}
    assert as_dict(counts, 2) == {(1, 2): 2, (2, 1): 1}  # (2, 3) would reach into the next document
    assert counts[1, 2] == 2
    assert counts[2, 3] == 0
    assert counts.totals(2).share_seen_once == 0.5
    assert len(counts) == 5


def test_nothing_to_count() -> None:
    for documents in ([], [[]], [[], [1], []]):
        counts = NgramCounts.from_ids(ragged(documents), orders=(1, 2), vocab_size=5)
        assert_equal(counts, documents)
        assert counts.top(2, 3)[0].shape == (0, 2)
        assert counts.totals(2).share_seen_once == 0


@pytest.mark.parametrize("name", ["english-prose", "multilingual"])
def test_counts_of_a_corpus(name: str, embedded: tokmill.Tokenizer, data: Path) -> None:
    lines = corpus(name)[:400_000].decode("utf8", "ignore").splitlines()
    rows = embedded.encode_batch(lines)
    counts = NgramCounts.from_ids(rows, vocab_size=embedded.vocab_size)
    assert_equal(counts, rows.lists())


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.int16, ">i4"])
def test_types_of_ids(dtype: Any) -> None:
    ids = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 9], dtype)
    assert_equal(NgramCounts.from_ids(ids, vocab_size=10), [ids.tolist()])
    assert NgramCounts.from_ids(ids[::2], vocab_size=10) == NgramCounts.from_ids(ids[::2].tolist(), vocab_size=10)


# The same whatever the way


def pieces(rng: random.Random, documents: list[list[int]]) -> Iterator[list[list[int]]]:
    begin = 0
    while begin < len(documents):
        end = begin + rng.choice([1, 2, 17, len(documents)])
        yield documents[begin:end]
        begin = end


@pytest.mark.parametrize("cross_documents", [False, True])
def test_memory_threads_and_cutting_change_nothing(rng: random.Random, cross_documents: bool, tmp_path: Path, scale: int) -> None:
    for longest, thread_counts in ((20, (2,)), (30_000, (1, 3))):
        documents = random_documents(rng, 80_000 * scale, 5000, longest)
        expected = NgramCounts.from_ids(ragged(documents), orders=(1, 2, 3, 8), vocab_size=5000, cross_documents=cross_documents, threads=1)
        assert_equal(expected, documents, cross_documents)
        for threads in thread_counts:
            counter = NgramCounter(
                (1, 2, 3, 8),
                vocab_size=5000,
                memory=LEAST,
                spill_directory=tmp_path,
                cross_documents=cross_documents,
                threads=threads,
            )
            for piece in pieces(rng, documents):
                counter.add(ragged(piece))
            counts = counter.finish()
            assert counter.statistics["file_bytes"] > 0, "this has to go through files"
            assert counter.statistics["runs"] >= 40
            assert counts == expected
            assert list(tmp_path.iterdir()) == []


def test_documents_in_pieces(rng: random.Random) -> None:
    documents = [document for document in random_documents(rng, 30_000, 300, 3000) if document]
    counter = NgramCounter((1, 2, 4), vocab_size=300, memory=LEAST)
    for document in documents:
        counter.add([])  # an empty document, which the pieces go on with
        begin = 0
        while begin < len(document):
            end = begin + rng.choice([0, 1, 5, 1000])
            counter.add(document[begin:end], continued=True)
            begin = end
    assert_equal(counter.finish(), documents)
    counter = NgramCounter((2,), vocab_size=300)
    counter.add([1, 2, 3], [0, 2, 3], continued=True)  # there is nothing to go on with
    counter.add([4, 5, 6], [0, 1, 3], continued=True)
    assert_equal(counter.finish(), [[1, 2], [3, 4], [5, 6]])


def test_one_document_is_cut_into_chunks(rng: random.Random) -> None:
    ids = np.array([rng.randrange(300) for _ in range(50_000)], np.int32)
    assert NgramCounts.from_ids(ids, vocab_size=300, memory=LEAST) == NgramCounts.from_ids(ids, vocab_size=300)
    same = np.full(50_000, 7, np.int32)
    assert as_dict(NgramCounts.from_ids(same, orders=(1, 4), vocab_size=300, memory=LEAST), 4) == {(7, 7, 7, 7): 49_997}


def test_min_count_leaves_out_and_keeps_the_totals(rng: random.Random) -> None:
    documents = random_documents(rng, 20_000, 300, 100)
    whole = NgramCounts.from_ids(ragged(documents), vocab_size=300)
    for min_count in (2, 5, 10**6):
        pruned = NgramCounts.from_ids(ragged(documents), vocab_size=300, min_count=min_count)
        for order in (1, 2, 3):
            assert as_dict(pruned, order) == {k: v for k, v in oracle.count(documents, order).items() if v >= min_count}
            assert pruned.totals(order) == whole.totals(order)


def test_top(rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokmill.ngrams.counting.TOP_BLOCK", 100)
    documents = random_documents(rng, 5000, 60, 100)
    counts = NgramCounts.from_ids(ragged(documents), vocab_size=60)
    for order in (1, 2, 3):
        ranked = sorted(oracle.count(documents, order).items(), key=lambda item: (-item[1], item[0]))
        for k in (0, 1, 7, 150, len(ranked), len(ranked) + 5):
            ngrams, found = counts.top(order, k)
            assert [tuple(row) for row in ngrams.tolist()] == [ngram for ngram, _ in ranked[:k]]
            assert found.tolist() == [count for _, count in ranked[:k]]


def test_find(rng: random.Random) -> None:
    documents = random_documents(rng, 5000, 100_000, 50)
    counts = NgramCounts.from_ids(ragged(documents), orders=(2, 8), vocab_size=100_000)
    for order in (2, 8):
        expected = oracle.count(documents, order)
        wanted = [*expected, *[tuple(rng.randrange(100_000) for _ in range(order)) for _ in range(500)]]
        assert counts.find(wanted).tolist() == [expected[ngram] for ngram in wanted]
    assert counts.find([[-1, 5], [131_071, 1], [2**40, 0], [-(2**32) + 1, 1]]).tolist() == [0, 0, 0, 0]


# Files


def test_save_and_load(rng: random.Random, tmp_path: Path) -> None:
    documents = random_documents(rng, 5000, 70_000, 50)
    for orders in ((1, 2, 3), (8,)):
        counts = NgramCounts.from_ids(ragged(documents), orders=orders, vocab_size=70_000, min_count=2)
        counts.save(tmp_path / "counts")
        loaded = NgramCounts.load(tmp_path / "counts")
        assert loaded == counts
        assert loaded.min_count == 2
        assert loaded.top(orders[0], 5)[1].tolist() == counts.top(orders[0], 5)[1].tolist()


def reseal(content: bytes) -> bytes:
    from tokmill.snapshot import TRAILER_BYTES, seal

    return seal(content[:-TRAILER_BYTES])


def test_hostile_files(rng: random.Random, tmp_path: Path, scale: int) -> None:
    path = tmp_path / "counts"
    counts = NgramCounts.from_ids(np.arange(200) % 17, orders=(1, 3), vocab_size=20)
    counts.save(path)
    content = path.read_bytes()
    for _ in range(200 * scale):
        broken = bytearray(content)
        kind = rng.randrange(3)
        if kind == 0:
            del broken[rng.randrange(len(broken)) :]
        else:
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        with pytest.raises(tokmill.errors.SnapshotError):
            NgramCounts.load(path)
        if kind == 2:  # damaged by somebody who knows how to make a digest: refused, or counts in order
            path.write_bytes(reseal(bytes(broken)))
            with contextlib.suppress(tokmill.errors.SnapshotError):
                loaded = NgramCounts.load(path)
                for order in loaded.orders:
                    as_dict(loaded, order)
                    loaded.top(order, 3)
    path.write_bytes(b"")
    with pytest.raises(tokmill.errors.SnapshotError):
        NgramCounts.load(path)
    with pytest.raises(tokmill.errors.InputNotFoundError):
        NgramCounts.load(tmp_path / "nothing")


def test_a_vocabulary_is_no_counts(embedded: tokmill.Tokenizer, tmp_path: Path) -> None:
    embedded.save(tmp_path / "v.tokmill")
    with pytest.raises(tokmill.errors.SnapshotError, match="vocabulary"):
        NgramCounts.load(tmp_path / "v.tokmill")


# Errors


def test_bad_arguments(tmp_path: Path) -> None:
    errors = tokmill.errors
    for orders in ((), (0,), (9,), (-1, 2)):
        with pytest.raises(errors.ArgumentError):
            NgramCounter(orders, vocab_size=10)
    for vocab_size in (0, -1, (1 << 24) + 1):
        with pytest.raises(errors.ArgumentError):
            NgramCounter((1,), vocab_size=vocab_size)
    for memory in (0, -5, 1000, "1 KB", "much", "1 XB"):
        with pytest.raises(errors.ArgumentError):
            NgramCounter((1,), vocab_size=10, memory=memory)
    with pytest.raises(errors.ArgumentTypeError):
        NgramCounter((1,), vocab_size=10, memory=1.5)  # type: ignore[arg-type]
    with pytest.raises(errors.OutputError, match="nowhere"):
        NgramCounter((1,), vocab_size=10, memory="1 GB", spill_directory=tmp_path / "nowhere")
    counts = NgramCounts.from_ids([1, 2], vocab_size=10)
    with pytest.raises(errors.ArgumentError, match="4-grams"):
        counts.top(4, 1)
    with pytest.raises(errors.ArgumentError):
        counts.find([1, 2])
    with pytest.raises(errors.ArgumentError):
        NgramCounter((1,), vocab_size=10).finish(min_count=0)


def test_bad_ids_count_nothing() -> None:
    counter = NgramCounter((1, 2), vocab_size=10)
    counter.add([1, 2])
    for ids, offsets, where in (
        ([1, 2, 10], None, 2),
        ([1, -1], None, 1),
        (np.array([1, 2**40], np.int64), None, 1),
        (np.array([2**64 - 1], np.uint64), None, 0),
    ):
        with pytest.raises(tokmill.errors.UnknownIdError) as caught:
            counter.add(ids, offsets)
        assert caught.value.where == where
    for offsets in ([0, 1], [1, 3], [0, 2, 1, 3], [], [0, 4], [-1, 3], [[0, 3]], [0.0, 3.0]):
        with pytest.raises(tokmill.errors.ArgumentError):
            counter.add([1, 2, 3], offsets)
    with pytest.raises(tokmill.errors.ArgumentTypeError):
        counter.add(np.array([1.5]))
    assert as_dict(counter.finish(), 1) == {(1,): 1, (2,): 1}
    with pytest.raises(tokmill.errors.ArgumentError, match="make a new one"):
        counter.add([1])
    with pytest.raises(tokmill.errors.ArgumentError, match="make a new one"):
        counter.finish()


def run_child(what: str, *arguments: object) -> str:
    code = f"import sys; from tests import test_ngram_counting as t; t.{what}_child(*sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@linux
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(tokmill.errors.OutputError):
        NgramCounter((1,), vocab_size=10, memory="1 GB", spill_directory=tmp_path)


@linux
def test_a_full_disk(tmp_path: Path) -> None:
    run_child("full_disk", tmp_path)
    assert list(tmp_path.iterdir()) == []


def full_disk_child(directory: str) -> None:
    """A limit on the size of files stands for the disk; the error is another, the way to it is the same."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    counter = NgramCounter((1, 2, 3), vocab_size=100_000, memory=12_000_000, spill_directory=directory)
    with pytest.raises(tokmill.errors.OutputError, match="more room"):
        counter.add(np.random.default_rng(1).integers(0, 100_000, 1_000_000))
    with pytest.raises(tokmill.errors.ArgumentError, match="make a new one"):
        counter.add([1])
    counts = NgramCounts.from_ids(np.arange(50_000), vocab_size=50_000)
    with pytest.raises(tokmill.errors.OutputError):
        counts.save(os.path.join(directory, "counts"))
    assert os.listdir(directory) == []


@linux
def test_runs_that_come_back_changed(tmp_path: Path) -> None:
    for damage in ("flip", "cut"):
        counter = NgramCounter((1, 2, 3), vocab_size=100_000, memory=12_000_000, spill_directory=tmp_path)
        counter.add(np.random.default_rng(1).integers(0, 100_000, 1_000_000))
        descriptor = next(each for each in os.listdir("/proc/self/fd") if link_of(each).startswith(str(tmp_path)))
        with open(f"/proc/self/fd/{descriptor}", "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            assert size > 1_000_000
            if damage == "cut":
                file.truncate(size // 2)
            else:
                file.seek(size // 3)
                byte = file.read(1)
                file.seek(size // 3)
                file.write(bytes([byte[0] ^ 1]))
        with pytest.raises(tokmill.errors.InputError, match="count again"):
            counter.finish()
        del counter
        assert not any(link_of(each).startswith(str(tmp_path)) for each in os.listdir("/proc/self/fd"))


def link_of(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


@linux
def test_interrupts(tmp_path: Path) -> None:
    run_child("interrupts", tmp_path)
    assert list(tmp_path.iterdir()) == []


def interrupts_child(directory: str) -> None:
    """Ctrl-C at several moments; then the same counted whole."""
    ids = np.random.default_rng(1).zipf(1.2, 1_500_000) % 50_000
    begin = time.monotonic()
    expected = NgramCounts.from_ids(ids, vocab_size=50_000)
    whole = time.monotonic() - begin
    interrupted = 0
    for part in (0.05, 0.2, 0.4, 0.6):
        counter = NgramCounter((1, 2, 3), vocab_size=50_000, memory=20_000_000, spill_directory=directory)
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, part * whole)
        try:
            counter.add(ids)
            counts = counter.finish()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert counts == expected
        except KeyboardInterrupt:
            interrupted += 1
            with contextlib.suppress(tokmill.errors.ArgumentError):  # that it was stopped
                left = counter.finish()
                assert len(left) == 0 or left == expected, "stopped before anything was counted, or when all was"
        signal.signal(signal.SIGALRM, previous)
        assert os.listdir(directory) == []
    assert interrupted >= 1
    assert NgramCounts.from_ids(ids, vocab_size=50_000, memory=20_000_000, spill_directory=directory) == expected


def test_the_bound_on_memory_holds(rng: random.Random) -> None:
    ids = np.random.default_rng(rng.randrange(10**9)).integers(0, 1000, 1_500_000)
    for memory in (10_000_000, 40_000_000):
        counter = NgramCounter((1, 2, 3), vocab_size=1000, memory=memory)
        counter.add(ids)
        counter.finish()
        assert 0 < counter.statistics["working_bytes"] <= memory


def test_counters_of_several_threads() -> None:
    import threading

    ids = np.random.default_rng(3).integers(0, 100, 30_000)
    counter = NgramCounter((1, 2), vocab_size=100)
    workers = [threading.Thread(target=lambda: counter.add(ids)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected: Counter[tuple[int, ...]] = Counter()
    for _ in range(4):
        expected += oracle.count([ids.tolist()], 2)
    assert as_dict(counter.finish(), 2) == expected
