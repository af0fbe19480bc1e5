"""Every example runs as its README says."""

from __future__ import annotations

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
    assert "tokens with tokmill-64k-preview" in output
    assert "disallowed special token '<|endoftext|>'" in output


def test_stream_a_reply():
    assert run("stream_a_reply", "reply.py").endswith("水車は回る 🌾\n")


@pytest.mark.parametrize("folder", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_every_example_has_a_readme_and_a_test(folder):
    assert (EXAMPLES / folder / "README.md").is_file()
    assert f"def test_{folder}(" in (REPOSITORY / "tests" / "test_examples.py").read_text(encoding="utf-8")
