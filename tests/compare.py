"""Comparing rows of ids, with a message that a person can act on: the smallest text found that still differs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tokmill
from numpy.typing import NDArray


class Rows(NamedTuple):
    """What a batch has to give: row by row, and as it lies in a Ragged."""

    lists: Sequence[Sequence[int]]
    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]


def rows_of(lists: Sequence[Sequence[int]]) -> Rows:
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(row) for row in lists], out=offsets[1:])
    return Rows(lists, np.fromiter(itertools.chain.from_iterable(lists), np.int32, int(offsets[-1])), offsets)


def shrink(text: str, differs: Callable[[str], bool]) -> str:
    """A shorter text that still differs: stretches are left out as long as that keeps the difference."""
    step = len(text) // 2
    while step:
        i = 0
        while i < len(text):
            shorter = text[:i] + text[i + step :]
            if differs(shorter):
                text = shorter
            else:
                i += step
        step //= 2
    return text


def assert_rows(got: tokmill.Ragged, expected: Rows, texts: Sequence[str], what: str) -> None:
    """A batch of texts; when it fails, the first row that differs is shown."""
    if np.array_equal(got.ids, expected.ids) and np.array_equal(got.offsets, expected.offsets):
        return
    for text, row, wanted in zip(texts, got.lists(), expected.lists, strict=True):
        assert row == list(wanted), f"{what}: {text!r}: {row} instead of {list(wanted)}"
    raise AssertionError(f"{what}: the rows are equal, ids or offsets are not")


def assert_text(
    encode: Callable[[str], Sequence[int]],
    judge: Callable[[str], Sequence[int]],
    text: str,
    what: str,
    expected: Sequence[int] | None = None,
) -> None:
    """One text, whose ids by the judge may be known; when it fails, both are asked again about shorter ones."""
    if list(encode(text)) == list(judge(text) if expected is None else expected):
        return
    small = shrink(text, lambda shorter: list(encode(shorter)) != list(judge(shorter)))
    raise AssertionError(f"{what}: {small!r}: {list(encode(small))[:50]} instead of {list(judge(small))[:50]}")
