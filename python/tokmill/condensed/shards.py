"""``OpcodeShard``: token shards on disk as packed opcodes: small, and readable at any base position without the rest.

A file is the container of snapshots with sections of kind ``opcodes``: the rules, the table of ids by frequency, and blocks of packed
records, each of which reads by itself (csrc/condensed/opcodes/packed.hpp has the bytes). Its digest is checked when it is opened; what the
bytes say is checked when they are read.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ..errors import Error, SnapshotError
from ..ragged import Ragged
from ..sections import Sections, save_sections
from .opcode_stream import OpcodeStream, Records, place_in
from .opcodes import PRESETS, Opcodes

__all__ = ["OpcodeShard", "save_opcodes"]

KIND = "opcodes"
VERSION = 1
VIEWS = tuple(PRESETS)


def save_opcodes(path: str | os.PathLike[str], z: Opcodes, stream: OpcodeStream) -> None:
    """Writes documents of records, or nothing at all. Raises OutputError, StreamError for a record without a spelling.

    Random access reads a block at least: write with ``reset_every`` (``view="storage"`` does).
    """
    packed, ids_by_rank, byte_offsets, base_offsets, document_offsets = z._rules.pack(*stream.records, stream.offsets)
    numbers = [VERSION, VIEWS.index(z.view), z.vocab_size, z.window, z.max_length, z.slots, z.reset_every]
    save_sections(
        path,
        KIND,
        {
            "rules": np.array(numbers, np.int64),
            "phrases": z.phrases.ids.astype(np.int32),
            "phrase_offsets": z.phrases.offsets.astype(np.int64),
            "ids_by_rank": ids_by_rank,
            "byte_offsets": byte_offsets,
            "base_offsets": base_offsets,
            "document_offsets": document_offsets,
            "records": packed,
        },
    )


class OpcodeShard:
    """A saved file, mapped: ``len(shard)`` documents. Raises InputError, SnapshotError for a file that is damaged or of another kind.

    ``z`` is the condenser that wrote it. Reading raises StreamError with the byte of what cannot be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._sections = Sections(path, KIND)
        place = self._sections.place
        rules = self._sections.array("rules", np.int64).tolist()
        if len(rules) != 7 or rules[0] != VERSION or not 0 <= rules[1] < len(VIEWS):
            raise SnapshotError(f"{place}: not opcodes of version {VERSION}: the rules are {rules[:7]}")
        _, view, vocab_size, window, max_length, slots, reset_every = rules
        try:
            phrases = Ragged(self._sections.array("phrases", np.int32), self._sections.array("phrase_offsets", np.int64))
            self.z = Opcodes(
                vocab_size,
                VIEWS[view],
                window=window,
                max_length=max_length,
                slots=slots,
                reset_every=reset_every,
                phrases=phrases,
            )
        except Error as error:
            raise SnapshotError(f"{place}: {error}", error.where) from error
        self._ids_by_rank = self._sections.array("ids_by_rank", np.int32)
        self._bytes = self._sections.raw("records")
        self._byte_offsets = self._rising("byte_offsets", len(self._bytes))
        self._base_offsets = self._rising("base_offsets", None)
        self._document_offsets = self._rising("document_offsets", len(self._byte_offsets) - 1)
        if len(self._base_offsets) != len(self._byte_offsets):
            raise SnapshotError(f"{place}: {len(self._base_offsets) - 1} blocks have base ids, {len(self._byte_offsets) - 1} have bytes")
        self.base_offsets: NDArray[np.int64] = self._base_offsets[self._document_offsets]

    def _rising(self, name: str, end: int | None) -> NDArray[np.int64]:
        values = self._sections.array(name, np.int64)
        if not len(values) or values[0] != 0 or (np.diff(values) < 0).any() or (end is not None and values[-1] != end):
            raise SnapshotError(f"{self._sections.place}: section {name!r} does not rise from 0" + ("" if end is None else f" to {end:,}"))
        return values

    def __len__(self) -> int:
        """The number of documents."""
        return len(self._document_offsets) - 1

    def __repr__(self) -> str:
        return (
            f"<tokmill.condensed.OpcodeShard: {len(self):,} documents, {int(self.base_offsets[-1]):,} base ids in "
            f"{len(self._byte_offsets) - 1:,} blocks, {len(self._bytes):,} bytes>"
        )

    def stream(self) -> OpcodeStream:
        """All records."""
        records, offsets, literal_offsets = self._unpack(0, len(self._byte_offsets) - 1)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(records[3], dtype=np.int64)])
        of = self._document_offsets
        return OpcodeStream(*records, offsets[of], literal_offsets[of], ends[offsets[of]])

    def expand(self, *, threads: int | None = None) -> Ragged:
        """The base ids of all documents: int32."""
        return self.z.expand(self.stream(), threads=threads)

    def slice(self, start: int, stop: int, *, document: int = 0) -> NDArray[np.int32]:
        """The base ids ``start`` to ``stop`` of one document, read from the blocks that they lie in: int32 [stop - start].

        Raises ArgumentError for places that the document does not have, StreamError for bytes that cannot be.
        """
        begin, length = place_in(self.base_offsets, document, start, stop)
        if start == stop:
            return np.empty(0, np.int32)
        first = int(np.searchsorted(self._base_offsets, begin + start, side="right")) - 1
        last = int(np.searchsorted(self._base_offsets, begin + stop))
        records, offsets, literal_offsets = self._unpack(first, last)
        ids, ends = self.z._rules.expand(*records, offsets, literal_offsets, True, 1)
        promised = self._base_offsets[first : last + 1] - self._base_offsets[first]
        if not np.array_equal(ends, promised):
            raise SnapshotError(f"{self._sections.place}: blocks {first:,} to {last:,} hold other numbers of base ids than the file says")
        skipped = begin + start - int(self._base_offsets[first])
        return ids[skipped : skipped + length]

    def _unpack(self, first: int, last: int) -> tuple[Records, NDArray[np.int64], NDArray[np.int64]]:
        records, offsets, literal_offsets = self.z._rules.unpack(self._bytes, self._byte_offsets[first : last + 1], self._ids_by_rank)
        return Records(*records), offsets, literal_offsets
