"""Vocabularies out of vocabularies: with more tokens, or with fewer. Both keep every token that stays reachable by merges."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conversion import Parts, components_of, is_byte_level, serialized, spelled
from ..errors import ArgumentError
from ..tokenizer import Tokenizer
from .counts import Counts

__all__ = ["emits_whole_words", "extend", "prune", "remade"]


def extend(
    tokenizer: Tokenizer,
    counts: Counts,
    vocab_size: int,
    *,
    min_frequency: int = 0,
    max_token_length: int | None = None,
    name: str = "",
    progress: Callable[[int, int], Any] | None = None,
) -> Tokenizer:
    """``tokenizer`` with further tokens, so that it has ``vocab_size`` ids, or as many as the counts give.

    All its ids keep their meaning, and so do texts that were encoded with it: they decode as before. New ids follow the greatest old one.
    The counted words are merged by the old merges first, as they will be when text is encoded, and then trained on. A pair whose
    bytes are a token or a special token already is passed over. All new tokens hold ``max_token_length``: their bytes are fewer.

    Raises ArgumentError if the vocabulary is no byte-level one, or has that many ids already.
    """
    components = components_of(tokenizer)
    if components is not None and not is_byte_level(components):
        raise ArgumentError("only byte-level vocabularies can be extended")
    if vocab_size <= tokenizer.vocab_size:
        raise ArgumentError(f"vocab_size {vocab_size:,} is not above the {tokenizer.vocab_size:,} ids that there are")
    if len(counts) == 0:
        raise ArgumentError("nothing has been counted: there is nothing to train on")
    parts = Parts.of(tokenizer)
    old = len(parts.tokens)
    trained = counts._core.extend(
        tokenizer,
        vocab_size=old + vocab_size - tokenizer.vocab_size,
        min_frequency=min_frequency,
        max_token_length=max_token_length or 0,
        whole_words=emits_whole_words(tokenizer),
        progress=progress,
    )
    tokens = trained["tokens"]
    ids = parts.ids + [tokenizer.vocab_size + i for i in range(len(tokens) - old)]
    merges = parts.merges() + list(zip(trained["lefts"].tolist(), trained["rights"].tolist(), strict=True))
    return remade(tokenizer, components, tokens, ids, parts.names, merges, tokenizer.special_tokens, name)


def prune(tokenizer: Tokenizer, keep: Iterable[int]) -> tuple[Tokenizer, NDArray[np.int32]]:
    """``tokenizer`` with the tokens ``keep`` only, ids without gaps in the old order; and the old id of each new one (int32).

    Besides those asked for, what they are made of stays, so that merges still reach each of them, and so do single bytes and special
    tokens. Text is cut into smaller tokens where one was taken out. ``embeddings[old_ids]`` are the rows that fit the new ids.

    Raises ArgumentError for an id that is no token.
    """
    components = components_of(tokenizer)
    if components is not None and not is_byte_level(components):
        raise ArgumentError("only byte-level vocabularies can be pruned")
    parts = Parts.of(tokenizer)
    rank_of_id = {id: rank for rank, id in enumerate(parts.ids)}
    specials = tokenizer.special_tokens
    kept = {rank for rank, token in enumerate(parts.tokens) if len(token) == 1}
    open_ranks = []
    for id in keep:
        if int(id) in rank_of_id:
            open_ranks.append(rank_of_id[int(id)])
        elif int(id) not in specials.values():
            raise ArgumentError(f"id {int(id):,} is to be kept, but it is no token")
    while open_ranks:
        rank = open_ranks.pop()
        if rank not in kept:
            kept.add(rank)
            if parts.lefts[rank] >= 0:
                open_ranks += [parts.lefts[rank], parts.rights[rank]]
    old_ids = sorted({*(parts.ids[rank] for rank in kept), *specials.values()})
    new_id = {old: new for new, old in enumerate(old_ids)}
    ranks = sorted(kept)
    new_rank = {old: new for new, old in enumerate(ranks)}
    pruned = remade(
        tokenizer,
        components,
        [parts.tokens[rank] for rank in ranks],
        [new_id[parts.ids[rank]] for rank in ranks],
        {new_rank[rank] for rank in parts.names if rank in kept},
        [(new_rank[parts.lefts[rank]], new_rank[parts.rights[rank]]) for rank in ranks if parts.lefts[rank] >= 0],
        {text: new_id[id] for text, id in specials.items()},
        tokenizer.name,
        new_id,
    )
    return pruned, np.array(old_ids, np.int32)


def emits_whole_words(tokenizer: Tokenizer) -> bool:
    """Does a pretoken that is a token become that token whatever its bytes merge into?"""
    components = components_of(tokenizer)
    return components is None or bool(components.get("model", {}).get("ignore_merges"))


def remade(
    tokenizer: Tokenizer,
    components: dict[str, Any] | None,
    tokens: list[bytes],
    ids: list[int],
    names_only: Container[int],
    merges: list[tuple[int, int]],
    specials: Mapping[str, int],
    name: str,
    new_id: Mapping[int, int] | None = None,
) -> Tokenizer:
    """A tokenizer with these tokens and everything else of another: a rank file's by ranks, a tokenizer.json's by merges."""
    if components is None:
        lines = b"".join(b"%b %d\n" % (b64encode(token), id) for token, id in zip(tokens, ids, strict=True))
        return Tokenizer._from_ranks(lines, name=name, pattern=tokenizer.pattern, special_tokens=dict(specials))
    if new_id is not None:
        if (components.get("post_processor") or {}).get("type") not in (None, "ByteLevel"):
            raise ArgumentError("the post-processor of this tokenizer.json names ids, which pruning changes; prune it without one")
        for token in components.get("added_tokens", []):
            token["id"] = new_id[token["id"]]
    names = [spelled(token) for token in tokens]
    vocab = {text: id for rank, (text, id) in enumerate(zip(names, ids, strict=True)) if rank not in names_only}
    vocab.update({token["content"]: token["id"] for token in components.get("added_tokens", [])})
    model = components.setdefault("model", {"type": "BPE"})
    model["vocab"] = dict(sorted(vocab.items(), key=lambda item: item[1]))
    model["merges"] = [(names[left], names[right]) for left, right in merges]
    return Tokenizer._from_tokenizer_json(serialized(components), name=name)
