"""How a tokenizer travels between processes.

A known encoding, or the embedded vocabulary, travels as its name, its digest and the path it was read from; a ``tokenizer.json`` as
its snapshot, any other as its rank file, both deflated. The digest is checked on arrival. A process that already has a tokenizer of
that digest gets that one.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable
from typing import Any

from .encodings import ENCODINGS
from .errors import DigestError, Error
from .tokenizer import Origin, Tokenizer

__all__ = ["reduce", "restore_named", "restore_ranks", "restore_snapshot"]

_alive: weakref.WeakValueDictionary[str, Tokenizer] = weakref.WeakValueDictionary()


def reduce(tokenizer: Tokenizer) -> tuple[Callable[..., Tokenizer], tuple[Any, ...]]:
    """What ``Tokenizer.__reduce__`` gives."""
    digest = tokenizer.digest
    _alive.setdefault(digest, tokenizer)
    origin: Origin = getattr(tokenizer, "_origin", Origin("made in memory"))
    known = ENCODINGS.get(tokenizer.name)
    if origin.encoding is not None or (known is not None and known.digest == digest):
        return restore_named, (origin.encoding or tokenizer.name, digest, origin.path)
    if tokenizer._components() is not None:
        return restore_snapshot, (zlib.compress(tokenizer._snapshot(), 1), tokenizer.name, digest)
    ranks = zlib.compress(tokenizer._rank_file(), 6)
    return restore_ranks, (ranks, tokenizer.name, tokenizer.pattern, tokenizer.special_tokens, digest)


def restore_named(name: str, digest: str, path: str | None) -> Tokenizer:
    """The tokenizer of a known encoding: found by name, or in the file it was first read from, or downloaded. Raises DigestError."""
    from .registry import load_named

    return _alive_or_made(digest, name, lambda: load_named(name, path_hint=path))


def restore_ranks(ranks: bytes, name: str, pattern: str, special_tokens: dict[str, int], digest: str) -> Tokenizer:
    """The tokenizer of a deflated rank file. Raises DigestError, VocabularyError."""

    def make() -> Tokenizer:
        tokenizer = Tokenizer._from_ranks(zlib.decompress(ranks), name=name, pattern=pattern, special_tokens=special_tokens)
        tokenizer._origin = Origin("unpickled")
        return tokenizer

    return _alive_or_made(digest, name, make)


def restore_snapshot(packed: bytes, name: str, digest: str) -> Tokenizer:
    """The tokenizer of a deflated snapshot. Raises DigestError, SnapshotError."""

    def make() -> Tokenizer:
        tokenizer = Tokenizer._from_snapshot(zlib.decompress(packed))
        tokenizer._origin = Origin("unpickled")
        return tokenizer

    return _alive_or_made(digest, name, make)


def _alive_or_made(digest: str, name: str, make: Callable[[], Tokenizer]) -> Tokenizer:
    tokenizer = _alive.get(digest)
    if tokenizer is not None and tokenizer.name == name:
        return tokenizer
    try:
        tokenizer = make()
    except zlib.error as error:
        raise DigestError(f"the pickle of tokenizer {name!r} is damaged: {error}") from error
    except Error as error:
        raise type(error)(f"while unpickling the tokenizer {name!r}: {error}", error.where) from error
    if tokenizer.digest != digest:
        raise DigestError(
            f"the tokenizer {name!r} found here has the digest {tokenizer.digest[:12]}…, the pickled one had {digest[:12]}…: "
            "the two would give different ids"
        )
    _alive.setdefault(digest, tokenizer)
    return tokenizer
