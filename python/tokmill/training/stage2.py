"""``Stage2``: what the second stage of superword training is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ArgumentError

__all__ = ["BARRIERS", "Stage2", "barrier_pattern", "check_stages"]

# What superwords do not go across, in the order in which the alternatives are tried. Newlines come before spaces, which would take the
# blanks at the end of a line.
BARRIERS = {
    "digits": r"\p{N}{1,3}",
    "punctuation": r" ?[^\s\p{L}\p{N}]{2,}[\r\n/]*",
    "newline": r"\s*[\r\n]+",
    "spaces": r" +(?!\S)",
}


@dataclass(frozen=True)
class Stage2:
    """The second stage: up to ``vocab_size`` tokens in all, none of which holds more than ``max_words`` words (parted by white space).

    ``barriers`` part the text into runs, which no superword goes beyond; they become the split pattern of the vocabulary. Each is a name
    ("digits": groups of up to three, "punctuation": two marks and more in a row, "newline", "spaces": all but the last of several) or a
    regex. At least one has to be given: documents would be runs else.

    Raises ArgumentError.
    """

    vocab_size: int
    max_words: int = 4
    barriers: tuple[str, ...] = tuple(BARRIERS)

    def __post_init__(self) -> None:
        if not self.barriers or not all(self.barriers):
            raise ArgumentError("stage2 needs at least one barrier, and none may be empty")
        if self.max_words < 1:
            raise ArgumentError(f"max_words has to be 1 or more, not {self.max_words}")


def check_stages(vocab_size: int, stage2: Stage2, has_init: bool) -> None:
    """Raises ArgumentError if no second stage can follow a first one of `vocab_size` tokens; before anything is counted."""
    if has_init:
        raise ArgumentError("stage2 goes on from the vocabulary of the first stage; leave init= out")
    if stage2.vocab_size <= vocab_size:
        raise ArgumentError(f"stage2.vocab_size has to be above the first stage's {vocab_size:,}, not {stage2.vocab_size:,}")


def barrier_pattern(barriers: Sequence[str]) -> str:
    """The regex of all barriers."""
    named = [regex for name, regex in BARRIERS.items() if name in barriers]
    return "|".join(named + [barrier for barrier in barriers if barrier not in BARRIERS])
