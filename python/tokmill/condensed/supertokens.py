"""``Supertokens``: trained ids for frequent phrases of tokens, over any base vocabulary (superwords: SuperBPE, arXiv 2503.13423).

Where a tokenizer stops at the bounds of words, supertokens go on: " of the" is one id. They are learnt by the merges of byte-pair
encoding, over ids instead of bytes, and mean the same in every document; base ids keep their meaning.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import SupertokenEncoder, digit_ids
from ..errors import ArgumentError, ArgumentTypeError, SnapshotError
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from .arguments import whole
from .explain import Explanation, Render
from .phrases import MAX_LEN, Mode, Objective, PhraseCondenser, Progress, learn, opened
from .result import Condensed
from .whole_pretokens import whole_pretoken_barriers

__all__ = ["BARRIER_CLASSES", "DEFAULT_BARRIER_CLASSES", "BarrierClass", "Supertokens", "barrier_ids"]

BarrierClass: TypeAlias = Literal["digit", "special", "newline", "paragraph", "punctuation", "space"]

KIND = "supertokens"


class Supertokens(PhraseCondenser):
    """A condenser whose ids beyond the base vocabulary are trained phrases. Made by :meth:`train` or :meth:`load`.

    ``vocabulary`` is a tokenizer or the number of base ids; phrase r is id ``vocab_size + r``, joined out of ``lefts[r]`` and
    ``rights[r]``. ``mode`` is ``"longest"`` (leftmost-longest; streaming) or ``"merge"`` (in the order of training; whole documents).

    Immutable. Raises ArgumentError with the index of a phrase that cannot be.
    """

    __slots__ = ("tokenizer",)

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        lefts: ArrayLike,
        rights: ArrayLike,
        *,
        mode: Mode = "longest",
        counts: ArrayLike | None = None,
    ) -> None:
        self.tokenizer = vocabulary if isinstance(vocabulary, Tokenizer) else None
        super().__init__(_size_of(vocabulary), lefts, rights, mode=mode, counts=counts)

    def __repr__(self) -> str:
        return (
            f"<tokmill.condensed.Supertokens: {self.size:,} phrases of up to {self.max_len} over {self.vocab_size:,} base ids, "
            f"mode {self.mode!r}>"
        )

    @classmethod
    def train(
        cls,
        vocabulary: Tokenizer | int,
        ids: Ragged | ArrayLike,
        size: int = 4096,
        *,
        barrier_classes: Iterable[BarrierClass | int] | None = None,
        barriers: ArrayLike | None = None,
        max_len: int = MAX_LEN,
        max_words: int | None = None,
        min_count: int = 2,
        objective: Objective = "count",
        whole_pretokens: bool = False,
        mode: Mode = "longest",
        progress: Progress | None = None,
    ) -> Supertokens:
        """Learns up to ``size`` phrases of documents of base ids.

        ``barrier_classes`` are ids, or names of classes of them, that are in no phrase: ``"digit"`` (a character of Unicode's category
        N), ``"special"``, ``"newline"`` and ``"paragraph"`` (one line break or more; two or more), ``"punctuation"`` (neither letters
        nor digits) and ``"space"``. With a tokenizer they are ``("digit", "special", "paragraph")`` unless given, else none. ``barriers``
        are places in the stream that no phrase crosses. ``max_len`` is in base ids, ``max_words`` counts words after a blank (SuperBPE
        stops at 4). ``min_count`` is how often a phrase has to occur when it is learnt. ``objective="length"`` prefers count times
        length (Length-MAX, arXiv 2511.20849). ``whole_pretokens=True`` joins only pretokens that are one token each (BoundlessBPE, arXiv
        2504.00178). ``progress(done, size)`` is called now and then.

        Raises UnknownIdError with the index of an id outside of the vocabulary, ArgumentError for arguments that do not fit.
        """
        vocab_size = _size_of(vocabulary)
        tokenizer = vocabulary if isinstance(vocabulary, Tokenizer) else None
        rows = ids if isinstance(ids, Ragged) else Ragged.from_rows([np.asarray(ids)])
        if barrier_classes is None:
            barrier_classes = () if tokenizer is None else DEFAULT_BARRIER_CLASSES
        words = None
        if max_words is not None:
            if tokenizer is None:
                raise ArgumentError("max_words= needs a tokenizer: of a number of ids nobody knows what words they hold")
            words = _words_of(tokenizer)
        if whole_pretokens:
            if tokenizer is None:
                raise ArgumentError("whole_pretokens=True needs a tokenizer")
            barriers = whole_pretoken_barriers(tokenizer, rows, barriers)
        lefts, rights, counts = learn(
            rows,
            vocab_size,
            size,
            barriers=barriers,
            alone=barrier_ids(vocabulary, barrier_classes),
            max_len=max_len,
            max_words=max_words,
            words=words,
            min_count=min_count,
            objective=objective,
            progress=progress,
        )
        return cls(vocabulary, lefts, rights, mode=mode, counts=counts)

    def with_mode(self, mode: Mode) -> Supertokens:
        """The same phrases, put in otherwise."""
        return Supertokens(self.tokenizer or self.vocab_size, self.lefts, self.rights, mode=mode, counts=self.counts)

    def first(self, size: int) -> Supertokens:
        """The first ``size`` phrases: what a training for so many would have given."""
        keep = slice(0, whole(size, "size"))
        counts = None if self.counts is None else self.counts[keep]
        return Supertokens(self.tokenizer or self.vocab_size, self.lefts[keep], self.rights[keep], mode=self.mode, counts=counts)

    def explain(self, condensed: Condensed, *, tokenizer: Tokenizer | None = None, render: Render | None = None) -> Explanation:
        """Condensed ids looked back at; ``render`` shows base ids that are not text. See Explanation."""
        return Explanation(condensed, self.expand(condensed), tokenizer or self.tokenizer, render)

    def state(self, sequences: int = 1, *, max_rewind: int = 0) -> SupertokenEncoder:
        """A writer of ``sequences`` sequences that grow base id by base id; their last ``max_rewind`` ids can be taken back. A reader needs
        no state: :meth:`expand` each id as it comes.

        Raises ArgumentError in mode ``"merge"``, in which an id is certain only when the document has ended.
        """
        if self.mode != "longest":
            raise ArgumentError("mode 'merge' needs whole documents; z.with_mode('longest') has a step-by-step form")
        return SupertokenEncoder(self._core, whole(sequences, "sequences"), whole(max_rewind, "max_rewind"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one file, or nothing: the phrases, the mode, and of which vocabulary they are. Raises OutputError."""
        self._save(path, KIND, {"vocabulary": None if self.tokenizer is None else self.tokenizer.digest}, {})

    @classmethod
    def load(cls, path: str | os.PathLike[str], vocabulary: Tokenizer | None = None) -> Supertokens:
        """Reads what :meth:`save` wrote; ``vocabulary`` has to be the one that they were trained over, if they were over a tokenizer.

        Raises InputError, SnapshotError for a file that is damaged or of another kind, ArgumentError for another vocabulary.
        """
        saved, about, common = opened(path, KIND)
        if vocabulary is not None:
            if about.get("vocabulary") not in (None, vocabulary.digest):
                raise ArgumentError(f"{saved.place} was trained over another vocabulary than {vocabulary.name!r}; load it with that one")
            if vocabulary.vocab_size != about["vocab_size"]:
                raise ArgumentError(
                    f"{saved.place} is for {about['vocab_size']:,} ids, vocabulary {vocabulary.name!r} has {vocabulary.vocab_size:,}"
                )
        try:
            return cls(vocabulary or about["vocab_size"], **common)
        except (ArgumentError, ArgumentTypeError) as error:
            raise SnapshotError(f"{saved.place}: {error}") from error


