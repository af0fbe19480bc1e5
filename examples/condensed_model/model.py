"""One small causal transformer, and three forms of what it reads and writes: plain ids, ids with a book, records. Only the form differs."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from streams import Rows
from tokmill.condensed.opcode_stream import COPY, LIT
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Size:
    """The model and its training; every arm has as many positions in a row, rows in a step, and steps. ``input_rate`` multiplies ``rate``
    for the tables of the input; ``bfloat16``: so are the inputs of all products of matrices, which is faster where the processor has
    instructions for it."""

    layers: int = 2
    width: int = 128
    heads: int = 4
    length: int = 128
    batch: int = 16
    steps: int = 400
    rate: float = 3e-3
    input_rate: float = 25.0
    bfloat16: bool = False


@dataclass(frozen=True)
class Outcome:
    """``bits_per_byte`` of the held-out files, ``positions_per_byte`` there, the median step, and bytes of text that training saw."""

    bits_per_byte: float
    positions_per_byte: float
    ms_step: float
    megabytes_seen: float


@dataclass(frozen=True)
class Batch:
    """Rows as tensors."""

    items: Tensor
    ends: Tensor
    book: Tensor | None
    installed: Tensor | None


class Form(nn.Module):
    """What stands at a position: ``embed`` gives [rows, positions, width], ``nats`` what an item costs, [rows, positions]. Tables of the
    input are called ``input...``: they have a rate of their own."""

    def embed(self, batch: Batch) -> Tensor:
        raise NotImplementedError

    def nats(self, hidden: Tensor, batch: Batch) -> Tensor:
        raise NotImplementedError


class PlainForm(Form):
    """An embedding and an output row an id; rows beyond the base vocabulary begin as the mean of their constituents (``phrases``)."""

    def __init__(self, vocab_size: int, width: int, phrases: list[list[int]] | None = None) -> None:
        super().__init__()
        phrases = phrases or []
        self.input = _table(vocab_size + len(phrases), width)
        self.output = _table(vocab_size + len(phrases), width)
        with torch.no_grad():
            for table in (self.input, self.output):
                for row, phrase in enumerate(phrases, vocab_size):
                    table[row] = table[phrase].mean(0)

    def embed(self, batch: Batch) -> Tensor:
        return functional.embedding(batch.items[..., 0], self.input)

    def nats(self, hidden: Tensor, batch: Batch) -> Tensor:
        return _cross_entropy(hidden @ self.output.T, batch.items[..., 0])


class BookForm(Form):
    """Base ids as in the plain form; an entry of the row's book is its first constituent's row and what an encoder, whose output begins
    at zero, makes of all of them. One encoder for the input, one for the output. Only entries that a reader has by then are possible."""

    def __init__(self, vocab_size: int, width: int, longest: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.input, self.output = _table(vocab_size, width), _table(vocab_size, width)
        self.places = nn.Parameter(torch.randn(2, longest, width) * 0.02)
        self.encoders = nn.ModuleList(nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)) for _ in range(2))
        for encoder in self.encoders:
            nn.init.zeros_(encoder[-1].weight)  # type: ignore[index, arg-type]
            nn.init.zeros_(encoder[-1].bias)  # type: ignore[index, arg-type]

    def entries(self, table: Tensor, which: int, book: Tensor) -> Tensor:
        """[rows, entries, width]"""
        is_there = (book >= 0)[..., None]
        constituents = functional.embedding(book.clamp(min=0), table)
        mixed = ((constituents + self.places[which]) * is_there).sum(-2) / is_there.sum(-2).clamp(min=1)
        encoded: Tensor = self.encoders[which](mixed)
        return constituents[..., 0, :] + encoded

    def embed(self, batch: Batch) -> Tensor:
        assert batch.book is not None
        ids = batch.items[..., 0]
        entries = self.entries(self.input, 0, batch.book)
        row = (ids - self.vocab_size).clamp(min=0)
        of_book = entries.gather(1, row[..., None].expand(-1, -1, entries.shape[-1]))
        return torch.where(
            (ids >= self.vocab_size)[..., None], of_book, functional.embedding(ids.clamp(max=self.vocab_size - 1), self.input)
        )

    def nats(self, hidden: Tensor, batch: Batch) -> Tensor:
        assert batch.book is not None
        assert batch.installed is not None
        of_book = hidden @ self.entries(self.output, 1, batch.book).transpose(1, 2)
        installed_before = functional.pad(batch.installed[:, :-1], (1, 0))
        numbers = torch.arange(of_book.shape[-1])
        of_book = of_book.masked_fill(numbers >= installed_before[..., None], -torch.inf)
        return _cross_entropy(torch.cat([hidden @ self.output.T, of_book], -1), batch.items[..., 0])


class RecordForm(Form):
    """The factored view: embeddings of op, a and b summed; op, then what it takes, predicted each from the same hidden state."""

    def __init__(self, vocab_size: int, width: int, window: int, max_length: int) -> None:
        super().__init__()
        self.input, self.output = _table(vocab_size, width), _table(vocab_size, width)
        self.input_ops, self.op_head = _table(2, width), _table(2, width)
        self.input_offsets, self.offset_head = _table(window + 1, width), _table(window + 1, width)
        self.input_lengths, self.length_head = _table(max_length + 1, width), _table(max_length + 1, width)

    def embed(self, batch: Batch) -> Tensor:
        op, a, b = batch.items.clamp(min=0).unbind(-1)
        is_copy = (op == COPY)[..., None]
        # Where it is a literal, a may be larger than any offset.
        offset = functional.embedding(a.clamp(max=len(self.input_offsets) - 1), self.input_offsets)
        copied = offset + functional.embedding(b, self.input_lengths)
        return functional.embedding(op, self.input_ops) + torch.where(is_copy, copied, functional.embedding(a, self.input))

    def nats(self, hidden: Tensor, batch: Batch) -> Tensor:
        op, a, b = batch.items.unbind(-1)
        nowhere = torch.full_like(a, -1)
        is_copy, is_literal = op == COPY, op == LIT
        return (
            _cross_entropy(hidden @ self.op_head.T, op)
            + _cross_entropy(hidden @ self.output.T, torch.where(is_literal, a, nowhere))
            + _cross_entropy(hidden @ self.offset_head.T, torch.where(is_copy, a, nowhere))
            + _cross_entropy(hidden @ self.length_head.T, torch.where(is_copy, b, nowhere))
        )


class Block(nn.Module):
    """Attention with rotary positions and a feed-forward layer, each behind a layer norm and added to what came in."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.before_attention, self.before_feed = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.attention = nn.Linear(size.width, 3 * size.width, bias=False)
        self.out = nn.Linear(size.width, size.width, bias=False)
        self.feed = nn.Sequential(nn.Linear(size.width, 4 * size.width), nn.GELU(), nn.Linear(4 * size.width, size.width))
        self.later = torch.full((size.length, size.length), -torch.inf).triu(1)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        query, key, value = self.attention(self.before_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # Written out: torch's own attention takes three times as long for its gradient in bfloat16 on a CPU.
        mixed = (_turned(query, turn) @ _turned(key, turn).transpose(-1, -2) * query.shape[-1] ** -0.5 + self.later).softmax(-1) @ value
        x = x + self.out(mixed.transpose(1, 2).flatten(-2))
        return x + self.feed(self.before_feed(x))


class Model(nn.Module):
    """Items to what the next one costs. Rotary positions are those of base ids: the last one of what is read."""

    def __init__(self, size: Size, form: Form) -> None:
        super().__init__()
        self.bfloat16 = size.bfloat16
        self.form = form
        self.begin = nn.Parameter(torch.randn(size.width) * 0.02)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.width)
        half = size.width // size.heads // 2
        self.frequencies = 10000 ** (-torch.arange(half) / half)

    def forward(self, batch: Batch) -> Tensor:
        read = self.form.embed(batch)[:, :-1]
        x = torch.cat([self.begin.expand(len(read), 1, -1), read], 1)
        positions = functional.pad(batch.ends[:, :-1] + 1, (1, 0))
        angles = positions[:, None, :, None] * self.frequencies
        turn = angles.cos(), angles.sin()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            for block in self.blocks:
                x = block(x, turn)
            return self.form.nats(self.norm(x), batch)


