"""load: names, files and directories, the order of the places, and every way in which one of them can be wrong."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import os
import socket
import stat
import sys
import textwrap
import threading

import pytest
import tokmill
from tokmill import cache, encodings, registry
from tokmill.errors import (
    ArgumentError,
    DigestError,
    DownloadError,
    Error,
    InputNotFoundError,
    PatternError,
    UnknownVocabularyError,
    VocabularyError,
)

PREVIEW = "tokmill-64k-v1"


def rank_file(*merged: bytes) -> bytes:
    tokens = [*(bytes([byte]) for byte in range(256)), *merged]
    return b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))


TINY = rank_file(b"th", b"the", b" t")
TINY_SHA256 = hashlib.sha256(TINY).hexdigest()
OTHER = rank_file(b"he")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No cache, no network, nothing kept from another test."""
    for name in ("TOKMILL_VOCAB", "DATA_GYM_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOKMILL_CACHE", str(tmp_path / "our-cache"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken-cache"))
    monkeypatch.setenv("TOKMILL_OFFLINE", "1")
    monkeypatch.setattr(registry, "_kept", type(registry._kept)())


@pytest.fixture
def tiny(monkeypatch):
    """A known encoding that is small."""
    monkeypatch.setitem(encodings.RANK_FILE_SHA256, "tiny", TINY_SHA256)
    known = encodings.KnownEncoding("tiny", "tiny", "gpt2", lambda: {"<|endoftext|>": 300})
    monkeypatch.setitem(encodings.ENCODINGS, "tiny", known)
    return known


def put(path, data: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# Names


def test_the_embedded_vocabulary_needs_nothing():
    tokenizer = tokmill.load(PREVIEW)
    assert tokenizer.vocab_size == 65_536
    assert (tokenizer.eos_id, tokenizer.bos_id, tokenizer.pad_id) == (65_520, 65_521, 65_522)
    assert len(tokenizer.special_tokens) == 16
    assert all(token is not None for token in tokenizer.token_bytes)
    assert tokenizer.pattern == tokmill.PATTERNS["cl100k"]
    assert tokenizer.decode(tokenizer.encode("Grüße, 世界!")) == "Grüße, 世界!"
    assert tokmill.load(PREVIEW) is tokenizer
    assert tokmill.vocabulary_names()[0] == PREVIEW


def test_facts_are_those_of_tiktoken(monkeypatch):
    public = pytest.importorskip("tiktoken_ext.openai_public")
    monkeypatch.setattr(public, "load_tiktoken_bpe", lambda url, expected_hash=None: (url, expected_hash))
    monkeypatch.setattr(public, "data_gym_to_mergeable_bpe_ranks", lambda **files: None)
    assert set(encodings.ENCODINGS) == set(public.ENCODING_CONSTRUCTORS)
    for name, constructor in public.ENCODING_CONSTRUCTORS.items():
        theirs, ours = constructor(), encodings.ENCODINGS[name]
        assert ours.special_tokens == theirs["special_tokens"]
        assert tokmill.PATTERNS[ours.pattern] == theirs["pat_str"]
        if name != "gpt2":  # tiktoken reads the same ranks from two other files
            assert (ours.url, ours.sha256) == theirs["mergeable_ranks"]


def test_known_encodings_load_from_data(data, monkeypatch):
    monkeypatch.setenv("TOKMILL_VOCAB", str(data / "vocab"))
    sizes = {name: tokmill.load(name).vocab_size for name in encodings.ENCODINGS}
    assert sizes == {
        "r50k_base": 50_257,
        "gpt2": 50_257,
        "p50k_base": 50_281,
        "p50k_edit": 50_284,
        "cl100k_base": 100_277,
        "o200k_base": 200_019,
        "o200k_harmony": 201_088,
    }
    for name, known in encodings.ENCODINGS.items():
        assert tokmill.load(name).name == name
        assert tokmill.load(name).digest == known.digest
    assert tokmill.load("gpt2") == tokmill.load("r50k_base") != tokmill.load("p50k_base")


def test_a_bare_file_is_known_by_its_sha256(data, tmp_path):
    ranks = gzip.decompress((data / "vocab" / "o200k_base.tiktoken.gz").read_bytes())
    assert tokmill.load(put(tmp_path / "anything", ranks)).name == "o200k_base"
    assert tokmill.load(put(tmp_path / "o200k_harmony.tiktoken", ranks)).name == "o200k_harmony"


def test_unknown_name_says_what_was_tried(monkeypatch, tmp_path):
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path))
    with pytest.raises(UnknownVocabularyError) as caught:
        tokmill.load("nothing")
    message = str(caught.value)
    assert isinstance(caught.value, LookupError)
    for part in ("nothing.tiktoken", str(tmp_path), PREVIEW, "cl100k_base", "TOKMILL_VOCAB", "tiktoken_ext"):
        assert part in message


def test_offline_failure_lists_the_places(tmp_path):
    with pytest.raises(DownloadError) as caught:
        tokmill.load("cl100k_base")
    message = str(caught.value)
    assert isinstance(caught.value, OSError)
    for part in ("TOKMILL_VOCAB: not set", str(tmp_path / "our-cache"), str(tmp_path / "tiktoken-cache"), "TOKMILL_OFFLINE"):
        assert part in message
    known = encodings.ENCODINGS["cl100k_base"]
    assert known.url in message
    assert known.sha256 in message


@pytest.mark.parametrize("wrong", ["", "a\0b", 3, None, b"bytes"])
def test_neither_name_nor_path(wrong):
    with pytest.raises(ArgumentError):
        tokmill.load(wrong)


# The order of the places


def test_order_of_the_places(tiny, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(cache, "download", lambda url: asked.append(url) or TINY)
    first = tokmill.load("tiny")
    assert first.origin == f"downloaded from {tiny.url}"
    assert first.encode_list("the") == [257]
    assert first.special_tokens == {"<|endoftext|>": 300}
    # ... and now it is in our cache
    again = tokmill.load("tiny")
    assert again.origin == str(tmp_path / "our-cache" / f"{TINY_SHA256}.tiktoken")
    assert again == first
    os.unlink(again.origin)
    theirs = put(tmp_path / "tiktoken-cache" / hashlib.sha1(tiny.url.encode()).hexdigest(), TINY)
    assert tokmill.load("tiny").origin == str(theirs)
    mine = put(tmp_path / "mine" / "tiny.tiktoken.gz", gzip.compress(TINY))
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path / "mine"))
    assert tokmill.load("tiny").origin == str(mine)
    assert len(asked) == 1


