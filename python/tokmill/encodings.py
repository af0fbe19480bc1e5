"""The encodings that tokmill knows by name: those of tiktoken 0.14, their rank files pinned by SHA-256.

The facts (addresses, hashes, special tokens) are the ones that tiktoken publishes; the split patterns are the core's ``PATTERNS``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["ENCODINGS", "KnownEncoding", "encoding_of_ranks"]

END_OF_TEXT = "<|endoftext|>"
END_OF_PROMPT = "<|endofprompt|>"
FILL_IN_THE_MIDDLE = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")

BASE_URL = "https://openaipublic.blob.core.windows.net/encodings/"


@dataclass(frozen=True)
class KnownEncoding:
    """One encoding; ``ranks`` is the stem of its rank file's name."""

    name: str
    ranks: str
    pattern: str
    make_special_tokens: Callable[[], dict[str, int]]

    @property
    def url(self) -> str:
        return f"{BASE_URL}{self.ranks}.tiktoken"

    @property
    def sha256(self) -> str:
        return RANK_FILE_SHA256[self.ranks]

    @property
    def digest(self) -> str:
        return DIGESTS.get(self.name, "")

    @property
    def special_tokens(self) -> dict[str, int]:
        return self.make_special_tokens()


RANK_FILE_SHA256 = {
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


# What Tokenizer.digest gives: the check of snapshots, which hold no rank file to compare.
DIGESTS = {
    "r50k_base": "2acc22e0c6f721825b9a31764f971f424db7ae374d626a0f0b9e3babebf5e89e",
    "gpt2": "2acc22e0c6f721825b9a31764f971f424db7ae374d626a0f0b9e3babebf5e89e",
    "p50k_base": "6121a704d6ee0eef26d72a71dcba1b065c4fc0f2680302239382825d4fdd2191",
    "p50k_edit": "f02da473089db05516ef2749ca670c3d13035d70c499a839ae9b398aad3e4031",
    "cl100k_base": "88c930b83e4b566d6f37d6d532b364a0618487a1c2307d46a0555cd606409919",
    "o200k_base": "14471479e3d602a5db7ba8fdeedce6bafe38eb965836c7e6dafae1b293d143f3",
    "o200k_harmony": "032bd157d60afc64b3a61044492367f7dbbc5486accc1237903b5d9da6103a04",
}


def _gpt2_specials() -> dict[str, int]:
    return {END_OF_TEXT: 50_256}


def _p50k_edit_specials() -> dict[str, int]:
    return {END_OF_TEXT: 50_256} | {text: 50_281 + i for i, text in enumerate(FILL_IN_THE_MIDDLE)}


def _cl100k_specials() -> dict[str, int]:
    return {END_OF_TEXT: 100_257} | {text: 100_258 + i for i, text in enumerate(FILL_IN_THE_MIDDLE)} | {END_OF_PROMPT: 100_276}


def _o200k_specials() -> dict[str, int]:
    return {END_OF_TEXT: 199_999, END_OF_PROMPT: 200_018}


def _harmony_specials() -> dict[str, int]:
    named = {
        "<|startoftext|>": 199_998,
        END_OF_TEXT: 199_999,
        "<|return|>": 200_002,
        "<|constrain|>": 200_003,
        "<|channel|>": 200_005,
        "<|start|>": 200_006,
        "<|end|>": 200_007,
        "<|message|>": 200_008,
        "<|call|>": 200_012,
        END_OF_PROMPT: 200_018,
    }
    # Every id from 200,000 to 201,087 that has no meaning is reserved, and so is 200,018, which has one: two texts share that id.
    taken = set(named.values()) - {200_018}
    return named | {f"<|reserved_{i}|>": i for i in range(200_000, 201_088) if i not in taken}


ENCODINGS: Mapping[str, KnownEncoding] = {
    encoding.name: encoding
    for encoding in (
        KnownEncoding("r50k_base", "r50k_base", "gpt2", _gpt2_specials),
        KnownEncoding("gpt2", "r50k_base", "gpt2", _gpt2_specials),
        KnownEncoding("p50k_base", "p50k_base", "gpt2", _gpt2_specials),
        KnownEncoding("p50k_edit", "p50k_base", "gpt2", _p50k_edit_specials),
        KnownEncoding("cl100k_base", "cl100k_base", "cl100k", _cl100k_specials),
        KnownEncoding("o200k_base", "o200k_base", "o200k", _o200k_specials),
        KnownEncoding("o200k_harmony", "o200k_base", "o200k", _harmony_specials),
    )
}


def encoding_of_ranks(sha256: str, path: str | os.PathLike[str] = "") -> KnownEncoding | None:
    """The encoding that a bare rank file belongs to: the one that the file is named after if several share the ranks."""
    sharing = [encoding for encoding in ENCODINGS.values() if encoding.sha256 == sha256]
    stem = os.path.basename(os.fspath(path)).partition(".")[0]
    return next((encoding for encoding in sharing if encoding.name == stem), sharing[0] if sharing else None)
