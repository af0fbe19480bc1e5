"""``PlainCondenser``: what supertokens, merged symbols and chains have in common - the same ids for a document however it is called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ragged import Ragged
from .arguments import documents_of
from .outside import Outside
from .result import Condensed

__all__ = ["PlainCondenser"]


class PlainCondenser(ABC):
    """A condenser that is asked for documents and barriers, and nothing else. What it does to flat arrays is up to the class."""

    __slots__ = ()

    @property
    @abstractmethod
    def levels(self) -> Sequence[tuple[int, int]]:
        """(first id, kind) of each level above the base vocabulary, as a Condensed has them."""

    @abstractmethod
    def _condense(
        self, ids: NDArray[Any], offsets: NDArray[np.int64], places: NDArray[np.int64] | None, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """(ids, base counts, offsets) of documents; no phrase crosses ``places``."""

    @abstractmethod
    def _expand(self, ids: NDArray[Any], offsets: NDArray[np.int64], threads: int | None) -> Ragged:
        """The base ids of documents of condensed ids."""

    def condense(
        self,
        ids: Ragged | ArrayLike,
        *,
        barriers: ArrayLike | None = None,
        spans: ArrayLike | None = None,
        tags: ArrayLike | None = None,
        threads: int | None = None,
    ) -> Condensed:
        """Fewer ids for the same base ids (or symbols); each row is a document of its own.

        ``ids`` is a Ragged, or one document. ``barriers`` are places in the base stream (of all documents) that no phrase crosses, or a
        bool for each base id; ``spans`` (int [spans, 2], in order, apart) are not crossed at their bounds, and their ``tags`` come with
        the condensed ids.

        Raises UnknownIdError with the index of an id outside of the vocabulary, ArgumentError for places that do not fit.
        """
        flat, offsets = documents_of(ids)
        outside = Outside.of(barriers, spans, tags, len(flat))
        out, base_counts, out_offsets = self._condense(flat, offsets, outside.places, threads)
        return outside.tagged(Condensed(out, base_counts, out_offsets, offsets, self.levels))

    @overload
    def expand(self, ids: Condensed | Ragged, *, threads: int | None = None) -> Ragged: ...

    @overload
    def expand(self, ids: ArrayLike, *, threads: int | None = None) -> NDArray[np.int32]: ...

    def expand(self, ids: Condensed | Ragged | ArrayLike, *, threads: int | None = None) -> Ragged | NDArray[np.int32]:
        """The base ids (or symbols) of condensed ids: a Ragged of documents, or an array int32 [ids] if one document was given as such.

        Raises UnknownIdError with the index of an id that cannot be at its place.
        """
        rows = ids.ragged if isinstance(ids, Condensed) else ids
        base = self._expand(*documents_of(rows), threads)
        return base if isinstance(rows, Ragged) else base.ids
