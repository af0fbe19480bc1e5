"""The native core: text to ids and back, on NumPy arrays. ``tokmill.Tokenizer`` is a subclass of ``CoreTokenizer``."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Self

from .signatures import Buffer, Ids, Invalid, Special, Text, Unknown

PATTERNS: dict[str, str]

def isa() -> dict[str, Any]: ...
def default_thread_count() -> int: ...

class CoreTokenizer:
    @classmethod
    def _from_ranks(
        cls, data: Buffer, *, name: str, pattern: str, special_tokens: Mapping[str, int] | None = None, isa: str | None = None
    ) -> Self: ...
    @classmethod
    def _from_merges(
        cls, data: Buffer, *, name: str, pattern: str, special_tokens: Mapping[str, int] | None = None, isa: str | None = None
    ) -> Self: ...
    @classmethod
    def _from_snapshot(cls, data: Buffer, *, isa: str | None = None) -> Self: ...
    def _snapshot(self) -> bytes: ...
    def _rank_file(self) -> bytes: ...
    def _canonical(self) -> bytes: ...
    def _with_isa(self, isa: str) -> Self: ...
    def _table_statistics(self) -> dict[str, int]: ...
    def encode(
        self,
        text: Text,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        add_special_tokens: bool = False,
        dtype: DTypeLike | None = None,
        out: NDArray[np.integer[Any]] | None = None,
        threads: int | None = None,
        max_pretoken_bytes: int | None = None,
    ) -> NDArray[Any]: ...
    def encode_list(
        self, text: Text, *, special: Special = "text", invalid: Invalid = None, add_special_tokens: bool = False
    ) -> list[int]: ...
    def count(
        self,
        text: Text,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        add_special_tokens: bool = False,
        threads: int | None = None,
    ) -> int: ...
    def count_until(self, text: Text, limit: int, *, special: Special = "text", invalid: Invalid = None) -> int: ...
    @overload
    def truncate(self, text: str, max_tokens: int, *, special: Special = "text", invalid: Invalid = None) -> str: ...
    @overload
    def truncate(self, text: Buffer, max_tokens: int, *, special: Special = "text", invalid: Invalid = None) -> bytes: ...
    def _encode_batch(
        self,
        texts: Any,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        add_special_tokens: bool = False,
        dtype: DTypeLike | None = None,
        threads: int | None = None,
        max_pretoken_bytes: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
    def count_batch(
        self,
        texts: Any,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        add_special_tokens: bool = False,
        threads: int | None = None,
    ) -> NDArray[np.int64]: ...
    def pretoken_count(self, text: Text, *, invalid: Invalid = None) -> int: ...
    def decode(self, ids: Ids, *, unknown: Unknown = "error", errors: str = "replace", skip_special_tokens: bool = False) -> str: ...
    def decode_bytes(self, ids: Ids, *, unknown: Unknown = "error", skip_special_tokens: bool = False) -> bytes: ...
    def _decode_batch(
        self,
        ids: Ids,
        offsets: Ids,
        *,
        unknown: Unknown = "error",
        errors: str = "replace",
        skip_special_tokens: bool = False,
    ) -> list[str]: ...
    def _stream(
        self,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        dtype: DTypeLike | None = None,
        max_pretoken_bytes: int | None = None,
    ) -> StreamEncoder: ...
    def decoder(self, sequences: int = 1, *, unknown: Unknown = "error", skip_special_tokens: bool = False) -> StreamDecoder: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def pattern(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def special_tokens(self) -> dict[str, int]: ...
    @property
    def token_bytes(self) -> list[bytes | None]: ...
    def id_of(self, token: bytes | str) -> int: ...
    def bytes_of(self, id: int) -> bytes: ...

class StreamEncoder:
    def __init__(
        self,
        tokenizer: CoreTokenizer,
        *,
        special: Special | None = None,
        invalid: Invalid = None,
        dtype: DTypeLike | None = None,
        max_pretoken_bytes: int | None = None,
    ) -> None: ...
    def feed(self, data: Buffer) -> NDArray[Any]: ...
    def finish(self) -> NDArray[Any]: ...

class StreamDecoder:
    def __init__(
        self, tokenizer: CoreTokenizer, sequences: int = 1, unknown: Unknown | None = None, skip_special_tokens: bool = False
    ) -> None: ...
    @property
    def sequences(self) -> int: ...
    def step(self, ids: Ids) -> list[str]: ...
    def extend(self, sequence: int, ids: Ids) -> str: ...
    def finish(self, sequence: int = 0) -> str: ...
    def reorder(self, sources: Sequence[int]) -> None: ...
    def fork(self, sequence: int) -> int: ...
    def add(self, count: int = 1) -> None: ...
    def drop(self, sequences: Sequence[int]) -> None: ...

class HypertokenRules:
    def __init__(
        self,
        *,
        profile: str,
        vocab_size: int,
        book_size: int,
        max_subtokens: int,
        disabled: Ids,
        seed: Ids,
        seed_offsets: Ids,
    ) -> None: ...
    def condense(
        self, ids: Ids, offsets: Ids, barriers: Ids | None, carry: bool, installed: bool, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], NDArray[np.int32] | None]: ...
    def expand(
        self, ids: Ids, offsets: Ids, strict: bool, carry: bool, threads: int | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...
