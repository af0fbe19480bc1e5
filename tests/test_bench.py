"""The benchmark's own parts: its cuts, its hostile words, its bars. It is never timed here."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokmill.bench import checks, texts
from tokmill.bench.bars import BARS, Bar, judge
from tokmill.bench.cases import suite
from tokmill.bench.peers import open_peer
from tokmill.bench.peers.peer import split_rows
from tokmill.bench.show import table
from tokmill.bench.vocabulary import Vocabulary


def test_cut_at_line_ends_keeps_every_byte() -> None:
    data = "".join(f"línea {number}\n" for number in range(1000)).encode() + b"no end"
    parts = texts.cut_at_line_ends(data, 24)
    assert len(parts) == 24
    assert b"".join(parts) == data
    assert all(part.endswith(b"\n") for part in parts[:-1])


def test_slices_never_cut_a_character(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(("漢字\n" * 500).encode() + "漢".encode()[:2])
    cutting = texts.Library(tmp_path, None, {"file": file}).cutting("file/slices")
    parts = cutting.parts()
    assert len(parts) == 24
    assert "".join(part.decode() for part in parts) == "漢字\n" * 500
    assert cutting.size == sum(map(len, parts))


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_colliding_words_are_different_and_collide() -> None:
    data = texts.colliding_words(300)
    words = [data[begin : begin + 15] for begin in range(0, len(data), 15)]
    assert len(set(words)) == 300
    assert all(word[:1] == b" " and word[1:].isalpha() for word in words)
    assert len({crc32c(word.ljust(15, b"\0") + b"\x0f") for word in words}) == 1


def test_distinct_words_are_distinct() -> None:
    words = texts.distinct_words(2000).split(b" ")
    assert len(set(words)) == 2000


def test_every_bar_names_a_case() -> None:
    names = [case.name for case in suite()]
    assert len(set(names)) == len(names)
    for bar in BARS:
        assert bar.case in names
        assert bar.against is None or bar.against in names


def cells(**medians: float) -> dict[str, dict[str, Any]]:
    return {name: {"median": median} for name, median in medians.items()}


@pytest.mark.parametrize(("own", "reached"), [(250.0, True), (249.0, False)])
def test_a_bar_is_taken_against_the_best_exact_peer(own: float, reached: bool) -> None:
    results = {"english-steady": {**cells(tokmill=own, gigatoken=100.0, splintr=40.0), "fastokens": {"wrong": "wrong ids from token 3 on"}}}
    (verdict,) = judge(results, ["english-steady"])
    assert (verdict.other, verdict.other_value, verdict.reached) == ("gigatoken", 100.0, reached)


def test_a_bar_that_was_not_measured_is_not_reached() -> None:
    (verdict,) = judge({"mixed": {}}, ["mixed"])
    assert verdict.reached is None
    assert Bar("x", times=2, aim=3, floor=40).rule == ">= 2x the best, aim 3x and >= 40"


def test_rows_of_flat_output() -> None:
    rows = split_rows(b"aaaabbbbcccc", np.array([0, 1, 1, 3]), width=4)
    assert rows == [b"aaaa", b"", b"bbbbcccc"]


def test_table_columns_line_up() -> None:
    lines = table([["case", "a"], ["long name", "1"]]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_a_wrong_call_is_found(tmp_path: Path) -> None:
    """tokmill against itself is exact; against ids with one changed it is not."""
    import tokmill

    ranks = tmp_path / "embedded.tiktoken"
    tokenizer = tokmill.load("tokmill-64k-v1")
    tokenizer.save(ranks)
    family = next(name for name, pattern in tokmill.PATTERNS.items() if pattern == tokenizer.pattern)
    peer = open_peer("tokmill")
    peer.load(Vocabulary("embedded", family, str(ranks), ""))
    cutting = texts.Cutting("some/text", str(tmp_path))
    cutting.write([b"The first part.\n", "Der zweite Teil, größer.\n".encode()])
    assert [end - begin for begin, end in pairwise(cutting.offsets.tolist())] == [16, 27]
    path = tmp_path / "reference.npy"
    checks.write_reference(peer, cutting, path)
    for form in ("array", "listed", "message", "batch", "count", "decode"):
        assert checks.difference(peer, cutting, form, 1, path) is None
    ids = np.load(path)
    ids[-1] += 1
    np.save(path, ids)
    assert checks.difference(peer, cutting, "array", 1, path) is not None
    assert "part 1" in str(checks.difference(peer, cutting, "listed", 1, path))
