"""``tokmill condense`` and ``tokmill report`` with opcodes: packed files and flat ids and their way back, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.cli import main
from tokmill.condensed import Opcodes, OpcodeShard

TEXT = "GET /health took 3 ms, and so did GET /status; and so on.\n" * 60
DOCUMENTS = ["to be or not to be, to be or not to be", "", "one"]


def run(*words: Any) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": one}) + "\n" for one in DOCUMENTS))
    (tmp_path / "nothing.txt").write_text("")
    return [tmp_path / name for name in ("text.txt", "rows.jsonl", "nothing.txt")]


def test_packed_and_back(files: list[Path], tmp_path: Path, embedded: tokmill.Tokenizer) -> None:
    tokens = embedded.encode_batch([TEXT, *DOCUMENTS, ""])
    assert run("condense", *files, "--condense", "opcodes", "-o", tmp_path / "c.opcodes") == 0
    shard = OpcodeShard(tmp_path / "c.opcodes")
    assert (shard.z.view, len(shard)) == ("storage", 5)
    assert shard.expand() == tokens
    assert run("condense", "--expand", tmp_path / "c.opcodes", "-o", tmp_path / "b.npy", "--offsets", tmp_path / "o.npy") == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), tokens.ids)
    assert np.array_equal(np.load(tmp_path / "o.npy"), tokens.offsets)


@pytest.mark.parametrize("condenser", ["opcodes", "opcodes:factored"])
def test_flat_ids_and_back(files: list[Path], tmp_path: Path, embedded: tokmill.Tokenizer, condenser: str) -> None:
    tokens = embedded.encode_batch([TEXT, *DOCUMENTS, ""])
    words = ["--condense", condenser]
    assert run("condense", *files, *words, "-o", tmp_path / "c.npy", "--offsets", tmp_path / "o.npy") == 0
    z = Opcodes(embedded, "factored" if condenser.endswith("factored") else "flat")
    assert np.array_equal(np.load(tmp_path / "c.npy"), z.flat(z.condense(tokens)).ids)
    assert run("condense", "--expand", tmp_path / "c.npy", "--input-offsets", tmp_path / "o.npy", *words, "-o", tmp_path / "b.npy") == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), tokens.ids)


def test_report(files: list[Path], capsys: pytest.CaptureFixture[str], embedded: tokmill.Tokenizer) -> None:
    assert run("report", files[0], "--condense", "opcodes", "--json") == 0
    section = json.loads(capsys.readouterr().out)["sections"][-1]
    ids = embedded.encode(TEXT)
    z = Opcodes(embedded)
    stream = z.condense(ids)
    assert section["base_ids"] == len(ids)
    assert (section["records"], section["flat_ids"]) == (len(stream.op), len(z.flat(stream).ids))
    assert section["round_trip"] == "exact"
    assert run("report", files[2], "--condense", "opcodes") == 0


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["condense", "{text}", "--condense", "opcodes", "--format", "opcodes"], 2, "give -o"),
        (["condense", "{text}", "--condense", "opcodes", "--book", "9", "-o", "{to}.npy"], 2, "--book goes with"),
        (["condense", "{text}", "--condense", "opcodes", "--offsets", "{to}.npy", "-o", "{to}.opcodes"], 2, "--offsets is not for"),
        (["condense", "{text}", "--format", "opcodes", "-o", "{to}.x"], 2, "goes with --condense opcodes"),
        (["condense", "--expand", "{bad}", "-o", "{to}.npy"], 1, "not a tokmill snapshot"),
        (["condense", "--expand", "{flat}", "--condense", "opcodes", "-o", "{to}.npy"], 1, "operand without an opcode"),
        (["report", "{text}", "--condense", "opcodes", "--seed-from", "{text}"], 2, "--seed-from goes with"),
    ],
)
def test_failures_leave_nothing(
    files: list[Path],
    tmp_path: Path,
    embedded: tokmill.Tokenizer,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    part: str,
) -> None:
    (tmp_path / "bad.opcodes").write_bytes(b"nothing of the kind")
    np.save(tmp_path / "flat.npy", np.array([1, embedded.vocab_size + 20], np.int32))
    names = {"text": files[0], "bad": tmp_path / "bad.opcodes", "flat": tmp_path / "flat.npy"}
    before = sorted(tmp_path.iterdir())
    assert run(*(word.format(to=tmp_path / "out", **names) for word in words)) == code
    assert part in capfd.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
