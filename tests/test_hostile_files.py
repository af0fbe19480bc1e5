"""Vocabulary files from anywhere: whatever they hold, loading ends in a tokenizer or in a named error, soon, and never in a crash.

Mutations run in child processes, so that a crash is a failed test with the seed and number of the mutation, and not the end of the run.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tokmill

from tests.conftest import DATA, RANK_FILE, REPOSITORY, ranks_of
from tests.oracle import bpe, splitters
from tests.vocabularies import BYTES, random_ranks, rank_file

VocabularyError, SnapshotError = tokmill.errors.VocabularyError, tokmill.errors.SnapshotError
SECONDS_BEFORE_IT_HANGS = 60

MORE = [b"th", b"the", b" the", b"\x00\x00", "中".encode(), b"a" * 40]
VALID = rank_file({token: rank for rank, token in enumerate([*BYTES, *MORE])})
ENTRIES = len(BYTES) + len(MORE)
GREATEST_ID = 4 * (ENTRIES + 1) + 65_536


def line(token: bytes, rank: object) -> bytes:
    return base64.b64encode(token) + f" {rank}\n".encode()


def load(content: bytes, **special_tokens: int) -> tokmill.Tokenizer:
    return tokmill.Tokenizer._from_ranks(content, name="hostile", pattern="gpt2", special_tokens=special_tokens)


def without(token: bytes) -> bytes:
    return b"".join(row for row in VALID.splitlines(keepends=True) if row.split()[0] != base64.b64encode(token))


FINE = {
    "as it is": VALID,
    "no line end at the end": VALID.rstrip(b"\n"),
    "CR LF": VALID.replace(b"\n", b"\r\n"),
    "empty lines": VALID.replace(b"\n", b"\n\n"),
    "any order": b"".join(random.Random(1).sample(VALID.splitlines(keepends=True), ENTRIES)),
    "a gap in the ranks": VALID + line(b"new", ENTRIES + 1_000),
    "the greatest id": VALID + line(b"new", GREATEST_ID),
    "the longest token": VALID + line(b"x" * 65_536, ENTRIES),
    "a token that nothing merges into": VALID + line(b"q\xffz", ENTRIES),
    "NUL in a token": VALID + line(b"a\x00b", ENTRIES),
    "only the bytes": rank_file({token: rank for rank, token in enumerate(BYTES)}),
    "bytes last": rank_file({token: rank for rank, token in enumerate([*MORE, *BYTES])}),
}

FAULTS = {
    "empty": b"",
    "line ends only": b"\n\n\r\n",
    "no bytes": line(b"ab", 0),
    "NUL is missing": without(b"\x00"),
    "0xFF is missing": without(b"\xff"),
    "a letter is missing": without(b"a"),
    "a token twice": VALID + line(b"the", ENTRIES),
    "a byte twice": VALID + line(b"a", ENTRIES),
    "a line twice": VALID + line(b"the", 257),
    "a rank twice": VALID + line(b"new", 257),
    "rank of a byte again": VALID + line(b"new", 0),
    "an id out of proportion": VALID + line(b"new", GREATEST_ID + 1),
    "rank 2^24 - 1": VALID + line(b"new", 2**24 - 1),
    "rank 2^24": VALID + line(b"new", 2**24),
    "rank 2^31": VALID + line(b"new", 2**31),
    "rank 2^32": VALID + line(b"new", 2**32),
    "rank 2^32 + something": VALID + line(b"new", 2**32 + ENTRIES),
    "rank 2^64": VALID + line(b"new", 2**64),
    "rank 2^64 + something": VALID + line(b"new", 2**64 + ENTRIES),
    "rank of a thousand digits": VALID + line(b"new", "1" * 1_000),
    "negative rank": VALID + line(b"new", -1),
    "rank with a sign": VALID + line(b"new", f"+{ENTRIES}"),
    "fraction": VALID + line(b"new", f"{ENTRIES}.0"),
    "exponent": VALID + line(b"new", "3e2"),
    "hexadecimal": VALID + line(b"new", "0x200"),
    "digits of another script": VALID + line(b"new", "٣٠٠"),
    "no rank": VALID + b"bmV3\n",
    "blank and no rank": VALID + b"bmV3 \n",
    "something after the rank": VALID + b"bmV3 300 1\n",
    "letters after the rank": VALID + b"bmV3 300x\n",
    "no token": VALID + b" 300\n",
    "empty token": VALID + b"= 300\n",
    "padding only": VALID + b"==== 300\n",
    "no base64": VALID + b"n*w! 300\n",
    "URL alphabet": VALID + b"_-_- 300\n",
    "one digit": VALID + b"b 300\n",
    "padding is missing": VALID + b"bmV3eQ 300\n",
    "padding in the middle": VALID + b"bm==V3 300\n",
    "too much padding": VALID + b"bmV3= 300\n",
    "line end in the token": VALID + b"bm\nV3 300\n",
    "comma": VALID + b"bmV3,300\n",
    "token too long": VALID + line(b"x" * 65_537, ENTRIES),
    "much too long": VALID + line(b"x" * 3_000_000, ENTRIES),
    "byte order mark": b"\xef\xbb\xbf" + VALID,
    "UTF-16": VALID.decode().encode("utf-16"),
    "cut in the last line": VALID[:-5].rstrip(b"0123456789 ") + b"\n",
    "NUL at the end": VALID + b"\x00",
    "NUL bytes": bytes(5_000),
    "noise": random.Random(2).randbytes(5_000),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00" + VALID,
    "JSON": json.dumps({"model": {"vocab": {"a": 0}}}).encode(),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n",
    "a web page": b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
    "a long line": b"A" * 5_000_000,
    "many lines of nothing": b"x\n" * 100_000,
}


@pytest.mark.parametrize("name", FINE)
def test_files_that_are_fine(name: str) -> None:
    tok = load(FINE[name])
    ranks = {base64.b64decode(row.split()[0]): int(row.split()[1]) for row in FINE[name].splitlines() if row.strip()}
    for token, rank in ranks.items():
        assert tok.id_of(token) == rank
    for text in ("中 the\na new the the theq", "a\x00b", " \x00\x00", "x" * 300):
        assert tok.encode_list(text) == bpe.encode(splitters.split("gpt2", text), ranks)
    assert tok.vocab_size == max(ranks.values()) + 1


@pytest.mark.parametrize("name", FAULTS)
def test_files_that_are_refused(name: str) -> None:
    with pytest.raises(VocabularyError) as caught:
        load(FAULTS[name])
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) > 15, "the message says what is wrong"


def test_the_line_is_named() -> None:
    for name in ("negative rank", "no rank", "no base64", "something after the rank", "padding is missing", "rank 2^64", "comma"):
        with pytest.raises(VocabularyError, match=str(ENTRIES + 1)) as caught:
            load(FAULTS[name])
        assert caught.value.where == ENTRIES + 1, name


@pytest.mark.parametrize("pattern", ["", "nosuch", "(", "[a-z]+", r"\p{L}+|.", "gpt2 ", "GPT2", "a" * 1_000_000, "\x00"])
def test_patterns_that_nobody_knows(pattern: str) -> None:
    with pytest.raises(tokmill.errors.PatternError, match="cl100k"):
        tokmill.Tokenizer._from_ranks(VALID, name="x", pattern=pattern, special_tokens={})


def test_known_patterns_by_name_and_text() -> None:
    for name, regex in tokmill._core.PATTERNS.items():
        by_name, by_text = (tokmill.Tokenizer._from_ranks(VALID, name="x", pattern=pattern, special_tokens={}) for pattern in (name, regex))
        assert by_name.pattern == by_text.pattern == regex
        assert by_name == by_text


SLOW_TO_BUILD: dict[str, Callable[[], list[bytes]]] = {
    "every run of one letter": lambda: [b"a" * n for n in range(2, 3_000)],
    "runs of one letter, doubled": lambda: [b"a" * 2**n for n in range(1, 17)],
    "long tokens of two letters": lambda: [bytes(random.Random(n).choices(b"ab", k=60_000)) for n in range(100)],
    "long periodic tokens": lambda: [(b"ab" * 30_000)[n : n + 30_000 + n] for n in range(100)],
    "Fibonacci words": lambda: fibonacci(23),
    "all pairs of bytes": lambda: [a + b for a in BYTES for b in BYTES],
    "the longest tokens that share all but the end": lambda: [b"x" * 65_535 + byte for byte in BYTES],
}


def fibonacci(n: int) -> list[bytes]:
    words = [b"b", b"a"]
    while len(words) < n:
        words.append(words[-1] + words[-2])
    return words[2:]


@pytest.mark.parametrize("name", SLOW_TO_BUILD)
def test_vocabularies_that_are_slow_to_build(name: str, tmp_path: Path) -> None:
    tokens = dict.fromkeys(SLOW_TO_BUILD[name]())
    (tmp_path / "ranks").write_bytes(
        rank_file({token: rank for rank, token in enumerate([*BYTES, *(token for token in tokens if len(token) > 1)])})
    )
    run_child("build", str(tmp_path / "ranks"))


def build_child(path: str) -> None:
    with Guard():
        tok = load(Path(path).read_bytes())
    for text in ("a" * 100_000, "ab" * 50_000, "x" * 100_000):
        with Guard():
            assert tok.decode(tok.encode(text)) == text


# Mutations


class Guard:
    """Ends the process when what is inside takes longer than anything that is not a hang."""

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, SECONDS_BEFORE_IT_HANGS)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def mutate(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        i, j = (rng.randint(0, len(data)) for _ in range(2))
        kind = rng.randrange(8)
        if kind == 0 and data:
            data[i % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[i % len(data)] = rng.choice([0, 1, 9, 10, 13, 32, 43, 45, 47, 48, 57, 61, 65, 127, 128, 255])
        elif kind == 2:
            del data[i : i + rng.randint(1, 20)]
        elif kind == 3:
            data[i:i] = data[j : j + rng.randint(1, 200)]
        elif kind == 4:
            data[i : i + rng.randint(0, 20)] = rng.randbytes(rng.randint(0, 20))
        elif kind == 5 and rng.random() < 0.3:
            del data[i:]
        elif kind == 6:
            data[i:i] = rng.choice([b"0", b"9" * 20, b"\n", b"=", b" ", b"\x00", b"-", b"AAAA"])
        else:
            block = data[j : j + rng.randint(1, 64)]
            data[i : i + len(block)] = block
    return bytes(data)


def mutate_lines(content: bytes, rng: random.Random) -> bytes:
    """As `mutate`, but what comes out still has the form of a rank file."""
    rows = [row.split() for row in content.splitlines() if row]
    for _ in range(rng.choice([1, 1, 2, 10])):
        row, other = rng.choice(rows), rng.choice(rows)
        kind = rng.randrange(6)
        if kind == 0:
            row[1], other[1] = other[1], row[1]
        elif kind == 1:
            row[1] = str(rng.choice([0, 255, len(rows), 2 * len(rows), 65_535, 65_536, 2**24 - 1, 2**24, rng.randrange(2**33)])).encode()
        elif kind == 2:
            row[0] = base64.b64encode(rng.randbytes(rng.choice([0, 1, 2, 3, 10, 255, 256, 300])))
        elif kind == 3:
            rows.remove(row)
        elif kind == 4:
            rows.append(list(row))
        else:
            row[0] = base64.b64encode(base64.b64decode(row[0]) + base64.b64decode(other[0]))
    return b"".join(b" ".join(row) + b"\n" for row in rows)


def mutate_numbers(content: bytes, rng: random.Random) -> bytes:
    """As `mutate`, but whole little-endian numbers, most of them in the first part, where a container says what lies where."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        size = rng.choice([2, 4, 8])
        end = rng.choice([64, 2_048, len(data)])
        i = rng.randrange(0, max(size, min(end, len(data)) - size), size)
        old = int.from_bytes(data[i : i + size], "little")
        new = rng.choice(
            [
                0,
                1,
                old + 1,
                old - 1,
                old * 2,
                old ^ 1 << rng.randrange(8 * size),
                2 ** (8 * size) - 1,
                2 ** (8 * size - 1),
                rng.randrange(2 ** (8 * size)),
            ]
        )
        data[i : i + size] = (new % 2 ** (8 * size)).to_bytes(size, "little")
    return bytes(data)


