"""``tokmill ngrams`` and ``tokmill report --ngrams``: plans by name, rows of texts and of ids, and what a report says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill.cli import main
from tokmill.errors import ArgumentError
from tokmill.ngrams import ByteNgrams, LongCat, OverEncoding, Plan, plan_named
from tokmill.report import ngrams_section

TEXT = "Grüße, 世界! To be or not to be, to be or not to be.\n" * 40


def run(*words: Any) -> int:
    return main([str(word) for word in words])


def test_plans_by_name(embedded: tokmill.Tokenizer, tmp_path: Path) -> None:
    assert plan_named("longcat") == LongCat.preset("flash-lite")
    assert plan_named("longcat:2.0,n=4") == LongCat.preset("2.0", n=4)
    assert plan_named("over-encoding:oe-12.8m,k=2", embedded) == OverEncoding(embedded, first_rows=12_800_000, n=3, k=2)
    assert plan_named("byte-ngrams,buckets=1000,orders=(2, 5)") == ByteNgrams(buckets=1000, orders=(2, 5))
    assert plan_named("over-encoding,vocabulary=9,first_rows=7,boundary=cross").description.boundary == "cross"
    plan_named("longcat").save(tmp_path / "p.json")
    assert plan_named(str(tmp_path / "p.json")) == LongCat.preset("flash-lite")
    for wrong, words in [
        ("nothing", "no scheme 'nothing'"),
        ("longcat:3", "no preset '3'"),
        ("longcat,x=1", "has no 'x'"),
        ("longcat,7", "not argument=value"),
        ("over-encoding", "needs vocabulary="),
        ("ngram-hash", "needs vocabulary=, orders=, moduli="),
        ("longcat:2.0,ratio=abc", "longcat:2.0,ratio=abc"),
        ("longcat:2.0,ratio=1e300", "a number of the plan"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            plan_named(wrong)


def test_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ngrams", "plan", "longcat:flash-lite", "-o", tmp_path / "p.json") == 0
    shown = capsys.readouterr().out
    assert "10,223,639" in shown
    assert Plan.load(tmp_path / "p.json") == LongCat.preset("flash-lite")
    assert run("ngrams", "plan", tmp_path / "p.json", "--json") == 0
    content = json.loads(capsys.readouterr().out)["sections"][0]
    assert content["digest"] == LongCat.preset("flash-lite").digest
    assert len(content["tables"][0]["rows"]) == 12
    assert run("ngrams", "plan", "nothing") == 2


def test_encode_texts(tmp_path: Path, embedded: tokmill.Tokenizer) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("one two", "", "three")))
    plan = OverEncoding(embedded, first_rows=1009, n=3, k=2)
    plan.save(tmp_path / "p.json")
    assert run("ngrams", "encode", tmp_path / "p.json", tmp_path / "text.txt", tmp_path / "rows.jsonl", "-o", tmp_path / "r.npy",
               "--ids-output", tmp_path / "i.npy") == 0  # fmt: skip
    documents = embedded.encode_batch([TEXT, "one two", "", "three"])
    assert np.array_equal(np.load(tmp_path / "r.npy"), plan.rows(documents))
    assert np.array_equal(np.load(tmp_path / "i.npy"), documents.ids)
    np.save(tmp_path / "offsets.npy", documents.offsets)
    assert run("ngrams", "encode", tmp_path / "p.json", tmp_path / "i.npy", "--offsets", tmp_path / "offsets.npy",
               "-o", tmp_path / "again.npy", "--dtype", "int64", "--add-table-offsets") == 0  # fmt: skip
    again = np.load(tmp_path / "again.npy")
    assert again.dtype == np.int64
    assert np.array_equal(again, plan.rows(documents, dtype=np.int64, add_table_offsets=True))


@pytest.mark.parametrize("scheme", ["bigram-hash", "longcat", "byte-ngrams:blt,vocabulary=50000", "engram:deepseek-v4.1-flash"])
def test_encode_many_ids(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokmill.cli import ngrams

    monkeypatch.setattr(ngrams, "TOKENS_IN_A_STEP", 100)
    ids = np.random.default_rng(5).integers(0, 50_000, 1234)
    ids[::37] = 2
    np.save(tmp_path / "ids.npy", ids)
    offsets = np.array([0, 1, 99, 100, 101, 200, 700, 1234])
    np.save(tmp_path / "offsets.npy", offsets)
    assert run("ngrams", "encode", scheme, tmp_path / "ids.npy", "--offsets", tmp_path / "offsets.npy", "-o", tmp_path / "r.npy") == 0
    assert np.array_equal(np.load(tmp_path / "r.npy"), plan_named(scheme).rows(ids, offsets))


def test_encode_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.npy"
    np.save(tmp_path / "ids.npy", np.array([1, 2, 200_000]))
    np.save(tmp_path / "offsets.npy", np.array([0, 5]))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    (tmp_path / "bad.npy").write_bytes(b"no array")
    for words, code, part in [
        (("longcat", tmp_path / "ids.npy"), 1, "id 200000 at index 2"),
        (("longcat", tmp_path / "ids.npy", "--offsets", tmp_path / "offsets.npy"), 2, "does not rise from 0 to 3"),
        (("longcat", tmp_path / "words.npy"), 1, "1-D array of integers"),
        (("longcat", tmp_path / "bad.npy"), 1, "not a .npy file"),
        (("longcat", tmp_path / "none.npy"), 1, "No such file"),
        (("longcat", tmp_path / "ids.npy", tmp_path / "ids.npy"), 2, "one .npy file"),
        (("longcat", "text.txt", "--offsets", tmp_path / "offsets.npy"), 2, "--offsets"),
        (("bigram-hash", "text.txt"), 2, "the plan is for 50,304 ids"),
    ]:
        assert run("ngrams", "encode", *words, "-o", out) == code, words
        assert part in capsys.readouterr().err
        assert not out.exists()


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], embedded: tokmill.Tokenizer) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    assert run("report", tmp_path / "text.txt", "--ngrams", "over-encoding,first_rows=50,k=2", "--json") == 0
    tokens, ngrams = json.loads(capsys.readouterr().out)["sections"]
    assert ngrams["ids"] == tokens["tokens"]
    ids = embedded.encode(TEXT).tolist()
    plan = OverEncoding(embedded, first_rows=50, k=2)
    rows = plan.rows(ids)
    for line in ngrams["tables"][0]["rows"]:
        table, order, row_count, distinct, hit, expected, alone = line
        grams = [tuple(([None] * order + ids)[i + 1 : i + 1 + order]) for i in range(len(ids))]
        assert (order, row_count) == (plan.orders[table], plan.tables[table].rows)
        assert distinct == len(set(grams))
        assert hit == len(set(rows[:, table].tolist()))
        assert expected == round(row_count * (1 - (1 - 1 / row_count) ** distinct))
        of_row: dict[int, set[Any]] = {}
        for gram, row in zip(grams, rows[:, table].tolist(), strict=True):
            of_row.setdefault(row, set()).add(gram)
        lonely = sum(len(of_row[row]) == 1 for row in rows[:, table].tolist())
        assert alone == round(100 * lonely / len(ids), 2)
    assert run("report", tmp_path / "text.txt", "--ngrams", "byte-ngrams", "--html", tmp_path / "r.html") == 0
    assert "n-gram rows" in capsys.readouterr().out
    assert "n-gram rows" in (tmp_path / "r.html").read_text()
    assert ngrams_section(embedded, plan, "nothing", b"").tables == ()
