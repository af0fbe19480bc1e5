"""Ids equal tiktoken 0.14.0 on real texts, on hostile ones, and on what other projects publish."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.compare import assert_text
from tests.conftest import RANK_FILE, corpus, ranks_of

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "corpora.json").read_text("ascii"))["corpora"]
CONFORMANCE = ["jtokkit.cl100k_base", "jtokkit.o200k_base", "jtokkit.p50k_base", "jtokkit.p50k_edit", "jtokkit.r50k_base", "llama_cpp.gpt2"]
LITERALS = "tiktoken.literals"

Load = Callable[..., tokmill.Tokenizer]
ISAS: list[str] = tokmill.isa()["supported"]
Judge = Callable[[str], Any]


@pytest.mark.parametrize("text", VECTORS)
@pytest.mark.parametrize("name", RANK_FILE)
def test_whole_corpora_against_digests_of_tiktokens_ids(name: str, text: str, load: Load) -> None:
    content, wanted = corpus(text), VECTORS[text]["ids"][RANK_FILE[name]]
    assert hashlib.sha256(content).hexdigest() == VECTORS[text]["sha256"], "another text than the digests were made of"
    tok = load(name)
    for isa in ISAS:
        ids = load(name, isa).encode(content)
        assert (len(ids), hashlib.sha256(ids.astype("<i4").tobytes()).hexdigest()) == (wanted["count"], wanted["sha256"]), isa
    assert tok.decode_bytes(ids) == content
    assert tok.count(content) == wanted["count"]


@pytest.mark.parametrize("text", VECTORS)
@pytest.mark.parametrize("name", RANK_FILE)
def test_stretches_of_corpora_against_tiktoken(name: str, text: str, load: Load, judge: Judge, rng: random.Random, scale: int) -> None:
    content = corpus(text).decode()
    length = len(content) if scale >= 10 else 300_000
    start = rng.randrange(max(1, len(content) - length))
    assert_text(load(name).encode_list, judge(name).encode_ordinary, content[start : start + length], f"{name}, {text} from {start}")


@pytest.mark.parametrize("name", ["r50k_base", "cl100k_base", "o200k_base"])
def test_adversarial_texts(name: str, load: Load, judge: Judge, data: Path, tmp_path: Path, rng: random.Random, scale: int) -> None:
    vocab = data / "vocab" / f"{RANK_FILE[name]}.tiktoken.gz"
    for size in (2_000, 65_536) if scale < 10 else (500, 2_000, 65_536, 1_000_000):
        folder = tmp_path / str(size)
        command = [
            data / "corpora" / "make_adversarial.py",
            folder,
            "--seed",
            str(rng.randrange(1_000_000)),
            "--size",
            str(size),
            "--vocab",
            vocab,
        ]
        made = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=True)
        files = sorted(folder.iterdir())
        assert len(files) == 24, made.stderr
        for file in files:
            text = file.read_bytes().decode()
            expected = judge(name).encode_ordinary(text)
            for isa in ISAS:
                what = f"{name}, {isa}, {file.name} of {made.stderr.strip()}"
                assert_text(load(name, isa).encode_list, judge(name).encode_ordinary, text, what, expected)


@pytest.mark.parametrize("source", [*CONFORMANCE, LITERALS])
def test_published_expectations(source: str, load: Load, data: Path) -> None:
    lines = [json.loads(line) for line in (data / "conformance" / f"{source}.jsonl").read_bytes().splitlines()]
    assert len(lines) > 30
    for line in lines:
        tok = load(line["tokenizer"])
        if "bytes_hex" in line:  # tiktoken takes broken UTF-8 as one pretoken; here it is an error, and the token is still there
            content = bytes.fromhex(line["bytes_hex"])
            with pytest.raises(tokmill.errors.InvalidUtf8Error):
                tok.encode(content)
            assert [tok.id_of(content)] == line["ids"]
            continue
        special = "parse" if line.get("allowed_special") == "all" else "text"
        text = "".join(map(chr, line["text_surrogates"])) if "text_surrogates" in line else line["text"]
        assert tok.encode_list(text, special=special) == line["ids"], line
        assert tok.encode(text, special=special).tolist() == line["ids"], line
        assert tok.count(text, special=special) == len(line["ids"]), line
        assert tok.decode(line["ids"]) == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le"), line


HIGH, LOW, THUMB, LOST = "\ud83d", "\udc4d", "\U0001f44d", "\ufffd"
SURROGATES = {
    HIGH + LOW: THUMB,
    f"a{HIGH}{LOW}b": f"a{THUMB}b",
    HIGH: LOST,
    LOW: LOST,
    LOW + HIGH: LOST * 2,
    f"x{HIGH} y": f"x{LOST} y",
    HIGH * 2 + LOW * 2: LOST + THUMB + LOST,
    LOW * 40: LOST * 40,
    "中" + HIGH: "中" + LOST,
    "\U0001f600" + HIGH: "\U0001f600" + LOST,
    "a" * 63 + HIGH + LOW: "a" * 63 + THUMB,
    "é" * 127 + HIGH + LOW: "é" * 127 + THUMB,
}


@pytest.mark.parametrize("units", SURROGATES, ids=ascii)
def test_surrogates(units: str, load: Load, judge: Judge) -> None:
    for name in ("cl100k_base", "o200k_base"):
        ids = judge(name).encode_ordinary(units)
        assert ids == judge(name).encode_ordinary(SURROGATES[units])
        assert load(name).encode_list(units) == ids
        assert load(name).encode(units).tolist() == ids
        assert load(name).count(units) == len(ids)
        assert load(name).encode_batch([units, "a", units]).lists() == [ids, load(name).encode_list("a"), ids]


@pytest.mark.parametrize("name", RANK_FILE)
def test_the_vocabulary_is_tiktokens(name: str, load: Load, judge: Judge) -> None:
    tok, peer = load(name), judge(name)
    assert tok.vocab_size == peer.n_vocab
    assert tok.special_tokens == peer._special_tokens
    assert tok.pattern == peer._pat_str
    ranks = ranks_of(name)
    for token, rank in ranks.items():
        assert tok.id_of(token) == rank
    used = {*ranks.values(), *peer._special_tokens.values()}
    by_id = tok.token_bytes
    assert len(by_id) == peer.n_vocab
    for token_id, known in enumerate(by_id):
        assert known == (peer.decode_single_token_bytes(token_id) if token_id in used else None)
        assert known is None or tok.bytes_of(token_id) == known


def test_gpt2_is_r50k(load: Load) -> None:
    text = corpus("markdown")[:200_000].decode(errors="ignore")
    assert np.array_equal(load("gpt2").encode(text), load("r50k_base").encode(text))
    assert load("gpt2").vocab_size == load("r50k_base").vocab_size == 50_257
