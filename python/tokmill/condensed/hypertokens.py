"""``Hypertokens``: codes for phrases that a book learns while it reads (LZW over ids; zip2zip, arXiv 2506.01084).

The first time that two neighbours are seen they become an entry of the book, the next time they are one id, and so on up to
``max_subtokens`` base ids. The book is not part of the output: whoever reads the ids learns the same book.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import Condenser, HypertokenDecoder, HypertokenEncoder, HypertokenRules, digit_ids, hypertoken_condenser
from ..errors import ArgumentError
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from .arguments import documents_of, whole
from .explain import Explanation, Render
from .outside import Outside
from .packed import PackedRows, Resume
from .result import HYPER, Condensed

__all__ = ["Hypertokens", "Profile"]

Profile: TypeAlias = Literal["zip2zip", "lru"]

# Book size and longest phrase: zip2zip's released models use books of 1,024 to 4,096 entries and phrases of up to 4.
DEFAULTS: dict[str, tuple[int, int]] = {"zip2zip": (2048, 4), "lru": (4096, 8)}


class Hypertokens:
    """A condenser whose ids beyond the base vocabulary are codes of a book that every document makes anew.

    ``vocabulary`` is a tokenizer or the number of base ids. ``profile`` is ``"zip2zip"`` (bit-equal to ``zip2zip_compression`` 0.3.4: a
    full book stays as it is) or ``"lru"`` (a full book recycles the phrase that was not used for longest, so that long streams keep
    their gain). ``disabled`` are ids that are in no phrase: integers, or ``"digits"`` for all tokens with a digit; by default digits
    in ``lru`` and none in ``zip2zip``. Padding (``pad_id``, else the tokenizer's) is always disabled. ``seed`` are phrases that every
    book starts with, the first under the first code; each needs the phrase without its last id before or behind it.

    Immutable. Raises ArgumentError for a size out of bounds, a disabled id that is none, a seed that cannot have grown.
    """

    __slots__ = ("_rules", "book_size", "disabled", "max_subtokens", "pad_id", "profile", "seed", "tokenizer", "vocab_size")

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        profile: Profile = "zip2zip",
        *,
        book_size: int | None = None,
        max_subtokens: int | None = None,
        disabled: Literal["digits"] | Iterable[int | Literal["digits"]] | None = None,
        pad_id: int | None = None,
        seed: Sequence[Sequence[int]] = (),
    ) -> None:
        if profile not in DEFAULTS:
            raise ArgumentError(f"profile= takes 'zip2zip' or 'lru', not {profile!r}")
        self.profile = profile
        self.tokenizer = vocabulary if isinstance(vocabulary, Tokenizer) else None
        self.vocab_size = vocabulary.vocab_size if isinstance(vocabulary, Tokenizer) else whole(vocabulary, "the size of the vocabulary")
        self.book_size = DEFAULTS[profile][0] if book_size is None else whole(book_size, "book_size")
        self.max_subtokens = DEFAULTS[profile][1] if max_subtokens is None else whole(max_subtokens, "max_subtokens")
        self.pad_id = pad_id if pad_id is not None or self.tokenizer is None else self.tokenizer.pad_id
        self.disabled = self._disabled_ids(disabled)
        self.seed = Ragged.from_rows([_phrase(phrase) for phrase in seed], np.int64)
        self._rules = HypertokenRules(
            profile=profile,
            vocab_size=self.vocab_size,
            book_size=self.book_size,
            max_subtokens=self.max_subtokens,
            disabled=self.disabled,
            seed=self.seed.ids,
            seed_offsets=self.seed.offsets,
        )

    def _disabled_ids(self, disabled: Literal["digits"] | Iterable[int | Literal["digits"]] | None) -> NDArray[np.int64]:
        if disabled is None:
            disabled = "digits" if self.profile == "lru" and self.tokenizer is not None else ()
        chosen: set[int] = set() if self.pad_id is None else {whole(self.pad_id, "pad_id")}
        asked: Iterable[int | str] = (disabled,) if isinstance(disabled, str) else disabled
        for one in asked:
            if isinstance(one, str):
                if one != "digits":
                    raise ArgumentError(f"disabled= takes ids and 'digits', not {one!r}")
                if self.tokenizer is None:
                    raise ArgumentError("disabled='digits' needs a tokenizer: of a number of ids nobody knows which are digits")
                chosen.update(digit_ids(self.tokenizer).tolist())
            else:
                chosen.add(whole(one, "a disabled id"))
        return np.array(sorted(chosen), np.int64)

    def __repr__(self) -> str:
        return (
            f"<tokmill.condensed.Hypertokens {self.profile!r}: {self.vocab_size:,} base ids, book of {self.book_size:,}, "
            f"phrases of up to {self.max_subtokens}, {len(self.disabled):,} ids disabled>"
        )

    @property
    def id_end(self) -> int:
        """One more than the greatest id that can come out: the rows that a model's embedding needs, if it keeps one a code."""
        return self.vocab_size + self.book_size

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(first id, kind) of each level above the base vocabulary, as a Condensed has them."""
        return ((self.vocab_size, HYPER),)

    def condense(
        self,
        ids: Ragged | ArrayLike,
        *,
        barriers: ArrayLike | None = None,
        spans: ArrayLike | None = None,
        tags: ArrayLike | None = None,
        carry: bool = False,
        installed: bool = False,
        threads: int | None = None,
    ) -> Condensed:
        """Fewer ids for the same base ids; each row is a document of its own.

        ``ids`` is a Ragged, or one document. ``barriers`` are places in the base stream (of all documents) that no phrase crosses, or a
        bool for each base id; ``spans`` (int [spans, 2], in order, apart) are not crossed at their bounds, and their ``tags`` come with
        the condensed ids. ``carry=True`` keeps the book from document to document: one long stream, on one thread. ``installed=True``
        also counts the entries that a reader has after each id.

        Raises UnknownIdError with the index of an id outside of the vocabulary, ArgumentError for places that do not fit.
        """
        flat, offsets = documents_of(ids)
        outside = Outside.of(barriers, spans, tags, len(flat))
        out, base_counts, out_offsets, out_installed = self._rules.condense(flat, offsets, outside.places, carry, installed, threads)
        return outside.tagged(Condensed(out, base_counts, out_offsets, offsets, self.levels, out_installed, None, carry))

    @overload
    def expand(self, ids: Condensed | Ragged, *, strict: bool = True, carry: bool | None = None, threads: int | None = None) -> Ragged: ...

    @overload
    def expand(
        self, ids: NDArray[Any] | Sequence[int], *, strict: bool = True, carry: bool | None = None, threads: int | None = None
    ) -> NDArray[np.int32]: ...

    def expand(
        self,
        ids: Condensed | Ragged | NDArray[Any] | Sequence[int],
        *,
        strict: bool = True,
        carry: bool | None = None,
        threads: int | None = None,
    ) -> Ragged | NDArray[np.int32]:
        """The base ids of condensed ids: a Ragged of documents, or an array int32 [ids] if one document was given as such.

        A code that cannot be at its place raises UnknownIdError with its index; with ``strict=False`` it is read as
        ``zip2zip_compression`` reads it, as the entry that would come next. ``carry`` is that of the Condensed if not given.
        """
        rows = ids.ragged if isinstance(ids, Condensed) else ids
        if carry is None:
            carry = isinstance(ids, Condensed) and ids.carry
        flat, offsets = documents_of(rows)
        base, base_offsets = self._rules.expand(flat, offsets, strict, carry, threads)
        return Ragged(base, base_offsets) if isinstance(rows, Ragged) else base

    def pack(
        self,
        ids: Ragged | ArrayLike,
        seq_len: int,
        *,
        loss_mask: ArrayLike | None = None,
        start: int | Resume = 0,
        rows: int | None = None,
        fill_last: bool = False,
    ) -> PackedRows:
        """Rows of exactly ``seq_len`` condensed ids for a trainer, made of documents laid end to end; see PackedRows.

        Each row begins with a fresh book and ends where it is full, in the middle of a document if need be; the next goes on there. No
        phrase crosses the end of a document. What does not fill a row is left for the next call (``resume`` says where it begins),
        or, with ``fill_last=True``, becomes a last row filled up with the padding id (0 if there is none). ``loss_mask`` is a bool for
        each base id; ``start`` is where to begin, ``rows`` the most rows to make.

        Raises UnknownIdError with the index of an id outside of the vocabulary, ArgumentError for arguments that do not fit.
        """
        flat, offsets = documents_of(ids)
        first = start.start if isinstance(start, Resume) else start
        filling = -1 if self.pad_id is None else self.pad_id
        out, dense, base_counts, installed, starts, used, phrases, lengths = self._rules.pack(
            flat, offsets, seq_len, first, rows, fill_last, filling
        )
        mask = _base_mask(loss_mask, len(flat))
        is_filled = base_counts.ravel() == 0
        begins = (starts[0] + np.cumsum(base_counts, dtype=np.int64) - base_counts.ravel())[~is_filled]
        documents = np.full(is_filled.shape, -1, np.int32)
        documents[~is_filled] = np.searchsorted(offsets, begins, side="right") - 1
        learnt = np.zeros(is_filled.shape, np.bool_)
        if len(begins):
            learnt[~is_filled] = True if mask is None else np.logical_and.reduceat(mask[: starts[-1]], begins)
        if self.pad_id is None:
            for array in (out, dense):
                array.ravel()[is_filled] = 0
        most = int(used.max(initial=0))
        is_used = np.arange(most) < used[:, None]
        codebook = np.full((len(used), most, self.max_subtokens), filling, np.int32)
        codebook[is_used] = phrases
        code_lengths = np.zeros((len(used), most), np.uint8)
        code_lengths[is_used] = lengths
        end = int(starts[-1])
        document = int(np.searchsorted(offsets, end, side="right")) - 1
        return PackedRows(
            out,
            dense,
            base_counts,
            installed,
            documents.reshape(out.shape),
            learnt.reshape(out.shape),
            codebook,
            code_lengths,
            used,
            starts,
            Resume(end, document, end - int(offsets[document])),
        )

    def seeded(self, ids: Ragged | ArrayLike, entries: int | None = None) -> Hypertokens:
        """The same condenser with books that begin with what these documents taught: the phrases that saved most ids, best first, each
        behind its shorter forms; at most ``entries`` (half the book), those of a seed that is there already among them.

        Raises UnknownIdError with the index of an id outside of the vocabulary.
        """
        most = self.book_size // 2 if entries is None else whole(entries, "entries")
        chosen = dict.fromkeys(tuple(phrase) for phrase in self.seed.lists())
        for phrase in self.explain(self.condense(ids)).top_phrases(most):
            forms = [phrase.base_ids[:length] for length in range(2, len(phrase.base_ids) + 1)]
            missing = [form for form in forms if form not in chosen]
            chosen.update(dict.fromkeys(missing[: max(0, most - len(chosen))]))
        return Hypertokens(
            self.tokenizer or self.vocab_size,
            self.profile,
            book_size=self.book_size,
            max_subtokens=self.max_subtokens,
            disabled=self.disabled.tolist(),
            pad_id=self.pad_id,
            seed=list(chosen),
        )

    def explain(self, condensed: Condensed, *, tokenizer: Tokenizer | None = None, render: Render | None = None) -> Explanation:
        """Condensed ids looked back at; ``render`` shows base ids that are not text. See Explanation."""
        return Explanation(condensed, self.expand(condensed), tokenizer or self.tokenizer, render)

    def book(self, ids: ArrayLike, *, condensed: bool = True, strict: bool = True) -> Ragged:
        """The book that one document leaves: row r holds the base ids of code ``vocab_size + r``.

        ``condensed`` says what ``ids`` are. Of base ids it is the book of the one who writes, which may be an entry ahead of the book of
        the one who reads.
        """
        flat, _ = documents_of(ids)
        phrases, lengths = self._rules.book(flat, condensed, strict)
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return Ragged(phrases[phrases >= 0], offsets)

    def state(self, sequences: int = 1, *, max_rewind: int = 0) -> HypertokenEncoder:
        """A writer of ``sequences`` sequences that grow base id by base id; their last ``max_rewind`` ids can be taken back."""
        return HypertokenEncoder(self._rules, whole(sequences, "sequences"), whole(max_rewind, "max_rewind"))

    def decoder(self, sequences: int = 1, *, max_rewind: int = 0, strict: bool = True) -> HypertokenDecoder:
        """A reader of ``sequences`` sequences whose condensed ids come one by one; the last ``max_rewind`` can be taken back."""
        return HypertokenDecoder(self._rules, whole(sequences, "sequences"), whole(max_rewind, "max_rewind"), strict)

    def _condenser(self) -> Condenser:
        return hypertoken_condenser(self._rules)


def _base_mask(mask: ArrayLike | None, size: int) -> NDArray[np.bool_] | None:
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.shape != (size,):
        raise ArgumentError(f"loss_mask= has to have a bool for each of the {size:,} base ids, not {array.shape}")
    return array.astype(np.bool_, copy=False)


def _phrase(phrase: Sequence[int]) -> NDArray[Any]:
    array = np.asarray(phrase)
    return array[array >= 0] if array.ndim == 1 and array.dtype.kind in "iu" else array
