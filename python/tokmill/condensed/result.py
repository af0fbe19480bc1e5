"""``Condensed``: what every condenser gives - shorter rows of ids, and where each id stands in the base stream."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..ragged import Ragged
from ..spans import token_lengths

if TYPE_CHECKING:
    from ..tokenizer import Tokenizer

__all__ = ["BASE", "HYPER", "SUPER", "Condensed"]

# What an id is: one of the base vocabulary, an entry of a trained vocabulary on top of it, or a code of a book learnt on the way.
BASE, SUPER, HYPER = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Condensed:
    """Documents of condensed ids: document d is ``ids[offsets[d]:offsets[d + 1]]``, of ``base_offsets[d + 1] - base_offsets[d]`` base ids.

    ids           [ids]            int32; below the size of the base vocabulary they are base ids
    base_counts   [ids]            int32: base ids that an id stands for, 1 or more
    offsets       [documents + 1]  int64, in ``ids``
    base_offsets  [documents + 1]  int64, in the base stream
    levels                         (first id, kind) of each level above the base vocabulary, rising
    installed     [ids] or None    int32: entries of the book that a reader has after an id
    tags          [ids] or None    uint16: the tag of the span that an id lies in, 0 outside of all
    carry                          whether the book went on from document to document
    """

    ids: NDArray[np.int32]
    base_counts: NDArray[np.int32]
    offsets: NDArray[np.int64]
    base_offsets: NDArray[np.int64]
    levels: Sequence[tuple[int, int]] = ()
    installed: NDArray[np.int32] | None = None
    tags: NDArray[np.uint16] | None = None
    carry: bool = False

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return (
            f"<tokmill.condensed.Condensed: {len(self):,} documents, {len(self.ids):,} ids for {int(self.base_offsets[-1]):,} "
            f"base ids (-{self.reduction:.1%})>"
        )

    @property
    def ragged(self) -> Ragged:
        """The condensed ids as a Ragged, on the same memory."""
        return Ragged(self.ids, self.offsets)

    @property
    def reduction(self) -> float:
        """1 - condensed ids / base ids; 0 for nothing."""
        base = int(self.base_offsets[-1])
        return 1.0 - len(self.ids) / base if base else 0.0

    @functools.cached_property
    def kind(self) -> NDArray[np.uint8]:
        """What each id is: BASE, SUPER or HYPER. uint8 [ids]."""
        kind = np.full(len(self.ids), BASE, np.uint8)
        for first, level in self.levels:
            kind[self.ids >= first] = level
        return kind

    @functools.cached_property
    def base_ends(self) -> NDArray[np.int64]:
        """Where each id ends in the base stream, counted over all documents. int64 [ids]."""
        return np.cumsum(self.base_counts, dtype=np.int64)

    @functools.cached_property
    def base_starts(self) -> NDArray[np.int64]:
        """Where each id begins in the base stream, counted over all documents. int64 [ids]."""
        return self.base_ends - self.base_counts

    @functools.cached_property
    def positions(self) -> NDArray[np.int32]:
        """The last base position of each id in its document: what rotary embeddings are given. int32 [ids]."""
        starts = np.repeat(self.base_offsets[:-1], np.diff(self.offsets))
        return (self.base_ends - starts - 1).astype(np.int32)

    def byte_spans(self, base_ids: ArrayLike, tokenizer: Tokenizer) -> NDArray[np.int64]:
        """The bytes that each id stands for, counted from its document's start: int64 [ids, 2].

        ``base_ids`` is the base stream (``z.expand(c).ids``). Raises ArgumentError if its length is another, UnknownIdError for an id
        that the tokenizer does not have.
        """
        lengths = token_lengths(tokenizer, self._base_array("base_ids", base_ids))
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        starts = np.repeat(bounds[self.base_offsets[:-1]], np.diff(self.offsets))
        return np.stack([bounds[self.base_starts] - starts, bounds[self.base_ends] - starts], axis=1)

    def spans(self, base_spans: ArrayLike) -> NDArray[np.int64]:
        """Where each id stands in the text that was encoded, from the spans of its base ids (``rag.spans``): int64 [ids, 2].

        From the begin of an id's first base id to the end of its last. Raises ArgumentError if there is not a span for each base id.
        """
        spans = np.asarray(base_spans)
        if spans.shape != (int(self.base_offsets[-1]), 2):
            raise ArgumentError(
                f"base_spans= has to have a span for each of the {int(self.base_offsets[-1]):,} base ids, not {spans.shape}"
            )
        return np.stack([spans[self.base_starts, 0], spans[self.base_ends - 1, 1]], axis=1).astype(np.int64, copy=False)

    def mask(self, base_mask: ArrayLike, how: Literal["all", "any"] = "all") -> NDArray[np.bool_]:
        """A mask over base ids as one over condensed ids: True where ``all`` or ``any`` of an id's constituents are. bool [ids].

        Raises ArgumentError if the mask's length is not that of the base stream.
        """
        if how not in ("all", "any"):
            raise ArgumentError(f"how= takes 'all' or 'any', not {how!r}")
        mask = self._base_array("base_mask", base_mask).astype(np.bool_, copy=False)
        if not len(self.ids):
            return np.empty(0, np.bool_)
        reduce = np.logical_and if how == "all" else np.logical_or
        answer: NDArray[np.bool_] = reduce.reduceat(mask, self.base_starts)
        return answer

    def _base_array(self, name: str, values: ArrayLike) -> NDArray[Any]:
        array = np.asarray(values)
        if array.shape != (int(self.base_offsets[-1]),):
            raise ArgumentError(f"{name} has to have an element for each of the {int(self.base_offsets[-1]):,} base ids, not {array.shape}")
        return array
