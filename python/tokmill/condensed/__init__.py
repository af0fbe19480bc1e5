"""Streams of ids made shorter, and long again: fewer ids for the same text, exactly reversible.

>>> import tokmill
>>> z = tokmill.condensed.Hypertokens(256, book_size=64, max_subtokens=4)
>>> c = z.condense([1, 2, 3, 1, 2, 3, 1, 2, 3])
>>> c.ids.tolist(), c.base_counts.tolist()
([1, 2, 3, 256, 258, 257], [1, 1, 1, 2, 2, 2])
>>> z.expand(c).ids.tolist()
[1, 2, 3, 1, 2, 3, 1, 2, 3]
"""

from __future__ import annotations

from .batch_merges import BatchCondensed, BatchMerges
from .chain import Chain
from .combined import Combined, combined
from .explain import Explained, Explanation, Phrase
from .hypertokens import Hypertokens
from .int_bpe import IntBPE
from .opcode_stream import FactoredView, FlatView, OpcodeStream
from .opcodes import Opcodes
from .packed import PackedRows, Resume
from .ppm import ppm_bits
from .result import BASE, HYPER, SUPER, Condensed
from .shards import OpcodeShard, save_opcodes
from .supertokens import Supertokens

__all__ = [
    "BASE",
    "HYPER",
    "SUPER",
    "BatchCondensed",
    "BatchMerges",
    "Chain",
    "Combined",
    "Condensed",
    "Explained",
    "Explanation",
    "FactoredView",
    "FlatView",
    "Hypertokens",
    "IntBPE",
    "OpcodeShard",
    "OpcodeStream",
    "Opcodes",
    "PackedRows",
    "Phrase",
    "Resume",
    "Supertokens",
    "combined",
    "ppm_bits",
    "save_opcodes",
]
