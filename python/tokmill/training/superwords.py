"""Superwords: a second stage of training, in which merges cross spaces (SuperBPE, arXiv 2503.13423)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..conversion import Parts, components_of, split_steps
from ..tokenizer import Tokenizer
from .counts import Counts
from .stage2 import Stage2, barrier_pattern
from .vocabulary import emits_whole_words, remade

__all__ = ["add_superwords"]


def add_superwords(
    tokenizer: Tokenizer,
    runs: Counts,
    words: Counts,
    stage2: Stage2,
    *,
    min_frequency: int = 0,
    max_token_length: int | None = None,
    name: str = "",
    progress: Callable[[int, int], Any] | None = None,
) -> Tokenizer:
    """``tokenizer``, trained on ``words``, with the superwords that ``runs`` of them give. Its ids keep their meaning."""
    components = components_of(tokenizer)
    assert components is not None  # train() has made it
    parts = Parts.of(tokenizer)
    old = len(parts.tokens)
    trained = runs._core.extend_over_spaces(
        tokenizer,
        words._core,
        vocab_size=old + stage2.vocab_size - tokenizer.vocab_size,
        min_frequency=min_frequency,
        max_token_length=max_token_length or 0,
        max_words=stage2.max_words,
        whole_words=emits_whole_words(tokenizer),
        progress=progress,
    )
    tokens = trained["tokens"]
    ids = parts.ids + [tokenizer.vocab_size + i for i in range(len(tokens) - old)]
    merges = parts.merges() + list(zip(trained["lefts"].tolist(), trained["rights"].tolist(), strict=True))
    components["pre_tokenizer"] = split_steps([barrier_pattern(stage2.barriers)])
    return remade(tokenizer, components, tokens, ids, parts.names, merges, tokenizer.special_tokens, name)