TEXT = (
    "A text, with words' ends  and\n\n12345 numbers; naïve 中文字 \U0001f600\u0301 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<|end|>x"
    + "the " * 50
)


def use(tok: tokmill.Tokenizer) -> None:
    """Calls of every kind. What they give is anybody's guess if the data are damaged; that they come back is not."""
    calls: list[Callable[[], object]] = [
        lambda: tok.decode(tok.encode(TEXT), unknown="replace"),
        lambda: tok.encode_list(TEXT, special="parse"),
        lambda: tok.encode_batch([TEXT, "", TEXT[::-1]], threads=2),
        lambda: tok.count(TEXT),
        lambda: tok.truncate(TEXT, 20),
        lambda: tok.token_bytes,
        lambda: tok.special_tokens,
        lambda: tok.id_of(b"the"),
        lambda: tok.bytes_of(300),
        lambda: tok.digest,
        lambda: tok.decode_bytes(range(0, 70_000, 7), unknown="skip"),
    ]
    for call in calls:
        with contextlib.suppress(tokmill.Error, UnicodeDecodeError):
            call()


class Kind(NamedTuple):
    """A kind of file: what loads it, which errors it may end in, how it is mutated, how many times at scale 1."""

    load: Callable[[bytes], tokmill.Tokenizer]
    errors: tuple[type[Exception], ...]
    mutators: list[Callable[[bytes, random.Random], bytes]]
    mutations: int


