"""The text, its base ids, and the rows that each condenser makes of them: what a model reads at once, knowing nothing before."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokmill
from numpy.typing import NDArray
from tokmill import training
from tokmill.condensed import Hypertokens, Opcodes, Supertokens
from tokmill.condensed.opcode_stream import EOD

END = "<|endoftext|>"
Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Data:
    """A vocabulary, and the base ids to train on and to be judged by, an end-of-text id behind each file."""

    tok: tokmill.Tokenizer
    train: Ids
    held_out: Ids

    def byte_bounds(self, ids: Ids) -> NDArray[np.int64]:
        """Bytes before each id, and all: int64 [ids + 1]. The end of a file counts as none."""
        lengths = np.array([0 if token is None else len(token) for token in self.tok.token_bytes])
        lengths[self.tok.special_tokens[END]] = 0
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[ids])])


@dataclass(frozen=True)
class Rows:
    """``items`` [rows, positions, factors] int32, -1 where a row has no more; ``ends`` [rows, positions]: the last base id of each, counted
    in its row; ``byte_counts`` [rows, positions]. ``book`` [rows, entries, longest] and ``installed`` [rows, positions] of hypertokens."""

    items: Ids
    ends: Ids
    byte_counts: Ids
    book: Ids | None = None
    installed: Ids | None = None


def prepare(vocab_size: int, most_bytes: int | None = None) -> Data:
    """The .py files of the interpreter's standard library; of every ten in the order of their names one is held out."""
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts or (most_bytes is not None and size >= most_bytes):
            continue
        try:
            texts.append(path.read_text("utf-8"))
        except UnicodeDecodeError:  # some tests of the library are in other encodings
            continue
        size += len(texts[-1])
    train = [text for number, text in enumerate(texts) if number % 10 != 9]
    tok = training.train(training.Counts.from_texts(train, pattern="gpt2"), vocab_size, special_tokens=[END])
    return Data(tok, _ids_of(tok, train), _ids_of(tok, texts[9::10]))


def _ids_of(tok: tokmill.Tokenizer, texts: list[str]) -> Ids:
    end = np.array([tok.special_tokens[END]], np.int32)
    return np.concatenate([part for text in texts for part in (tok.encode(text), end)])


def plain_rows(ids: Ids, base_counts: Ids, bounds: NDArray[np.int64], length: int) -> Rows:
    """One stream of ids cut every ``length``; what does not fill a row is left out."""
    count = len(ids) // length
    ends = np.cumsum(base_counts[: count * length], dtype=np.int64)
    starts = ends - base_counts[: count * length]
    shape = (count, length)
    byte_counts = (bounds[ends] - bounds[starts]).reshape(shape)
    in_row = ends.reshape(shape) - starts.reshape(shape)[:, :1] - 1
    return Rows(ids[: count * length].reshape(count, length, 1), in_row.astype(np.int32), byte_counts.astype(np.int32))


def base_rows(data: Data, ids: Ids, length: int) -> Rows:
    """The base stream as it is."""
    return plain_rows(ids, np.ones(len(ids), np.int32), data.byte_bounds(ids), length)


def supertoken_rows(z: Supertokens) -> Callable[[Data, Ids, int], Rows]:
    """Phrases that were learnt on the training files; one vocabulary for all rows."""

    def rows(data: Data, ids: Ids, length: int) -> Rows:
        c = z.condense(ids)
        return plain_rows(c.ids, c.base_counts, data.byte_bounds(ids), length)

    return rows


def hypertoken_rows(z: Hypertokens) -> Callable[[Data, Ids, int], Rows]:
    """Every row with a book of its own: all entries, not only those that the row uses, for a model must not know which will be."""

    def rows(data: Data, ids: Ids, length: int) -> Rows:
        packed = z.pack(ids, length)
        books = [z.book(row) for row in packed.ids]
        book = np.full((len(books), max(map(len, books)), z.max_subtokens), -1, np.int32)
        for row, entries in enumerate(books):
            inside = np.arange(z.max_subtokens) < entries.lengths[:, None]
            book[row, : len(entries)][inside] = entries.ids
        ends = np.cumsum(packed.base_counts, axis=1)
        bounds = data.byte_bounds(ids)
        at = packed.row_starts[:-1, None]
        byte_counts = bounds[at + ends] - bounds[at + ends - packed.base_counts]
        return Rows(packed.ids[..., None], (ends - 1).astype(np.int32), byte_counts.astype(np.int32), book, packed.installed)

    return rows


def opcode_rows(z: Opcodes) -> Callable[[Data, Ids, int], Rows]:
    """The factored view, (op, a, b) a position; a row copies from itself only. One that copies much is shorter than the others."""

    def rows(data: Data, ids: Ids, length: int) -> Rows:
        bounds = data.byte_bounds(ids)
        items, ends, byte_counts = [], [], []
        at = 0
        while at + 4 * length <= len(ids):
            f = z.factored(z.condense(ids[at : at + 4 * length]))
            keep = np.flatnonzero(f.op != EOD)[:length]
            row = np.full((length, 3), -1, np.int32)
            row[: len(keep)] = np.stack([f.op, f.a, f.b], axis=1)[keep]
            end = np.zeros(length, np.int32)
            end[: len(keep)] = f.positions[keep]
            byte_count = np.zeros(length, np.int32)
            byte_count[: len(keep)] = bounds[at + end[: len(keep)] + 1] - bounds[at + end[: len(keep)] + 1 - f.base_counts[keep]]
            items.append(row)
            ends.append(end)
            byte_counts.append(byte_count)
            at += int(f.base_counts[keep].sum())
        return Rows(np.stack(items), np.stack(ends), np.stack(byte_counts))

    return rows
