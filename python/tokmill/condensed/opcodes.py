"""``Opcodes``: a stream of fixed records with variable effect - literals, copies, phrases, names, domains - over base ids.

An opcode stream says *how* its ids come about: this stretch is new, that one was there 312 ids ago, here begins a number. Records can be
looked at one by one, reached by base position, read back with bounded memory, and given to models in two views. Experimental as a model's
input: no published decoder-only model of size was trained on such a stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import OpcodeRules
from ..errors import ArgumentError
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from .arguments import documents_of, whole
from .opcode_steps import OpcodeDecoder, OpcodeEncoder
from .opcode_stream import LIT, OPCODE_NAMES, FactoredView, FlatView, OpcodeStream, place_in
from .outside import barrier_places, check_spans

__all__ = ["PRESETS", "Opcodes", "View"]

View: TypeAlias = Literal["flat", "factored", "storage"]


class _Preset(NamedTuple):
    """What a literal, COPY, HYPER and USE cost in a view, the least COPY that can pay, slots, and base ids between RESETs."""

    costs: tuple[int, int, int, int]
    least_copy: int
    slots: int
    reset_every: int


# In flat ids; in positions; in half bytes of a packed file (a literal takes 1.5 bytes on average there).
PRESETS: dict[str, _Preset] = {
    "flat": _Preset((1, 3, 1, 2), 4, 64, 0),
    "factored": _Preset((1, 1, 1, 1), 2, 0, 0),
    "storage": _Preset((3, 6, 5, 4), 3, 0, 4_096),
}


class Opcodes:
    """A condenser that writes opcodes: LIT, COPY, HYPER (a phrase), DEF and USE (names), ENTER and LEAVE (domains), RESET, EOD.

    ``vocabulary`` is a tokenizer or the number of base ids. ``view`` says what the writer saves: ids of the flat view, positions of the
    factored one, or bytes of a saved file. ``window`` is how far back COPY reaches, ``max_length`` the base ids of one record at most,
    ``slots`` how many names there are, ``reset_every`` the base ids after which a RESET makes what follows readable by itself (0: none).
    ``phrases`` are what HYPER stands for: rows of two or more base ids.

    Immutable. Raises ArgumentError for a size out of bounds, and with the index of a phrase that cannot be.
    """

    __slots__ = ("_rules", "max_length", "phrases", "reset_every", "slots", "tokenizer", "view", "vocab_size", "window")

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        view: View = "flat",
        *,
        window: int = 8192,
        max_length: int = 256,
        slots: int | None = None,
        reset_every: int | None = None,
        phrases: Ragged | Sequence[Sequence[int]] = (),
    ) -> None:
        if view not in PRESETS:
            raise ArgumentError(f"view= takes 'flat', 'factored' or 'storage', not {view!r}")
        preset = PRESETS[view]
        self.view: View = view
        self.tokenizer = vocabulary if isinstance(vocabulary, Tokenizer) else None
        self.vocab_size = vocabulary.vocab_size if isinstance(vocabulary, Tokenizer) else whole(vocabulary, "the size of the vocabulary")
        self.window = whole(window, "window")
        self.max_length = whole(max_length, "max_length")
        self.slots = preset.slots if slots is None else whole(slots, "slots")
        self.reset_every = preset.reset_every if reset_every is None else whole(reset_every, "reset_every")
        self.phrases = phrases if isinstance(phrases, Ragged) else Ragged.from_rows([np.asarray(one) for one in phrases], np.int64)
        self._rules = OpcodeRules(
            vocab_size=self.vocab_size,
            window=self.window,
            max_length=self.max_length,
            slots=self.slots,
            reset_every=self.reset_every,
            least_copy=preset.least_copy,
            costs=preset.costs,
            phrases=self.phrases.ids,
            phrase_offsets=self.phrases.offsets,
        )

    def __repr__(self) -> str:
        return (
            f"<tokmill.condensed.Opcodes {self.view!r}: {self.vocab_size:,} base ids, window of {self.window:,}, {self.slots} slots, "
            f"{len(self.phrases):,} phrases>"
        )

    @property
    def flat_id_end(self) -> int:
        """One more than the greatest id of the flat view."""
        return self._rules.flat_bounds[3]

    def _condenser(self) -> OpcodeRules:
        """What the native pipeline takes."""
        return self._rules

    def condense(
        self,
        ids: Ragged | ArrayLike,
        *,
        barriers: ArrayLike | None = None,
        spans: ArrayLike | None = None,
        tags: ArrayLike | None = None,
        threads: int | None = None,
    ) -> OpcodeStream:
        """Records for base ids; each row is a document of its own and ends with an EOD.

        ``ids`` is a Ragged, or one document. No record but LIT crosses ``barriers`` (places in the base stream of all documents, or a bool
        for each id) or the bounds of ``spans`` (int [spans, 2], in order, apart), which come out as ENTER and LEAVE of their ``tags``.

        Raises UnknownIdError with the index of an id outside of the vocabulary, ArgumentError for places that do not fit.
        """
        flat, offsets = documents_of(ids)
        checked, checked_tags = check_spans(spans, tags, len(flat))
        places = barrier_places(barriers, None, len(flat))
        bounds = None if checked is None else checked.ravel()
        records, out_offsets, literal_offsets = self._rules.condense(flat, offsets, places, bounds, checked_tags, threads)
        return OpcodeStream(*records, out_offsets, literal_offsets, np.asarray(offsets))

    def expand(self, stream: OpcodeStream, *, threads: int | None = None) -> Ragged:
        """The base ids, a row a document: int32.

        Raises StreamError with the index of a record that cannot be at its place, or of the end of a document without its EOD;
        UnknownIdError with the index of a literal that is no base id.
        """
        return Ragged(*self._rules.expand(*stream.records, stream.offsets, stream.literal_offsets, False, threads))

    def slice(self, stream: OpcodeStream, start: int, stop: int, *, document: int = 0) -> NDArray[np.int32]:
        """The base ids ``start`` to ``stop`` of one document, reading from the last RESET before them on: int32 [stop - start].

        Raises ArgumentError for places that the document does not have, StreamError and UnknownIdError as expand().
        """
        begin, length = place_in(stream.base_offsets, document, start, stop)
        if start == stop:
            return np.empty(0, np.int32)
        # A record that makes no ids ends where the one before it does: the first of equal ends makes the id.
        last = int(np.searchsorted(stream.base_ends, begin + stop))
        covering = int(np.searchsorted(stream.base_ends, begin + start, side="right"))
        first = int(stream.stretches[np.searchsorted(stream.stretches, covering, side="right") - 1])
        lane = [int(stream.literal_ends[at - 1]) if at else 0 for at in (first, last + 1)]
        a, b, base_counts = (column[first : last + 1] for column in (stream.a, stream.b, stream.base_counts))
        op = stream.op[first : last + 1]
        literals = stream.literals[lane[0] : lane[1]]
        ids, _ = self._rules.expand(op, a, b, base_counts, literals, [0, len(op)], [0, len(literals)], True, 1)
        skipped = begin + start - (int(stream.base_ends[first - 1]) if first else 0)
        return ids[skipped : skipped + length]

    # Views

    def flat(self, stream: OpcodeStream) -> FlatView:
        """The records as one stream of ids; ``from_flat`` is the way back. Raises StreamError for a record without a spelling."""
        ids, base_counts, offsets = self._rules.to_flat(*stream.records, stream.offsets)
        return FlatView(ids, base_counts, offsets, stream.base_offsets)

    def from_flat(self, ids: FlatView | Ragged | ArrayLike) -> OpcodeStream:
        """The records of flat ids, such as a model's. Raises StreamError with the index of an id that is out of place."""
        flat, offsets = documents_of(ids.ragged if isinstance(ids, FlatView) else ids)
        records, out_offsets, literal_offsets = self._rules.from_flat(flat, offsets)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(records[3], dtype=np.int64)])
        return OpcodeStream(*records, out_offsets, literal_offsets, ends[out_offsets])

    def factored(self, stream: OpcodeStream) -> FactoredView:
        """A position a record and a literal, with parallel arrays."""
        is_literal = stream.op == LIT
        repeats = np.where(is_literal, stream.b, 1)
        record = np.repeat(np.arange(len(stream.op)), repeats)
        at_literal = is_literal[record]
        a, b, base_counts = stream.a[record], stream.b[record], stream.base_counts[record]
        a[at_literal], b[at_literal], base_counts[at_literal] = stream.literals, 0, 1
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(repeats, dtype=np.int64)])
        offsets = bounds[stream.offsets]
        starts = np.repeat(stream.base_offsets[:-1], np.diff(offsets))
        positions = (np.cumsum(base_counts, dtype=np.int64) - starts - 1).astype(np.int32)
        return FactoredView(stream.op[record], a, b, base_counts, positions, offsets)

    # Step by step

    def state(self, sequences: int = 1, *, max_rewind: int = 0) -> OpcodeEncoder:
        """A writer of ``sequences`` sequences that grow base id by base id, in memory that does not grow with them; their last
        ``max_rewind`` ids can be taken back."""
        return OpcodeEncoder(self._rules, whole(sequences, "sequences"), whole(max_rewind, "max_rewind"))

    def decoder(self, sequences: int = 1, *, max_rewind: int = 0) -> OpcodeDecoder:
        """A reader of ``sequences`` sequences whose records come one after the other, in memory that does not grow with them; the last
        ``max_rewind`` records can be taken back."""
        return OpcodeDecoder(self._rules, whole(sequences, "sequences"), whole(max_rewind, "max_rewind"))

    def text_of(self, stream: OpcodeStream, *, document: int = 0, limit: int | None = None) -> str:
        """The records of a document, a line each, to look at: ``COPY 312 8  | the error was``."""
        base = self.expand(stream)
        lines = []
        begin, end = int(stream.offsets[document]), int(stream.offsets[document + 1])
        for r in range(begin, end if limit is None else min(end, begin + limit)):
            stop = int(stream.base_ends[r])
            ids = base.ids[stop - int(stream.base_counts[r]) : stop]
            shown = self.tokenizer.decode(ids, errors="replace") if self.tokenizer is not None else " ".join(map(str, ids.tolist()))
            operands = f"{int(stream.a[r])} {int(stream.b[r])}"
            lines.append(f"{OPCODE_NAMES[stream.op[r]]:<6} {operands:<12}| {ascii(shown)[1:-1]}".rstrip())
        return "\n".join(lines)