def test_the_cache_is_private_and_leaves_no_parts(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "download", lambda url: TINY)
    tokmill.load("tiny")
    directory = tmp_path / "our-cache"
    if os.name == "posix":
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [path.name for path in directory.iterdir()] == [f"{TINY_SHA256}.tiktoken"]


@pytest.mark.parametrize("damage", [b"", TINY[:-1], TINY + b"\n", b"{}", b"TOKMILL\n", gzip.compress(OTHER), gzip.compress(TINY)[:-3]])
def test_a_wrong_cache_is_passed_over_and_mended(tiny, monkeypatch, tmp_path, damage):
    cached = put(cache.rank_file_path(TINY_SHA256), damage)
    put(tmp_path / "tiktoken-cache" / hashlib.sha1(tiny.url.encode()).hexdigest(), damage)
    with pytest.raises(DownloadError, match="TOKMILL_OFFLINE"):
        tokmill.load("tiny")
    monkeypatch.setattr(cache, "download", lambda url: TINY)
    assert tokmill.load("tiny").encode_list("the") == [257]
    assert cached.read_bytes() == TINY


def test_a_wrong_download_is_an_error(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "download", lambda url: OTHER)
    with pytest.raises(DigestError, match=TINY_SHA256):
        tokmill.load("tiny")
    assert not (tmp_path / "our-cache").exists()


def test_a_cache_that_cannot_be_written_does_not_matter(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("TOKMILL_CACHE", str(put(tmp_path / "a-file", b"") / "below"))
    monkeypatch.setattr(cache, "download", lambda url: TINY)
    assert tokmill.load("tiny").name == "tiny"


def test_tiktokens_cache_can_be_switched_off(tiny, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    with pytest.raises(DownloadError, match="switched off"):
        tokmill.load("tiny")


def test_wrong_file_in_the_callers_directory_is_an_error(tiny, monkeypatch, tmp_path):
    put(tmp_path / "tiny.tiktoken", OTHER)
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path))
    with pytest.raises(DigestError, match="not the ranks of tiny"):
        tokmill.load("tiny")


def test_the_directory_is_read_at_each_call(monkeypatch, tmp_path):
    arguments = {"pattern": "gpt2", "special_tokens": {}}
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path))
    put(tmp_path / "mine.tiktoken", TINY)
    assert tokmill.load("mine", **arguments).vocab_size == 259
    put(tmp_path / "mine.tiktoken", OTHER)
    assert tokmill.load("mine", **arguments).vocab_size == 257
    monkeypatch.delenv("TOKMILL_VOCAB")
    with pytest.raises(UnknownVocabularyError):
        tokmill.load("mine", **arguments)


