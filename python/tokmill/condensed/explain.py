"""``Explanation``: looking back from condensed ids at what they stand for, in base ids, bytes, characters and text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..ragged import Ragged
from ..spans import token_lengths
from ..tokenizer import Tokenizer
from .result import Condensed

__all__ = ["Explained", "Explanation", "Phrase", "Render", "Unit"]

Render: TypeAlias = Callable[[NDArray[np.int32]], str]
Unit: TypeAlias = Literal["byte", "char", "base", "condensed"]
UNITS: tuple[Unit, ...] = ("byte", "char", "base", "condensed")


@dataclass(frozen=True)
class Explained:
    """One condensed id: where it is and what it stands for. Spans are (start, end) in its document; bytes are None without a tokenizer."""

    index: int
    document: int
    id: int
    kind: int
    base_ids: NDArray[np.int32]
    base_span: tuple[int, int]
    bytes: bytes | None
    byte_span: tuple[int, int] | None
    text: str


@dataclass(frozen=True)
class Phrase:
    """Base ids that became one id: how often, and how many ids that saved in all."""

    base_ids: tuple[int, ...]
    text: str
    count: int
    saved: int


class Explanation:
    """What condensed ids stand for; made by ``z.explain(c)``.

    ``render`` turns base ids into something to read, for streams that are not text; with a tokenizer it is their text (U+FFFD where an id
    ends inside of a character).
    """

    def __init__(self, condensed: Condensed, base: Ragged, tokenizer: Tokenizer | None = None, render: Render | None = None) -> None:
        if not np.array_equal(base.offsets, condensed.base_offsets):
            raise ArgumentError("the base stream has other documents than what was condensed")
        self.condensed = condensed
        self.base = base
        self.tokenizer = tokenizer
        self._render = render

    def __len__(self) -> int:
        """The number of condensed ids."""
        return len(self.condensed.ids)

    def explain(self, index: int) -> Explained:
        """The condensed id at ``index`` (counted over all documents). Raises IndexError."""
        c = self.condensed
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"id {index} of {len(self):,}")
        document = int(np.searchsorted(c.offsets, i, side="right")) - 1
        begin, start, end = int(c.base_offsets[document]), int(c.base_starts[i]), int(c.base_ends[i])
        base_ids = self.base.ids[start:end]
        data, span = None, None
        if self.tokenizer is not None:
            data = self.tokenizer.decode_bytes(base_ids)
            bounds = self.bounds("base", "byte")
            span = (int(bounds[start] - bounds[begin]), int(bounds[end] - bounds[begin]))
        return Explained(
            i, document, int(c.ids[i]), int(c.kind[i]), base_ids, (start - begin, end - begin), data, span, self.render(base_ids)
        )

    def render(self, base_ids: NDArray[np.int32]) -> str:
        """Base ids as something to read."""
        if self._render is not None:
            return self._render(base_ids)
        if self.tokenizer is not None:
            return self.tokenizer.decode_bytes(base_ids).decode("utf-8", "replace")
        return " ".join(map(str, base_ids.tolist()))

    # Index maps, over all documents laid end to end

    def bounds(self, of: Unit, unit: Unit) -> NDArray[np.int64]:
        """Where each ``of`` begins, counted in the finer ``unit``, and one more for the end: int64 [ofs + 1].

        ``bounds("condensed", "byte")`` are the bytes of condensed ids. A character belongs where its first byte is. Raises ArgumentError if
        ``unit`` is the coarser one, or if bytes are asked for and there is no tokenizer.
        """
        for name in (of, unit):
            if name not in UNITS:
                raise ArgumentError(f"a unit is one of {', '.join(UNITS)}, not {name!r}")
        if UNITS.index(unit) > UNITS.index(of):
            raise ArgumentError(f"a {of} has no bounds counted in {unit}: give them the other way round, or use lookup()")
        return _select(self._starts_in_bytes(of), self._starts_in_bytes(unit)) if {of, unit} & {"byte", "char"} else self._in_base(of, unit)

    def lookup(self, of: Unit, unit: Unit) -> NDArray[np.int64]:
        """Which ``of`` each ``unit`` lies in: int64 [units]. ``lookup("condensed", "char")[k]`` is the id that character k begins in."""
        bounds = self.bounds(of, unit)
        return np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))

    def _in_base(self, of: Unit, unit: Unit) -> NDArray[np.int64]:
        starts = np.append(self.condensed.base_starts, len(self.base.ids)).astype(np.int64)
        if of == unit:
            return np.arange(len(self.base.ids) + 1 if of == "base" else len(starts), dtype=np.int64)
        return starts

    def _starts_in_bytes(self, unit: Unit) -> NDArray[np.int64]:
        if unit == "byte":
            return np.arange(len(self._bytes) + 1, dtype=np.int64)
        if unit == "char":
            begins = np.flatnonzero((self._bytes & 0xC0) != 0x80)
            return np.append(begins, len(self._bytes)).astype(np.int64)
        base = self._base_in_bytes
        return base if unit == "base" else base[self._in_base("condensed", "base")]

    @functools.cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._need_tokenizer().decode_bytes(self.base.ids), np.uint8)

    @functools.cached_property
    def _base_in_bytes(self) -> NDArray[np.int64]:
        lengths = token_lengths(self._need_tokenizer(), self.base.ids)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])

    def _need_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ArgumentError("bytes and characters of ids are known to a tokenizer: condense with one, or give tokenizer=")
        return self.tokenizer

    # What was gained, and by what

    def top_phrases(self, count: int = 20) -> list[Phrase]:
        """The phrases that saved most ids, the best first."""
        c = self.condensed
        found: list[tuple[int, int, tuple[int, ...]]] = []
        for length in np.unique(c.base_counts):
            if length < 2:
                continue
            starts = c.base_starts[c.base_counts == length]
            phrases, counts = np.unique(self.base.ids[starts[:, None] + np.arange(length)], axis=0, return_counts=True)
            best = np.argsort(-counts, kind="stable")[:count]
            found += [(int(counts[i]) * (int(length) - 1), int(counts[i]), tuple(phrases[i].tolist())) for i in best]
        found.sort(key=lambda phrase: (-phrase[0], phrase[2]))
        return [Phrase(ids, self.render(np.array(ids, np.int32)), times, saved) for saved, times, ids in found[:count]]


def _select(coarse: NDArray[np.int64], fine: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in bytes as numbers of the finer unit: how many of those begin before."""
    return np.searchsorted(fine[:-1], coarse, side="left").astype(np.int64)