def _size_of(vocabulary: Tokenizer | int) -> int:
    return vocabulary.vocab_size if isinstance(vocabulary, Tokenizer) else whole(vocabulary, "the size of the vocabulary")


# Which ids are in no phrase


def _without_letters(token: bytes) -> bool:
    text = token.decode("utf-8", "replace")
    return bool(text.strip()) and not any(letter.isalnum() or letter == "\ufffd" for letter in text)


# What a token that is no special one has to be; digits are looked up in the core's Unicode tables.
BARRIER_CLASSES: dict[str, Callable[[bytes], bool] | None] = {
    "digit": None,
    "special": None,
    "newline": lambda token: b"\n" in token or b"\r" in token,
    "paragraph": lambda token: token.count(b"\n") > 1,
    "punctuation": _without_letters,
    "space": lambda token: not token.strip(),
}
DEFAULT_BARRIER_CLASSES: tuple[BarrierClass, ...] = ("digit", "special", "paragraph")


def barrier_ids(vocabulary: Tokenizer | int, classes: Iterable[BarrierClass | int]) -> NDArray[np.int64]:
    """The ids of these classes, and those given as such, rising. Raises ArgumentError."""
    chosen: set[int] = set()
    for one in (classes,) if isinstance(classes, str) else classes:
        if not isinstance(one, str):
            chosen.add(whole(one, "a barrier id"))
            continue
        if one not in BARRIER_CLASSES:
            raise ArgumentError(f"barrier_classes= takes ids and {', '.join(map(repr, BARRIER_CLASSES))}, not {one!r}")
        if not isinstance(vocabulary, Tokenizer):
            raise ArgumentError(f"barrier class {one!r} needs a tokenizer: of a number of ids nobody knows what they are")
        chosen.update(_ids_of_class(vocabulary, one))
    return np.array(sorted(chosen), np.int64)


def _ids_of_class(tokenizer: Tokenizer, name: str) -> Iterable[int]:
    specials = set(tokenizer.special_tokens.values())
    if name == "special":
        return specials
    if name == "digit":
        return [int(id) for id in digit_ids(tokenizer)]
    holds = BARRIER_CLASSES[name]
    assert holds is not None
    return [id for id, token in enumerate(tokenizer.token_bytes) if token is not None and id not in specials and holds(token)]


def _words_of(tokenizer: Tokenizer) -> NDArray[np.uint8]:
    """How many words begin in each token: stretches of other characters behind a blank."""
    begins = re.compile(rb"\s\S")
    return np.array([min(255, len(begins.findall(token or b""))) for token in tokenizer.token_bytes], np.uint8)
