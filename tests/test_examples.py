"""Every example runs as its README says."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def run(folder: str, *words: str, cwd=None) -> str:
    command = [sys.executable, str(EXAMPLES / folder / words[0]), *words[1:]]
    return subprocess.run(command, cwd=cwd or EXAMPLES / folder, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def test_count_a_prompt():
    readme = EXAMPLES / "count_a_prompt" / "README.md"
    assert run("count_a_prompt", "fit.py", str(readme), "--limit", "10000").startswith("fits: ")
    assert "too long" in run("count_a_prompt", "fit.py", str(readme), "--limit", "20")


def test_training_rows(tmp_path):
    out = tmp_path / "rows.npz"
    assert "4 documents" in run("training_rows", "rows.py", "documents.jsonl", "--length", "32", "--output", str(out))
    rows = np.load(out)
    assert rows["ids"].shape == rows["documents"].shape == rows["positions"].shape
    assert rows["ids"].shape[1] == 32
    assert set(rows["documents"].ravel()) <= {-1, 0, 1, 2, 3}


def test_switch_from_tiktoken():
    output = run("switch_from_tiktoken", "chat_tokens.py", "chat.json")
    assert "tokens with tokmill-64k-v1" in output
    assert "disallowed special token '<|endoftext|>'" in output


def test_stream_a_reply():
    assert run("stream_a_reply", "reply.py").endswith("水車は回る 🌾\n")


def test_decoupled_vocabulary(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed (tokmill[torch])")
    output = run("decoupled_vocabulary", "run.py", "--tiny", "--processes", "1", "--output", str(tmp_path))
    results = json.loads((tmp_path / "results.json").read_text("utf8"))["outcomes"]
    assert list(results) == ["baseline", "control: x_t only", "128.37x", "32.37x"]
    bits = {name: outcomes["0"]["bits_per_byte"] for name, outcomes in results.items()}
    assert all(0.5 < value < 20 for value in bits.values())
    assert len(set(bits.values())) == 4
    assert results["baseline"]["0"]["table_rows"] == 0
    # The control's two tables have a row for each id at most; those of n-grams are hit more widely.
    assert results["control: x_t only"]["0"]["rows_hit"] <= 2 * 512 < results["128.37x"]["0"]["rows_hit"]
    assert "| 128.37x |" in output
    assert (tmp_path / "plot.svg").read_text("utf8").count("<circle") == 2


def test_log_prompts(tmp_path):
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-11-26 00:00:{n % 60:02} INFO server: GET /api/v1/users/{n * 7 % 13} took {n} ms\n" for n in range(200)))
    output = run("log_prompts", "dictionary.py", str(log), "--output", str(tmp_path / "prompt.txt"))
    before, after = (int(line.split(": ")[1].split(" tokens")[0].split()[-1].replace(",", "")) for line in output.splitlines()[:2])
    assert after < 0.7 * before
    assert (tmp_path / "prompt.txt").read_text("utf8").startswith("Each §n~ in the log")


def test_token_shards(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("".join(f"the quick brown fox {n * n % 97} jumps over the lazy dog\n" for n in range(3000)))
    output = run("token_shards", "shards.py", str(text), "--reads", "5")
    sizes = {line.split("|")[1].strip(): float(line.split("|")[2]) for line in output.splitlines() if line.count("|") == 5 and "." in line}
    assert sizes["opcodes, a RESET every 4,096 ids"] < 1 < sizes["array of int32"]


def test_condensed_model(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed (tokmill[torch])")
    output = run("condensed_model", "run.py", "--tiny", "--processes", "1", "--output", str(tmp_path))
    results = json.loads((tmp_path / "results.json").read_text("utf8"))["outcomes"]
    assert list(results) == ["base ids", "supertokens", "hypertokens", "opcodes, factored"]
    assert all(0.5 < outcome["bits_per_byte"] < 20 for each in results.values() for outcome in each)
    positions = {name: each[0]["positions_per_byte"] for name, each in results.items()}
    assert all(value < positions["base ids"] for name, value in positions.items() if name != "base ids")
    assert "| hypertokens |" in output
    assert (tmp_path / "plot.svg").read_text("utf8").count("<circle") == 8


@pytest.mark.parametrize("folder", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_every_example_has_a_readme_and_a_test(folder):
    assert (EXAMPLES / folder / "README.md").is_file()
    assert f"def test_{folder}(" in (REPOSITORY / "tests" / "test_examples.py").read_text(encoding="utf-8")