SPECIAL = {"<|end|>": 60_000}
KINDS = {
    "ranks": Kind(lambda data: load(data, **SPECIAL), (VocabularyError,), [mutate, mutate_lines], 2_500),
    "merges": Kind(
        lambda data: tokmill.Tokenizer._from_merges(data, name="m", pattern="o200k", special_tokens=SPECIAL),
        (VocabularyError,),
        [mutate, mutate_numbers],
        500,
    ),
    "snapshot": Kind(
        lambda data: tokmill.Tokenizer._from_snapshot(data),
        (SnapshotError, VocabularyError, tokmill.errors.PatternError),
        [mutate, mutate_numbers, mutate_numbers],
        2_000,
    ),
}


def mutations_child(name: str, seed: str, count: str, source: str) -> None:
    kind, content, loaded = KINDS[name], Path(source).read_bytes(), 0
    for number in range(int(count)):
        print(f"\r{name} {seed}/{number}", end="", flush=True)  # the last one printed is the culprit
        rng = random.Random(f"{seed}/{number}")
        data = rng.choice(kind.mutators)(content, rng)
        with Guard():
            try:
                tok = kind.load(data)
            except kind.errors:
                continue
            use(tok)
            loaded += 1
    print(f"\n{loaded} of {count} loaded")


def run_child(what: str, *arguments: str) -> str:
    code = f"import sys; from tests import test_hostile_files as t; t.{what}_child(*sys.argv[1:])"
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code, *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
    assert done.returncode == 0, f"{ended} at {done.stdout[-200:].split(chr(13))[-1]!r}\n{done.stderr[-3000:]}"
    return done.stdout.splitlines()[-1] if done.stdout else ""


