"""The texts of the benchmark: real ones cut into slices, documents and messages, and hostile ones made from a seed.

A *cutting* is a list of parts, named "TEXT/CUT": `english/slices` (24 parts), `english/whole` (the same bytes as one part),
`english/documents`, `english/messages`, `hostile/hex`. It is written once into the work folder as one file of bytes and one array of
row boundaries, from which a child process reads it faster than it could make it. Every part is valid UTF-8.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

SLICES = 24
DOCUMENTS = 1800
MESSAGES = 20_000
_PYDOC_BYTES = 6_000_000

# text -> the files of DATA/corpora that it is made of, with the bytes taken of each (None: all)
CORPORA: dict[str, list[tuple[str, int | None]]] = {
    "english": [("english-prose.txt", None), ("english-wikitext2.txt", None), ("english-pydoc.txt", _PYDOC_BYTES)],
    "code": [("code.txt", None)],
    "kernel": [("kernel-rst.txt", None)],
    "multilingual": [("multilingual.txt", None)],
    "cjk": [("cjk.txt", None)],
}


@dataclass(frozen=True)
class Cutting:
    """A named list of parts on disk. `folder` tells apart what different sources have cut under the same name."""

    name: str
    folder: str

    def _path(self, suffix: str) -> Path:
        return Path(self.folder) / (self.name.replace("/", ".") + suffix)

    def write(self, parts: list[bytes]) -> None:
        """Store `parts`, the boundaries last, so that a whole cutting has both files."""
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        self._path(".bytes").write_bytes(b"".join(parts))
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        np.save(self._path(".offsets.npy"), offsets)

    @property
    def exists(self) -> bool:
        """Whether `write` has finished for this name."""
        return self._path(".offsets.npy").exists()

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Row boundaries in bytes, shape [parts + 1]."""
        boundaries: npt.NDArray[np.int64] = np.load(self._path(".offsets.npy"))
        return boundaries

    @property
    def size(self) -> int:
        """Bytes of UTF-8 over all parts."""
        return int(self.offsets[-1])

    def parts(self) -> list[bytes]:
        """The parts, each a bytes object of its own."""
        data = self._path(".bytes").read_bytes()
        offsets = self.offsets.tolist()
        return [data[begin:end] for begin, end in pairwise(offsets)]


class Library:
    """Makes cuttings on demand, from the folder of data, files of the user's, or a seed.

    `files` maps a text's name to a file that stands for it: the user's own text, or the large mixed one.
    """

    def __init__(self, work: Path, data: Path | None, files: dict[str, Path]) -> None:
        self._work = work
        self._data = data
        self._files = files

    def cutting(self, name: str) -> Cutting:
        """The cutting `name`, made now unless an earlier run left it. Raises FileNotFoundError when its source is not there."""
        text, _, cut = name.partition("/")
        source = "made" if text in _MADE else str(self._files.get(text, self._data))
        if text in self._files:
            status = self._files[text].stat()
            source += f" {status.st_size} {status.st_mtime_ns}"
        folder = self._work / "texts" / hashlib.sha256(source.encode()).hexdigest()[:12]
        cutting = Cutting(name, str(folder))
        if not cutting.exists:
            cutting.write(_MADE[text][cut]() if text in _MADE else _CUTS[cut](self._sources(text)))
        return cutting

    def _sources(self, text: str) -> list[bytes]:
        if text in self._files:
            return [self._files[text].read_bytes()]
        if text not in CORPORA:
            raise FileNotFoundError(f"no file was given for the text {text!r}")
        if self._data is None:
            raise FileNotFoundError(f"the text {text!r} needs a folder of data: give it with --data or TOKMILL_BENCH_DATA")
        return [_read(self._data / "corpora" / file)[:limit] for file, limit in CORPORA[text]]


def _read(path: Path) -> bytes:
    packed = path.with_name(path.name + ".gz")
    if packed.exists():
        return gzip.decompress(packed.read_bytes())
    return path.read_bytes()


