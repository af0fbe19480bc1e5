"""Comparing rows of ids, with a message that a person can act on: the smallest text found that still differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def flat(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids back to back, and where each row starts."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return np.fromiter((token for row in rows for token in row), np.int32, int(offsets[-1])), offsets


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


def assert_rows(got: Any, expected: Sequence[Sequence[int]], texts: Sequence[str], what: str) -> None:
    """`got` is a Ragged; row by row it has to be `expected`."""
    ids, offsets = flat(expected)
    if np.array_equal(got.ids, ids) and np.array_equal(got.offsets, offsets):
        return
    for text, row, wanted in zip(texts, got.lists(), expected, strict=True):
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
