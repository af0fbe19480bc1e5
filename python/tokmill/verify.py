"""Comparison with the library that owns a vocabulary's format, on the user's own texts.

A *peer* is the installed library with the same vocabulary in it. tiktoken is given the tokens, split pattern and special tokens of the
tokenizer that is compared, so that nothing is fetched and any rank file will do; tokenizers reads the same tokenizer.json.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol

from .errors import ArgumentError, MissingPeerError, UnknownIdError
from .report.tokens import lost_bytes
from .signatures import Special
from .tokenizer import Tokenizer

__all__ = ["Against", "Comparison", "Difference", "Peer", "TiktokenPeer", "TokenizersPeer", "compare", "find_peer", "pieces_of"]

Against = Literal["auto", "tiktoken", "tokenizers"]

# Ids shown on both sides before and after the first that differs, and characters of text around it.
IDS_BEFORE = 4
IDS_AFTER = 8
CONTEXT_CHARACTERS = 40


class Peer(Protocol):
    """What is compared with: a name with a version, and the ids of texts, special tokens treated as ``special`` says."""

    name: str

    def encode_batch(self, texts: Sequence[str], special: Special) -> list[list[int]]: ...


@dataclass(frozen=True)
class Difference:
    """Where two rows of ids part first: ``token`` is their index, ``byte`` and ``character`` the place in the text where it begins.

    ``ours`` and ``theirs`` are the ids from ``first_token`` on, some before the place and some behind it; ``before`` and ``after`` the text
    around it.
    """

    document: int
    token: int
    byte: int
    character: int
    before: str
    after: str
    first_token: int
    ours: list[int]
    theirs: list[int]


@dataclass
class Comparison:
    """What comparing some documents gave; ``difference`` is the first one. It is true if there was none.

    ``lost_bytes`` of the texts are no token of the vocabulary: no id stands for them, on either side.
    """

    documents: int = 0
    bytes: int = 0
    ids: int = 0
    lost_bytes: int = 0
    different_documents: int = 0
    difference: Difference | None = field(default=None)

    def __bool__(self) -> bool:
        return self.different_documents == 0


class TiktokenPeer:
    """tiktoken with the vocabulary of a tokenizer. Raises MissingPeerError, and what tiktoken raises for one that it cannot hold."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        from .compat.tiktoken import Encoding

        tiktoken = _installed("tiktoken")
        ours = Encoding.from_tokenizer(tokenizer)
        self.name = _versioned("tiktoken")
        self._encoding = tiktoken.Encoding(
            tokenizer.name or "unnamed",
            pat_str=tokenizer.pattern,
            mergeable_ranks=ours._mergeable_ranks,
            special_tokens=tokenizer.special_tokens,
        )

    def encode_batch(self, texts: Sequence[str], special: Special) -> list[list[int]]:
        """The ids of each text."""
        if special == "text":
            return [self._encoding.encode_ordinary(text) for text in texts]
        allowed = "all" if special in ("parse", "error") else set(special)
        return [self._encoding.encode(text, allowed_special=allowed, disallowed_special=()) for text in texts]


class TokenizersPeer:
    """tokenizers with a tokenizer.json, plain or gzipped; nothing is added, cut or padded. Raises MissingPeerError."""

    def __init__(self, path: str | Path) -> None:
        tokenizers = _installed("tokenizers")
        data = Path(path).read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
        self.name = _versioned("tokenizers")
        self._tokenizer = tokenizers.Tokenizer.from_str(text)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode_batch(self, texts: Sequence[str], special: Special) -> list[list[int]]:
        """The ids of each text."""
        if not isinstance(special, str):
            raise ArgumentError("tokenizers parses all special tokens or none: give special='parse' or 'text'")
        self._tokenizer.encode_special_tokens = special == "text"
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def find_peer(tokenizer: Tokenizer, against: Against = "auto") -> Peer:
    """The peer to compare a tokenizer with: ``auto`` is the library whose format it was read from.

    Raises MissingPeerError if the library is not installed, ArgumentError if it cannot hold this vocabulary.
    """
    path = tokenizer._origin.path if hasattr(tokenizer, "_origin") else None
    is_json = path is not None and path.removesuffix(".gz").endswith(".json")
    if against == "auto":
        against = "tokenizers" if is_json else "tiktoken"
    if against == "tiktoken":
        return TiktokenPeer(tokenizer)
    if not is_json or path is None:
        raise ArgumentError(f"{tokenizer.name or 'this vocabulary'} was not read from a tokenizer.json, which is what tokenizers takes")
    return TokenizersPeer(path)


def compare(
    tokenizer: Tokenizer, peer: Peer, texts: Iterable[Sequence[str]], *, special: Special = "text", threads: int | None = None
) -> Comparison:
    """Compares the ids of texts, which come in batches. Raises SpecialTokenError if ``special="error"`` and there is one."""
    result = Comparison()
    for batch in texts:
        lost_before = lost_bytes(tokenizer)
        ours = tokenizer.encode_batch(batch, special=special, threads=threads)
        result.lost_bytes += lost_bytes(tokenizer) - lost_before
        theirs = peer.encode_batch(batch, special)
        for i, (text, expected) in enumerate(zip(batch, theirs, strict=True)):
            found: list[int] = ours[i].tolist()
            if found != expected:
                result.different_documents += 1
                if result.difference is None:
                    result.difference = _difference(tokenizer, result.documents + i, text, found, expected)
        result.documents += len(batch)
        result.bytes += sum(len(text.encode("utf-8", "replace")) for text in batch)
        result.ids += len(ours.ids)
    return result


def _difference(tokenizer: Tokenizer, document: int, text: str, ours: list[int], theirs: list[int]) -> Difference:
    shorter = min(len(ours), len(theirs))
    token = next((i for i in range(shorter) if ours[i] != theirs[i]), shorter)
    byte = len(tokenizer.decode_bytes(ours[:token]))
    character = len(text.encode("utf-8", "replace")[:byte].decode("utf-8", "ignore"))
    first = max(0, token - IDS_BEFORE)
    return Difference(
        document=document,
        token=token,
        byte=byte,
        character=character,
        before=text[max(0, character - CONTEXT_CHARACTERS) : character],
        after=text[character : character + CONTEXT_CHARACTERS],
        first_token=first,
        ours=ours[first : token + IDS_AFTER],
        theirs=theirs[first : token + IDS_AFTER],
    )


def _installed(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingPeerError(f"{library} is not installed, so there is nothing to compare with: pip install {library}") from error


def _versioned(library: str) -> str:
    try:
        return f"{library} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError:
        return library


def pieces_of(tokenizer: Tokenizer, ids: Iterable[int]) -> list[tuple[int, bytes | None]]:
    """Each id with its bytes; None for an id that the vocabulary does not have."""

    def piece(id: int) -> bytes | None:
        try:
            return tokenizer.bytes_of(id)
        except UnknownIdError:
            return None

    return [(id, piece(id)) for id in ids]
