"""What every test may ask for: the scale, a seeded generator, the data folder, tokenizers by name, tiktoken to compare with.

Environment:
    TOKMILL_TEST_DATA    folder with vocab/, corpora/, conformance/ (else `shared` beside the repository)
    TOKMILL_TEST_SCALE   1 (continuous integration) or 10 (the long run): a multiplier for everything that is sampled
    TOKMILL_TEST_SEED    the seed that all generators start from; printed in the header
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib.util
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import tokmill

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TOKMILL_TEST_DATA") or REPOSITORY.parent / "shared")
SCALE = int(os.environ.get("TOKMILL_TEST_SCALE") or 1)
SEED = os.environ.get("TOKMILL_TEST_SEED") or "1"

# tiktoken's encodings and the rank files that they read.
RANK_FILE = {
    "r50k_base": "r50k_base",
    "p50k_base": "p50k_base",
    "p50k_edit": "p50k_base",
    "cl100k_base": "cl100k_base",
    "o200k_base": "o200k_base",
    "o200k_harmony": "o200k_base",
}
PATTERN = {
    "r50k_base": "gpt2",
    "p50k_base": "gpt2",
    "p50k_edit": "gpt2",
    "cl100k_base": "cl100k",
    "o200k_base": "o200k",
    "o200k_harmony": "o200k",
}


def pytest_report_header() -> list[str]:
    found = "found" if (DATA / "vocab").is_dir() else "missing: tests that need it are skipped"
    return [f"test data: {DATA} ({found}; TOKMILL_TEST_DATA)", f"scale {SCALE} (TOKMILL_TEST_SCALE), seed {SEED} (TOKMILL_TEST_SEED)"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line for each reason to skip, with the number of tests: a run without data must not look like a whole one."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture
def scale() -> int:
    return SCALE


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """A generator of the test's own: the seed and the test's name decide what it gives, not the tests that ran before."""
    return random.Random(f"{SEED}/{request.node.nodeid.partition('tests/')[2] or request.node.name}")


@pytest.fixture(scope="session")
def data() -> Path:
    if not (DATA / "vocab").is_dir():
        pytest.skip("no test data (TOKMILL_TEST_DATA)")
    return DATA


@functools.cache
def corpus(name: str) -> bytes:
    """A text of the data folder, unpacked."""
    return gzip.decompress((DATA / "corpora" / f"{name}.txt.gz").read_bytes())


@functools.cache
def ranks_of(name: str) -> dict[bytes, int]:
    """The rank file of an encoding, read without any code under test."""
    lines = gzip.decompress((DATA / "vocab" / f"{RANK_FILE[name]}.tiktoken.gz").read_bytes()).splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}


@pytest.fixture(scope="session")
def load(data: Path) -> Callable[..., tokmill.Tokenizer]:
    """`load(name)` and `load(name, isa)`: tokenizers from the data folder, each made once."""
    import tokmill

    @functools.cache
    def load_once(name: str, isa: str | None = None) -> tokmill.Tokenizer:
        if isa is not None:
            return load_once(name)._with_isa(isa)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TOKMILL_VOCAB", str(data / "vocab"))
            return tokmill.load(name)

    return load_once


@pytest.fixture(scope="session")
def embedded() -> tokmill.Tokenizer:
    """The embedded vocabulary: what tests use that need a real one, and no data."""
    import tokmill

    return tokmill.load("tokmill-64k-v1")


@pytest.fixture(scope="session")
def judge(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """tiktoken's own encodings, from the same rank files and without a network."""
    if importlib.util.find_spec("tiktoken") is None:
        pytest.skip("tiktoken is not installed")
    import tiktoken

    cache = tmp_path_factory.mktemp("tiktoken")

    @functools.cache
    def get(name: str) -> Any:
        file = RANK_FILE[name]
        address = f"https://openaipublic.blob.core.windows.net/encodings/{file}.tiktoken"
        cached = cache / hashlib.sha1(address.encode()).hexdigest()
        if not cached.exists():
            cached.write_bytes(gzip.decompress((data / "vocab" / f"{file}.tiktoken.gz").read_bytes()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
            return tiktoken.get_encoding(name)

    return get