def cut_at_line_ends(data: bytes, count: int) -> list[bytes]:
    """`count` parts of about equal size, each but the last ending with a line end (empty ones where lines are too long)."""
    begin, parts = 0, []
    for number in range(1, count + 1):
        end = len(data) if number == count else max(begin, data.rfind(b"\n", 0, len(data) * number // count) + 1)
        parts.append(data[begin:end])
        begin = end
    return parts


def _slices(sources: list[bytes]) -> list[bytes]:
    """The i-th slice is made of the i-th part of each source, so that early and late slices are of the same kind."""
    trimmed = [source[: _last_whole_character(source)] for source in sources]
    cut = [cut_at_line_ends(source, SLICES) for source in trimmed]
    return [b"".join(parts) for parts in zip(*cut, strict=True)]


def _last_whole_character(data: bytes) -> int:
    """Where a text cut at a byte must end so that its last character is whole."""
    end = len(data)
    while end and data[end - 1] & 0xC0 == 0x80:
        end -= 1
    lead = data[end - 1] if end else 0
    length = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
    return len(data) if end - 1 + length <= len(data) else end - 1


def _whole(sources: list[bytes]) -> list[bytes]:
    return [b"".join(_slices(sources))]


def _documents(sources: list[bytes]) -> list[bytes]:
    return [part for part in cut_at_line_ends(_whole(sources)[0], DOCUMENTS) if part]


def _megabytes(sources: list[bytes]) -> list[bytes]:
    data = _whole(sources)[0]
    return cut_at_line_ends(data, max(1, len(data) // 1_000_000))


def _messages(sources: list[bytes]) -> list[bytes]:
    """Runs of whole words of one line, 60 to 80 characters long, taken evenly from the text."""
    found = re.findall(r"\S[^\n]{58,78}(?=\s)", _whole(sources)[0].decode())
    return [message.encode() for message in found[:: max(1, len(found) // MESSAGES)][:MESSAGES]]


def _first_10_mb(sources: list[bytes]) -> list[bytes]:
    data = _whole(sources)[0][:10_000_000]
    return [data[: _last_whole_character(data)]]


def _all(sources: list[bytes]) -> list[bytes]:
    return [b"".join(sources)]


_CUTS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "slices": _slices,
    "whole": _whole,
    "documents": _documents,
    "megabytes": _megabytes,
    "messages": _messages,
    "10mb": _first_10_mb,
    "all": _all,
}


def _drawn(alphabet: str, count: int) -> list[bytes]:
    return ["".join(random.Random(1).choices(alphabet, k=count)).encode()]


def _code_points(count: int) -> list[bytes]:
    draw = random.Random(2)
    points = (draw.randrange(0x110000 - 0x800) for _ in range(count))
    return ["".join(chr(point + 0x800 * (point >= 0xD800)) for point in points).encode()]


def _unique_words() -> Iterator[str]:
    draw, seen = random.Random(3), set[str]()
    while True:
        word = "".join(draw.choices(string.ascii_lowercase, k=draw.randint(4, 12)))
        if word not in seen:
            seen.add(word)
            yield word


def distinct_words(count: int) -> bytes:
    """`count` different words of 4 to 12 random letters, joined by spaces."""
    words = _unique_words()
    return " ".join(next(words) for _ in range(count)).encode()


def _crc32c_of_difference(difference: bytes) -> int:
    """The linear part of CRC32C: what flipping these bits of a text of the same length does to its checksum."""
    crc = 0
    for byte in difference:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def colliding_words(count: int = 48_000) -> bytes:
    """Different words of a space and 14 letters that all have the same CRC32C: an attack on tables with that hash and no key.

    The letters H-O and h-o are 0x48 with any of the bits 1, 2, 4 and 0x20: 56 free bits in 14 letters. CRC32C is linear, so 32 equations
    leave at least 24 independent ways to flip bits and keep the checksum; 2^16 words come from 16 of them.
    Tables hash words of up to 15 bytes as 16-byte keys, whose last byte (the length) is the same for all.
    """
    flips = [1 << 8 * position + bit for position in range(1, 15) for bit in (0, 1, 2, 5)]
    pivots: dict[int, tuple[int, int]] = {}
    neutral: list[int] = []
    for flip in flips:
        crc, combination = _crc32c_of_difference(flip.to_bytes(16, "little")), flip
        while crc and (top := crc.bit_length()) in pivots:
            crc ^= pivots[top][0]
            combination ^= pivots[top][1]
        if crc:
            pivots[crc.bit_length()] = (crc, combination)
        else:
            neutral.append(combination)
    base = int.from_bytes(b" " + b"H" * 14, "little")
    words = []
    for number in range(count):
        word = base
        for place in range(16):
            if number >> place & 1:
                word ^= neutral[place]
        words.append(word.to_bytes(15, "little"))
    random.Random(4).shuffle(words)
    return b"".join(words)


# the rows of the adversarial table: one call on each, as a service would meet them
HOSTILE: dict[str, Callable[[], list[bytes]]] = {
    "one-letter": lambda: [b"a" * 1_000_000],
    "spaces": lambda: [b" " * 1_000_000],
    "letters": lambda: _drawn(string.ascii_lowercase, 1_000_000),
    "punctuation": lambda: _drawn("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 1_000_000),
    "base64": lambda: [base64.b64encode(random.Random(5).randbytes(750_000))],
    "hex": lambda: [random.Random(6).randbytes(500_000).hex().encode()],
    "cjk": lambda: _drawn("".join(map(chr, range(0x4E00, 0xA000))), 100_000),
    "code-points": lambda: _code_points(260_000),
    "unique-words": lambda: [distinct_words(490_000)],
    "crc-collisions": lambda: [colliding_words()],
}

_MADE: dict[str, dict[str, Callable[[], list[bytes]]]] = {
    "hostile": HOSTILE,
    "distinct": {"words": lambda: _in_tenths(distinct_words(1_000_000))},
}


def _in_tenths(words: bytes) -> list[bytes]:
    """Ten parts of as many words each."""
    each = words.split(b" ")
    size = len(each) // 10
    return [b" ".join(each[begin : begin + size]) for begin in range(0, size * 10, size)]