def test_snapshots_in_the_directory(monkeypatch, tmp_path):
    original = tokmill.load(PREVIEW)
    original.save(tmp_path / "mine.tokmill")
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path))
    assert tokmill.load("mine") == original
    data = (tmp_path / "mine.tokmill").read_bytes()
    os.unlink(tmp_path / "mine.tokmill")
    put(tmp_path / "packed.tokmill.gz", gzip.compress(data))
    assert tokmill.load("packed") == original
    put(tmp_path / "cl100k_base.tokmill", data)
    with pytest.raises(DigestError, match="not cl100k_base"):
        tokmill.load("cl100k_base")


def test_a_broken_tokenizer_json_is_refused_clearly(monkeypatch, tmp_path):
    path = put(tmp_path / "model.tokenizer.json", b'{"version": "1.0"}')
    monkeypatch.setenv("TOKMILL_VOCAB", str(tmp_path))
    for source in ("model", path, str(path), tmp_path):
        with pytest.raises(VocabularyError, match=r"model\.tokenizer\.json: the file has no model"):
            tokmill.load(source)


# Files and directories


def test_a_rank_file_needs_pattern_and_special_tokens(tmp_path):
    path = put(tmp_path / "mine.tiktoken", TINY)
    for arguments in ({}, {"pattern": "gpt2"}, {"special_tokens": {}}):
        with pytest.raises(PatternError) as caught:
            tokmill.load(path, **arguments)
        for name in tokmill.PATTERNS:
            assert name in str(caught.value)
    with pytest.raises(PatternError):
        tokmill.load(path, pattern="no such pattern", special_tokens={})
    for pattern in ("gpt2", tokmill.PATTERNS["gpt2"]):
        tokenizer = tokmill.load(path, pattern=pattern, special_tokens={"<end>": 259})
        assert tokenizer.name == "mine"
        assert tokenizer.encode_list("the<end>", special="parse") == [257, 259]
        assert tokenizer.pattern == tokmill.PATTERNS["gpt2"]


def test_known_ranks_with_other_special_tokens(tiny, tmp_path):
    path = put(tmp_path / "tiny.tiktoken", TINY)
    plain = tokmill.load(path)
    mine = tokmill.load(path, special_tokens={"<s>": 299})
    assert plain.special_tokens == {"<|endoftext|>": 300}
    assert mine.special_tokens == {"<s>": 299}
    assert mine.bos_id == 299
    assert mine != plain


def test_sha256_of_the_caller(tmp_path):
    arguments = {"pattern": "gpt2", "special_tokens": {}}
    for data in (TINY, gzip.compress(TINY)):
        path = put(tmp_path / "mine", data)
        tokmill.load(path, sha256=TINY_SHA256.upper(), **arguments)
        with pytest.raises(DigestError, match=TINY_SHA256):
            tokmill.load(path, sha256="0" * 64, **arguments)
    with pytest.raises(DigestError):
        tokmill.load("cl100k_base", sha256="0" * 64)
    with pytest.raises(DigestError):
        tokmill.load(PREVIEW, sha256="0" * 64)


def test_sources_that_say_everything_refuse_more():
    with pytest.raises(ArgumentError, match="rank files"):
        tokmill.load(PREVIEW, pattern="gpt2")


def test_directories(tmp_path):
    with pytest.raises(UnknownVocabularyError, match="holds no vocabulary"):
        tokmill.load(tmp_path)
    put(tmp_path / "a.tiktoken", TINY)
    assert tokmill.load(tmp_path, pattern="gpt2", special_tokens={}).name == "a"
    put(tmp_path / "b.tiktoken.gz", gzip.compress(TINY))
    with pytest.raises(UnknownVocabularyError, match="several"):
        tokmill.load(tmp_path)
    tokmill.load(PREVIEW).save(tmp_path / "c.tokmill")
    assert tokmill.load(str(tmp_path)) == tokmill.load(PREVIEW)


def test_missing_file(tmp_path):
    for source in (tmp_path / "x.tiktoken", str(tmp_path / "x"), "x.tokmill"):
        with pytest.raises(InputNotFoundError, match="no such file"):
            tokmill.load(source)


@pytest.mark.parametrize("data", [b"", b"\n", b"no ranks\n", b"\x00" * 100, TINY[:100], gzip.compress(TINY)[:-9], TINY + TINY])
def test_files_that_are_no_vocabulary(tmp_path, data):
    with pytest.raises(Error):
        tokmill.load(put(tmp_path / "x.tiktoken", data), pattern="gpt2", special_tokens={})


