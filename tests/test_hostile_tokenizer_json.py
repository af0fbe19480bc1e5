"""tokenizer.json files from anywhere: each fault of the table ends as the table says, soon and in bounded memory; mutations do, too.

All faults run in one child process with a bound on its memory and a guard on each one's processor time, so that a crash, a hang or a flood
of memory is a failed test with the name of the fault. Millions of mutations under sanitizers are the part of cpp/tokenizer_json_test.cpp.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import tokmill
from tokmill.errors import Error

from tests import tokenizer_files as files
from tests.conftest import REPOSITORY
from tests.tokenizer_faults import FAULTS, FINE

# Of the processor, a fault: a table's worst takes some 0.3 s.
SECONDS = 2
# Besides what the interpreter and the table itself take.
MEMORY = 1 << 30

TEXT = "the end <s> 中1! aaaa\n"
LONG = "a" * 5_000 + "!"


def load(data: bytes) -> tokmill.Tokenizer:
    return tokmill.Tokenizer._from_tokenizer_json(data, name="hostile")


def use(tok: tokmill.Tokenizer) -> None:
    """Calls of every kind: each gives something, or an error of ours."""
    calls: list[Callable[[], object]] = [
        lambda: tok.decode(tok.encode(TEXT), unknown="replace"),
        lambda: tok.encode_list(TEXT, pair=TEXT, special="parse", add_special_tokens=True),
        lambda: tok.encode_batch([TEXT, "", LONG], threads=2),
        lambda: tok.count(LONG),
        lambda: tok.decode(range(400), unknown="skip"),
        lambda: tok.info(),
        lambda: tok._snapshot(),
    ]
    for call in calls:
        try:
            call()
        except Error:
            continue


def faults_child() -> None:
    """Prints a line of JSON a fault: the name of the error, its message; nulls if it loads and can be used."""
    with open("/proc/self/status", encoding="utf8") as status:
        used = int(next(line for line in status if line.startswith("VmSize")).split()[1]) << 10
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for name, fault in FAULTS.items():
        print(name, end="", flush=True)  # the last one printed is the culprit
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            use(load(fault.file))
            outcome = None, ""
        except Error as error:
            outcome = type(error).__name__, str(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print("\t" + json.dumps(outcome), flush=True)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str | None, str]]:
    if not sys.platform.startswith("linux"):
        pytest.skip("the bound on memory needs Linux")
    code = "from tests.test_hostile_tokenizer_json import faults_child; faults_child()"
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"ended with {done.returncode} at {lines[-1][:300]!r}\n{done.stderr[-3000:]}"
    return {name: tuple(json.loads(outcome)) for name, _, outcome in (line.rpartition("\t") for line in lines)}


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) > 600
    assert sum(fault.error is not FINE for fault in FAULTS.values()) > 500


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, outcomes: dict[str, tuple[str | None, str]]) -> None:
    fault, (error, message) = FAULTS[name], outcomes[name]
    if fault.error is FINE:
        assert error is None, message
        return
    assert error is not None, "it loads"
    assert issubclass(getattr(tokmill.errors, error), fault.error), message
    assert issubclass(getattr(tokmill.errors, error), ValueError)
    assert fault.word.lower() in message.lower()
    assert len(message) > 15, "the message says what is wrong"


def test_the_position_is_named() -> None:
    for name in ("syntax: no colon", "merges: a dangling result", "ids: an id twice", "duplicate keys: padding twice"):
        with pytest.raises(tokmill.errors.VocabularyError, match="at byte") as caught:
            load(FAULTS[name].file)
        assert caught.value.where is not None
        assert 0 < caught.value.where <= len(FAULTS[name].file)


def test_decoders_have_a_bound_of_their_own() -> None:
    doubles = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    tok = load(json.dumps(files.small_file(decoder={"type": "Sequence", "decoders": [{"type": "Fuse"}, *[doubles] * 10]})).encode())
    assert tok.decode([97, 98, 97]) == "a" * 1024 + "b" + "a" * 1024
    with pytest.raises(tokmill.errors.ArgumentError, match="64 times"):
        tok.decode([97] * 2_000)


def mutate(good: bytes, rng: random.Random) -> bytes:
    data = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        if rng.random() < 0.3:
            del data[at : at + rng.randint(1, 40)]
        elif rng.random() < 0.5:
            data[at] = rng.randrange(256)
        else:
            data[at:at] = rng.choice([b'"', b"{", b"[", b"0", b"\\u00", b",", b"null", good[at : at + 30]])
    return bytes(data)


def test_mutations_are_files_or_named_errors(rng: random.Random, scale: int) -> None:
    good = json.dumps(files.small_file(added_tokens=[files.added(266, "<s>")])).encode()
    for _ in range(400 * scale):
        try:
            tok: Any = load(mutate(good, rng))
        except Error:
            continue
        use(tok)
