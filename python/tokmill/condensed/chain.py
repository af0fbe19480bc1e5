"""``Chain``: supertokens, then hypertokens over them - what is frequent everywhere, then what repeats itself here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import ChainDecoder, ChainEncoder, ChainRules, Condenser, chain_condenser, digit_ids
from ..errors import ArgumentError, ArgumentTypeError
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from .arguments import whole
from .explain import Explanation, Render
from .hypertokens import Hypertokens, Profile
from .plain import PlainCondenser
from .result import Condensed
from .supertokens import Supertokens

__all__ = ["Chain"]


class Chain(PlainCondenser):
    """Two condensers, one behind the other: the ids of ``first`` are the base ids of ``second``. :meth:`over` makes the second.

    Immutable. Raises ArgumentError if the second knows fewer ids than the first makes.
    """

    __slots__ = ("first", "second")

    def __init__(self, first: Supertokens, second: Hypertokens) -> None:
        if not isinstance(first, Supertokens) or not isinstance(second, Hypertokens):
            raise ArgumentTypeError("a chain is of Supertokens and, behind them, Hypertokens")
        if second.vocab_size < first.id_end:
            raise ArgumentError(f"the hypertokens are for {second.vocab_size:,} ids, the supertokens make {first.id_end:,}")
        if second.seed.ids.max(initial=0) >= first.id_end:
            raise ArgumentError(f"the hypertokens begin with {int(second.seed.ids.max()):,} in a phrase, which is no supertoken")
        self.first = first
        self.second = second

    @classmethod
    def over(cls, first: Supertokens, profile: Profile = "lru", *, disabled: Any = None, **options: Any) -> Chain:
        """The supertokens, and hypertokens over them; ``options`` are those of Hypertokens. As there, tokens with a digit are disabled in
        profile ``lru`` unless ``disabled`` says otherwise."""
        if disabled is None:
            disabled = "digits" if profile == "lru" and first.tokenizer is not None else ()
        asked = (disabled,) if isinstance(disabled, str) else tuple(disabled)
        chosen = [id for id in asked if id != "digits"]
        if len(chosen) < len(asked):
            if first.tokenizer is None:
                raise ArgumentError("disabled='digits' needs supertokens over a tokenizer")
            chosen += digit_ids(first.tokenizer).tolist()
        return cls(first, Hypertokens(first.id_end, profile, disabled=chosen, **options))

    def __repr__(self) -> str:
        return f"<tokmill.condensed.Chain: {self.first!r}, {self.second!r}>"

    @property
    def tokenizer(self) -> Tokenizer | None:
        """That of the supertokens."""
        return self.first.tokenizer

    @property
    def vocab_size(self) -> int:
        """The number of base ids."""
        return self.first.vocab_size

    @property
    def id_end(self) -> int:
        """One more than the greatest id that can come out."""
        return self.second.id_end

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(first id, kind) of each level above the base vocabulary, as a Condensed has them."""
        return (*self.first.levels, *self.second.levels)

    def _condense(
        self, ids: NDArray[Any], offsets: NDArray[np.int64], places: NDArray[np.int64] | None, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        between = self.first.condense(Ragged(ids, offsets), barriers=places, threads=threads)
        # No supertoken crosses a barrier: each is where one begins.
        inner = None if places is None else np.searchsorted(between.base_starts, places)
        made = self.second.condense(between.ragged, barriers=inner, threads=threads)
        counts = np.diff(np.append(between.base_starts[made.base_starts], len(ids))).astype(np.int32)
        return made.ids, counts, made.offsets

    def _expand(self, ids: NDArray[Any], offsets: NDArray[np.int64], threads: int | None) -> Ragged:
        return self.first.expand(self.second.expand(Ragged(ids, offsets), threads=threads), threads=threads)

    def explain(self, condensed: Condensed, *, tokenizer: Tokenizer | None = None, render: Render | None = None) -> Explanation:
        """Condensed ids looked back at; ``render`` shows base ids that are not text. See Explanation."""
        return Explanation(condensed, self.expand(condensed), tokenizer or self.tokenizer, render)

    def state(self, sequences: int = 1, *, max_rewind: int = 0) -> ChainEncoder:
        """A writer of ``sequences`` sequences that grow base id by base id; their last ``max_rewind`` ids can be taken back.

        Raises ArgumentError for supertokens in mode ``"merge"``, in which an id is certain only when the document has ended.
        """
        if self.first.mode != "longest":
            raise ArgumentError("mode 'merge' needs whole documents; supertokens.with_mode('longest') have a step-by-step form")
        return ChainEncoder(self._rules(), whole(sequences, "sequences"), whole(max_rewind, "max_rewind"))

    def decoder(self, sequences: int = 1, *, max_rewind: int = 0, strict: bool = True) -> ChainDecoder:
        """A reader of ``sequences`` sequences whose condensed ids come one by one; the last ``max_rewind`` can be taken back."""
        return ChainDecoder(self._rules(), whole(sequences, "sequences"), whole(max_rewind, "max_rewind"), strict)

    def _rules(self) -> ChainRules:
        return ChainRules(self.first._core, self.second._rules)

    def _condenser(self) -> Condenser:
        return chain_condenser(self.first._condenser(), self.second._condenser())
