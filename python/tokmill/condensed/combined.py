"""Supertokens and their base vocabulary as one vocabulary, which other libraries load as a file of their own."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import NamedTuple

import numpy as np

from ..conversion import Parts, components_of, is_byte_level, serialized, spelled
from ..errors import ArgumentError
from ..tokenizer import Tokenizer
from .supertokens import Supertokens

__all__ = ["SUPERWORD_PATTERN", "Combined", "combined"]

# Cuts digits off and nothing else, as the barriers of training do by default: phrases reach over words and lines.
SUPERWORD_PATTERN = r"\p{N}{1,3}|[^\p{N}]+"


class Combined(NamedTuple):
    """One tokenizer for both. Phrase r keeps its id, ``vocab_size + r``.

    ``unreachable`` are the phrases that no text becomes, by row: the bytes of one are cut or merged otherwise; ``repeated`` those whose
    bytes are a token, or an earlier phrase, already: they are left out, and their ids stay unused.
    """

    tokenizer: Tokenizer
    unreachable: list[int]
    repeated: list[int]

    def save(self, path: str | os.PathLike[str]) -> list[str]:
        """Writes a tokenizer.json, a rank file or a snapshot, by the ending of ``path``. Returns what the format says otherwise, and
        which phrases are lost, a sentence each. Raises as ``Tokenizer.save`` does."""
        notes = self.tokenizer.save(path)
        for rows, what in (
            (self.unreachable, "no text becomes them"),
            (self.repeated, "left out, since a token or an earlier phrase has their bytes"),
        ):
            if rows:
                shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
                notes.append(f"{len(rows):,} phrases are lost ({what}): {shown}")
        return notes


def combined(z: Supertokens, *, pattern: str = SUPERWORD_PATTERN, name: str = "") -> Combined:
    """The base vocabulary with the phrases as further tokens, splitting by ``pattern``.

    Text is then tokenized in one go, by merges of bytes: those of the base vocabulary come first, but where its own pattern would have
    cut, they may now go on. So ids can differ from ``z.condense(tok.encode(text))``, which is what the phrases were trained for; compare
    both on text of yours. Raises ArgumentError for supertokens over a number of ids, or over a vocabulary that is no byte-level one.
    """
    base = z.tokenizer
    if base is None:
        raise ArgumentError("only supertokens over a tokenizer can become one vocabulary with it")
    components = components_of(base)
    if components is not None and not is_byte_level(components):
        raise ArgumentError("only byte-level vocabularies can be combined with supertokens")
    parts = Parts.of(base)
    rank_of = {token: rank for rank, token in enumerate(parts.tokens) if rank not in parts.names}
    rank_of_id = {id: rank for rank, id in enumerate(parts.ids)}
    tokens, ids, merges, repeated = list(parts.tokens), list(parts.ids), parts.merges(), []
    specials = base.special_tokens
    names = {text.encode() for text in specials}
    for row, (left, right) in enumerate(zip(z.lefts.tolist(), z.rights.tolist(), strict=True)):
        # A part that has no token of its own is the one that has its bytes.
        pair = [rank_of_id.get(part, -1) for part in (left, right)]
        token = b"" if -1 in pair else tokens[pair[0]] + tokens[pair[1]]
        if -1 in pair or token in rank_of or token in names:
            repeated.append(row)
            if token in rank_of:
                rank_of_id[z.vocab_size + row] = rank_of[token]
            continue
        rank_of[token] = rank_of_id[z.vocab_size + row] = len(tokens)
        merges.append((pair[0], pair[1]))
        ids.append(z.vocab_size + row)
        tokens.append(token)
    if components is None:
        lines = b"".join(b"%b %d\n" % (b64encode(token), id) for token, id in zip(tokens, ids, strict=True))
        tokenizer = Tokenizer._from_ranks(lines, name=name, pattern=pattern, special_tokens=dict(specials))
    else:
        spellings = [spelled(token) for token in tokens]
        vocab = {text: id for rank, (text, id) in enumerate(zip(spellings, ids, strict=True)) if rank not in parts.names}
        vocab.update({token["content"]: token["id"] for token in components.get("added_tokens", [])})
        model = components.setdefault("model", {"type": "BPE"})
        model["vocab"] = dict(sorted(vocab.items(), key=lambda item: item[1]))
        model["merges"] = [(spellings[left], spellings[right]) for left, right in merges]
        components["pre_tokenizer"] = {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        }
        tokenizer = Tokenizer._from_tokenizer_json(serialized(components), name=name)
    return Combined(tokenizer, _unreachable(z, tokenizer, set(repeated)), repeated)


def _unreachable(z: Supertokens, tokenizer: Tokenizer, left_out: set[int]) -> list[int]:
    rows = [row for row in range(z.size) if row not in left_out]
    texts = [tokenizer.bytes_of(z.vocab_size + row) for row in rows]
    # What a phrase begins or ends with may be a part of a character, which no text is.
    whole = [_is_text(text) for text in texts]
    encoded = iter(tokenizer.encode_batch([text for text, is_text in zip(texts, whole, strict=True) if is_text]))
    return [row for row, is_text in zip(rows, whole, strict=True) if not is_text or not np.array_equal(next(encoded), [z.vocab_size + row])]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
