"""Opcodes step by step: writers and readers of many documents at once, for generation loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..ragged import Ragged
from .opcode_stream import Records

__all__ = ["OpcodeDecoder", "OpcodeEncoder"]

Ids: TypeAlias = NDArray[np.integer[Any]] | Sequence[int]


class OpcodeEncoder(_core.OpcodeEncoder):
    """Records of sequences that grow base id by base id; made by ``z.state()``. However ids come, the records are those of ``condense``.

    Up to ``max_length`` ids, those that can be taken back and a run of literals are held back (``pending``). A record that came out stays:
    ids are taken back before anything is made of them.
    """

    def step(self, ids: Ids) -> tuple[Records, NDArray[np.int64]]:
        """One base id a sequence, negative for none: the records that are certain, those of sequence i from ``offsets[i]`` to
        ``offsets[i + 1]`` (int64 [sequences + 1]), and their literals in the same order.

        Raises UnknownIdError with the sequence whose id is outside of the vocabulary, and has changed nothing then.
        """
        records, offsets = super().step(ids)
        return Records(*records), offsets

    def extend(self, sequence: int, ids: Ids) -> Records:
        """Many base ids of one sequence: the records that are certain.

        Raises UnknownIdError with the index of an id outside of the vocabulary, and has changed nothing then.
        """
        return Records(*super().extend(sequence, ids))

    def finish(self, sequence: int = 0) -> Records:
        """The rest of a document's records and its EOD; the next id of the sequence begins another."""
        return Records(*super().finish(sequence))


class OpcodeDecoder(_core.OpcodeDecoder):
    """Base ids of sequences whose records come one after the other, of document after document; made by ``z.decoder()``.

    Steps, as ``rewind`` takes them back, are records.
    """

    def step(self, records: Records, offsets: Ids) -> Ragged:  # type: ignore[override]
        """The base ids of any number of records a sequence, those of sequence i from ``offsets[i]`` to ``offsets[i + 1]``: a row each.

        Raises StreamError with the index of a record that cannot be, UnknownIdError with that of a literal; nothing has changed then.
        """
        return Ragged(*super().step(*records, offsets))

    def extend(self, sequence: int, records: Records) -> NDArray[np.int32]:  # type: ignore[override]
        """The base ids of records of one sequence, which take all of their literals: int32. Raises as :meth:`step`."""
        return super().extend(sequence, *records)
