"""Special tokens in text: the leftmost one first, the longest where several start; between them each stretch is a text of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def encode(text: str, parsed: Mapping[str, int], encode_ordinary: Callable[[str], list[int]]) -> list[int]:
    """Ids with the given special tokens recognised, every other one left as text."""
    ids: list[int] = []
    start = i = 0
    while i < len(text):
        here = max((token for token in parsed if text.startswith(token, i)), key=len, default=None)
        if here is None:
            i += 1
            continue
        ids += [*encode_ordinary(text[start:i]), parsed[here]]
        start = i = i + len(here)
    return ids + encode_ordinary(text[start:])
