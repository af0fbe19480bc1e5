"""Tokenizers that travel: pickle, copy, spawned processes; identity by digest."""

from __future__ import annotations

import base64
import copy
import hashlib
import multiprocessing
import os
import pickle
import subprocess
import sys

import pytest
import tokmill
from tokmill import encodings, pickling, registry
from tokmill.errors import DigestError, DownloadError

RANKS = b"".join(b"%b %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256)) + b"dGg= 256\n"
TEXT = "the Grüße <end>, 世界"


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(RANKS)
    return tokmill.load(path, pattern="gpt2", special_tokens={"<end>": 300})


@pytest.fixture
def forgetful(monkeypatch):
    """As if in another process: no tokenizer is alive or kept."""

    def forget():
        monkeypatch.setattr(pickling, "_alive", type(pickling._alive)())
        monkeypatch.setattr(registry, "_kept", type(registry._kept)())

    return forget


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_embedded_is_small_and_equal(embedded, forgetful, protocol):
    data = pickle.dumps(embedded, protocol)
    assert len(data) < 250
    assert pickle.loads(data) == embedded
    forgetful()
    back = pickle.loads(data)
    assert back is not embedded
    assert back == embedded
    assert hash(back) == hash(embedded)
    assert back.encode_list(TEXT) == embedded.encode_list(TEXT)


def test_any_other_carries_its_ranks(mine, tmp_path, forgetful):
    data = pickle.dumps(mine)
    (tmp_path / "mine.tiktoken").unlink()
    forgetful()
    back = pickle.loads(data)
    assert back is not mine
    assert back == mine
    assert (back.name, back.pattern, back.special_tokens) == (mine.name, mine.pattern, mine.special_tokens)
    assert back.encode_list(TEXT, special="parse") == mine.encode_list(TEXT, special="parse")
    assert pickle.loads(pickle.dumps(back)) == mine


def test_known_encoding_travels_by_name(load, data, monkeypatch, forgetful, tmp_path):
    tokenizer = load("cl100k_base")
    pickled = pickle.dumps(tokenizer)
    assert len(pickled) < 400
    monkeypatch.delenv("TOKMILL_VOCAB", raising=False)
    monkeypatch.setenv("TOKMILL_CACHE", str(tmp_path))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TOKMILL_OFFLINE", "1")
    forgetful()
    back = pickle.loads(pickled)  # the file that it was first read from is still there
    assert back == tokenizer
    assert back.origin == str(data / "vocab" / "cl100k_base.tiktoken.gz")
    forgetful()
    with pytest.raises(DownloadError, match="while unpickling"):
        pickle.loads(pickled.replace(b"cl100k_base.tiktoken.gz", b"cl100k_gone.tiktoken.gz"))


def test_snapshot_of_a_known_encoding_travels_by_name(load, tmp_path):
    load("cl100k_base").save(tmp_path / "copy.tokmill")
    copied = tokmill.load(tmp_path / "copy.tokmill")
    assert len(pickle.dumps(copied)) < 400
    assert copied.digest == encodings.ENCODINGS["cl100k_base"].digest


def test_wrong_digest_is_refused(embedded, mine, forgetful):
    for tokenizer in (embedded, mine):
        data = pickle.dumps(tokenizer).replace(tokenizer.digest.encode(), b"0" * 64)
        forgetful()
        with pytest.raises(DigestError, match="different ids"):
            pickle.loads(data)


def test_damaged_ranks_are_refused(mine, forgetful):
    function, (ranks, *rest) = mine.__reduce__()
    forgetful()
    with pytest.raises(DigestError, match="damaged"):
        function(ranks[:-5], *rest)


def test_copies_are_the_same_object(embedded):
    assert copy.copy(embedded) is embedded
    assert copy.deepcopy([embedded])[0] is embedded


def test_identity(embedded, mine):
    assert embedded != mine
    assert embedded != "tokmill-64k-v1"
    assert {embedded: 1}[tokmill.load("tokmill-64k-v1")] == 1
    assert embedded.digest == hashlib.sha256(embedded._canonical()).hexdigest()
    assert embedded.digest[:12] in repr(embedded)


def test_name_does_not_count(mine, tmp_path):
    (tmp_path / "other.tiktoken").write_bytes(RANKS)
    other = tokmill.load(tmp_path / "other.tiktoken", pattern="gpt2", special_tokens={"<end>": 300})
    assert other.name == "other"
    assert other == mine
    different = tokmill.load(tmp_path / "other.tiktoken", pattern="gpt2", special_tokens={"<end>": 301})
    assert different != mine
    assert tokmill.load(tmp_path / "other.tiktoken", pattern="cl100k", special_tokens={"<end>": 300}) != mine


def test_another_process_agrees_on_the_digest(embedded):
    code = "import tokmill; print(tokmill.load('tokmill-64k-v1').digest)"
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == embedded.digest


def count(tokenizer, text):
    return tokenizer.count(text), tokenizer.digest


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # from Python 3.12 on, wherever there are threads
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_worker_processes(embedded, mine, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this platform")
    with multiprocessing.get_context(method).Pool(1) as pool:
        for tokenizer in (embedded, mine):
            assert pool.apply(count, (tokenizer, TEXT)) == (tokenizer.count(TEXT), tokenizer.digest)