def test_gzip_that_swells(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(VocabularyError, match="unpacks to more"):
        tokmill.load(put(tmp_path / "x.tiktoken.gz", gzip.compress(TINY)), pattern="gpt2", special_tokens={})


def test_save_and_load(tmp_path):
    tokenizer = tokmill.load(put(tmp_path / "mine.tiktoken", TINY), pattern="o200k", special_tokens={"<end>": 400})
    tokenizer.save(tmp_path / "copy.tiktoken")
    assert (tmp_path / "copy.tiktoken").read_bytes() == TINY
    tokenizer.save(str(tmp_path / "copy.tokmill"))
    copy = tokmill.load(tmp_path / "copy.tokmill")
    assert copy == tokenizer
    assert copy.name == "mine"
    assert copy.special_tokens == {"<end>": 400}
    with pytest.raises(ArgumentError, match=r"\.tokmill"):
        tokenizer.save(tmp_path / "copy.txt")
    with pytest.raises(Error, match="cannot write"):
        tokenizer.save(tmp_path / "no" / "folder.tokmill")


def test_an_unchanged_file_is_kept(tmp_path):
    path = put(tmp_path / "mine.tiktoken", TINY)
    arguments = {"pattern": "gpt2", "special_tokens": {}}
    results = []
    threads = [threading.Thread(target=lambda: results.append(tokmill.load(path, **arguments))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(result) for result in results}) == 1
    assert tokmill.load(path, pattern="cl100k", special_tokens={}) is not results[0]


# Plug-ins


@pytest.fixture
def plugin(monkeypatch, tmp_path):
    """Installs a module into tiktoken_ext, as a third party would."""

    def install(source: str, name: str = "tokmill_test_plugin"):
        package = tmp_path / "site" / "tiktoken_ext"
        put(package / f"{name}.py", textwrap.dedent(source).encode())
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        for module in [module for module in sys.modules if module.startswith("tiktoken_ext")]:
            monkeypatch.delitem(sys.modules, module)

    return install


GOOD_PLUGIN = r"""
def theirs():
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"th": 256}
    return {"name": "theirs", "pat_str": PATTERN, "mergeable_ranks": ranks, "special_tokens": {"<end>": 257}, "explicit_n_vocab": COUNT}
ENCODING_CONSTRUCTORS = {"theirs": theirs}
"""


def test_plugins_are_read(plugin):
    plugin(f"PATTERN = {tokmill.PATTERNS['gpt2']!r}\nCOUNT = 258\n" + GOOD_PLUGIN)
    tokenizer = tokmill.load("theirs")
    assert tokenizer.encode_list("the<end>", special="parse") == [256, ord("e"), 257]
    assert "tokmill_test_plugin" in tokenizer.origin
    assert "tiktoken" not in {name for name in sys.modules if name == "tiktoken"} or "tiktoken_ext.openai_public" not in sys.modules


def test_plugins_that_are_wrong(plugin):
    plugin(f"PATTERN = {tokmill.PATTERNS['gpt2']!r}\nCOUNT = 300\n" + GOOD_PLUGIN)
    with pytest.raises(VocabularyError, match="explicit_n_vocab"):
        tokmill.load("theirs")


def test_a_plugin_that_fails_is_told(plugin):
    plugin("raise RuntimeError('broken inside')")
    with pytest.raises(UnknownVocabularyError, match="broken inside"):
        tokmill.load("theirs")


# The download itself


@pytest.fixture
def server(monkeypatch):
    """A server on this machine: (its address, what it answers to a path)."""
    answers = {"/fine": (200, TINY, None), "/gone": (404, b"", None), "/moved": (302, b"", "/fine"), "/cut": (200, TINY[:100], len(TINY))}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            code, body, extra = answers[self.path]
            self.send_response(code)
            if code == 302:
                self.send_header("Location", extra)
            self.send_header("Content-Length", str(extra if isinstance(extra, int) else len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *unused):
            pass

    monkeypatch.setenv("TOKMILL_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{service.server_address[1]}"
        service.shutdown()
        thread.join()


def test_download(server, monkeypatch):
    assert cache.download(f"{server}/fine") == TINY
    assert cache.download(f"{server}/moved") == TINY
    for path in ("/gone", "/cut"):
        with pytest.raises(DownloadError, match=path):
            cache.download(server + path)
    monkeypatch.setattr(cache, "MAX_DOWNLOAD_BYTES", 1000)
    with pytest.raises(DownloadError, match="MiB"):
        cache.download(f"{server}/fine")


def test_download_from_nobody(monkeypatch):
    monkeypatch.setenv("TOKMILL_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match="127"):
            cache.download(f"http://127.0.0.1:{unused.getsockname()[1]}/x")
    with pytest.raises(DownloadError):
        cache.download("https://no-such-host.invalid/x")


def test_a_slow_server_does_not_hold_us(monkeypatch):
    monkeypatch.setenv("TOKMILL_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(cache, "SOCKET_TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DownloadError, match="timed out"):
            cache.download(f"http://127.0.0.1:{silent.getsockname()[1]}/x")
