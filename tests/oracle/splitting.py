"""The two owners of split regexes as judges: where do tokenizers and tiktoken themselves cut a text?

Both answer in characters. tiktoken does not say where it cuts, so it gets a vocabulary in which every substring of the texts is a
token: then each of its pieces is one token, and the token's bytes are the piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Spans = list[tuple[int, int]]


def tokenizers_spans(
    regex: str, texts: Iterable[str], behaviour: str = "isolated", invert: bool = False, literal: bool = False
) -> list[Spans]:
    """What tokenizers' ``Split`` makes of each text."""
    from tokenizers import Regex, pre_tokenizers

    step: Any = pre_tokenizers.Split(regex if literal else Regex(regex), behaviour, invert)
    return [[tuple(span) for _, span in step.pre_tokenize_str(text)] if text else [] for text in texts]


def tiktoken_pieces(regex: str, texts: Sequence[str]) -> list[list[bytes] | None]:
    """The pieces that tiktoken makes of each text (``None``: it panics, as on empty matches); unmatched text is dropped."""
    from tiktoken import _tiktoken  # type: ignore[attr-defined]

    answers: list[list[bytes] | None] = []
    for first in range(0, len(texts), 64):
        batch = texts[first : first + 64]
        parts = {
            piece[begin:end]
            for piece in (text.encode() for text in batch)
            for begin in range(len(piece))
            for end in range(begin + 1, len(piece) + 1)
        }
        ranks = {bytes([byte]): byte for byte in range(256)}
        for part in sorted(parts):
            ranks.setdefault(part, len(ranks))
        bytes_of = {rank: part for part, rank in ranks.items()}
        core = _tiktoken.CoreBPE(ranks, {}, regex)
        for text in batch:
            try:
                answers.append([bytes_of[token] for token in core.encode_ordinary(text)])
            except BaseException as error:  # pyo3's PanicException is no Exception
                if isinstance(error, KeyboardInterrupt):
                    raise
                answers.append(None)
    return answers