def run_arm(form: Form, size: Size, train: Rows, held_out: Rows, seed: int) -> Outcome:
    """Trains a model on one thread, so that nothing depends on how many processors there are; judges it by all rows held out."""
    torch.set_num_threads(1)
    model = Model(size, form)
    tables = [parameter for name, parameter in model.named_parameters() if name.startswith("form.input")]
    others = [parameter for name, parameter in model.named_parameters() if not name.startswith("form.input")]
    groups = [{"params": others, "lr": size.rate}, {"params": tables, "lr": size.rate * size.input_rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_at(step, size.steps))
    order = np.random.default_rng(seed).permutation(len(train.items))
    times, seen = [], 0
    for step in range(size.steps):
        picked = order[(step * size.batch + np.arange(size.batch)) % len(order)]
        started = time.perf_counter()
        batch = _batch(train, picked)
        nats = model(batch)
        loss = nats.sum() / (batch.items[..., 0] >= 0).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        times.append(time.perf_counter() - started)
        seen += int(train.byte_counts[picked].sum())
    bits = _nats(model, held_out, size.batch) / math.log(2)
    byte_count = int(held_out.byte_counts.sum())
    positions = int((held_out.items[..., 0] >= 0).sum())
    return Outcome(bits / byte_count, positions / byte_count, float(np.median(times)) * 1000, seen / 1e6)


@torch.no_grad()
def _nats(model: Model, rows: Rows, batch: int) -> float:
    return sum(
        float(model(_batch(rows, np.arange(begin, min(begin + batch, len(rows.items))))).sum())
        for begin in range(0, len(rows.items), batch)
    )


def _batch(rows: Rows, picked: np.ndarray) -> Batch:
    book = None if rows.book is None else torch.from_numpy(rows.book[picked]).long()
    installed = None if rows.installed is None else torch.from_numpy(rows.installed[picked]).long()
    return Batch(torch.from_numpy(rows.items[picked]).long(), torch.from_numpy(rows.ends[picked]).long(), book, installed)


def _table(rows: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, width) * 0.02)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """By position; 0 where the target is -1."""
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="none").view_as(targets)


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turn
    one, other = x.chunk(2, -1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)


def _rate_at(step: int, steps: int) -> float:
    """Rises over the first twentieth, then falls to a tenth along a cosine."""
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else 0.55 + 0.45 * math.cos(math.pi * (step - warm) / max(1, steps - warm))
