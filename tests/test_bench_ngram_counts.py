"""The benchmark of counting runs at a small size and compares what it times."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokmill.bench import ngram_counts

from tests.oracle import ngram_counts as oracle


def test_the_reference_counts() -> None:
    ids = np.array([1, 2, 1, 2, 3, 1, 2], np.int32)
    for order in (1, 2, 3):
        keys, counts = ngram_counts.count_with_numpy(ids, 4, order)
        expected = sorted(oracle.count([ids.tolist()], order).items())
        assert counts.tolist() == [count for _, count in expected]
        assert keys.tolist() == [sum(one << 2 * (order - 1 - place) for place, one in enumerate(ngram)) for ngram, _ in expected]


def test_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ngram_counts.measure_unique, "__defaults__", (((5000, 100_003),),))
    text = tmp_path / "text.txt"
    text.write_text("the cat and the dog\n" * 50)
    seen = tmp_path / "seen.json"
    words = ["--text", str(text), "--vocabulary", "tokmill-64k-v1", "--tokens", "20000", "--memory", "20 MB", "--json", str(seen)]
    assert ngram_counts.main(words) == 0
    assert "tokmill, 2 threads, 20 MB" in capsys.readouterr().out
    assert json.loads(seen.read_text())["tokens"] == 20_000
