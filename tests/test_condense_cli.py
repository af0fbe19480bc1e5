"""``tokmill condense``: every format and the way back, files of several documents, and failures that leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.cli import main
from tokmill.condensed import Hypertokens

TEXT = "GET /health took 3 ms, and so did GET /status; and so on.\n" * 60
DOCUMENTS = ["to be or not to be, to be or not to be", "", "one", "und so weiter, und so weiter, und so weiter"]


def run(*words: Any) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path / "text.txt"


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": one}) + "\n" for one in DOCUMENTS))
    return tmp_path / "rows.jsonl"


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], {"profile": "lru"}),
        (["--condense", "hyper:zip2zip", "--book", "20", "--sub", "3"], {"profile": "zip2zip", "book_size": 20, "max_subtokens": 3}),
        (["--condense", "hyper:lru", "--disabled", "none"], {"profile": "lru", "disabled": ()}),
    ],
)
def test_npz_and_back(text: Path, jsonl: Path, tmp_path: Path, embedded: tokmill.Tokenizer, words: list[str], arguments: Any) -> None:
    tokens = embedded.encode_batch([TEXT, *DOCUMENTS])
    wanted = Hypertokens(embedded, **arguments).condense(tokens)
    assert run("condense", text, jsonl, *words, "-o", tmp_path / "c.npz") == 0
    with np.load(tmp_path / "c.npz") as made:
        for name in ("ids", "base_counts", "offsets", "base_offsets"):
            assert np.array_equal(made[name], getattr(wanted, name)), name
    assert run("condense", "--expand", tmp_path / "c.npz", "-o", tmp_path / "b.npy", "--offsets", tmp_path / "o.npy") == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), tokens.ids)
    assert np.array_equal(np.load(tmp_path / "o.npy"), tokens.offsets)


@pytest.mark.parametrize(("name", "words"), [("c.npy", []), ("c.bin", ["--dtype", "uint32"]), ("c.ids", [])])
def test_streams_and_back(jsonl: Path, tmp_path: Path, embedded: tokmill.Tokenizer, name: str, words: list[str]) -> None:
    tokens = embedded.encode_batch(DOCUMENTS)
    wanted = Hypertokens(embedded, "lru").condense(tokens)
    where = tmp_path / "o.npy"
    assert run("condense", jsonl, "-o", tmp_path / name, "--offsets", where, "--base-counts", tmp_path / "n.npy", *words) == 0
    assert np.array_equal(np.load(where), wanted.offsets)
    assert np.array_equal(np.load(tmp_path / "n.npy"), wanted.base_counts)
    if name == "c.npy":
        assert np.array_equal(np.load(tmp_path / name), wanted.ids)
    assert run("condense", "--expand", tmp_path / name, "--input-offsets", where, "-o", tmp_path / "b.npy", *words) == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), tokens.ids)


def test_lines_and_standard_output(text: Path, embedded: tokmill.Tokenizer, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("condense", "--lines", text) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    wanted = Hypertokens(embedded, "lru").condense(embedded.encode_batch(TEXT.splitlines(keepends=True)))
    assert [list(map(int, line.split())) for line in lines] == wanted.ragged.lists()


def test_nothing(tmp_path: Path) -> None:
    (tmp_path / "nothing.txt").write_bytes(b"")
    assert run("condense", tmp_path / "nothing.txt", "-o", tmp_path / "c.npz") == 0
    with np.load(tmp_path / "c.npz") as made:
        assert made["ids"].tolist() == []
        assert made["offsets"].tolist() == [0, 0]
    assert run("condense", "--expand", tmp_path / "c.npz", "-o", tmp_path / "b.npy") == 0
    assert np.load(tmp_path / "b.npy").tolist() == []


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["condense", "{text}", "--format", "npz"], 2, "give -o"),
        (["condense", "{text}", "-o", "{to}.npz", "--offsets", "{to}.npy"], 2, "--offsets is not needed"),
        (["condense", "{text}", "-o", "{to}.npy", "--dtype", "uint16"], 2, "uint16 cannot hold"),
        (["condense", "{text}", "-o", "{to}.npy", "--book", "99999999"], 2, "book"),
        (["condense", "{text}", "-o", "{to}.npy", "--input-offsets", "{to}.x"], 2, "--expand"),
        (["condense", "{bad}", "-o", "{to}.npz"], 1, "bad.txt"),
        (["condense", "{missing}", "-o", "{to}.npz"], 1, "missing"),
        (["condense", "--expand", "{npz}", "-o", "{to}.npy"], 1, "not a .npz file"),
        (["condense", "--expand", "{other}", "-o", "{to}.npy"], 1, "holds no 'base_counts'"),
        (["condense", "--expand", "{impossible}", "-o", "{to}.npy"], 1, "9"),
        (["condense", "--expand", "{text}", "{text}"], 2, "one file"),
    ],
)
def test_failures_leave_nothing(
    text: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, part: str
) -> None:
    (tmp_path / "bad.txt").write_bytes(TEXT.encode() + b"\xff")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "other.npz", ids=np.zeros(3))
    np.savez(
        tmp_path / "impossible.npz",
        ids=[1, 9],
        base_counts=[1, 1],
        offsets=[0, 2],
        base_offsets=[0, 2],
        profile="zip2zip",
        sizes=[5, 10, 3],
        disabled=np.empty(0, int),
    )
    names = {name: tmp_path / f"{name}.npz" for name in ("other", "impossible")}
    names |= {"text": text, "bad": tmp_path / "bad.txt", "missing": tmp_path / "missing.txt", "npz": tmp_path / "broken.npz"}
    before = sorted(tmp_path.iterdir())
    assert run(*(word.format(to=tmp_path / "out", **names) for word in words)) == code
    assert part in capfd.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
