"""The benchmark of n-gram rows: it compares before it times, and says what is wrong instead of timing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.bench import ngrams

MARKERS = ("<!-- ngrams table begin -->", "<!-- ngrams table end -->")


@pytest.fixture(autouse=True)
def few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "TOKENS", 1000)
    monkeypatch.setattr(ngrams, "SEQUENCES", 8)


def test_everybody_gives_the_same_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("above\n{}\nold\n{}\nbelow\n".format(*MARKERS), "utf8")
    words = ["--rounds", "1", "--seconds", "0", "--json", str(tmp_path / "b.json"), "--markdown", str(tmp_path / "b.md")]
    assert ngrams.main([*words, "--readme", str(readme)]) == 0
    table = (tmp_path / "b.md").read_text("utf8")
    assert "WRONG" not in table
    assert all(case.name in table for case in ngrams.CASES)
    assert all(f"tokmill {isa}" in table for isa in tokmill.isa()["supported"])
    assert table in capsys.readouterr().out
    page = readme.read_text("utf8")
    assert page.startswith(f"above\n{MARKERS[0]}\n{table[:-1]}\n")
    assert page.endswith(f"\n{MARKERS[1]}\nbelow\n")
    assert f"numpy {np.__version__}" in page


def test_wrong_rows_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ngrams.array_rows

    def wrong(arrays: Any, plan: Any, ids: Any, out: Any) -> None:
        right(arrays, plan, ids, out)
        out[7, 0] += 1

    monkeypatch.setattr(ngrams, "array_rows", wrong)
    monkeypatch.setattr(ngrams, "CASES", ngrams.CASES[:1])
    (cells,) = ngrams.measure(1, 0.0, lambda line: None).values()
    assert all(cells[f"tokmill {isa}"] == {"wrong": True} for isa in tokmill.isa()["supported"])
    assert np.isfinite(cells["NumPy"]["median"])
