"""One small adapter a rival: how it loads the very same vocabulary offline, and the best public call that it has for each question.

`PEERS` maps a short name to the module here that holds its adapter; `open_peer` makes one. Nothing of a rival is imported before that.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import Literal

from .peer import Gap, Peer


@dataclass(frozen=True)
class Entry:
    """Where an adapter stands, and how much of a run its peer is worth.

    `rounds` says in which cases a peer gets every round: in all, in the hostile ones (where it may be the best), or in none (where its
    figures only give the scale); otherwise it gets one. `english_only` are those so slow that the other texts would take longer than all
    the rest together; `lists_only` those whose every call builds a list of Python ints, which a text of hundreds of megabytes would turn
    into gigabytes.
    """

    module: str
    distribution: str
    rounds: Literal["all", "hostile", "none"] = "all"
    english_only: bool = False
    lists_only: bool = False
    repeats: int = 5


# in the order in which tables show them
PEERS = {
    "tokmill": Entry("tokmill_", "tokmill"),
    "gigatoken": Entry("gigatoken_", "gigatoken"),
    "fastokens": Entry("fastokens_", "fastokens"),
    "splintr": Entry("splintr_", "splintr-rs"),
    "quicktok": Entry("quicktok_", "quicktok-v1", rounds="hostile"),
    "rs-bpe": Entry("rs_bpe_", "rs-bpe", rounds="hostile", lists_only=True),
    "tiktoken": Entry("tiktoken_", "tiktoken", rounds="none", repeats=2),
    "tokenizers": Entry("tokenizers_", "tokenizers", rounds="none", english_only=True, lists_only=True, repeats=1),
}


def version_of(name: str) -> str | None:
    """The installed version of a peer, or None."""
    try:
        return importlib.metadata.version(PEERS[name].distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def open_peer(name: str) -> Peer:
    """A new adapter of the peer `name`; its package is imported, no vocabulary loaded."""
    module = importlib.import_module(f"{__name__}.{PEERS[name].module}")
    peer: Peer = module.Adapter()
    return peer


__all__ = ["PEERS", "Gap", "Peer", "open_peer", "version_of"]
