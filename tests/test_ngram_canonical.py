"""Canonical ids as Engram publishes them equal those that the normalizers of ``tokenizers`` make, token by token, for real vocabularies."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tokmill
from tokenizers import Regex, Tokenizer, normalizers
from tokmill.errors import ArgumentError, ArgumentTypeError
from tokmill.ngrams import Engram, Plan, canonical_map

from tests.tokenizer_files import spelt

SENTINEL = "\ue000"
NORMALIZER = normalizers.Sequence(
    [
        normalizers.NFKC(),
        normalizers.NFD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"[ \t\r\n]+"), " "),
        normalizers.Replace(Regex(r"^ $"), SENTINEL),
        normalizers.Strip(),
        normalizers.Replace(SENTINEL, " "),
    ]
)


def by_hand(tokens: Sequence[tuple[str, str]]) -> list[int]:
    """Of texts and raw spellings: the rule of the published code, in its own library's normalizers."""
    seen: dict[str, int] = {}
    ids = []
    for text, raw in tokens:
        key = raw if "\ufffd" in text else NORMALIZER.normalize_str(text) or text
        ids.append(seen.setdefault(key, len(seen)))
    return ids


def test_the_embedded_vocabulary(embedded: tokmill.Tokenizer) -> None:
    tokens = embedded.token_bytes
    assert None not in tokens
    spelled = [(token.decode("utf-8", "replace"), spelt(token)) for token in tokens if token is not None]
    found, size = canonical_map(embedded, "engram")
    expected = by_hand(spelled)
    assert found.dtype == np.int32
    assert found.tolist() == expected
    assert size == max(expected) + 1 < embedded.vocab_size


@pytest.mark.parametrize("name", ["gpt2", "qwen2"])
def test_vocabularies_by_the_library_itself(name: str, data: Path, tmp_path: Path) -> None:
    """Texts and raw spellings from ``tokenizers`` as well, as the published code gets them."""
    content = gzip.decompress((data / "vocab" / f"{name}.tokenizer.json.gz").read_bytes())
    (tmp_path / "tokenizer.json").write_bytes(content)
    tok = tokmill.load(tmp_path / "tokenizer.json")
    judge = Tokenizer.from_str(content.decode())
    spelled = [(judge.decode([id], skip_special_tokens=False), judge.id_to_token(id)) for id in range(judge.get_vocab_size())]
    assert tok.vocab_size == len(spelled)
    assert canonical_map(tok, "engram")[0].tolist() == by_hand(spelled)


def vocabulary_of(tokens: Sequence[bytes], tmp_path: Path) -> tokmill.Tokenizer:
    """All single bytes first, then these tokens."""
    from base64 import b64encode

    ranks = [bytes([byte]) for byte in range(256)] + list(tokens)
    lines = (b64encode(token) + f" {rank}\n".encode() for rank, token in enumerate(ranks))
    (tmp_path / "made.tiktoken").write_bytes(b"".join(lines))
    return tokmill.load(tmp_path / "made.tiktoken", pattern="cl100k", special_tokens={})


def test_foldings_one_by_one(tmp_path: Path) -> None:
    words = ["the", " the", "The", " THE", "thé", "  ", "\t\n", "ﬁ", "fi", "\u0301", "x y", "x \t y", "㋿", "令和", SENTINEL, "İ"]
    tok = vocabulary_of([word.encode() for word in words], tmp_path)
    found, _ = canonical_map(tok, "engram")
    new = {word: int(found[256 + number]) for number, word in enumerate(words)}
    assert new["the"] == new[" the"] == new["The"] == new[" THE"] == new["thé"]
    assert new["  "] == new["\t\n"] == new[SENTINEL] == found[ord(" ")] == found[ord("\n")]
    assert new["ﬁ"] == new["fi"]
    assert new["\u0301"] not in {new[word] for word in words if word != "\u0301"}  # nothing is left of it: it stays itself
    assert new["x y"] == new["x \t y"]
    assert new["㋿"] != new["令和"]  # one by Unicode 16, two by the library's data
    assert new["İ"] == found[ord("i")] == found[ord("I")]
    assert found[0xC3] not in {*found[:128], *new.values()}  # a byte that is no text


def test_the_plan_says_which_folding(embedded: tokmill.Tokenizer) -> None:
    plan = Engram(embedded, sizes=1000, canonical="engram", pad_id=0)
    map, size = canonical_map(embedded, "engram")
    assert plan.description.parameters["canonical"] == {"folding": "engram", "data": "tokenizers 0.23.3"}
    assert plan.description.canonical_size == size
    assert Plan.from_json(plan.to_json()) == plan
    ids = embedded.encode("The the THÉ   thé")
    assert np.array_equal(plan.rows(ids), Engram(size, sizes=1000, pad_id=int(map[0])).rows(map[ids]))


@pytest.mark.parametrize("make", [lambda tok: canonical_map(tok, "nfkc"), lambda tok: Engram(tok, sizes=1000, canonical="nfkc")])
def test_an_unknown_folding(make: Callable[[tokmill.Tokenizer], object], embedded: tokmill.Tokenizer) -> None:
    with pytest.raises(ArgumentError, match="no folding 'nfkc'; there are engram"):
        make(embedded)
    with pytest.raises(ArgumentTypeError, match="needs a tokenizer"):
        Engram(1000, sizes=1000, canonical="engram")
