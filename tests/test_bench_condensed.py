"""The benchmark of hypertokens on a small text: everything comes back, and the tables stand between the README's markers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tokmill import Tokenizer
from tokmill.bench import condensed

LINES = "".join(f"2026-11-26 00:00:{n % 60:02} INFO GET /api/v1/users/{n * 7 % 13} took {n} ms\n" for n in range(400))

MARKERS = ("<!-- condensed table begin -->", "<!-- condensed table end -->")


def test_a_small_run(tmp_path: Path, embedded: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condensed, "load", lambda name: embedded)
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path))  # main would set it for good
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "logs.txt.gz").write_bytes(gzip.compress(LINES.encode()))
    readme = tmp_path / "README.md"
    readme.write_text("above\n{}\nold\n{}\nbelow\n".format(*MARKERS), "utf8")
    words = ["--data", str(tmp_path), "--texts", "logs", "--rounds", "1", "--json", str(tmp_path / "b.json"), "--readme", str(readme)]
    assert condensed.main(words) == 0
    page = readme.read_text("utf8")
    assert page.startswith(f"above\n{MARKERS[0]}\n| text, million base ids/s | reduction |")
    assert page.endswith(f"\n{MARKERS[1]}\nbelow\n")
    assert all(f"| logs, {case.name} |" in page for case in condensed.CASES)
    assert "NO" not in page
    assert "old" not in page
    cells = json.loads((tmp_path / "b.json").read_text("utf8"))["seen"]["results"]["logs"]
    assert all(0.3 < cell["reduction"] < 0.9 and cell["reversible"] for cell in cells.values())
