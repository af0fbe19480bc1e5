"""``Counts``: how often each pretoken of a text occurs, which is all that training needs to know of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import PATTERNS, CoreTokenizer, WordCounts
from ..conversion import components_of, splits_of, tokenizers_pattern
from ..documents import DEFAULT_FIELD, Format, Source, in_file, read_documents
from ..errors import ArgumentError
from ..sections import Sections, save_sections
from ..signatures import Invalid
from .stage2 import barrier_pattern

__all__ = ["Counts"]

KIND = "word counts"
NAME_OF_PATTERN = {regex: name for name, regex in PATTERNS.items()}
TEXTS_PER_CALL = 4096
UNITS_PER_CALL = 4 << 20  # characters or bytes
CALLS_IN_MEMORY = 64  # when it is bounded: what a call counts takes up to 15 times its text, if no word comes twice


def _batches(texts: Iterable[Any], units_per_call: int) -> Iterator[list[Any]]:
    """Texts in lists, of which neither the number nor the length grows: between two of them a full table can be written out."""
    batch: list[Any] = []
    length = 0
    for text in texts:
        batch.append(text)
        length += len(text)
        if len(batch) == TEXTS_PER_CALL or length >= units_per_call:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


class Counts:
    """How often each pretoken occurs. Made by :meth:`from_files`, :meth:`from_texts`, :meth:`from_pairs` or :meth:`load`.

    ``pattern`` is a name of ``tokmill.PATTERNS`` or any regex, read as a ``Split`` of a tokenizer.json reads it. The counts of parts of a
    corpus add up (``a + b``) to those of the whole, however it is cut, as long as no document is.

    ``memory`` (bytes, or as ``"1 GB"``) bounds what the tables may take while texts are counted: fuller ones are written to a file in
    ``spill_directory`` (the system's directory for such files), which has no name, so that none is left behind whatever happens. What is
    counted does not depend on it. Training needs room for every distinct pretoken all the same.

    With ``barriers`` (those of a Stage2), whole runs of text between them are counted: what both stages of ``train(..., stage2=...)`` need.
    ``len``, ``total`` and the like are those of runs then; :meth:`words` gives the pretokens in them.
    """

    def __init__(
        self,
        pattern: str = "cl100k",
        *,
        memory: int | str | None = None,
        spill_directory: str | os.PathLike[str] | None = None,
        barriers: Sequence[str] = (),
    ) -> None:
        name = NAME_OF_PATTERN.get(pattern, pattern)
        # What is kept is the spelling that a tokenizer.json has: tokenizers takes tiktoken's possessive {1,3}+ for a repeated {1,3}.
        self.pattern = "\n".join(tokenizers_pattern(PATTERNS[name])) if name in PATTERNS else pattern
        self._bounded = memory is not None
        memory_bytes = 0
        if memory is not None:
            from ..ngrams.arguments import bytes_of  # few bound the memory; the package of n-grams takes longer to import

            memory_bytes = bytes_of(memory)
        self._units_per_call = min(UNITS_PER_CALL, max(memory_bytes // CALLS_IN_MEMORY, 1)) if self._bounded else UNITS_PER_CALL
        directory = os.fspath(spill_directory) if spill_directory is not None else tempfile.gettempdir()
        self.barriers = tuple(barriers)
        counted = barrier_pattern(self.barriers) if self.barriers else name
        self._core = WordCounts(counted, dialect="tokenizers", memory_bytes=memory_bytes, directory=directory)

    @classmethod
    def from_files(
        cls,
        files: Source | Iterable[Source],
        *,
        pattern: str = "cl100k",
        weights: Sequence[int] | None = None,
        threads: int | None = None,
        format: Format | None = None,
        field: str = DEFAULT_FIELD,
        lines: bool = False,
        invalid: Invalid = None,
        memory: int | str | None = None,
        spill_directory: str | os.PathLike[str] | None = None,
        barriers: Sequence[str] = (),
    ) -> Counts:
        """Counts the documents of files: text (a file is a document), jsonl, Arrow or Parquet; plain, gz or zst; ``-`` is standard input.

        ``lines=True`` makes every line of a text file, line end included, a document of its own, as ``Tokenizer.train(files)`` of Hugging
        Face does. ``weights`` holds a whole number for each file: its documents count that often. ``invalid`` says what bytes that
        are not UTF-8 become: an error (the default, naming file and position) or U+FFFD (``"replace"``).

        Raises InputError, DocumentError, InvalidUtf8Error, ArgumentError.
        """
        listed: list[Any] = [files] if isinstance(files, (str, os.PathLike)) or hasattr(files, "read") else list(files)
        if weights is not None and len(weights) != len(listed):
            raise ArgumentError(f"{len(weights)} weights for {len(listed)} files: give one a file")
        counts = cls(pattern, memory=memory, spill_directory=spill_directory, barriers=barriers)
        for i, file in enumerate(listed):
            first = 0
            for documents in read_documents(file, format=format, field=field, lines=lines):
                with in_file(file, first):
                    counts.add_texts(documents, weight=1 if weights is None else weights[i], threads=threads, invalid=invalid)
                first += len(documents)
        return counts

    @classmethod
    def from_texts(
        cls,
        texts: Any,
        *,
        pattern: str = "cl100k",
        weight: int = 1,
        threads: int | None = None,
        invalid: Invalid = None,
        memory: int | str | None = None,
        spill_directory: str | os.PathLike[str] | None = None,
        barriers: Sequence[str] = (),
    ) -> Counts:
        """Counts texts: a list, any iterable of ``str`` or bytes-like objects, an Arrow array. Every one is a document of its own."""
        counts = cls(pattern, memory=memory, spill_directory=spill_directory, barriers=barriers)
        counts.add_texts(texts, weight=weight, threads=threads, invalid=invalid)
        return counts

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str | bytes, int]], *, pattern: str = "cl100k") -> Counts:
        """Counts that were made elsewhere (Spark, Ray): pairs of a pretoken and its count, which is 1 or more. Equal pretokens add up.

        The pretokens are taken as they are; ``pattern`` is what the trained vocabulary will split by.
        """
        counts = cls(pattern)
        rest = iter(pairs)
        while batch := list(islice(rest, TEXTS_PER_CALL)):
            words = [word.encode() if isinstance(word, str) else bytes(word) for word, _ in batch]
            offsets = np.zeros(len(words) + 1, np.int64)
            np.cumsum([len(word) for word in words], out=offsets[1:])
            counts._core.add_words(b"".join(words), offsets, np.array([count for _, count in batch], np.int64))
        return counts

    @classmethod
    def for_tokenizer(cls, tokenizer: CoreTokenizer, texts: Any = (), *, threads: int | None = None, invalid: Invalid = None) -> Counts:
        """Counts texts by the split pattern of a tokenizer. Raises ArgumentError if it cuts text otherwise than by patterns."""
        components = components_of(tokenizer)
        splits = [tokenizer.pattern] if tokenizer.pattern or components is None else splits_of(components)
        if splits is None or len(splits) != 1:
            raise ArgumentError("this tokenizer does not cut text by one pattern; make Counts(pattern=...) of what comes close")
        return cls.from_texts(texts, pattern=splits[0], threads=threads, invalid=invalid)

    def add_texts(self, texts: Any, *, weight: int = 1, threads: int | None = None, invalid: Invalid = None) -> None:
        """Adds the pretokens of more texts. If one of them is refused, or at Ctrl-C, none of the same batch is added."""
        is_arrow = hasattr(texts, "__arrow_c_array__") or hasattr(texts, "__arrow_c_stream__")
        if is_arrow or (not self._bounded and isinstance(texts, (list, tuple, np.ndarray))):
            self._core.add_texts(texts, weight=weight, threads=threads, invalid=invalid)
            return
        for batch in _batches(texts, self._units_per_call):
            self._core.add_texts(batch, weight=weight, threads=threads, invalid=invalid)

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        if (self.pattern, self.barriers) != (other.pattern, other.barriers):
            raise ArgumentError("these counts were made with different split patterns; words of one are no words of the other")
        both = self._empty()
        both._core.add_counts(self._core)
        both._core.add_counts(other._core)
        return both

    def prune(self, min_count: int) -> Counts:
        """Without the pretokens that occur less than ``min_count`` times. Not exact: merges learnt from the rest may differ."""
        kept = self._empty()
        kept._core.add_counts(self._core)
        kept._core.prune(min_count)
        return kept

    def words(self) -> Counts:
        """The pretokens in counted runs, each as often as its runs occur. Raises ArgumentError if no runs were counted."""
        if not self.barriers:
            raise ArgumentError("these are counts of pretokens already; Counts(barriers=...) counts runs of them")
        words = Counts(self.pattern)
        words._core.add_words_of(self._core)
        return words

    def _empty(self) -> Counts:
        return Counts(self.pattern, barriers=self.barriers)

    def __len__(self) -> int:
        return len(self._core)

    @property
    def total(self) -> int:
        """How many pretokens were counted, weights included."""
        return self._core.total

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the tables occupy."""
        return self._core.byte_size

    @property
    def spilled_bytes(self) -> int:
        """Bytes that were written to a file because memory was bounded."""
        return self._core.spilled_bytes

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """All pretokens with their counts, in bytewise order."""
        blob, offsets, counts = self._core.words()
        for i, count in enumerate(counts.tolist()):
            yield blob[offsets[i] : offsets[i + 1]], count

    def top(self, n: int = 20) -> list[tuple[bytes, int]]:
        """The ``n`` most frequent pretokens, the bytewise smaller first among equals."""
        blob, offsets, counts = self._core.words()
        order = np.argsort(-counts, kind="stable")[:n]
        return [(blob[offsets[i] : offsets[i + 1]], int(counts[i])) for i in order]

    def __repr__(self) -> str:
        return f"Counts({len(self):,} distinct pretokens, {self.total:,} in all)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the counts as one file with a digest, or nothing. Raises OutputError."""
        save_sections(path, KIND, self._sections())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Counts:
        """Reads what :meth:`save` wrote. Raises InputError, SnapshotError."""
        return cls._of(Sections(path, KIND))

    def _sections(self) -> dict[str, NDArray[Any] | bytes]:
        blob, offsets, counts = self._core.words()
        sections: dict[str, NDArray[Any] | bytes] = {"pattern": self.pattern.encode(), "words": blob, "offsets": offsets, "counts": counts}
        if self.barriers:
            sections["barriers"] = json.dumps(self.barriers).encode()
        return sections

    @classmethod
    def _of(cls, saved: Sections, **bounds: Any) -> Counts:
        barriers = json.loads(bytes(saved.raw("barriers"))) if "barriers" in saved else ()
        counts = cls(bytes(saved.raw("pattern")).decode(), barriers=barriers, **bounds)
        counts._core.add_words(bytes(saved.raw("words")), saved.array("offsets", np.int64), saved.array("counts", np.int64))
        return counts
