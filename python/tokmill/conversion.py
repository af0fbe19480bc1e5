"""Byte-level vocabularies as files of other libraries: ``tokenizer.json`` (tokenizers, transformers) and rank files (tiktoken).

A ``tokenizer.json`` lists merges as pairs; a rank file lists byte strings, and a pair merges if its bytes stand there. They say the same
when every token is what the pairs of lower rank leave of its bytes: then its pair is the last two parts. Tokens of which that is not
true are *unreachable*: tiktoken emits them for pretokens that equal them, ``tokenizers`` does so with ``ignore_merges``. What one format
says otherwise than the other, or cannot say, is reported as a sentence each.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from ._core import PATTERNS, CoreTokenizer, vocabulary_parts
from .errors import ArgumentError

__all__ = ["BYTE_CHARACTERS", "Parts", "byte_level_json", "rank_file", "spelled", "split_steps", "tokenizer_json", "tokenizers_pattern"]


def _byte_characters() -> tuple[str, ...]:
    # GPT-2's map: printable Latin-1 stands for itself, the other bytes for U+0100 and up, in rising order.
    itself = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in itself else chr(next(others)) for byte in range(256))


BYTE_CHARACTERS = _byte_characters()
CHARACTER_OF_LATIN = dict(enumerate(BYTE_CHARACTERS))

# Possessive in tiktoken's regexes; to tokenizers (Oniguruma, Ruby's syntax) a repetition of the repetition.
POSSESSIVE_COUNT = re.compile(r"(?<!\\)(\{\d*,?\d*\})\+")


class Parts(NamedTuple):
    """A vocabulary by rank: tokens, ids, and of which two ranks each is made (-1: none); which of them are unreachable by merges.

    ``names`` are those that are only there because a tokenizer.json lists special tokens in its vocabulary too; no text becomes them.
    """

    tokens: list[bytes]
    ids: list[int]
    lefts: list[int]
    rights: list[int]
    unreachable: list[int]
    names: set[int]

    @classmethod
    def of(cls, tokenizer: CoreTokenizer) -> Parts:
        tokens, *arrays = vocabulary_parts(tokenizer)
        ids, lefts, rights, unreachable = (array.tolist() for array in arrays)
        special_ids = set(tokenizer.special_tokens.values())
        names = {rank for rank in unreachable if ids[rank] in special_ids}
        return cls(tokens, ids, lefts, rights, [rank for rank in unreachable if rank not in names], names)

    def entries(self) -> list[tuple[bytes, int]]:
        """Tokens with their ids, by rank, without the names of special tokens."""
        return [(token, id) for rank, (token, id) in enumerate(zip(self.tokens, self.ids, strict=True)) if rank not in self.names]

    def merges(self) -> list[tuple[int, int]]:
        """The pairs of ranks that merge, by rank."""
        return [(left, right) for left, right in zip(self.lefts, self.rights, strict=True) if left >= 0]


def spelled(token: bytes) -> str:
    """The token in the alphabet of a byte-level tokenizer.json."""
    return token.decode("latin-1").translate(CHARACTER_OF_LATIN)


def tokenizers_pattern(pattern: str) -> list[str]:
    """The splits by which ``tokenizers`` cuts as tiktoken does by ``pattern``. Raises ArgumentError if there are none."""
    steps = pattern.split("\n") if pattern in PATTERNS.values() else [pattern]  # of a named pattern a line each
    # In the named ones the count is followed by something that cannot give back what the possessive form would have kept.
    steps = [POSSESSIVE_COUNT.sub(r"\1", step) if pattern in PATTERNS.values() else step for step in steps]
    if any(POSSESSIVE_COUNT.search(step) for step in steps):
        raise ArgumentError(f"tokenizers reads a possessive count such as {{1,3}}+ otherwise than tiktoken; the pattern is {pattern!r}")
    return steps


def split_steps(splits: Sequence[str]) -> dict[str, Any]:
    """The pre_tokenizer that splits by regexes, one after the other, and then spells bytes."""
    return {
        "type": "Sequence",
        "pretokenizers": [
            *({"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False} for split in splits),
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    }


def byte_level_json(
    names: Mapping[str, int],
    merges: Iterable[tuple[str, str]],
    specials: Mapping[str, int],
    splits: Sequence[str],
    *,
    ignore_merges: bool = False,
) -> dict[str, Any]:
    """The content of a tokenizer.json: ids by spelling, merges by rank, special tokens, and the splits before ByteLevel."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": id,
                "content": special,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for special, id in specials.items()
        ],
        "normalizer": None,
        "pre_tokenizer": split_steps(splits),
        "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignore_merges,
            "vocab": dict(sorted(names.items(), key=lambda item: item[1])),
            "merges": list(merges),
        },
    }


def serialized(content: dict[str, Any], members: bytes | None = None) -> bytes:
    """The text of a tokenizer.json. Vocabulary and merges are written out here, in a third of the time of ``json.dumps``, or are given as
    the ``members`` that ``bpe_members`` made of them."""
    model = dict(content["model"])
    vocab, merges = model.pop("vocab"), model.pop("merges")
    if members is None:
        quoted = {name: encode_basestring(name) for name in vocab}
        entries = ",".join([f"{quoted[name]}:{id}" for name, id in vocab.items()])
        pairs = ",".join([f"[{quoted[left]},{quoted[right]}]" for left, right in merges])
        members = f'"vocab":{{{entries}}},"merges":[{pairs}]'.encode()
    rest = {key: value for key, value in content.items() if key != "model"}
    return f'{_compact(rest)[:-1]},"model":{_compact(model)[:-1]},'.encode() + members + b"}}"


