"""``train``: a vocabulary learnt from counts of pretokens, the same for any number of threads and any order of the text.

The rules are those of ``BpeTrainer`` of Hugging Face ``tokenizers`` 0.23.3 (parity="hf") or of rustbpe 0.1 (parity="tiktoken"); they differ
in the order of the 256 base tokens, which breaks ties. Pair counts are 64-bit, where theirs overflow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from .._core import bpe_members
from ..conversion import BYTE_CHARACTERS, byte_level_json, serialized, tokenizers_pattern
from ..errors import ArgumentError
from ..tokenizer import Tokenizer
from .counts import Counts
from .stage2 import Stage2, check_stages
from .superwords import add_superwords
from .vocabulary import extend

__all__ = ["train"]

Parity = Literal["hf", "tiktoken"]
ALL_BYTES = tuple(range(256))
MAX_VOCABULARY = 2_000_000
NO_LIMIT = 256


BYTE_OF_CHARACTER = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}


def train(
    counts: Counts,
    vocab_size: int,
    *,
    special_tokens: Sequence[str] = (),
    min_frequency: int = 0,
    max_token_length: int | None = None,
    initial_alphabet: Iterable[int | str] = ALL_BYTES,
    limit_alphabet: int | None = None,
    init: Tokenizer | None = None,
    stage2: Stage2 | None = None,
    parity: Parity = "hf",
    name: str = "",
    progress: Callable[[int, int], Any] | None = None,
) -> Tokenizer:
    """Learns a byte-level BPE vocabulary of ``vocab_size`` tokens, or of as many as the counts give.

    ``special_tokens`` get the first ids (parity="hf") or the last ones (parity="tiktoken"). ``initial_alphabet`` is the bytes that are
    tokens whether they occur or not, as numbers or as their characters in a tokenizer.json; by default all 256, so that every text can
    be encoded (Hugging Face's own default is none: ``()``). ``limit_alphabet`` keeps only that many single bytes, the most frequent ones.
    ``max_token_length`` is counted as Hugging Face does: a pair may merge if its bytes are *fewer* than it, pairs of single bytes always.
    ``min_frequency`` ends the training at pairs that occur less often. ``progress(tokens, vocab_size)`` is called a few hundred merges
    apart.

    ``init`` is a vocabulary to go on from (see :meth:`Tokenizer.extend`): its ids, special tokens and pattern stay; none of the options
    about the beginning of a vocabulary goes with it.

    ``stage2`` goes on with merges across spaces (superwords), over counts that were made with its barriers: ``vocab_size`` tokens are
    learnt from single pretokens, then those up to ``stage2.vocab_size`` from runs of them. The other options hold for both stages.

    Raises ArgumentError for options that no training could follow: nothing counted, a vocabulary smaller than its single bytes.
    Ctrl-C ends it with KeyboardInterrupt.
    """
    if parity not in ("hf", "tiktoken"):
        raise ArgumentError(f'parity has to be "hf" or "tiktoken", not {parity!r}')
    for size in (vocab_size, vocab_size if stage2 is None else stage2.vocab_size):
        if not 1 <= size <= MAX_VOCABULARY:
            raise ArgumentError(f"vocab_size has to be 1 to {MAX_VOCABULARY:,}, not {size:,}")
    if len(counts) == 0:
        raise ArgumentError("nothing has been counted: there is nothing to train on")
    if stage2 is not None:
        check_stages(vocab_size, stage2, init is not None)
        if stage2.barriers != counts.barriers:
            raise ArgumentError(
                f"stage2 has the barriers {stage2.barriers}, the counts {counts.barriers}; count with barriers=stage2.barriers"
            )
    runs = counts
    if counts.barriers:
        counts = runs.words()
    if init is not None:
        if special_tokens or limit_alphabet is not None or initial_alphabet is not ALL_BYTES:
            raise ArgumentError(
                "init= brings its own special tokens and single bytes; leave special_tokens and the options of the alphabet out"
            )
        return extend(
            init, counts, vocab_size, min_frequency=min_frequency, max_token_length=max_token_length, name=name, progress=progress
        )
    specials = list(dict.fromkeys(special_tokens))
    if any(not special for special in specials):
        raise ArgumentError("a special token is empty")
    alphabet = sorted({_byte(item) for item in initial_alphabet})
    by_value = parity == "tiktoken"
    trained = counts._core.train(
        vocab_size=vocab_size - (len(specials) if by_value else 0),
        min_frequency=min_frequency,
        max_token_length=max_token_length or 0,
        limit_alphabet=NO_LIMIT if limit_alphabet is None else limit_alphabet,
        initial_alphabet=list(ALL_BYTES) if by_value else alphabet,
        byte_values=by_value,
        first_tokens=[] if by_value else [_bytes_of_special(special) for special in specials],
        progress=progress,
    )
    tokens = trained["tokens"]
    first_special_id = len(tokens) if by_value else 0
    ids = {special: first_special_id + i for i, special in enumerate(specials)}
    if by_value:
        tokens += [b""] * len(specials)
    # A name stands for one id: a token that is spelled as a special token gives it up.
    spellings: set[bytes] = {_bytes_of_special(special) for special in specials} if by_value else set()
    members = bpe_members(
        tokens,
        trained["lefts"],
        trained["rights"],
        {id: json.dumps(special, ensure_ascii=False) for special, id in ids.items()},
        [id for id, token in enumerate(tokens[:first_special_id]) if token in spellings],
    )
    content = byte_level_json({}, (), ids, tokenizers_pattern(counts.pattern))
    tokenizer = Tokenizer._from_tokenizer_json(serialized(content, members), name=name)
    if stage2 is None:
        return tokenizer
    return add_superwords(
        tokenizer,
        runs,
        counts,
        stage2,
        min_frequency=min_frequency,
        max_token_length=max_token_length,
        name=name,
        progress=progress,
    )


def _byte(item: int | str) -> int:
    if isinstance(item, int):
        if 0 <= item <= 255:
            return item
    elif item and item[0] in BYTE_OF_CHARACTER:
        return BYTE_OF_CHARACTER[item[0]]  # of a longer string the first character counts, as in Hugging Face
    raise ArgumentError(f"initial_alphabet holds {item!r}, which is neither a byte nor the character of one")


def _bytes_of_special(special: str) -> bytes:
    """The bytes whose characters spell the special token; none if it has another character: then no merge can make it."""
    values = [BYTE_OF_CHARACTER.get(character) for character in special]
    return b"" if None in values else bytes(value for value in values if value is not None)
