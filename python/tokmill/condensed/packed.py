"""``PackedRows``: rows of exactly so many condensed ids, with all that a trainer puts beside them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["PackedRows", "Resume"]


class Resume(NamedTuple):
    """Where the next row begins: ``start`` in the base stream, which is place ``position`` of document ``document``."""

    start: int
    document: int
    position: int


@dataclass(frozen=True, eq=False)
class PackedRows:
    """Rows of condensed ids, each with a book of its own.

    ids           [rows, seq_len]                int32; a filled-up last row ends in the padding id
    dense_ids     [rows, seq_len]                int32: codes numbered from ``vocab_size`` on in the order of their first use in the row:
                                                 ``dense_ids - vocab_size`` is a row of the row's codebook
    base_counts   [rows, seq_len]                int32: base ids of each, 0 in padding
    installed     [rows, seq_len]                int32: entries that a reader has after each: what a model may choose from next
    documents     [rows, seq_len]                int32: the document that an id begins in, -1 in padding
    loss_mask     [rows, seq_len]                bool: whether all constituents are to be learnt; False in padding
    codebook      [rows, most, max_subtokens]    int32: the base ids of the codes used, filled up with the padding id (-1 if there is none)
    code_lengths  [rows, most]                   uint8: how many of them count, 0 beyond the codes used
    used_counts   [rows]                         int32: codes used
    row_starts    [rows + 1]                     int64: where each row begins in the base stream
    resume                                       where to go on: nothing before it is missing, nothing behind it was used
    """

    ids: NDArray[np.int32]
    dense_ids: NDArray[np.int32]
    base_counts: NDArray[np.int32]
    installed: NDArray[np.int32]
    documents: NDArray[np.int32]
    loss_mask: NDArray[np.bool_]
    codebook: NDArray[np.int32]
    code_lengths: NDArray[np.uint8]
    used_counts: NDArray[np.int32]
    row_starts: NDArray[np.int64]
    resume: Resume

    def __len__(self) -> int:
        return len(self.ids)

    @functools.cached_property
    def positions(self) -> NDArray[np.int32]:
        """The last base position of each id in its row, for rotary embeddings: int32 [rows, seq_len]."""
        return (np.cumsum(self.base_counts, axis=1) - 1).astype(np.int32)

    def __repr__(self) -> str:
        rows, seq_len = self.ids.shape
        base = int(self.base_counts.sum())
        most = self.codebook.shape[1]
        return f"<tokmill.condensed.PackedRows: {rows:,} rows of {seq_len:,} ids, {base:,} base ids, up to {most:,} codes a row>"