def report(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f" [{text}]", end="")


def mutation_source(kind: str, real: bytes | None, rng: random.Random) -> bytes:
    """A file of a size that loads in about a millisecond: the head of a real one, or a random small one."""
    content = b"".join(real.splitlines(keepends=True)[: rng.choice([256, 300, 1_000])]) if real else rank_file(random_ranks(rng)[0])
    if kind == "ranks":
        return content
    if kind == "merges":
        count = rng.choice([0, 1, 50, 700])
        pairs = [(rng.randrange(256 + i), rng.randrange(256 + i)) if i % 3 == 0 else (i % 256, (7 * i) % 256) for i in range(count)]
        merges = struct.pack("<I", count) + b"".join(struct.pack("<HH", *pair) for pair in pairs)
        with contextlib.suppress(VocabularyError):  # where it loads, with how the pairs are placed, as the embedded file has it
            return tokmill.Tokenizer._from_merges(merges, name="m", pattern="o200k", special_tokens=SPECIAL)._merge_list()
        return merges
    return load(content, **SPECIAL)._snapshot()


@pytest.mark.parametrize("kind", KINDS)
def test_mutations(kind: str, rng: random.Random, scale: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = rank_file(ranks_of("cl100k_base")) if (DATA / "vocab").is_dir() else None
    total = KINDS[kind].mutations * scale * (2 if scale >= 10 else 1)  # 5,000 of all kinds, 100,000 in the long run
    parts = 5
    for part in range(parts):
        source = tmp_path / f"{kind}{part}"
        source.write_bytes(mutation_source(kind, real if part % 2 == 0 else None, rng))
        report(capsys, run_child("mutations", kind, str(rng.randrange(10**9)), str(total // parts), str(source)))


@pytest.mark.parametrize("name", sorted(set(RANK_FILE.values())))
def test_mutations_of_whole_files(name: str, data: Path, rng: random.Random, scale: int, tmp_path: Path) -> None:
    (tmp_path / "ranks").write_bytes(rank_file(ranks_of(name)))
    run_child("mutations", "ranks", str(rng.randrange(10**9)), str(8 * scale), str(tmp_path / "ranks"))


def test_every_cut_of_a_snapshot_is_refused(tmp_path: Path) -> None:
    snapshot = load(VALID)._snapshot()
    for length in [*range(0, 1_200, 7), *range(1_200, len(snapshot), max(1, len(snapshot) // 60)), len(snapshot) - 64, len(snapshot) - 1]:
        with pytest.raises(SnapshotError):
            tokmill.Tokenizer._from_snapshot(snapshot[:length])
    assert tokmill.Tokenizer._from_snapshot(snapshot).encode_list(TEXT) == load(VALID).encode_list(TEXT)


@pytest.mark.parametrize("bad", [None, 5, "text", ["x"], 1.5])
def test_what_is_no_file(bad: Any) -> None:
    makers: list[Callable[[], object]] = [
        lambda: load(bad),
        lambda: tokmill.Tokenizer._from_snapshot(bad),
        lambda: tokmill.Tokenizer._from_merges(bad, name="m", pattern="gpt2", special_tokens={}),
    ]
    for make in makers:
        with pytest.raises(TypeError):
            make()
