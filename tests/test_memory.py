"""Memory stays flat: over a million distinct words, over many loads, over many calling threads. Each measured in a fresh process."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tokmill

from tests.conftest import REPOSITORY, SEED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run_child(what: str) -> None:
    code = f"from tests import test_memory as t; t.{what}_child()"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def resident_bytes() -> int:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def test_a_million_distinct_words() -> None:
    run_child("words")


def words_child() -> None:
    tok = tokmill.load("tokmill-64k-v1")
    after = []
    for thousand in range(1_000):
        text = " ".join(f"{(thousand * 1_000 + i) * 2_654_435_761 % 2**40:x}word{i}" for i in range(1_000))
        tok.encode(text)
        tok.encode_list(text)
        if thousand % 100 == 99:
            after.append(resident_bytes())
    assert after[-1] - after[1] < 2 << 20, after  # the second 100,000 words on: tables are full, nothing may grow


def test_loading_and_dropping() -> None:
    run_child("loads")


def loads_child() -> None:
    data = tokmill.load("tokmill-64k-v1")
    ranks, specials = data._rank_file(), data.special_tokens
    snapshot = data._snapshot()
    after = []
    for _ in range(30):
        tokmill.Tokenizer._from_ranks(ranks, name="x", pattern="cl100k", special_tokens=specials).encode("some text")
        for _ in range(5):
            tok = tokmill.Tokenizer._from_snapshot(snapshot)
            stream, decoder = tok._stream(), tok.decoder(100)
            stream.feed(b"some text")
            decoder.step([65] * 100)
        after.append(resident_bytes())
    assert after[-1] - after[9] < 8 << 20, after


def test_errors_leak_nothing() -> None:
    run_child("errors")


def errors_child() -> None:
    tok = tokmill.load("tokmill-64k-v1")
    long = b"words " * 3_000
    after = []
    for _ in range(20):
        for _ in range(200):
            for call in (
                lambda: tok.encode(long + b"\xff"),
                lambda: tok.encode_batch([long, long + b"\xff"]),
                lambda: tok.decode([1, 2, -1]),
                lambda: tok.encode(long, special={"<|nosuch|>"}),
                lambda: tok.encode(b"x" * 2_000, max_pretoken_bytes=1_000),
                lambda: tok.encode(None),  # type: ignore[arg-type]
                lambda: tok.encode_batch([long, None]),
            ):
                try:
                    call()
                except (tokmill.Error, TypeError):
                    continue
                raise AssertionError("no error")
        after.append(resident_bytes())
    assert after[-1] - after[4] < 4 << 20, after


def test_results_are_released() -> None:
    run_child("results")


def results_child() -> None:
    tok = tokmill.load("tokmill-64k-v1")
    text = "Some words, again and again.\n" * 100_000
    after = []
    for _ in range(15):
        ids = tok.encode(text)
        assert tok.decode(ids) == text
        assert len(tok.encode_batch([text, text], threads=2).ids) == 2 * len(ids)
        assert len(tok.encode_list(text)) == len(ids)
        del ids
        after.append(resident_bytes())
    assert after[-1] - after[4] < 16 << 20, after  # one result more a round would be 180 MB


def test_a_giant_pretoken_is_given_back() -> None:
    run_child("giant")


def giant_child() -> None:
    tok = tokmill.load("tokmill-64k-v1")
    letters = "".join(random.Random(int(SEED)).choices("abcdefghijklmnopqrstuvwxyz", k=30_000_000))
    tok.encode("warm " * 100_000)
    before = resident_bytes()
    assert len(tok.encode(letters)) > 12_000_000
    tok.encode("warm again")
    # Its scratch is about 100 MB. Of memory given back, glibc keeps blocks of up to 32 MB for the next call.
    assert resident_bytes() - before < 48 << 20


def test_many_calling_threads_share_the_tables() -> None:
    run_child("threads")


def threads_child() -> None:
    tok = tokmill.load("tokmill-64k-v1")
    text = "".join(f"word{i * 7919 % 100_003} " for i in range(50_000))  # long enough to be shared by two threads
    wanted = tok.encode(text, threads=1)
    for _ in range(3):
        tok.encode(text, threads=2)
    wrong: list[int] = []
    before = resident_bytes()

    def work(number: int) -> None:
        for _ in range(4):
            if not np.array_equal(tok.encode(text, threads=2), wanted):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert resident_bytes() - before < 24 << 20  # 64 threads with tables of their own would be hundreds of MB
