"""verify and info: equal where the libraries agree, the first difference in context where one is provoked."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tokmill
from tokmill import verify
from tokmill.cli import main

from tests import tokenizer_files as files
from tests.test_tokenizer_json import of
from tests.vocabularies import BYTES, rank_file

TEXT = "The end of the story, 世界! <|x|> then the end.\n" * 3
RANKS = {token: rank for rank, token in enumerate([*BYTES, b"th", b"the", b"en", b"end", b" end"])}
OTHER_RANKS = {token: rank for rank, token in enumerate([*BYTES, b"th", b"the", b"en", b"nd", b" end"])}


def make(ranks: dict[bytes, int] = RANKS, pattern: str = "gpt2") -> tokmill.Tokenizer:
    return tokmill.Tokenizer._from_ranks(rank_file(ranks), name="tiny", pattern=pattern, special_tokens={"<|x|>": 261})


class Scripted:
    """A peer that gives what a test says; without spans, those of a run of tokens of one character."""

    name = "scripted 1.0"

    def __init__(self, answer: Callable[[str], list[int]], spans: Callable[[str], list[tuple[int, int]]] | None = None) -> None:
        self._answer = answer
        self._spans = spans

    def encode_batch(self, texts: Sequence[str], special: Any) -> list[verify.Encoded]:
        rows = [self._answer(text) for text in texts]
        if self._spans is None:
            return [(ids, [(i, i + 1) for i in range(len(ids))]) for ids in rows]
        return [(ids, self._spans(text)) for ids, text in zip(rows, texts, strict=True)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_command(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        output, errors = capsys.readouterr()
        return code, output, errors

    return run_command


@pytest.fixture
def vocabulary(tmp_path: Path) -> list[object]:
    path = tmp_path / "tiny.tiktoken"
    path.write_bytes(rank_file(RANKS))
    return ["--tokenizer", path, "--pattern", "gpt2", "--special-token", "<|x|>=261"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


# The library


@pytest.mark.parametrize("special", ["text", "parse", {"<|x|>"}])
@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k"])
def test_tiktoken_agrees(special: Any, pattern: str) -> None:
    pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    tokenizer = make(pattern=pattern)
    peer = verify.find_peer(tokenizer)
    assert peer.name.startswith("tiktoken ")
    result = verify.compare(tokenizer, peer, [[TEXT, ""], ["the\ud800 end"], []], special=special)
    assert result
    assert (result.documents, result.difference) == (3, None)
    assert result.ids == len(tokenizer.encode(TEXT, special=special)) + len(tokenizer.encode("the\ud800 end"))


def test_another_vocabulary_differs() -> None:
    pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    result = verify.compare(make(), verify.TiktokenPeer(make(OTHER_RANKS)), [["the", TEXT + "to spend"], [TEXT, "bend"]])
    assert not result
    assert result.different_documents == 2
    found = result.difference
    assert found is not None
    # " spend" is " sp" and "end", for the other " sp", "en" and "d"; " end" is a token of both.
    assert found.document == 1
    assert found.byte == len(TEXT.encode()) + len("to sp")
    assert found.character == len(TEXT) + len("to sp")
    assert found.after == "end"
    at = found.token - found.first_token
    assert found.ours[:at] == found.theirs[:at]
    assert (found.ours[at:], found.theirs[at:]) == ([RANKS[b"end"]], [RANKS[b"en"], ord("d")])


@pytest.mark.parametrize("place", [0, 1, 17, 40])
def test_the_place_of_a_difference(place: int) -> None:
    tokenizer = make()
    ids = tokenizer.encode_list(TEXT)
    for theirs in ([*ids[:place], 299, *ids[place + 1 :]], ids[:place], [*ids[:place], *ids[place + 1 :]]):
        found = verify.compare(tokenizer, Scripted(lambda text, theirs=theirs: theirs), [[TEXT]]).difference
        assert found is not None
        first = next(i for i in range(len(ids)) if i >= len(theirs) or ids[i] != theirs[i])
        assert found.token == first
        assert found.byte == sum(len(tokenizer.bytes_of(id)) for id in ids[:first])
        assert TEXT.endswith(found.after) or found.after in TEXT
        assert (found.before + found.after) in TEXT
        assert found.ours == ids[found.first_token : first + verify.IDS_AFTER]


def test_a_longer_answer_differs_at_the_end() -> None:
    tokenizer = make()
    found = verify.compare(tokenizer, Scripted(lambda text: [*tokenizer.encode_list(text), 5]), [["the end"]]).difference
    assert found is not None
    assert (found.byte, found.after, found.before) == (7, "", "the end")


def test_spans_differ_where_ids_do_not(run: Callable[..., Any], file: Path, vocabulary: list[object], monkeypatch: Any) -> None:
    """The token " end": a peer that leaves the blank out of its span differs there."""
    tokenizer = make()
    place = tokenizer.encode_list(TEXT).index(RANKS[b" end"])

    def spans(text: str) -> list[tuple[int, int]]:
        right = list(map(tuple, tokenizer.encode(text, spans="char")[1].tolist()))
        right[place] = (right[place][0] + 1, right[place][1])
        return right

    assert verify.compare(tokenizer, Scripted(tokenizer.encode_list, lambda text: spans(TEXT)[: len(tokenizer.encode(text))]), [["The"]])
    found = verify.compare(tokenizer, Scripted(tokenizer.encode_list, spans), [[TEXT]]).difference
    assert found is not None
    begin = TEXT.index(" end")
    assert (found.what, found.token, found.byte, found.character) == ("spans", place, TEXT.encode().index(b" end"), begin)
    at = place - found.first_token
    assert (found.our_spans[at], found.their_spans[at]) == ((begin, begin + 4), (begin + 1, begin + 4))
    monkeypatch.setattr("tokmill.cli.verify.find_peer", lambda tokenizer, against: Scripted(tokenizer.encode_list, spans))
    code, output, _ = run("verify", file, *vocabulary)
    assert code == 1
    assert "ids                  equal" in output
    assert "spans                DIFFER" in output
    assert f'" end" {begin + 1}-{begin + 4}' in output


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(tokmill.errors.MissingPeerError, match="pip install tiktoken") as caught:
        verify.find_peer(make())
    assert isinstance(caught.value, ImportError)


def test_tokenizers_needs_its_own_format() -> None:
    with pytest.raises(tokmill.errors.ArgumentError, match=r"tokenizer\.json"):
        verify.find_peer(make(), "tokenizers")


def test_tokenizers_as_peer(tmp_path: Path) -> None:
    """A tokenizer.json with the tiny vocabulary, written by hand, and what tokenizers makes of it."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    visible = [chr(byte) if chr(byte).isprintable() and chr(byte) != " " else None for byte in range(256)]
    hidden = iter(range(256, 512))
    letters = [letter or chr(next(hidden)) for letter in visible]

    def spelled(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    model = {
        "type": "BPE",
        "vocab": {spelled(token): rank for token, rank in RANKS.items()},
        "merges": ["t h", "th e", "e n", "en d", spelled(b" ") + " end"],
        "ignore_merges": True,
    }
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = {"id": 261, "content": "<|x|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    content = {"version": "1.0", "added_tokens": [added], "pre_tokenizer": byte_level, "model": model, "truncation": None}
    path = tmp_path / "tokenizer.json.gz"
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    peer = verify.TokenizersPeer(path)
    assert peer.name.startswith("tokenizers ")
    for special in ("text", "parse"):
        assert verify.compare(make(), peer, [[TEXT, "the"]], special=special)
    with pytest.raises(tokmill.errors.ArgumentError):
        peer.encode_batch(["a"], {"<|x|>"})


# The commands


def test_verify_equal(run: Callable[..., Any], file: Path, vocabulary: list[object]) -> None:
    pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    code, output, errors = run("verify", file, file, *vocabulary, "--special", "parse")
    assert (code, errors) == (0, "")
    assert output.count("ids                  equal") == 2
    assert "tiktoken" in output
    code, output, _ = run("verify", file, "--json", "--lines", *vocabulary)
    answer = json.loads(output)
    assert (code, answer["equal"], answer["files"][0]["documents"]) == (0, True, 3)
    assert answer["files"][0]["bytes"] == len(TEXT.encode())


def test_verify_different(run: Callable[..., Any], file: Path, vocabulary: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make()
    ids = tokenizer.encode_list(TEXT)
    place = len(tokenizer.encode_list(TEXT[: TEXT.index("story")]))
    wrong = [*ids[:place], 299, 298, *ids[place:]]
    monkeypatch.setattr("tokmill.cli.verify.find_peer", lambda tokenizer, against: Scripted(lambda text: wrong))
    code, output, errors = run("verify", file, *vocabulary)
    assert (code, errors) == (1, "")
    assert "DIFFER" in output
    assert f"token {place}" in output
    assert "of the  >>> story" in output
    assert "(no token of this vocabulary)" in output
    assert 's "s"' not in output
    code, output, _ = run("verify", file, "--json", *vocabulary)
    found = json.loads(output)["files"][0]
    assert (code, found["different_documents"], found["difference"]["token"]) == (1, 1, place)
    assert found["difference"]["byte"] == TEXT.encode().index(b"story")


def test_verify_failures(run: Callable[..., Any], file: Path, vocabulary: list[object], tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"ab\xff")
    code, _, errors = run("verify", bad, *vocabulary)
    assert code == 1
    assert "bad.txt" in errors
    assert "byte 2" in errors
    assert run("verify", bad, "--invalid", "replace", *vocabulary)[0] == 0
    assert run("verify", tmp_path / "nowhere", *vocabulary)[0] == 1
    code, _, errors = run("verify", file, "--against", "tokenizers", *vocabulary)
    assert code == 2
    assert "tokenizer.json" in errors
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    code, _, errors = run("verify", file, *vocabulary)
    assert code == 1
    assert "not installed" in errors


def test_info(run: Callable[..., Any], embedded: tokmill.Tokenizer) -> None:
    code, output, _ = run("info", "tokmill-64k-v1", "--json")
    section = json.loads(output)["sections"][0]
    assert code == 0
    assert section == embedded.info()
    assert section["vocab_size"] == embedded.vocab_size
    assert section["tokens"] == embedded.vocab_size - len(set(embedded.special_tokens.values()))
    assert section["pattern"] == embedded.pattern
    assert section["digest"] == embedded.digest
    assert section["unicode"] == "16.0.0"
    assert (section["model"], section["normalizer"], section["unsupported"]) == ("byte-level BPE", "none", "nothing of it")
    for name, regex in tokmill.PATTERNS.items():
        assert make(pattern=regex).info()["scanner"] == f"hand-made for {name}"
    for word in ("model", "scanner", "normaliser", "Unicode", "not supported", "digest"):
        assert word in run("info")[1]


def test_info_says_what_is_not_done() -> None:
    file = files.small_file()
    assert of(file).info()["unsupported"] == "nothing of it"
    file["truncation"] = {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    file["padding"] = {"strategy": "BatchLongest", "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}
    file["model"]["dropout"] = 0.0
    file["normalizer"] = {"type": "NFC"}
    file["decoder"] = {"type": "Sequence", "decoders": [files.DECODER, {"type": "Strip", "content": "a", "start": 1, "stop": 0}]}
    unsupported = of(file).info()["unsupported"].split("; ")
    assert [part.split()[0] for part in unsupported] == ["truncation", "padding", "dropout", "truncate():", "StreamDecoder:"]


def test_info_counts_unused_ids() -> None:
    tokenizer = tokmill.Tokenizer._from_ranks(rank_file(RANKS), name="gap", pattern="gpt2", special_tokens={"<|x|>": 300, "<|y|>": 300})
    section = tokenizer.info()
    assert section["tokens"] == len(RANKS)
    assert section["special_tokens"] == 2
    assert section["vocab_size"] == 301
