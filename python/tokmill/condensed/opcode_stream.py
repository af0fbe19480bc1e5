"""Records of an opcode stream as arrays: one after the other, by document, and in the two views for models."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, ArgumentTypeError
from ..ragged import Ragged

__all__ = [
    "COPY",
    "DEF",
    "ENTER",
    "EOD",
    "HYPER",
    "LEAVE",
    "LIT",
    "OPCODE_NAMES",
    "RESET",
    "USE",
    "FactoredView",
    "FlatView",
    "OpcodeStream",
    "Records",
    "join",
    "place_in",
]

OPCODE_NAMES = ("LIT", "COPY", "HYPER", "DEF", "USE", "ENTER", "LEAVE", "RESET", "EOD")
LIT, COPY, HYPER, DEF, USE, ENTER, LEAVE, RESET, EOD = range(9)


class Records(NamedTuple):
    """Records and the literals that they take: uint8, int32, int32, int32 [records], int32 [literals]."""

    op: NDArray[np.uint8]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    base_counts: NDArray[np.int32]
    literals: NDArray[np.int32]


def join(pieces: Sequence[Records]) -> Records:
    """Records that come one after the other, as one."""
    op, a, b, base_counts, literals = zip(*pieces, strict=True)
    return Records(*(np.concatenate(column) for column in (op, a, b, base_counts, literals)))


@dataclass(frozen=True, eq=False)
class OpcodeStream:
    """Documents of records: document d is the records from ``offsets[d]`` to ``offsets[d + 1]``, the last of them its EOD.

    op               [records]        uint8: LIT, COPY, HYPER, DEF, USE, ENTER, LEAVE, RESET or EOD
    a, b             [records]        int32: operands; what an opcode has no use for is 0
    base_counts      [records]        int32: base ids that a record makes
    literals         [literals]       int32: the ids of all LIT records, in order
    offsets          [documents + 1]  int64, in the records
    literal_offsets  [documents + 1]  int64, in ``literals``
    base_offsets     [documents + 1]  int64, in the base stream
    """

    op: NDArray[np.uint8]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    base_counts: NDArray[np.int32]
    literals: NDArray[np.int32]
    offsets: NDArray[np.int64]
    literal_offsets: NDArray[np.int64]
    base_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return (
            f"<tokmill.condensed.OpcodeStream: {len(self):,} documents, {len(self.op):,} records and {len(self.literals):,} literals "
            f"for {int(self.base_offsets[-1]):,} base ids>"
        )

    @property
    def records(self) -> Records:
        """All records, without the bounds of documents."""
        return Records(self.op, self.a, self.b, self.base_counts, self.literals)

    @functools.cached_property
    def base_ends(self) -> NDArray[np.int64]:
        """Where the ids of each record end in the base stream, counted over all documents. int64 [records]."""
        return np.cumsum(self.base_counts, dtype=np.int64)

    @functools.cached_property
    def literal_ends(self) -> NDArray[np.int64]:
        """Where the literals of each record end. int64 [records]."""
        return np.cumsum(np.where(self.op == LIT, self.b, 0), dtype=np.int64)

    @functools.cached_property
    def stretches(self) -> NDArray[np.int64]:
        """The records that can be read without those before them: the first of each document, and those behind a RESET. Rising int64."""
        return np.unique(np.concatenate([self.offsets[:-1], np.flatnonzero(self.op == RESET) + 1]))


@dataclass(frozen=True, eq=False)
class FlatView:
    """Records as one stream of ids, for models that know of no records; see the docs for the vocabulary.

    ids           [ids]            int32: base ids, then opcodes, numbers and phrases behind the vocabulary
    base_counts   [ids]            int32: base ids that are complete with this id: 0 before the last id of a record
    offsets       [documents + 1]  int64, in ``ids``
    base_offsets  [documents + 1]  int64, in the base stream
    """

    ids: NDArray[np.int32]
    base_counts: NDArray[np.int32]
    offsets: NDArray[np.int64]
    base_offsets: NDArray[np.int64]

    @property
    def ragged(self) -> Ragged:
        """The ids as a Ragged, on the same memory."""
        return Ragged(self.ids, self.offsets)


@dataclass(frozen=True, eq=False)
class FactoredView:
    """A position a record, and a position a literal: for models that sum embeddings of ``op``, ``a`` and ``b``.

    op           [positions]      uint8; a LIT is one literal here
    a            [positions]      int32: the literal's id, or the operand
    b            [positions]      int32
    base_counts  [positions]      int32: base ids of a position
    positions    [positions]      int32: the last base position made so far in its document, -1 before the first
    offsets      [documents + 1]  int64
    """

    op: NDArray[np.uint8]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    base_counts: NDArray[np.int32]
    positions: NDArray[np.int32]
    offsets: NDArray[np.int64]


def place_in(base_offsets: NDArray[np.int64], document: int, start: int, stop: int) -> tuple[int, int]:
    """Where a document begins, and the length of the slice. Raises ArgumentTypeError, ArgumentError."""
    for value in (document, start, stop):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ArgumentTypeError(f"a document and places in it are ints, not {type(value).__name__}")
    if not 0 <= document < len(base_offsets) - 1:
        raise ArgumentError(f"there is no document {document}; there are {len(base_offsets) - 1:,}")
    begin, end = int(base_offsets[document]), int(base_offsets[document + 1])
    if not 0 <= start <= stop <= end - begin:
        raise ArgumentError(f"there are no ids {start:,} to {stop:,} in document {document}, which has {end - begin:,}")
    return begin, stop - start
