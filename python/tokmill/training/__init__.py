"""Training vocabularies: count the pretokens of a text once, then learn merges from the counts.

>>> from tokmill.training import Counts, train
>>> counts = Counts.from_texts(["low lower lowest " * 100])
>>> tok = train(counts, 262)
>>> tok.decode(tok.encode("lowest"))
'lowest'
"""

from __future__ import annotations

from .counts import Counts
from .stage2 import Stage2
from .train import train
from .vocabulary import extend, prune

__all__ = ["Counts", "Stage2", "extend", "prune", "train"]
