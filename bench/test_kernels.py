"""pytest-benchmark of the kernels, one row an instruction set: `pytest bench/test_kernels.py` (extra: `pip install .[bench]`).

Not part of the normal test run: it times, and it judges nothing. Texts are the first 2 MB of those in TOKMILL_BENCH_DATA (default
../shared); without them, README.md repeated. The vocabulary is the embedded one, so that no download is needed.
"""

from __future__ import annotations

import functools
import gzip
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokmill

_SIZE = 2_000_000
_TEXTS = {
    "english": "english-prose.txt.gz",
    "code": "code.txt.gz",
    "multilingual": "multilingual.txt.gz",
    "cjk": "cjk.txt.gz",
}
Timed = Callable[..., Any]


def _text(name: str) -> bytes:
    path = Path(os.environ.get("TOKMILL_BENCH_DATA", "../shared")) / "corpora" / _TEXTS[name]
    if path.exists():
        data = gzip.decompress(path.read_bytes())[:_SIZE]
    else:
        readme = (Path(__file__).parents[1] / "README.md").read_bytes()
        data = (readme * (_SIZE // len(readme) + 1))[:_SIZE]
    return data.decode(errors="ignore").encode()


@pytest.fixture(scope="module", params=tokmill.isa()["supported"])
def tokenizer(request: pytest.FixtureRequest) -> tokmill.Tokenizer:
    """The embedded vocabulary on each instruction set that this machine has."""
    return tokmill.load("tokmill-64k-v1")._with_isa(request.param)


@pytest.fixture(scope="module", params=_TEXTS)
def text(request: pytest.FixtureRequest) -> bytes:
    """Each text, as bytes of UTF-8."""
    return _text(request.param)


def test_encode(benchmark: Timed, tokenizer: tokmill.Tokenizer, text: bytes) -> None:
    """Bytes to an array: check of the UTF-8, boundaries, lookup, output."""
    ids = benchmark(tokenizer.encode, text)
    assert tokenizer.decode_bytes(ids) == text


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("library", ["tokmill", "unicodedata", "tokenizers"])
def test_normal_form(benchmark: Timed, library: str, form: str, text: bytes) -> None:
    """A str to its normal form, beside Python's own (of an older or newer Unicode) and tokenizers'."""
    string = text.decode()
    if library == "tokmill":
        normalize = tokmill.Normalizer(form).normalize
    elif library == "unicodedata":
        normalize = functools.partial(unicodedata.normalize, form)
    else:
        normalize = getattr(pytest.importorskip("tokenizers").normalizers, form)().normalize_str
    assert benchmark(normalize, string) == tokmill.normalize(string, form, data="tokenizers" if library == "tokenizers" else "unicode-16.0")


def test_count(benchmark: Timed, tokenizer: tokmill.Tokenizer, text: bytes) -> None:
    """The same with no output."""
    assert benchmark(tokenizer.count, text) == len(tokenizer.encode(text))


def test_decode(benchmark: Timed, tokenizer: tokmill.Tokenizer, text: bytes) -> None:
    """An array to bytes."""
    assert benchmark(tokenizer.decode_bytes, tokenizer.encode(text)) == text


def test_short_text_as_list(benchmark: Timed, tokenizer: tokmill.Tokenizer) -> None:
    """One call on a text of 80 bytes: mostly the cost of the call itself."""
    message = "The quick brown fox jumps over the lazy dog while seven wizards watch them both."
    assert tokenizer.decode(benchmark(tokenizer.encode_list, message)) == message
