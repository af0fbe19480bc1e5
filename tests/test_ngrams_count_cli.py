"""``tokmill ngrams count``, and the page about counting: what it shows runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tokmill
from tokmill.cli import main
from tokmill.ngrams import NgramCounts

from tests.oracle import ngram_counts as oracle
from tests.test_ngram_counting import as_dict

TEXTS = ["the cat and the dog and the cat", "", "the cat\nsat", "a dog"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run_command(*words: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as leaving:  # argparse leaves so
            code = leaving.code if isinstance(leaving.code, int) else 1
        return code, *capfd.readouterr()

    return run_command


def test_documents(run: Run, tmp_path: Path, embedded: tokmill.Tokenizer) -> None:
    source, target = tmp_path / "rows.jsonl", tmp_path / "counts"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    code, output, _ = run("ngrams", "count", source, "--orders", "1,2", "--memory", "1GB", "-o", target, "--json", "--top", 2)
    assert code == 0
    documents = [embedded.encode_list(text) for text in TEXTS]
    counts, answer = NgramCounts.load(target), json.loads(output)
    assert answer["tokens"] == sum(map(len, documents))
    for order, row in zip((1, 2), answer["orders"], strict=True):
        expected = oracle.count(documents, order)
        assert as_dict(counts, order) == expected
        assert (row["order"], row["occurrences"], row["distinct"]) == (order, expected.total(), len(expected))
        best = sorted(expected.items(), key=lambda item: (-item[1], item[0]))[:2]
        assert [(tuple(each["ids"]), each["count"]) for each in row["top"]] == best
        assert [each["text"] for each in row["top"]] == [embedded.decode(ngram) for ngram, _ in best]


def test_text_files_are_one_document_each(run: Run, tmp_path: Path, embedded: tokmill.Tokenizer) -> None:
    target = tmp_path / "counts"
    files = []
    for number, text in enumerate(["word " * 300_000 + "end", "", "the end"]):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(text)
    code, output, _ = run("ngrams", "count", *files, "--orders", "2,3", "--min-count", 2, "-o", target, "--top", 3)
    assert code == 0
    documents = [embedded.encode_list(file.read_text()) for file in files]
    for order in (2, 3):
        expected = oracle.count(documents, order)
        assert as_dict(NgramCounts.load(target), order) == {k: v for k, v in expected.items() if v >= 2}
        assert f"{expected.total():,}" in output
    assert "word word" in output


def test_bad_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    for words in (["--orders", "0"], ["--orders", "9"], ["--orders", "x"], ["--memory", "1 KB"], ["--min-count", "0"]):
        code, _, errors = run("ngrams", "count", tmp_path / "a.txt", *words)
        assert code == 2, errors
    code, _, errors = run("ngrams", "count", tmp_path / "missing.txt")
    assert code == 1
    assert "missing.txt" in errors
    code, _, errors = run("ngrams", "count", tmp_path / "a.txt", "-o", tmp_path / "nowhere" / "counts")
    assert code == 1
    assert run("ngrams")[0] == 2
