"""``PhraseCondenser``: what supertokens and merged symbols have in common - trained phrases, put in and taken out again.

A phrase is joined out of two ids that come before it: phrase r is id ``vocab_size + r``. Its base ids are those of its left part and then
those of its right part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import Condenser, Phrases, learn_phrases, supertoken_condenser
from ..errors import ArgumentError, SnapshotError
from ..ragged import Ragged
from ..sections import Sections, save_sections
from .arguments import documents_of, whole
from .outside import barrier_places
from .plain import PlainCondenser
from .result import SUPER

__all__ = ["Mode", "Objective", "PhraseCondenser", "Progress", "learn"]

Mode: TypeAlias = Literal["longest", "merge"]
Objective: TypeAlias = Literal["count", "length"]
Progress: TypeAlias = Callable[[int, int], Any]

MAX_LEN = 16


class PhraseCondenser(PlainCondenser):
    """Ids for phrases of base ids, the same in every document. ``lefts`` and ``rights`` are the two ids that each is joined out of.

    ``mode`` says how they are put in: ``"longest"`` takes, from left to right, the longest phrase that begins at a place (streaming: it
    looks ahead by less than the longest phrase has ids); ``"merge"`` joins neighbours in the order in which phrases were learnt, which
    is what byte-pair encoding does and needs the whole document.

    Immutable. Raises ArgumentError with the index of a phrase that cannot be.
    """

    __slots__ = ("_core", "counts", "lefts", "mode", "phrases", "rights", "vocab_size")

    vocab_size: int
    lefts: NDArray[np.int32]
    rights: NDArray[np.int32]
    counts: NDArray[np.int64] | None
    mode: Mode
    phrases: Ragged

    def __init__(self, vocab_size: int, lefts: ArrayLike, rights: ArrayLike, *, mode: Mode, counts: ArrayLike | None = None) -> None:
        if mode not in ("longest", "merge"):
            raise ArgumentError(f"mode= takes 'longest' or 'merge', not {mode!r}")
        self.vocab_size = vocab_size
        self.lefts, self.rights = _ids(lefts), _ids(rights)
        self.mode = mode
        self.counts = None if counts is None else np.asarray(counts, np.int64)
        self._core = Phrases(vocab_size, self.lefts, self.rights)
        self.phrases = Ragged(*self._core.spelled())

    @property
    def size(self) -> int:
        """The number of phrases."""
        return len(self.lefts)

    @property
    def id_end(self) -> int:
        """One more than the greatest id that can come out: the rows that a model's embedding needs."""
        return self.vocab_size + self.size

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(first id, kind) of each level above the base vocabulary, as a Condensed has them."""
        return ((self.vocab_size, SUPER),)

    @property
    def max_len(self) -> int:
        """Base ids of the longest phrase; 1 if there is none."""
        return int(self.phrases.lengths.max(initial=1))

    def _condense(
        self, ids: NDArray[Any], offsets: NDArray[np.int64], places: NDArray[np.int64] | None, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        return self._core.condense(ids, offsets, places, self.mode == "merge", threads)

    def _expand(self, ids: NDArray[Any], offsets: NDArray[np.int64], threads: int | None) -> Ragged:
        return Ragged(*self._core.expand(ids, offsets, threads))

    def init_matrix(self, embedding: ArrayLike, how: Literal["mean", "first"] = "mean") -> NDArray[Any]:
        """Rows for the phrases to begin with, made of the rows of their base ids: [size, width], in the type of ``embedding``.

        ``embedding`` is [vocab_size or more, width], ``how`` the mean of all constituents or the first one's row. Raises ArgumentError.
        """
        table = np.asarray(embedding)
        if table.ndim != 2 or len(table) < self.vocab_size or table.dtype.kind != "f":
            raise ArgumentError(
                f"an embedding of {self.vocab_size:,} rows of floats is needed, [ids, width]; this is {table.shape} {table.dtype}"
            )
        if how not in ("mean", "first"):
            raise ArgumentError(f"how= takes 'mean' or 'first', not {how!r}")
        starts, lengths = self.phrases.offsets[:-1], self.phrases.lengths
        if how == "first" or not self.size:
            first: NDArray[Any] = table[self.phrases.ids[starts]]
            return first
        sums = np.zeros((self.size, table.shape[1]), np.float64)
        for k in range(int(lengths.max())):
            rows = np.flatnonzero(lengths > k)
            sums[rows] += table[self.phrases.ids[starts[rows] + k]]
        return (sums / lengths[:, None]).astype(table.dtype)

    def _condenser(self) -> Condenser:
        return supertoken_condenser(self._core, self.mode == "merge")

    def _save(self, path: str | os.PathLike[str], kind: str, about: dict[str, Any], more: dict[str, NDArray[Any]]) -> None:
        """One file, or nothing. Raises OutputError."""
        about = {"vocab_size": self.vocab_size, "mode": self.mode, **about}
        counts = np.empty(0, np.int64) if self.counts is None else self.counts
        parts: dict[str, NDArray[Any]] = {"lefts": self.lefts, "rights": self.rights, "counts": counts, **more}
        save_sections(path, kind, {"about": json.dumps(about, sort_keys=True).encode(), **parts})


def opened(path: str | os.PathLike[str], kind: str) -> tuple[Sections, dict[str, Any], dict[str, Any]]:
    """A saved condenser: its sections, what they say about it, and the arguments that every one takes. Raises InputError, SnapshotError."""
    saved = Sections(path, kind)
    try:
        about = json.loads(bytes(saved.raw("about")))
        counts = saved.array("counts", np.int64)
        common = {
            "lefts": saved.array("lefts", np.int32),
            "rights": saved.array("rights", np.int32),
            "counts": counts if len(counts) else None,
            "mode": about["mode"],
        }
        whole(about["vocab_size"], "vocab_size")
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError(f"{saved.place} is damaged or of another version: {error}") from error
    return saved, about, common


def learn(
    ids: Ragged | ArrayLike,
    vocab_size: int,
    size: int,
    *,
    barriers: ArrayLike | None = None,
    alone: ArrayLike = (),
    max_len: int = MAX_LEN,
    max_words: int | None = None,
    words: NDArray[np.uint8] | None = None,
    min_count: int = 2,
    objective: Objective = "count",
    progress: Progress | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Up to ``size`` phrases of documents of ids in ``[0, vocab_size)``: left parts, right parts, and how often each occurred then.

    The best pair of neighbours becomes a phrase, again and again: the most frequent one, or by ``objective="length"`` that whose count
    times its base ids is greatest; of equals the one with the least left id, then the least right one. A pair that spells a phrase that
    there is already is passed over.
    """
    if objective not in ("count", "length"):
        raise ArgumentError(f"objective= takes 'count' or 'length', not {objective!r}")
    flat, offsets = documents_of(ids)
    return learn_phrases(
        flat,
        offsets,
        barrier_places(barriers, None, len(flat)),
        vocab_size=vocab_size,
        most_phrases=whole(size, "size"),
        max_length=whole(max_len, "max_len"),
        max_words=0 if max_words is None else whole(max_words, "max_words"),
        min_count=whole(min_count, "min_count"),
        by_length=objective == "length",
        alone=np.asarray(alone, np.int64),
        words=np.empty(0, np.uint8) if words is None else words,
        progress=progress,
    )


def _ids(values: ArrayLike) -> NDArray[np.int32]:
    array, _ = documents_of(values)
    outside = np.flatnonzero((array < 0) | (array >= 2**31))
    if len(outside):
        raise ArgumentError(f"phrase {int(outside[0])} is made of {int(array[outside[0]])}, which is no id", int(outside[0]))
    return array.astype(np.int32)
