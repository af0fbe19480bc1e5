"""The section that the room vocab/ gives to a report: what a tokenizer is made of, and what of it is not supported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core import PATTERNS, StreamDecoder
from ..errors import ArgumentError, UnsupportedModel
from ..tokenizer import Tokenizer
from .document import Row, Section

__all__ = ["vocabulary_section"]

# Of the classes of characters in split patterns; csrc/unicode holds the tables.
UNICODE_VERSION = "16.0.0"
SHOWN_SPECIALS = 6


def vocabulary_section(tokenizer: Tokenizer) -> Section:
    """What decides the ids, and where it came from."""
    special_tokens = tokenizer.special_tokens
    special_ids = set(special_tokens.values())
    sizes = np.array([len(token) for id, token in enumerate(tokenizer.token_bytes) if token is not None and id not in special_ids])
    components = json.loads(tokenizer._components() or "null")
    unused = tokenizer.vocab_size - len(sizes) - len(special_ids)
    return Section(
        f"vocabulary {tokenizer.name}",
        [
            Row("found", "found", tokenizer.origin),
            Row("digest", "digest", tokenizer.digest),
            Row("model", "model", "byte-level BPE", remark=_model(components)),
            Row("vocab_size", "ids", tokenizer.vocab_size, remark=f"{unused:,} of them unused" if unused else ""),
            Row("tokens", "tokens", len(sizes), remark=f"of {sizes.mean():.1f} bytes on average, at most {sizes.max():,}"),
            Row("special_tokens", "special tokens", len(special_tokens), remark=_first(special_tokens)),
            *(
                Row(key, key.removesuffix("_id"), id)
                for key in ("bos_id", "eos_id", "pad_id")
                if (id := getattr(tokenizer, key)) is not None
            ),
            Row("normalizer", "normaliser", _shown(components, "normalizer")),
            Row("scanner", "scanner", _scanner(tokenizer.pattern)),
            Row("pattern", "split pattern", tokenizer.pattern or "none: several steps"),
            *_component_rows(tokenizer, components),
            Row("unicode", "Unicode", UNICODE_VERSION),
            Row(
                "unsupported",
                "not supported",
                "; ".join(_unsupported(tokenizer, components or {})) or "nothing of it",
                remark="ids and text are exact: what would not be is refused at load",
            ),
        ],
    )


def _model(components: dict[str, Any] | None) -> str:
    if components is None:
        return "merges by rank, as in tiktoken; a pretoken that is a token is that token"
    set_members = {key: value for key, value in components.get("model", {}).items() if value and key != "type"}
    return ", ".join(["merges by line, as in tokenizers", *(f"{key} {value}" for key, value in set_members.items())])


def _unsupported(tokenizer: Tokenizer, components: dict[str, Any]) -> Iterator[str]:
    """What the file says and no call does, and the calls that this file has no use of."""
    for member in ("truncation", "padding"):
        if isinstance(components.get(member), dict):
            yield f"{member} of the file is never applied"
    if components.get("model", {}).get("dropout") is not None:
        yield "dropout of the file is 0 and does nothing"
    try:
        tokenizer.truncate("", 1)
    except ArgumentError:
        yield "truncate(): ids do not say all of a text"
    try:
        StreamDecoder(tokenizer, 1)
    except UnsupportedModel:
        yield "StreamDecoder: the decoder is not ByteLevel alone"


def _shown(components: dict[str, Any] | None, member: str) -> str:
    """The steps of a member, one behind the other: ``NFC, Replace(pattern.Regex '\\s+', content ' '), Lowercase``."""
    value = (components or {}).get(member)
    return ", ".join(map(_step, _steps(value))) if isinstance(value, dict) else "none"


def _steps(component: dict[str, Any]) -> list[dict[str, Any]]:
    if component.get("type") != "Sequence":
        return [component]
    (steps,) = (value for value in component.values() if isinstance(value, list))
    return [step for item in steps for step in _steps(item)]


def _step(component: dict[str, Any]) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in _settings(component) if key != "type")
    name = component.get("type", "")
    return f"{name}({settings})" if settings and name else f"{name}{settings}"


def _settings(component: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each setting with its value; those of an object within by both names; what is false or nothing says so by not being there."""
    for key, value in component.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", shown) for inner, shown in _settings(value))
        elif isinstance(value, list):
            yield key, json.dumps(value, ensure_ascii=False)
        elif value is True:
            yield key, "yes"
        elif value is not None and value is not False:
            yield key, repr(value)


def _component_rows(tokenizer: Tokenizer, components: dict[str, Any] | None) -> list[Row]:
    """What a tokenizer.json has besides; its truncation and padding are shown, never applied."""
    if components is None:
        return []
    added = components.get("added_tokens", [])
    missing = tokenizer.missing_bytes
    return [
        Row(
            "added_tokens", "added tokens", len(added), remark=f"{sum(not token['special'] for token in added):,} of them no special tokens"
        ),
        Row("missing_bytes", "bytes without a token", len(missing), remark=missing.hex(" ").upper()),
        *(Row(member, member.replace("_", " "), _shown(components, member)) for member in ("pre_tokenizer", "post_processor", "decoder")),
        *(Row(member, f"{member} of the file", _shown(components, member), remark="never applied") for member in ("truncation", "padding")),
    ]


def _scanner(pattern: str) -> str:
    """What cuts text into pretokens."""
    known = next((name for name, regex in PATTERNS.items() if regex == pattern), None)
    return "general engine" if known is None else f"hand-made for {known}"


def _first(special_tokens: dict[str, int]) -> str:
    shown = ", ".join(f"{text} {id}" for text, id in list(special_tokens.items())[:SHOWN_SPECIALS])
    more = len(special_tokens) - SHOWN_SPECIALS
    return f"{shown}, and {more:,} more" if more > 0 else shown
