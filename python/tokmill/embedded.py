"""The embedded vocabulary ``tokmill-64k-preview``, so that everything works with no network and no file of one's own.

65,536 ids: byte-level BPE over cl100k's split, 65,520 mergeable tokens made by ``tools/make_embedded_vocab.py``, then 16 special
tokens. A preview: ``tokmill-64k-v1`` will be trained on more text, and keep its own name.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from ._core import CoreTokenizer
from .errors import DigestError
from .files import read_file

__all__ = ["NAME", "PATTERN", "SPECIAL_TOKENS", "load"]

NAME = "tokmill-64k-preview"
PATTERN = "cl100k"
SHA256 = "d87d46a0da81647a7da14edaa4a5a8f2fdede1fae6f92645d74f34a0a235b0b1"
FIRST_SPECIAL_ID = 65_520
SPECIAL_TOKENS = {
    text: FIRST_SPECIAL_ID + i for i, text in enumerate(["<|endoftext|>", "<|bos|>", "<|pad|>", *(f"<|reserved_{i}|>" for i in range(13))])
}

TokenizerT = TypeVar("TokenizerT", bound=CoreTokenizer)


def load(kind: type[TokenizerT]) -> TokenizerT:
    """A tokenizer of class ``kind`` with the embedded vocabulary. Raises DigestError if the package's file was altered."""
    path = Path(__file__).parent / "data" / f"{NAME}.merges"
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise DigestError(f"{path}: SHA-256 differs from the one in the package; install tokmill again")
    return kind._from_merges(data, name=NAME, pattern=PATTERN, special_tokens=SPECIAL_TOKENS)
