"""``BatchMerges``: merges learnt on one batch and meant for it alone (dynamic tokenization, arXiv 2411.18553).

The batch's own codebook goes with it: a model makes the rows of its merged ids from their constituents, by a hypernetwork or a mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from .arguments import whole
from .explain import Explanation, Render
from .phrases import MAX_LEN, Mode, Objective
from .result import SUPER, Condensed
from .supertokens import BarrierClass, Supertokens, barrier_ids

__all__ = ["BatchCondensed", "BatchMerges"]


@dataclass(frozen=True, eq=False)
class BatchCondensed(Condensed):
    """A Condensed with the merges of its batch: id ``vocab_size + r`` stands for ``merges.phrases[r]``."""

    merges: Supertokens | None = None

    @property
    def code_lengths(self) -> NDArray[np.int64]:
        """The base ids of each merged id: int64 [merges]."""
        return self._merges.phrases.lengths

    @property
    def codebook(self) -> NDArray[np.int32]:
        """The base ids of the merged ids, filled up with -1: int32 [merges, longest]."""
        phrases = self._merges.phrases
        book = np.full((len(phrases), int(phrases.lengths.max(initial=0))), -1, np.int32)
        book[np.arange(book.shape[1]) < phrases.lengths[:, None]] = phrases.ids
        return book

    @property
    def _merges(self) -> Supertokens:
        assert self.merges is not None
        return self.merges


class BatchMerges:
    """A condenser that learns up to ``size`` merges anew from every batch that it is given.

    ``vocabulary`` is a tokenizer or the number of base ids; the other arguments are those of ``Supertokens.train``. Merges are put in in
    the order in which they were learnt, unless ``mode="longest"``. Immutable. Raises ArgumentError for arguments that do not fit.
    """

    __slots__ = ("_options", "size", "tokenizer", "vocab_size")

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        size: int = 1024,
        *,
        barrier_classes: Iterable[BarrierClass | int] | None = None,
        max_len: int = MAX_LEN,
        max_words: int | None = None,
        min_count: int = 2,
        objective: Objective = "count",
        mode: Mode = "merge",
    ) -> None:
        # An empty training takes the same arguments: what does not fit is told now, and not with the first batch.
        empty = Supertokens.train(
            vocabulary,
            np.empty(0, np.int32),
            size,
            barrier_classes=barrier_classes,
            max_len=max_len,
            max_words=max_words,
            min_count=min_count,
            objective=objective,
            mode=mode,
        )
        self.tokenizer, self.vocab_size, self.size = empty.tokenizer, empty.vocab_size, whole(size, "size")
        if barrier_classes is not None:
            barrier_classes = barrier_ids(vocabulary, barrier_classes).tolist()
        self._options: dict[str, Any] = {
            "barrier_classes": barrier_classes,
            "max_len": max_len,
            "max_words": max_words,
            "min_count": min_count,
            "objective": objective,
            "mode": mode,
        }

    def __repr__(self) -> str:
        return f"<tokmill.condensed.BatchMerges: up to {self.size:,} merges a batch over {self.vocab_size:,} base ids>"

    @property
    def id_end(self) -> int:
        """One more than the greatest id that can come out."""
        return self.vocab_size + self.size

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(first id, kind) of each level above the base vocabulary, as a Condensed has them."""
        return ((self.vocab_size, SUPER),)

    def condense(self, ids: Ragged | ArrayLike, *, barriers: ArrayLike | None = None, threads: int | None = None) -> BatchCondensed:
        """Fewer ids for one batch (each row of a Ragged is a document), with its own codebook; no merge crosses a place of ``barriers``.

        Raises UnknownIdError with the index of an id outside of the vocabulary, ArgumentError for places that do not fit.
        """
        merges = Supertokens.train(self.tokenizer or self.vocab_size, ids, self.size, barriers=barriers, **self._options)
        made = merges.condense(ids, barriers=barriers, threads=threads)
        return BatchCondensed(**{field.name: getattr(made, field.name) for field in fields(made)}, merges=merges)

    def expand(self, condensed: BatchCondensed, *, threads: int | None = None) -> Ragged:
        """The base ids of a batch, by its own codebook. Raises ArgumentError for a batch that brings none."""
        if not isinstance(condensed, BatchCondensed) or condensed.merges is None:
            raise ArgumentError("merges of a batch are expanded by its own codebook: give what condense() gave")
        return condensed.merges.expand(condensed, threads=threads)

    def explain(self, condensed: BatchCondensed, *, tokenizer: Tokenizer | None = None, render: Render | None = None) -> Explanation:
        """Condensed ids looked back at; ``render`` shows base ids that are not text. See Explanation."""
        return Explanation(condensed, self.expand(condensed), tokenizer or self.tokenizer, render)
