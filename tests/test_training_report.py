"""What a report says of a vocabulary's use, from values worked out by hand or by slower means; the commands train, convert and report."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import tokmill
from tokmill.cli import main
from tokmill.report.plot import ticks
from tokmill.report.scripts import script_of
from tokmill.report.usage import Usage
from tokmill.training import Counts, train
from tokmill.training.checkpoint import Checkpoint

from tests.conftest import SEED
from tests.test_training import random_text


def row_values(report: Any) -> dict[str, Any]:
    return dict(report.to_dict()["sections"][0])


def test_usage_by_hand() -> None:
    counts = Counts.from_pairs([("ab", 3), ("abc", 1), ("a", 4), (" ", 2)])
    tok = train(counts, 257)  # "ab": 4 times
    values = row_values(tok.report(counts))
    # ab ab ab ab, c, a a a a, and two spaces: 11 tokens of 15 bytes
    assert (values["bytes"], values["pretokens"], values["tokens"]) == (15, 10, 11)
    assert (values["entries"], values["used_entries"], values["unused_entries"], values["rare_entries"]) == (257, 4, 253, 4)
    assert values["whitespace_share"] == pytest.approx(2 / 11)
    shares = [4 / 11, 1 / 11, 4 / 11, 2 / 11]
    assert values["unigram_bits_per_byte"] == pytest.approx(-sum(p * math.log2(p) for p in shares) * 11 / 15)
    assert values["renyi_efficiency"] == pytest.approx(math.log(sum(p**2.5 for p in shares)) / -1.5 / math.log(257))
    assert values["not_utf8"] == 128  # the bytes from 0x80 on
    assert values["unreachable"] == 0


def test_curve_is_that_of_smaller_vocabularies() -> None:
    rng = random.Random(f"{SEED} curve")
    counts = Counts.from_pairs([("".join(rng.choices("abcdefgh", k=rng.randint(2, 9))), rng.randint(1, 9)) for _ in range(300)])
    tok = train(counts, 420)
    usage = Usage.of(tok, counts)
    tokens = usage.byte_count - usage.tokens_saved().cumsum()
    for size in (256, 257, 300, 400, 420):
        smaller = Usage.of(train(counts, size), counts)
        assert tokens[size - 1] == smaller.token_count
    assert usage.curve()[-1][0] == tok.vocab_size


def test_scripts_and_files() -> None:
    news = ["the cat", "the кот 12"]
    notes = [" 猫猫 !?", "\n\n12"]
    tok = train(Counts.from_texts(news + notes), 260)
    report = tok.report({"news": Counts.from_texts(news), "notes": notes})
    tables = report.to_dict()["sections"][0]["tables"]
    by_script = {row[0]: row[1:3] for row in tables[1]["rows"]}

    def sizes(*words: str) -> list[int]:  # each a pretoken, and each encodes alone as it does in the text
        return [sum(len(word.encode()) for word in words), sum(tok.count(word) for word in words)]

    assert by_script == {
        "Latin": sizes("the", " cat", "the"),
        "Cyrillic": sizes(" кот"),
        "digits": sizes("12", "12"),
        "Han": sizes(" 猫猫"),
        "signs": sizes(" !?"),
        "white space": sizes(" ", "\n\n"),
    }
    assert tables[1]["rows"][0][0] == "Latin"  # the most bytes
    by_file = {row[0]: row[1:3] for row in tables[2]["rows"]}
    assert by_file == {
        "news": [sum(len(text.encode()) for text in news), sum(tok.count(text) for text in news)],
        "notes": [sum(len(text.encode()) for text in notes), sum(tok.count(text) for text in notes)],
    }


def test_scripts_of_words() -> None:
    words = {
        " the": "Latin",
        "naïve": "Latin",
        "Привет": "Cyrillic",
        " 你好": "Han",
        "ひらがな": "Hiragana",
        "カタ": "Katakana",
        "한글": "Hangul",
    }
    words |= {"12": "digits", " ٣": "digits", "a1": "Latin", "\n": "white space", "'s": "Latin", " --": "signs", "ꓐ": "other scripts"}
    for word, script in words.items():
        assert script_of(word.encode()) == script, word


def test_curve_is_drawn() -> None:
    rng = random.Random(f"{SEED} drawn")
    counts = Counts.from_pairs([("".join(rng.choices("abcdefgh", k=rng.randint(2, 9))), rng.randint(1, 9)) for _ in range(3_000)])
    report = train(counts, 4_500).report(counts)
    points = report.sections[0].plots[0].points
    assert [x for x, _ in points] == [1_000, 2_000, 3_000, 4_000, report.sections[0].rows[5].value]
    page = ElementTree.fromstring(report.to_html().split("<body>")[1].split("</body>")[0].join(("<body>", "</body>")))
    path = page.findall(".//path")[0].attrib["d"]
    xs = [float(point.split()[0]) for point in path[1:].split("L")]
    assert len(xs) == len(points)
    # equal steps of x are equal steps on the page, and the curve rises on it as y does
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    ys = [float(point.split()[1]) for point in path[1:].split("L")]
    assert sorted(ys, reverse=True) == ys
    assert "<script" not in report.to_html()


@pytest.mark.parametrize(
    ("low", "high", "wanted"), [(0, 5, [0, 1, 2, 3, 4, 5]), (1000, 65520, [0, 20000, 40000, 60000]), (0, 0.42, [0, 0.1, 0.2, 0.3, 0.4])]
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_usage_equals_encoding() -> None:
    rng = random.Random(f"{SEED} usage")
    texts = [random_text(rng, 300) for _ in range(20)]
    tok = tokmill.load("tokmill-64k-v1")
    usage = Usage.of(tok, Counts.for_tokenizer(tok, texts))
    wanted = Counter(tok.encode_batch(texts).ids.tolist())
    assert {id: count for id, count in zip(usage.parts.ids, usage.counts.tolist(), strict=True) if count} == wanted


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(f"{SEED} commands")
    texts = [random_text(rng, 100) for _ in range(50)]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts), "utf8")
    output = tmp_path / "my.json"
    words = ["train", str(file), "--field", "body", "--vocab-size", "330", "--special-token", "<s>", "-o", str(output)]
    assert main(words) == 0
    tok = tokmill.load(output)
    assert tok == train(Counts.from_texts(texts), 330, special_tokens=["<s>"])
    assert "330 tokens" in capsys.readouterr().out
    assert main([*words[:-1], str(tmp_path / "my.txt")]) == 2
    assert main([*words[:-1], str(tmp_path / "no" / "such.json")]) == 1
    assert main(["train", str(tmp_path), "--vocab-size", "300", "-o", str(output)]) == 1
    assert main(["convert", "-v", str(output), "-o", str(tmp_path / "my.tiktoken")]) == 0
    assert "special tokens are not in a rank file" in capsys.readouterr().err
    more = tmp_path / "more.tokmill"
    assert main(["train", str(file), "--field", "body", "--vocab-size", "350", "--init", str(output), "-o", str(more)]) == 0
    assert tokmill.load(more).token_bytes[:330] == tok.token_bytes
    plain = tmp_path / "plain.txt"
    plain.write_text(texts[0], "utf8")
    capsys.readouterr()
    assert main(["report", "--usage", "--json", "--tokenizer", str(output), "--tokenizer", "tokmill-64k-v1", str(plain)]) == 0
    sections = json.loads(capsys.readouterr().out)["sections"]
    assert sections[1]["tokens"] == tok.count(texts[0])
    table = {row[0]: row[1:] for row in sections[2]["tables"][0]["rows"]}
    assert table["tokens"] == [tok.count(texts[0]), tokmill.load("tokmill-64k-v1").count(texts[0])]
    assert main(["report", "--usage", "--tokenizer", str(output), str(plain), "--html", str(tmp_path / "page.html")]) == 0
    assert "Rényi" in (tmp_path / "page.html").read_text("utf8")
    assert not list(tmp_path.glob("*.checkpoint"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_interrupted_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(f"{SEED} interrupted")
    first, second = ([random_text(rng, 60).replace("\n", "") for _ in range(200)] for _ in range(2))
    (tmp_path / "a.txt").write_text("\n".join(first) + "\n", "utf8")
    pipe = tmp_path / "b.txt"
    os.mkfifo(pipe)
    words = [sys.executable, "-m", "tokmill", "train", "a.txt", "b.txt", "--lines", "--vocab-size", "400", "-o", "my.json"]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    with pipe.open("w", encoding="utf8") as writer:  # waits until the first file is counted
        process.send_signal(signal.SIGINT)
        writer.write("\n".join(second) + "\n")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "--resume" in errors
    assert not (tmp_path / "my.json").exists()
    pipe.unlink()
    monkeypatch.chdir(tmp_path)
    sources = {"files": [["a.txt", (tmp_path / "a.txt").stat().st_size], ["b.txt", None]]}
    kept = Checkpoint.load("my.json.checkpoint", sources)
    counted = Counts.from_files("a.txt", lines=True)
    assert (kept.file, kept.documents) == (1, 200)
    assert dict(kept.counts) == dict(counted + Counts.from_texts([text + "\n" for text in second]))
    with pytest.raises(tokmill.errors.ArgumentError, match="same files"):
        Checkpoint.load("my.json.checkpoint", {"files": [["a.txt", 1]]})
    options = {"pattern": "cl100k", "format": None, "field": "text", "lines": True}
    kept._replace(counts=counted, file=0, documents=200, sources={**options, "files": [sources["files"][0]]}).save("my.json.checkpoint")
    resumed = [word for word in words if word != "b.txt"]
    assert main([*resumed[3:], "--resume"]) == 0
    assert tokmill.load("my.json") == train(counted, 400)
    assert not Path("my.json.checkpoint").exists()


def test_what_was_counted_before_a_bad_file_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("low lower lowest\n" * 50, "utf8")
    Path("b.txt").write_bytes(b"new newer newest\n" * 50 + b"wide \xff wider")
    words = ["train", "a.txt", "b.txt", "--vocab-size", "270", "-o", "my.json"]
    assert main(words) == 1
    errors = capsys.readouterr().err
    assert all(part in errors for part in ("--resume", "b.txt", "byte 0xFF"))
    assert not Path("my.json").exists()
    assert main([*words, "--resume", "--invalid", "replace"]) == 0
    assert tokmill.load("my.json") == train(Counts.from_files(["a.txt", "b.txt"], invalid="replace"), 270)
    assert not Path("my.json.checkpoint").exists()
