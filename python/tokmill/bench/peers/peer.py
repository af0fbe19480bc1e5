"""What the benchmark asks of a tokenizer. An adapter overrides what its library can do; the rest is a named gap.

Three rules keep it fair. Inputs are given in the form that the library likes best (`given`), made outside the timed region. The calls are
bound methods or the shortest lambda that a user could write, so that the adapter itself costs nothing. What a call returns is turned into
numbers (`numbers`, `rows`) for the comparison only, never while timing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..vocabulary import Vocabulary

Ids = npt.NDArray[np.int32]


def split_rows(ids: Any, offsets: Any, width: int = 1) -> list[Any]:
    """Flat output cut at `offsets` (any array of boundaries), each id taking `width` places of `ids`."""
    return [ids[width * begin : width * end] for begin, end in pairwise(offsets.tolist())]


class Gap(Exception):
    """The library cannot do what was asked; the message says why and stands in the table."""


class Peer:
    """A tokenizer behind the calls that the benchmark times. `load` must come first."""

    takes: type = str

    def load(self, vocabulary: Vocabulary) -> None:
        """Load `vocabulary`, with no special tokens where the library lets text be only text in no other way."""
        raise NotImplementedError

    def given(self, text: bytes) -> Any:
        """`text` in the form that the calls take."""
        return text if self.takes is bytes else text.decode()

    def array(self) -> Callable[[Any], Any]:
        """The call from one text to its ids in whatever flat form is fastest."""
        return self.listed()

    def listed(self) -> Callable[[Any], list[int]]:
        """The call from one text to a list of ints."""
        raise Gap("gives no list")

    def message(self) -> Callable[[Any], list[int]]:
        """The same for a short text, where another call may be the better one; always fed `str`."""
        return self.listed()

    def count(self) -> Callable[[Any], int]:
        """The call from one text to the number of its tokens."""
        call = self.array()
        return lambda text: len(call(text))

    def batch(self, threads: int) -> Callable[[list[Any]], Any]:
        """The call from a list of texts to their ids."""
        raise Gap("has no batch call")

    def decode(self) -> Callable[[Any], bytes | str]:
        """The call from ids, as `ids_given` makes them, to the text."""
        raise Gap("does not decode")

    def drop_in(self) -> Any:
        """An object with tiktoken's interface: `encode` and `encode_batch` of `str`, as written for tiktoken."""
        raise Gap("has not tiktoken's interface")

    def ids_given(self, ids: Ids) -> Any:
        """Ids in the form that `decode` likes best."""
        return ids.tolist()

    def stream(self, sequences: int) -> tuple[Callable[[Any], Sequence[str | None]], Callable[[Ids], Any]]:
        """A step of streaming decode over `sequences` (one id each -> one piece of text each), and the form in which it takes the ids."""
        raise Gap("has no streaming decoder")

    def snapshot(self, vocabulary: Vocabulary) -> Callable[[], object]:
        """The call that loads the library's own quick form of `vocabulary`, which this method may write first."""
        raise Gap("has no form of its own that loads faster")

    def table_statistics(self) -> dict[str, float]:
        """What the library tells of its word tables."""
        return {}

    def numbers(self, result: Any) -> Ids:
        """What `array` or `listed` returned, as int32."""
        return np.asarray(result).astype(np.int32)

    def rows(self, result: Any) -> Sequence[Any]:
        """What `batch` returned, as one thing a text that `numbers` takes."""
        rows: Sequence[Any] = result
        return rows
