"""BoundlessBPE's rule (arXiv 2504.00178): pretokens are joined only where each is one token."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import Splitter
from ..conversion import components_of, splits_of
from ..errors import ArgumentError
from ..ragged import Ragged
from ..spans import token_lengths
from ..tokenizer import Tokenizer
from .outside import barrier_places

__all__ = ["whole_pretoken_barriers"]


def whole_pretoken_barriers(tokenizer: Tokenizer, ids: Ragged, barriers: ArrayLike | None = None) -> NDArray[np.int64]:
    """All places between tokens but those between two pretokens that are one token each, and ``barriers``: rising.

    The text of the ids is cut anew by the tokenizer's pattern. Raises ArgumentError for a tokenizer that does more than split before
    it merges, InvalidUtf8Error for ids that stand for no text.
    """
    splitter = _splitter_of(tokenizer)
    lengths = token_lengths(tokenizer, ids.ids)
    # By token boundary, those of all documents end to end: does a pretoken begin there?
    begins = np.zeros(len(ids.ids) + 1, np.bool_)
    for document, (start, end) in enumerate(zip(ids.offsets[:-1].tolist(), ids.offsets[1:].tolist(), strict=True)):
        ends = np.cumsum(lengths[start:end], dtype=np.int64)
        starts = splitter.split(tokenizer.decode_bytes(ids[document]))[:, 0]
        begins[start] = begins[end] = True
        begins[start + 1 : end] = np.isin(ends[:-1], starts)
    is_whole = begins[:-1] & begins[1:]
    joins = is_whole[:-1] & is_whole[1:] if len(is_whole) else is_whole
    places = np.flatnonzero(~joins) + 1
    known = barrier_places(barriers, None, len(ids.ids))
    return places if known is None else np.union1d(places, known)


def _splitter_of(tokenizer: Tokenizer) -> Splitter:
    components = components_of(tokenizer)
    if components is None:
        return Splitter(tokenizer.pattern, dialect="tiktoken")
    splits = splits_of(components)
    if not splits:
        raise ArgumentError("whole_pretokens=True needs a tokenizer that only splits before it merges")
    splitter = Splitter(splits[0])
    for split in splits[1:]:
        splitter = splitter.then(Splitter(split))
    return splitter
