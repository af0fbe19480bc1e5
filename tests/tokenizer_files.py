"""Small tokenizer.json files made for tests, and what ``tokenizers`` says of a file."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
MAPPED = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
DECODER = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def alphabet() -> list[str]:
    """The characters of the byte-level alphabet by byte, as GPT-2's ``bytes_to_unicode`` makes them."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


ALPHABET = alphabet()


def spelt(token: bytes) -> str:
    return "".join(ALPHABET[byte] for byte in token)


def added(id: int, content: str, **flags: bool) -> dict[str, Any]:
    token: dict[str, Any] = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False}
    return token | {"normalized": False, "special": True} | flags


def split(pattern: Any, behavior: Any = "Isolated", **others: Any) -> dict[str, Any]:
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": False} | others


def file_of(vocab: dict[str, int], merges: list[Any], *, model: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    settings = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": BYTE_LEVEL,
        "post_processor": None,
        "decoder": DECODER,
        **members,
        "model": settings | (model or {}) | {"vocab": vocab, "merges": merges},
    }


def small_file(**members: Any) -> dict[str, Any]:
    """All bytes and a few merges."""
    vocab = {character: id for id, character in enumerate(ALPHABET)}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("Ġ", "a"), ("a", "n"), ("an", "d"), ("Ġ", "and"), ("l", "l"), ("1", "2")]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    return file_of(vocab, [list(pair) for pair in merges], **members)


def random_merges(rng: random.Random, symbols: list[str], count: int) -> tuple[dict[str, int], list[list[str]]]:
    """A vocabulary over some symbols: merges of tokens that are there, some tokens made by several pairs, some by none, lines shuffled."""
    tokens = list(dict.fromkeys(symbols))
    pairs: list[list[str]] = []
    for _ in range(count):
        left, right = rng.choice(tokens), rng.choice(tokens)
        if len(left + right) > 12:
            continue
        pairs.append([left, right])
        if left + right not in tokens:
            tokens.append(left + right)
    for token in list(tokens):  # other ways to make the same
        for cut in range(1, len(token)):
            if token[:cut] in tokens and token[cut:] in tokens and rng.random() < 0.3:
                pairs.append([token[:cut], token[cut:]])
    if rng.random() < 0.5:
        rng.shuffle(pairs)
    extra = ["".join(rng.choices(symbols, k=rng.randint(2, 4))) for _ in range(3)]
    everything = list(dict.fromkeys([*ALPHABET, *tokens, *extra]))
    if rng.random() < 0.5:
        rng.shuffle(everything)
    return {token: id for id, token in enumerate(everything)}, pairs


def peer_of(file: dict[str, Any] | str) -> Any:
    """The file in ``tokenizers``, without its truncation and padding."""
    from tokenizers import Tokenizer

    peer = Tokenizer.from_str(file if isinstance(file, str) else json.dumps(file))
    peer.no_truncation()
    peer.no_padding()
    return peer


def changed(file: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the member at a dotted path replaced; removed if the value is ``...``."""
    copied = copy.deepcopy(file)
    *parents, last = path.split(".")
    target = copied
    for key in parents:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return copied
