"""``Encoding``, as in tiktoken 0.14: a ``tokmill.Tokenizer`` with tiktoken's methods, defaults and errors.

The calls that hurt when slow, ``encode`` and ``encode_ordinary``, are native (``EncodingBase``) and come here only for special tokens that
are chosen one by one, and to word an error.
"""

from __future__ import annotations

import base64
import functools
import importlib
import operator
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..._core import EncodingBase, default_thread_count
from ...errors import ArgumentError, Error, InvalidUtf8Error, SpecialTokenError
from ...tokenizer import Origin, Tokenizer
from .unstable import UnstableText

__all__ = ["Encoding", "raise_disallowed_special_token"]

_NOTHING: frozenset[str] = frozenset()
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
# With so few, looking for each is faster than a regex of all.
_FEW_TOKENS = 16
_ID_END = 1 << 32  # ids are u32 in tiktoken


class Encoding(EncodingBase):
    """Text to ids and back, with tiktoken's interface. Any number of threads may use one at once.

    ``tokenizer`` is the ``tokmill.Tokenizer`` behind it; ``from_tokenizer`` makes an Encoding of any.
    """

    _ranks: dict[bytes, int] | None
    _unstable_text: UnstableText | None

    def __init__(
        self,
        name: str,
        *,
        pat_str: str,
        mergeable_ranks: dict[bytes, int],
        special_tokens: dict[str, int],
        explicit_n_vocab: int | None = None,
    ) -> None:
        """An encoding of the caller's own.

        ``mergeable_ranks`` maps token bytes to ranks, which are ids and merge priorities at once; ``special_tokens`` maps texts to ids;
        ``pat_str`` is the split regex. ``explicit_n_vocab``, if given, has to be the number of all tokens, and one more than the
        greatest id. Raises AssertionError if it is not, ValueError (PatternError, VocabularyError) for what cannot be a vocabulary.
        """
        greatest = max(max(mergeable_ranks.values()), max(special_tokens.values(), default=0))
        if explicit_n_vocab and not len(mergeable_ranks) + len(special_tokens) == explicit_n_vocab == greatest + 1:
            raise AssertionError(
                f"explicit_n_vocab is {explicit_n_vocab}, but there are {len(mergeable_ranks)} + {len(special_tokens)} tokens, "
                f"the greatest id is {greatest}"
            )
        rows = sorted(mergeable_ranks.items(), key=operator.itemgetter(1))
        ranks = b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for token, rank in rows)
        tokenizer = Tokenizer._from_ranks(ranks, name=name, pattern=pat_str, special_tokens=special_tokens)
        tokenizer._origin = Origin("made by tokmill.compat.tiktoken.Encoding")
        self._take(name, pat_str, tokenizer, special_tokens)
        self._ranks = mergeable_ranks

    @classmethod
    def from_tokenizer(cls, tokenizer: Tokenizer, *, name: str | None = None) -> Encoding:
        """An encoding over a tokenizer that is there already. Not in tiktoken.

        Raises ArgumentError for one made of a ``tokenizer.json``, which holds more than an encoding can.
        """
        if tokenizer._components() is not None:
            raise ArgumentError(f"{tokenizer.name or 'this tokenizer'} was made of a tokenizer.json; tiktoken has no place for all of that")
        self = cls.__new__(cls)
        self._take(tokenizer.name if name is None else name, tokenizer.pattern, tokenizer, tokenizer.special_tokens)
        return self

    def _take(self, name: str, pat_str: str, tokenizer: Tokenizer, special_tokens: dict[str, int]) -> None:
        self._bind(tokenizer)
        self.name = name
        self._pat_str = pat_str
        self._special_tokens = special_tokens
        self._special_token_values = set(special_tokens.values())
        self._special_tokens_set = set(special_tokens)
        self.max_token_value = tokenizer.vocab_size - 1
        self._ranks = None
        self._unstable_text = None

    def __repr__(self) -> str:
        return f"<Encoding {self.name!r}>"

    # Encoding; `encode` and `encode_ordinary` are EncodingBase's

    def _encode_with(
        self, text: str, allowed_special: Literal["all"] | AbstractSet[str], disallowed_special: Literal["all"] | Collection[str]
    ) -> list[int]:
        special = self._special_argument([text], allowed_special, disallowed_special)
        return self.tokenizer.encode_list(text, special=special)

    def _special_argument(
        self,
        texts: Iterable[str],
        allowed_special: Literal["all"] | AbstractSet[str],
        disallowed_special: Literal["all"] | Collection[str],
    ) -> Any:
        """What ``special=`` of the tokenizer's calls has to be. Raises ValueError if one of the texts holds what is disallowed."""
        specials = self.special_tokens_set
        allowed = specials if allowed_special == "all" else allowed_special
        disallowed: Collection[str] = specials - allowed if disallowed_special == "all" else disallowed_special
        if disallowed:
            tokens = disallowed if isinstance(disallowed, frozenset) else frozenset(disallowed)
            for text in texts:
                _refuse_disallowed(text, tokens)
        if not isinstance(allowed, AbstractSet):
            raise TypeError(f"allowed_special is a set or 'all', not {type(allowed).__name__}")
        if allowed >= specials:
            return "parse"
        return frozenset(allowed & specials) or "text"

    def encode_to_numpy(
        self,
        text: str,
        *,
        allowed_special: Literal["all"] | AbstractSet[str] = _NOTHING,
        disallowed_special: Literal["all"] | Collection[str] = "all",
    ) -> NDArray[np.uint32]:
        """The ids of a str: uint32 [tokens]. Special tokens as in ``encode``; surrogates raise UnicodeEncodeError, as in tiktoken."""
        _require_str(text)
        if disallowed_special == "all" and not allowed_special and text.isascii():
            try:
                return self.tokenizer.encode(text, special="error", dtype=np.uint32)
            except SpecialTokenError:
                pass  # found again below, and told in tiktoken's words
        special = self._special_argument([text], allowed_special, disallowed_special)
        return self.tokenizer.encode(_without_surrogates(text), special=special, dtype=np.uint32)

    def encode_ordinary_batch(self, text: Iterable[str], *, num_threads: int = 8) -> list[list[int]]:
        """The ids of many texts, in which special tokens are text; on at most ``num_threads`` threads."""
        return self.tokenizer._encode_batch_lists(_checked_texts(text), threads=_checked_threads(num_threads))

    def encode_batch(
        self,
        text: Iterable[str],
        *,
        num_threads: int = 8,
        allowed_special: Literal["all"] | AbstractSet[str] = _NOTHING,
        disallowed_special: Literal["all"] | Collection[str] = "all",
    ) -> list[list[int]]:
        """The ids of many texts, special tokens as in ``encode``; on at most ``num_threads`` threads."""
        texts, threads = _checked_texts(text), _checked_threads(num_threads)
        if disallowed_special == "all" and not allowed_special:
            try:
                return self.tokenizer._encode_batch_lists(texts, special="error", threads=threads)
            except SpecialTokenError:
                pass  # found again below, and told in tiktoken's words
        special = self._special_argument(texts, allowed_special, disallowed_special)
        return self.tokenizer._encode_batch_lists(texts, special=special, threads=threads)

    def encode_with_unstable(
        self,
        text: str,
        *,
        allowed_special: Literal["all"] | AbstractSet[str] = _NOTHING,
        disallowed_special: Literal["all"] | Collection[str] = "all",
    ) -> tuple[list[int], list[list[int]]]:
        """The ids of the part of a text that no continuation changes, and the ways in which the rest may go on.

        Each way is the shortest row of ids that covers the rest: the last of them may reach beyond the text. Special tokens as in
        ``encode``; surrogates raise UnicodeEncodeError, as in tiktoken.
        """
        _require_str(text)
        special = self._special_argument([text], allowed_special, disallowed_special)
        ids = self.tokenizer.encode_list(_without_surrogates(text), special=special)
        return self._unstable.split(ids, self._last_segment(text, special))

    def _last_segment(self, text: str, special: Any) -> str:
        """What stands behind the last special token that was parsed."""
        end = 0
        if special != "text":
            parsed = frozenset(self.special_tokens_set if special == "parse" else special)
            for match in _special_token_regex(parsed).finditer(text):
                end = match.end()
        return text[end:]

    def encode_single_token(self, text_or_bytes: str | bytes) -> int:
        """The id of a token, special tokens included. Raises KeyError (UnknownTokenError) if it is none."""
        if isinstance(text_or_bytes, str):
            text_or_bytes = text_or_bytes.encode("utf-8")
        return self.tokenizer.id_of(text_or_bytes)

    # Decoding

    def decode_bytes(self, tokens: Sequence[int]) -> bytes:
        """The bytes of ids. Raises KeyError (UnknownIdError) for an id that is not used."""
        try:
            return self.tokenizer.decode_bytes(tokens)
        except Error:
            return self.tokenizer.decode_bytes(_checked_ids(tokens))

    def decode(self, tokens: Sequence[int], errors: str = "replace") -> str:
        """The text of ids; ``errors`` is for bytes that are not UTF-8, as in ``bytes.decode``. Raises KeyError, UnicodeDecodeError."""
        if errors == "replace":
            try:
                return self.tokenizer.decode(tokens)
            except Error:
                return self.tokenizer.decode(_checked_ids(tokens))
        return self.decode_bytes(tokens).decode("utf-8", errors=errors)

    def decode_single_token_bytes(self, token: int) -> bytes:
        """The bytes of one id, special tokens included. Raises KeyError (UnknownIdError)."""
        try:
            return self.tokenizer.bytes_of(token)
        except Error:
            return self.tokenizer.bytes_of(_checked_ids([token])[0])

    def decode_tokens_bytes(self, tokens: Sequence[int]) -> list[bytes]:
        """The bytes of each id. Raises KeyError (UnknownIdError)."""
        try:
            return list(map(self.tokenizer.bytes_of, tokens))
        except Error:
            return list(map(self.decode_single_token_bytes, tokens))

    def decode_with_offsets(self, tokens: Sequence[int]) -> tuple[str, list[int]]:
        """The text of ids, and for each id the index in it (in characters) where its bytes begin.

        An id that begins inside of a character has that character's index. Raises KeyError, and UnicodeDecodeError if the bytes are not
        UTF-8.
        """
        pieces = self.decode_tokens_bytes(tokens)
        offsets = []
        characters = 0
        for piece in pieces:
            offsets.append(max(0, characters - (0x80 <= piece[0] < 0xC0)))
            characters += len(piece.translate(None, _CONTINUATION_BYTES))
        return b"".join(pieces).decode("utf-8"), offsets

    def decode_batch(self, batch: Iterable[Sequence[int]], *, errors: str = "replace", num_threads: int = 8) -> list[str]:
        """The text of each row of ids. Raises KeyError, UnicodeDecodeError."""
        _checked_threads(num_threads)
        return [self.decode(tokens, errors) for tokens in batch]

    def decode_bytes_batch(self, batch: Iterable[Sequence[int]], *, num_threads: int = 8) -> list[bytes]:
        """The bytes of each row of ids. Raises KeyError."""
        _checked_threads(num_threads)
        return [self.decode_bytes(tokens) for tokens in batch]

    # The vocabulary

    def token_byte_values(self) -> list[bytes]:
        """The bytes of all tokens but the special ones, sorted."""
        return list(self._unstable.sorted_tokens)

    @property
    def eot_token(self) -> int:
        """The id of ``<|endoftext|>``. Raises KeyError if there is none."""
        return self._special_tokens["<|endoftext|>"]

    @property
    def special_tokens_set(self) -> set[str]:
        """The texts of the special tokens."""
        return self._special_tokens_set

    def is_special_token(self, token: int) -> bool:
        """Whether an id is that of a special token."""
        if not isinstance(token, int):
            raise AssertionError(f"an id is an int, not {type(token).__name__}")
        return token in self._special_token_values

    @property
    def n_vocab(self) -> int:
        """One more than the greatest id; there may be gaps below."""
        return self.max_token_value + 1

    @property
    def _mergeable_ranks(self) -> dict[bytes, int]:
        """The bytes and id of all tokens but the special ones; a dict that few ask for, made when somebody does."""
        if self._ranks is None:
            specials = self._special_token_values
            self._ranks = {token: id for id, token in enumerate(self.tokenizer.token_bytes) if token is not None and id not in specials}
        return self._ranks

    @property
    def _unstable(self) -> UnstableText:
        """The tables of encode_with_unstable, made at the first use."""
        if self._unstable_text is None:
            self._unstable_text = UnstableText(self.tokenizer, self._mergeable_ranks)
        return self._unstable_text

    # What tiktoken has for its own tests

    def _encode_single_piece(self, text_or_bytes: str | bytes) -> list[int]:
        """The ids of text or bytes that are not split before merging."""
        if isinstance(text_or_bytes, str):
            text_or_bytes = text_or_bytes.encode("utf-8")
        return self.tokenizer._encode_piece(text_or_bytes)

    def _encode_only_native_bpe(self, text: str) -> list[int]:
        """The ids of a text that is split by the module ``regex``."""
        pieces = importlib.import_module("regex").findall(self._pat_str, text)
        return [id for piece in pieces for id in self._encode_single_piece(piece)]

    def _encode_bytes(self, text: bytes) -> list[int]:
        """The ids of bytes that need not be UTF-8. From the first bad byte on they are not split, as the rest of the last pretoken."""
        try:
            return self.tokenizer.encode_list(text)
        except InvalidUtf8Error as error:
            end = error.where
        valid = text[:end]
        ids = self.tokenizer.encode_list(valid)
        count = self._unstable.last_piece_ids(ids, valid)
        rest = self.tokenizer.decode_bytes(ids[len(ids) - count :]) + text[end:]
        return ids[: len(ids) - count] + self.tokenizer._encode_piece(rest)

    # Pickling and copying

    def __reduce__(self) -> tuple[Callable[..., Encoding], tuple[type[Encoding]], object]:
        # For protocols 0 and 1, which cannot do it by themselves for a class with a native base.
        return _uninitialised, (type(self),), self.__getstate__()

    def __getstate__(self) -> object:
        from .registry import ENCODINGS

        # One that is known by name travels as its name, and so do copies of it.
        known = ENCODINGS.get(self.name)
        if known is not None and known.tokenizer is self.tokenizer:
            return self.name
        return {
            "name": self.name,
            "pat_str": self._pat_str,
            "mergeable_ranks": self._mergeable_ranks,
            "special_tokens": self._special_tokens,
        }

    def __setstate__(self, value: object) -> None:
        from .registry import get_encoding

        if isinstance(value, dict):
            self.__init__(**value)  # type: ignore[misc]
            return
        known = get_encoding(str(value))
        self._bind(known.tokenizer)
        self.__dict__ = known.__dict__


