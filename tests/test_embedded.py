"""The embedded vocabulary: its bytes are frozen, our own trainer makes them, and what the file says besides its merges decides nothing."""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import pytest
import tokmill
from tokmill import embedded
from tokmill.errors import UnknownVocabularyError, VocabularyError
from tokmill.training import Counts, train

from tests.conftest import REPOSITORY, SEED
from tests.oracle.bpe import encode_pretoken
from tools import make_embedded_vocab

FILE = REPOSITORY / "python" / "tokmill" / "data" / "tokmill-64k-v1.merges"
# Never to be changed: ids that were written with this vocabulary have to stay what they are.
SHA256 = "bf704e40776d59f8ff479a2fbbd947b0ed076a87119363b01ba509cb6f81c1f7"
DIGEST = "dde81373f460a724b2b319883e5b4faf5467826316b9b4a4936f7477412c5e54"
MERGE_COUNT = 65_264


def test_frozen() -> None:
    tok = tokmill.load("tokmill-64k-v1")
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256
    assert tok.digest == DIGEST
    assert tok.vocab_size == 65_536
    assert tok.encode_list("The quick brown fox, naïve 你好") == [600, 7337, 27155, 3575, 120, 44, 1730, 7421, 361, 32, 2012, 4419]
    names = ["<|endoftext|>", "<|bos|>", "<|pad|>", *(f"<|reserved_{i}|>" for i in range(13))]
    assert tok.special_tokens == {name: 65_520 + i for i, name in enumerate(names)}
    assert (tok.eos_id, tok.bos_id, tok.pad_id) == (65_520, 65_521, 65_522)
    assert FILE.stat().st_size < 1_000_000


def test_the_trainer_makes_it_again(data: Path) -> None:
    assert hashlib.sha256(make_embedded_vocab.make(data / "corpora")).hexdigest() == SHA256


def merges_of(file: bytes) -> list[tuple[int, int]]:
    assert struct.unpack_from("<I", file) == (MERGE_COUNT,)
    return [(left, right) for left, right in struct.iter_unpack("<HH", file[4 : 4 + 4 * MERGE_COUNT])]


def test_tokens_are_what_the_merges_make() -> None:
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right in merges_of(FILE.read_bytes()):
        tokens.append(tokens[left] + tokens[right])
    tok = tokmill.load("tokmill-64k-v1")
    assert tok.token_bytes[: len(tokens)] == tokens
    assert max(map(len, tokens)) == 32
    assert len(set(tokens)) == len(tokens)
    ranks = {token: rank for rank, token in enumerate(tokens)}
    rng = random.Random(f"{SEED} embedded")
    texts = [token for token in tokens if _is_utf8(token)]
    words = [token[rng.randrange(len(token)) :] + rng.choice(texts) for token in rng.sample(texts, 1_000)]
    uncut = _from_merges(FILE.read_bytes(), r"(?s:.+)")
    for word in filter(_is_utf8, words):
        assert uncut.encode_list(word) == encode_pretoken(word, ranks)


def _is_utf8(token: bytes) -> bool:
    try:
        return bool(token.decode())
    except UnicodeDecodeError:
        return False


def _from_merges(file: bytes, pattern: str = "cl100k") -> tokmill.Tokenizer:
    return tokmill.Tokenizer._from_merges(file, name="m", pattern=pattern, special_tokens=embedded.SPECIAL_TOKENS)


def test_the_placement_is_only_a_hint() -> None:
    """How the pairs lie in their table is in the file to save time; a wrong one is passed over."""
    file = FILE.read_bytes()
    bare = file[: 4 + 4 * MERGE_COUNT]
    assert _from_merges(bare)._merge_list() == file
    rng = random.Random(f"{SEED} placement")
    placement = bytearray(file[len(bare) :])
    wrong = [bytes(16) + placement[16:], placement[:16], placement[:-2], bytes(len(placement)), rng.randbytes(len(placement))]
    for _ in range(3):
        changed = placement.copy()
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        wrong.append(bytes(changed))
    text = "".join(rng.choices(["the ", "naïve ", "你好", "    ", "2026", "wörter, "], k=500))
    tok = tokmill.load("tokmill-64k-v1")
    for rest in wrong:
        other = _from_merges(bare + rest)
        assert other.digest == tok.digest
        assert other.encode_list(text) == tok.encode_list(text)
    for rest in (placement[:15], placement[:-1], placement + bytes(131_072)):
        with pytest.raises(VocabularyError, match="length"):
            _from_merges(bare + rest)


def test_what_is_no_merge_list() -> None:
    counts = Counts.from_texts(["low lower lowest"])
    assert train(counts, 260, parity="tiktoken")._merge_list()[:4] == struct.pack("<I", 4)
    with pytest.raises(VocabularyError, match="in another order"):
        train(counts, 260)._merge_list()
    with pytest.raises(VocabularyError, match="in another order"):
        train(counts, 262, parity="hf", special_tokens=["<s>"])._merge_list()


def test_the_preview_is_gone() -> None:
    with pytest.raises(UnknownVocabularyError, match=r"'tokmill-64k-preview' is no longer .* 'tokmill-64k-v1'"):
        tokmill.load("tokmill-64k-preview")
