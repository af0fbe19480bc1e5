"""Snapshots: what is saved comes back, and nothing damaged does."""

from __future__ import annotations

import hashlib
import mmap
import struct

import pytest
import tokmill
from tokmill import snapshot
from tokmill.errors import ArgumentError, Error, SnapshotError
from tokmill.files import Output, write_file


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "embedded.tokmill"
    tokmill.load("tokmill-64k-v1").save(path)
    return path


TEXTS = ["", "Hello, world", "Grüße, 世界 🎉\r\n\tdef f(x):\n    return x  # <|endoftext|>", "a" * 1000, "12345678 don't\n\n\n"]


def test_comes_back_whole(saved, embedded):
    copy = tokmill.load(saved)
    assert copy is not embedded
    assert copy == embedded
    assert hash(copy) == hash(embedded)
    assert (copy.name, copy.pattern, copy.special_tokens) == (embedded.name, embedded.pattern, embedded.special_tokens)
    assert copy.token_bytes == embedded.token_bytes
    for text in TEXTS:
        for special in ("text", "parse"):
            assert copy.encode_list(text, special=special) == embedded.encode_list(text, special=special)
    assert copy._snapshot() == embedded._snapshot()


def test_layout(saved):
    data = saved.read_bytes()
    assert data.startswith(b"TOKMILL\n")
    assert data[-64:-32] == b"TOKMILL-SHA256\n".ljust(32, b"\0")
    assert data[-32:] == hashlib.sha256(data[:-64]).digest()


def test_the_file_may_go_while_it_is_in_use(saved, tmp_path, embedded):
    path = tmp_path / "gone.tokmill"
    path.write_bytes(saved.read_bytes())
    copy = tokmill.load(path)
    path.unlink()
    write_file(path, b"something else")
    assert copy.encode_list(TEXTS[2]) == embedded.encode_list(TEXTS[2])


def test_every_kind_of_cut(saved, tmp_path, rng):
    data = saved.read_bytes()
    path = tmp_path / "cut.tokmill"
    sizes = {0, 1, 7, 8, 9, 63, 64, 71, 72, 73, 128, len(data) - 64, len(data) - 1, *(rng.randrange(len(data)) for _ in range(30))}
    for size in sizes:
        path.write_bytes(data[:size])
        with pytest.raises(Error):
            tokmill.load(path, pattern="gpt2", special_tokens={}) if size < 8 else tokmill.load(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(SnapshotError, match="cut short, or something was added"):
        tokmill.load(path)


def test_every_flipped_bit_is_noticed(saved, tmp_path, rng):
    data = bytearray(saved.read_bytes())
    path = tmp_path / "flipped.tokmill"
    places = [8, 12, 16, 24, 64, 100, len(data) - 64, len(data) - 32, len(data) - 1, *(rng.randrange(8, len(data)) for _ in range(30))]
    for place in places:
        data[place] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(SnapshotError):
            tokmill.load(path)
        path.unlink()
        data[:] = saved.read_bytes()


def test_damage_under_a_right_digest(saved, tmp_path, rng, scale):
    """Someone who means harm can seal what he likes: the core has to answer with a named error, or a tokenizer that works."""
    container = saved.read_bytes()[:-64]
    header = 64 + 64 * struct.unpack_from("<I", container, 12)[0]
    for trial in range(150 * scale):
        hostile = bytearray(container)
        limit = header if trial % 2 else len(hostile)
        for _ in range(rng.choice([1, 1, 1, 4])):
            place = rng.randrange(limit)
            hostile[place] = rng.choice([0, 255, 1, hostile[place] ^ 128, rng.randrange(256)])
        if trial % 7 == 0:
            del hostile[rng.randrange(len(hostile)) :]
        path = tmp_path / f"{trial}.tokmill"
        path.write_bytes(snapshot.seal(bytes(hostile)))
        try:
            tokenizer = tokmill.load(path)
        except Error:
            pass
        else:
            tokenizer.count("A text, to see that it works: 世界 <|endoftext|>", special="parse")
        path.unlink()


def test_pattern_and_special_tokens_are_in_the_file(saved):
    with pytest.raises(ArgumentError, match="its own split pattern"):
        tokmill.load(saved, pattern="gpt2")
    with pytest.raises(Error, match="SHA-256"):
        tokmill.load(saved, sha256="0" * 64)
    tokmill.load(saved, sha256=hashlib.sha256(saved.read_bytes()).hexdigest())


def test_check_takes_bytes_and_maps(saved):
    assert isinstance(snapshot.map_file(saved), mmap.mmap)
    assert bytes(snapshot.check(saved.read_bytes(), "here")) == bytes(snapshot.check(snapshot.map_file(saved), "there"))


def test_output_appears_only_when_whole(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"before")

    def fail():
        with Output(path) as output:
            output.write(b"half")
            assert path.read_bytes() == b"before"
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    write_file(path, b"after")
    assert path.read_bytes() == b"after"