def _compact(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def tokenizer_json(tokenizer: CoreTokenizer) -> tuple[bytes, list[str]]:
    """A tokenizer.json that gives the tokenizer's ids, and what it says otherwise. Raises ArgumentError if there is none."""
    parts = Parts.of(tokenizer)
    names = [spelled(token) for token in parts.tokens]
    merges = [(names[left], names[right]) for left, right in parts.merges()]
    vocab = {spelled(token): id for token, id in parts.entries()}
    components = components_of(tokenizer)
    if components is not None:
        model = components.get("model", {"type": "BPE"})
        if not is_byte_level(components):
            raise ArgumentError(
                "only vocabularies that spell bytes as GPT-2 does can be written as tokenizer.json; keep the file it came from"
            )
        known = {token["content"]: token["id"] for token in components.get("added_tokens", [])}
        _join(vocab, known)
        components["model"] = {
            **model,
            "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])),
            "merges": [list(pair) for pair in merges],
        }
        return serialized(components), []
    notes = []
    specials: dict[str, int] = {}
    for text, id in tokenizer.special_tokens.items():
        if id not in specials.values() and tokenizer.bytes_of(id) == text.encode():
            specials[text] = id
        else:
            notes.append(f"special token {text!r} is left out: it shares the id {id} with another, and tokenizers gives an id one spelling")
    _join(vocab, specials)
    if parts.unreachable:
        notes.append(
            f"{len(parts.unreachable):,} tokens that no merges make, such as {parts.tokens[parts.unreachable[0]]!r}: "
            "ignore_merges is set, by which a pretoken that is a token becomes that token"
        )
    if gaps := tokenizer.vocab_size - len(vocab):
        notes.append(f"{gaps:,} ids below {tokenizer.vocab_size:,} are no token; tokenizers counts {len(vocab):,}")
    splits = tokenizers_pattern(tokenizer.pattern)
    return serialized(byte_level_json(vocab, merges, specials, splits, ignore_merges=bool(parts.unreachable))), notes


def rank_file(tokenizer: CoreTokenizer) -> tuple[bytes, list[str]]:
    """The lines of a rank file that gives the tokenizer's ids, and what it has no place for. Raises ArgumentError if there is none."""
    components = components_of(tokenizer)
    parts = Parts.of(tokenizer)
    notes = []
    # Where single bytes and unreachable tokens stand among the ranks decides nothing: no pair merges into them.
    merged_ids = [id for id, left in zip(parts.ids, parts.lefts, strict=True) if left >= 0]
    if components is not None:
        for wrong, why in (
            (not is_byte_level(components), "its tokens are not spelled bytes"),
            (components.get("normalizer") is not None, "it has a normalizer"),
            (splits_of(components) is None, "its pre_tokenizer does more than split by patterns"),
            (
                parts.unreachable and not components.get("model", {}).get("ignore_merges"),
                "it has tokens that no merges make, which tiktoken would use",
            ),
            (sum(len(token) == 1 for token in parts.tokens) < 256, "some of the 256 bytes are no tokens"),
            (merged_ids != sorted(merged_ids), "its merges are not in the order of the ids"),
        ):
            if wrong:
                raise ArgumentError(f"a rank file cannot say what this tokenizer.json says: {why}; save a .tokmill snapshot")
        if (components.get("post_processor") or {}).get("type") not in (None, "ByteLevel"):
            notes.append("the post-processor is left out: add_special_tokens adds nothing then")
    notes.append("pattern and special tokens are not in a rank file; load it with them")
    lines = sorted((id, token) for token, id in parts.entries())
    if gaps := lines[-1][0] + 1 - len(lines):
        notes.append(f"{gaps:,} ids below the last token's are none of its lines; give tiktoken no explicit_n_vocab")
    return b"".join(b"%b %d\n" % (b64encode(token), id) for id, token in lines), notes


def components_of(tokenizer: CoreTokenizer) -> dict[str, Any] | None:
    """What a tokenizer.json has around its vocabulary; None for other tokenizers."""
    text = tokenizer._components()
    return None if text is None else dict(json.loads(text))


def is_byte_level(components: dict[str, Any]) -> bool:
    """Are its tokens bytes in GPT-2's spelling, without marks of words?"""
    model = components.get("model", {})
    return _has_byte_level(components.get("pre_tokenizer")) and not (
        model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
    )


def splits_of(components: dict[str, Any]) -> list[str] | None:
    """The regexes by which it splits; None if it does anything else before the merges."""
    step = components.get("pre_tokenizer") or {"type": "Sequence", "pretokenizers": []}
    steps = step["pretokenizers"] if step["type"] == "Sequence" else [step]
    regexes = []
    for step in steps:
        if step["type"] == "ByteLevel" and not step.get("add_prefix_space", True):
            if step.get("use_regex", True):
                regexes.append(PATTERNS["gpt2"])
        elif step["type"] == "Split" and "Regex" in step["pattern"] and step["behavior"] == "Isolated" and not step["invert"]:
            regexes.append(step["pattern"]["Regex"])
        else:
            return None
    return regexes


def _has_byte_level(step: dict[str, Any] | None) -> bool:
    if step is None:
        return False
    return step["type"] == "ByteLevel" or (step["type"] == "Sequence" and any(map(_has_byte_level, step["pretokenizers"])))


def _join(vocab: dict[str, int], specials: Mapping[str, int]) -> None:
    """Adds the special tokens to the vocabulary, which is where tokenizers looks for their ids."""
    for text, id in specials.items():
        if vocab.setdefault(text, id) != id:
            raise ArgumentError(f"special token {text!r} (id {id}) is spelled as token {vocab[text]} is in a tokenizer.json; rename it")
