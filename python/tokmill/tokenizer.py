"""``Tokenizer``: the core's tokenizer with what needs no speed - batches as ``Ragged``, files, saving, identity, pickling.

The calls that hurt when slow (``encode``, ``encode_list``, ``count``, ``decode``, ...) are the core's own, inherited without a wrapper.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import IO, TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._core import CoreTokenizer
from .errors import ArgumentError
from .files import write_file
from .ragged import Ragged
from .signatures import Ids, Invalid, SpanUnit, Special, Text, Unknown

if TYPE_CHECKING:
    from .report import Report
    from .spans import Aligned
    from .training import Counts

__all__ = ["DEFAULT_BLOCK_BYTES", "DEFAULT_MAX_PRETOKEN_BYTES", "Origin", "Tokenizer"]

DEFAULT_BLOCK_BYTES = 1 << 20
DEFAULT_MAX_PRETOKEN_BYTES = 1 << 20
MAX_PRETOKEN_BYTES = (1 << 31) - 1

# The spellings under which published vocabularies keep these tokens, the most explicit first.
BOS_TEXTS = ("<|bos|>", "<|begin_of_text|>", "<|startoftext|>", "<bos>", "<s>")
EOS_TEXTS = ("<|endoftext|>", "<|end_of_text|>", "<|eos|>", "<eos>", "</s>")
PAD_TEXTS = ("<|pad|>", "<|padding|>", "<|finetune_right_pad_id|>", "<pad>", "[PAD]")


class Origin(NamedTuple):
    """Where a tokenizer came from: ``encoding`` is the name of a known encoding or of the embedded vocabulary, else None."""

    place: str
    encoding: str | None = None
    path: str | None = None


class Tokenizer(CoreTokenizer):
    """Text to ids and back. Immutable: every option is an argument of the call, so one object serves all threads.

    Made by :func:`tokmill.load`. Two tokenizers are equal, and hash alike, when their digests are: same tokens and ids, same special
    tokens, same split pattern; the name does not count. Pickles are small: a known encoding travels as its name and digest.

    ``add_special_tokens`` is accepted where text is encoded. It adds what the post-processor of a ``tokenizer.json`` adds; rank files and
    the embedded vocabulary have none, so ``True`` adds nothing there. (``encode_file`` gives the ids of the text alone.)
    """

    __slots__ = ("__weakref__", "_digest", "_origin")

    _digest: str
    _origin: Origin

    # Batches

    def encode_batch(
        self,
        texts: Any,
        *,
        special: Special = "text",
        invalid: Invalid = None,
        dtype: DTypeLike | None = None,
        threads: int | None = None,
        max_pretoken_bytes: int | None = None,
        add_special_tokens: bool = False,
        spans: SpanUnit | None = None,
    ) -> Ragged:
        """The ids of many texts: one flat array and the bounds of its rows, in the order of the texts.

        ``texts`` is a sequence of ``str`` or bytes-like objects, a NumPy array of bytes (dtype S), or an Arrow array or stream of strings.
        With ``spans``, the rows know where in its text each token stands (``Ragged.spans``). Raises InvalidUtf8Error, SpecialTokenError and
        PretokenTooLongError, each naming the text.
        """
        ids, offsets, places = self._encode_batch(
            texts,
            special=special,
            invalid=invalid,
            dtype=dtype,
            threads=threads,
            max_pretoken_bytes=max_pretoken_bytes,
            add_special_tokens=add_special_tokens,
            spans=spans,
        )
        return Ragged(ids, offsets, places)

    def align(
        self,
        text: Text,
        pair: Text | None = None,
        *,
        unit: SpanUnit = "char",
        special: Special = "text",
        invalid: Invalid = None,
        add_special_tokens: bool = False,
    ) -> Aligned:
        """The ids of a text, or of two, with where each stands and of which word it is, and the maps between tokens, words and places.

        See :class:`tokmill.spans.Aligned`. Raises what ``encode`` raises.
        """
        from .spans import Aligned, length_of

        ids, spans, words, texts = self._align(
            text, unit, special=special, invalid=invalid, add_special_tokens=add_special_tokens, pair=pair
        )
        lengths = tuple(length_of(one, unit) for one in (text, pair) if one is not None)
        return Aligned(ids, spans, words, texts, unit, lengths)

    def decode_batch(
        self,
        rows: Ragged | Sequence[Ids],
        *,
        unknown: Unknown = "error",
        errors: str = "replace",
        skip_special_tokens: bool = False,
    ) -> list[str]:
        """The text of every row. Raises UnknownIdError."""
        ragged = rows if isinstance(rows, Ragged) else Ragged.from_rows(rows)
        return self._decode_batch(ragged.ids, ragged.offsets, unknown=unknown, errors=errors, skip_special_tokens=skip_special_tokens)

    # Files

    @overload
    def encode_file(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        special: Special = ...,
        invalid: Invalid = ...,
        dtype: DTypeLike | None = ...,
        block_bytes: int = ...,
        max_pretoken_bytes: int | None = ...,
        add_special_tokens: bool = ...,
        spans: None = ...,
    ) -> NDArray[Any]: ...

    @overload
    def encode_file(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        special: Special = ...,
        invalid: Invalid = ...,
        dtype: DTypeLike | None = ...,
        block_bytes: int = ...,
        max_pretoken_bytes: int | None = ...,
        add_special_tokens: bool = ...,
        spans: SpanUnit,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...

    def encode_file(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        special: Special = "text",
        invalid: Invalid = None,
        dtype: DTypeLike | None = None,
        block_bytes: int = DEFAULT_BLOCK_BYTES,
        max_pretoken_bytes: int | None = DEFAULT_MAX_PRETOKEN_BYTES,
        add_special_tokens: bool = False,
        spans: SpanUnit | None = None,
    ) -> Any:
        """The ids of a text file (plain, gz or zst; ``-`` is standard input; or an open binary file) as one array.

        The ids are those of the text encoded whole; the text itself is never in memory as a whole. With ``spans``, ``(ids, spans)``: where
        each token stands in the whole text, int64 ``[tokens, 2]``; for that the text is read whole. Raises what ``encode_file_iter`` does.
        """
        if spans is not None:
            from .documents import read_blocks

            text = b"".join(read_blocks(file, block_bytes=block_bytes))
            longest = MAX_PRETOKEN_BYTES if max_pretoken_bytes is None else max_pretoken_bytes
            return self.encode(
                text,
                special=special,
                invalid=invalid,
                add_special_tokens=add_special_tokens,
                dtype=dtype,
                max_pretoken_bytes=longest,
                spans=spans,
            )
        blocks = list(
            self.encode_file_iter(
                file,
                special=special,
                invalid=invalid,
                dtype=dtype,
                block_bytes=block_bytes,
                max_pretoken_bytes=max_pretoken_bytes,
                add_special_tokens=add_special_tokens,
            )
        )
        return np.concatenate(blocks) if blocks else np.empty(0, np.dtype(np.int32 if dtype is None else dtype))

    def encode_file_iter(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        special: Special = "text",
        invalid: Invalid = None,
        dtype: DTypeLike | None = None,
        block_bytes: int = DEFAULT_BLOCK_BYTES,
        max_pretoken_bytes: int | None = DEFAULT_MAX_PRETOKEN_BYTES,
        add_special_tokens: bool = False,
        spans: None = None,
    ) -> Iterator[NDArray[Any]]:
        """The ids of a text file, block by block; joined, they are those of the text encoded whole (``add_special_tokens`` as there).

        Memory is bounded by a few blocks plus the longest pretoken; one longer than ``max_pretoken_bytes`` raises
        PretokenTooLongError (``None`` lifts the bound to 2 GiB). Also raises InputError, DocumentError (a damaged gz or zst file),
        InvalidUtf8Error, SpecialTokenError; and ArgumentError for ``spans``, which take the whole text: ``encode_file`` gives them.
        """
        from .documents import read_blocks

        if spans is not None:
            raise ArgumentError("spans= takes the whole text, of which a stream holds only a block; encode_file(..., spans=) gives them")
        longest = MAX_PRETOKEN_BYTES if max_pretoken_bytes is None else max_pretoken_bytes
        stream = self._stream(special=special, invalid=invalid, dtype=dtype, max_pretoken_bytes=longest)
        before, after = (np.array(ids, np.int32 if dtype is None else dtype) for ids in (self._frame() if add_special_tokens else ([], [])))
        if len(before):
            yield before
        for block in read_blocks(file, block_bytes=block_bytes):
            ids = stream.feed(block)
            if len(ids):
                yield ids
        ids = stream.finish()
        if len(ids):
            yield ids
        if len(after):
            yield after

    # The vocabulary

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what decides the ids: tokens, special tokens, split pattern. Equal in every process and on every machine."""
        try:
            return self._digest
        except AttributeError:
            self._digest = hashlib.sha256(self._canonical()).hexdigest()
            return self._digest

    @property
    def origin(self) -> str:
        """Where the vocabulary was found, for people to read."""
        return self._origin.place if hasattr(self, "_origin") else "made in memory"

    @property
    def bos_id(self) -> int | None:
        """The id that begins a document, or None if the vocabulary has no such token."""
        return self._first_special(BOS_TEXTS)

    @property
    def eos_id(self) -> int | None:
        """The id that ends a document, or None if the vocabulary has no such token."""
        return self._first_special(EOS_TEXTS)

    @property
    def pad_id(self) -> int | None:
        """The id that fills up rows, or None if the vocabulary has no such token."""
        return self._first_special(PAD_TEXTS)

    def _first_special(self, texts: tuple[str, ...]) -> int | None:
        special_tokens = self.special_tokens
        return next((special_tokens[text] for text in texts if text in special_tokens), None)

    def save(self, path: str | os.PathLike[str]) -> list[str]:
        """Writes the vocabulary; the ending of ``path`` chooses the format. The file appears when it is whole.

        ``.tokmill`` is a snapshot: everything, loads fastest. ``.json`` is a ``tokenizer.json``, which tokenizers and transformers load
        with equal ids. ``.tiktoken`` is a rank file: it has no place for the special tokens and the split pattern, so ``load`` has to be
        given them again unless it knows the file by its SHA-256.

        Returns what the format says otherwise or cannot say, a sentence each. Raises ArgumentError for another ending and for a
        vocabulary that the format cannot hold with equal ids, OutputError if the file cannot be written.
        """
        name = os.fspath(path)
        notes: list[str] = []
        if name.endswith(".tokmill"):
            from .snapshot import seal

            data = seal(self._snapshot())
        elif name.endswith(".json"):
            from .conversion import tokenizer_json

            data, notes = tokenizer_json(self)
        elif name.endswith(".tiktoken"):
            from .conversion import rank_file

            data, notes = rank_file(self)
        else:
            raise ArgumentError(
                f"cannot tell the format of {name}: the name has to end in .tokmill (snapshot), .json (tokenizer.json) "
                "or .tiktoken (rank file)"
            )
        write_file(path, data)
        return notes

    def extend(self, counts: Counts, vocab_size: int, **options: Any) -> Tokenizer:
        """This vocabulary with more tokens, learnt from counts of pretokens; see :func:`tokmill.training.extend`."""
        from .training import extend

        return extend(self, counts, vocab_size, **options)

    def prune(self, keep: Iterable[int]) -> tuple[Tokenizer, NDArray[np.int32]]:
        """This vocabulary with fewer tokens, and the old id of each new one; see :func:`tokmill.training.prune`."""
        from .training import prune

        return prune(self, keep)

    def report(self, counts_or_texts: Any) -> Report:
        """How a text uses this vocabulary: compression, used and unused entries, what further entries would bring.

        Takes :class:`tokmill.training.Counts`, or texts, which are counted by this vocabulary's own pattern; or a mapping of names to
        either, which then stand beside each other as well. The report shows itself with ``to_dict()``, ``to_text()`` and ``to_html()``.
        Raises ArgumentError if there is no single pattern to count texts by.
        """
        from .report import Report, usage_section, vocabulary_section
        from .training import Counts

        def counted(given: Any) -> Counts:
            return given if isinstance(given, Counts) else Counts.for_tokenizer(self, given)

        files = {name: counted(given) for name, given in counts_or_texts.items()} if isinstance(counts_or_texts, Mapping) else None
        counts = counted(counts_or_texts) if files is None else reduce(add, files.values())
        return Report(
            f"{self.name or 'vocabulary'}: {self.vocab_size:,} ids", [usage_section(self, counts, files=files), vocabulary_section(self)]
        )

    def info(self) -> dict[str, Any]:
        """What the tokenizer is made of, as ``tokmill info --json`` shows it: model, split pattern and scanner, sizes, digest, ..."""
        from .report import Report, vocabulary_section

        section: dict[str, Any] = Report(self.name, [vocabulary_section(self)]).to_dict()["sections"][0]
        return section

    # Identity

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.digest == other.digest if isinstance(other, Tokenizer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __copy__(self) -> Tokenizer:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tokenizer:
        return self

    def __reduce__(self) -> tuple[Callable[..., Tokenizer], tuple[Any, ...]]:
        from .pickling import reduce

        return reduce(self)

    def __repr__(self) -> str:
        return f"<tokmill.Tokenizer {self.name!r}: {self.vocab_size:,} ids, digest {self.digest[:12]}>"
