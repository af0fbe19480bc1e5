"""The text and its ids: the .py files of the interpreter's standard library, cut into training, tuning and held-out files, as one stream of
ids each, and windows of it."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokmill
from numpy.typing import NDArray
from tokmill import training

END = "<|endoftext|>"


@dataclass(frozen=True)
class Stream:
    """Ids of many files, an end-of-text id behind each, and how many bytes the files have."""

    ids: NDArray[np.int32]
    byte_count: int


@dataclass(frozen=True)
class Data:
    """A vocabulary and three streams of different files: to train on, to choose rates by, to be judged by."""

    tok: tokmill.Tokenizer
    train: Stream
    tune: Stream
    held_out: Stream


def prepare(vocab_size: int, most_bytes: int | None = None) -> Data:
    """Of every 18 files in the order of their names one is held out and one is for tuning; the vocabulary sees only the others."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = []
    size = 0
    for path in sorted(library.rglob("*.py")):
        if "site-packages" in path.parts or (most_bytes is not None and size >= most_bytes):
            continue
        try:
            texts.append(path.read_text("utf-8"))
        except UnicodeDecodeError:  # some tests of the library are in other encodings
            continue
        size += len(texts[-1].encode())
    held_out, tune = texts[8::18], texts[17::18]
    train = [text for number, text in enumerate(texts) if number % 18 not in (8, 17)]
    tok = training.train(training.Counts.from_texts(train, pattern="gpt2"), vocab_size, special_tokens=[END])
    return Data(tok, *(_stream(tok, part) for part in (train, tune, held_out)))


def _stream(tok: tokmill.Tokenizer, texts: list[str]) -> Stream:
    end = np.array([tok.special_tokens[END]], np.int32)
    encoded = tok.encode_batch(texts)
    parts = [part for begin, stop in zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True) for part in (encoded.ids[begin:stop], end)]
    return Stream(np.concatenate(parts), sum(len(text.encode()) for text in texts))


def random_batches(stream: Stream, batch: int, window: int, steps: int, seed: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """``steps`` pairs of inputs and targets, int32 ``[batch, window]``, of windows that begin anywhere. Only the seed decides which."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        begins = rng.integers(0, len(stream.ids) - window, batch)
        cut = stream.ids[begins[:, None] + np.arange(window + 1)]
        yield cut[:, :-1], cut[:, 1:]


def all_batches(stream: Stream, batch: int, window: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """The whole stream once, window behind window, but for less than a window at its end."""
    count = (len(stream.ids) - 1) // window
    inputs = stream.ids[: count * window].reshape(count, window)
    targets = stream.ids[1 : count * window + 1].reshape(count, window)
    for begin in range(0, count, batch):
        yield inputs[begin : begin + batch], targets[begin : begin + batch]