def _uninitialised(kind: type[Encoding]) -> Encoding:
    return kind.__new__(kind)


def _require_str(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"text is a str, not {type(text).__name__}")


def _checked_texts(texts: Iterable[str]) -> list[str]:
    checked = list(texts)
    for text in checked:
        _require_str(text)
    return checked


def _checked_threads(num_threads: int) -> int:
    if num_threads <= 0:
        raise ValueError(f"num_threads must be greater than 0, not {num_threads}")
    return min(num_threads, default_thread_count())


def _checked_ids(tokens: Iterable[Any]) -> list[int]:
    """Ids as tiktoken takes them: whatever is an index. Raises TypeError, OverflowError."""
    if isinstance(tokens, str):
        raise TypeError("ids are a sequence of int, not a str")
    ids = [operator.index(token) for token in tokens]
    for id in ids:
        if not 0 <= id < _ID_END:
            raise OverflowError(f"an id is not negative and below 2^32, unlike {id}")
    return ids


@functools.lru_cache(maxsize=128)
def _special_token_regex(tokens: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)))


def _refuse_disallowed(text: str, tokens: frozenset[str]) -> None:
    if len(tokens) <= _FEW_TOKENS and not any(token in text for token in tokens):
        return
    match = _special_token_regex(tokens).search(text)
    if match is not None:
        raise_disallowed_special_token(match.group())


def raise_disallowed_special_token(token: str) -> NoReturn:
    """Raises the ValueError for a text that holds ``token``."""
    raise ValueError(
        f"Encountered text corresponding to disallowed special token {token!r}.\n"
        f"To encode it as that special token, allow it: `allowed_special={{{token!r}, ...}}`.\n"
        f"To encode it as the text that it is, do not disallow it: `disallowed_special=(enc.special_tokens_set - {{{token!r}}})`.\n"
        "To encode all special tokens as text: `disallowed_special=()`.\n"
    )


def _without_surrogates(text: str) -> str | bytes:
    """The text, as UTF-8 if it is not ASCII. Raises UnicodeEncodeError."""
    return text if text.isascii() else text.encode("utf-8")
