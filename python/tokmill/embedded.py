"""The embedded vocabulary ``tokmill-64k-v1``, so that everything works with no network and no file of one's own.

65,536 ids: byte-level BPE over cl100k's split, 65,520 mergeable tokens made by ``tools/make_embedded_vocab.py``, then 16 special
tokens. It never changes; another one would get another name.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from ._core import CoreTokenizer
from .errors import DigestError
from .files import read_file

__all__ = ["FORMER_NAMES", "NAME", "PATTERN", "SPECIAL_TOKENS", "load"]

NAME = "tokmill-64k-v1"
# Names that earlier versions had, and what became of them.
FORMER_NAMES = {
    "tokmill-64k-preview": f"it was a preview, which {NAME!r} replaced: the same size, pattern and special tokens, but other ids. "
    f"Load {NAME!r} and encode again; ids of the preview are read by the version that wrote them"
}
PATTERN = "cl100k"
SHA256 = "bf704e40776d59f8ff479a2fbbd947b0ed076a87119363b01ba509cb6f81c1f7"
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
