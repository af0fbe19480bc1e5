"""A small causal transformer whose input layer may have n-gram tables, and its training: only the input differs between the arms."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from data import Data, Stream, all_batches, random_batches
from tokmill.ngrams import Plan, unique_rows
from tokmill.torch import NgramEmbedding
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Size:
    """The model and its training. ``token_rate`` and ``table_rate`` multiply ``rate`` for the token embedding and for the tables.
    ``bfloat16``: so are the inputs of all products of matrices, which is faster on processors that have instructions for it."""

    layers: int = 3
    width: int = 128
    heads: int = 4
    window: int = 128
    batch: int = 16
    steps: int = 700
    rate: float = 2e-3
    token_rate: float = 1.0
    table_rate: float = 1.0
    bfloat16: bool = False


@dataclass(frozen=True)
class Outcome:
    """``bits_per_byte`` of the held-out files; medians over steps, in milliseconds: making rows, the input layer, the whole step."""

    bits_per_byte: float
    ms_rows: float
    ms_input: float
    ms_step: float
    table_rows: int
    rows_hit: int


class Block(nn.Module):
    """Attention and a feed-forward layer, each behind a layer norm and added to what came in."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.before_attention = nn.LayerNorm(size.width)
        self.attention = nn.Linear(size.width, 3 * size.width, bias=False)
        self.out = nn.Linear(size.width, size.width, bias=False)
        self.before_feed = nn.LayerNorm(size.width)
        self.feed = nn.Sequential(nn.Linear(size.width, 4 * size.width), nn.GELU(), nn.Linear(4 * size.width, size.width))
        self.later = torch.full((size.window, size.window), -torch.inf).triu(1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.attention(self.before_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # Written out: torch's own attention takes three times as long for its gradient in bfloat16 on a CPU.
        mixed = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + self.later).softmax(-1) @ value
        x = x + self.out(mixed.transpose(1, 2).flatten(-2))
        return x + self.feed(self.before_feed(x))


class Model(nn.Module):
    """Ids (and rows, if there is a plan) to what the next ids of the base vocabulary cost, which is the same for every input vocabulary."""

    def __init__(self, size: Size, vocab_size: int, plan: Plan | None) -> None:
        super().__init__()
        self.bfloat16 = size.bfloat16
        self.token = nn.Embedding(vocab_size, size.width)
        self.position = nn.Parameter(torch.empty(size.window, size.width))
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.position, std=0.02)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.head = nn.Sequential(nn.LayerNorm(size.width), nn.Linear(size.width, vocab_size, bias=False))
        # Zeros draw no random numbers: whatever the tables' sizes, the rest begins as in every other arm of the seed.
        self.ngrams = None if plan is None else NgramEmbedding(plan, size.width, merge="sum", sparse=True, std=0.0)

    def input(self, ids: Tensor, rows: Tensor | None) -> Tensor:
        x = self.token(ids) + self.position[: ids.shape[1]]
        return x if self.ngrams is None or rows is None else x + self.ngrams(rows)

    def nats(self, x: Tensor, targets: Tensor) -> Tensor:
        """The cross entropy of all targets, added up. Logits are made row by row of the batch: memory for all of them at once (32 MB) would
        be given back to the system after every step, and its page faults would take a quarter of the time."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            rows = zip(self.blocks(x), targets.long(), strict=True)
            return torch.stack([functional.cross_entropy(self.head(row).float(), wanted, reduction="sum") for row, wanted in rows]).sum()


def run_arm(data: Data, size: Size, plan: Plan | None, seed: int, judge: Stream) -> Outcome:
    """Trains one arm on one thread, so that nothing depends on how many processors there are, and judges it by ``judge``."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = Model(size, data.tok.vocab_size, plan)
    tables = [] if model.ngrams is None else [model.ngrams.weight]
    special = {id(model.token.weight), *map(id, tables)}
    others = [parameter for parameter in model.parameters() if id(parameter) not in special]
    groups = [{"params": others, "lr": size.rate}, {"params": [model.token.weight], "lr": size.rate * size.token_rate}]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, weight_decay=0.01)]
    if tables:
        optimizers.append(torch.optim.SparseAdam(tables, lr=size.rate * size.table_rate))
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: _rate_at(step, size.steps)) for each in optimizers]

    times: list[tuple[float, float, float]] = []
    hit: list[np.ndarray] = []
    for ids, targets in random_batches(data.train, size.batch, size.window, size.steps, seed):
        started = time.perf_counter()
        rows = None if plan is None else plan.rows(ids, add_table_offsets=False)
        rows_made = time.perf_counter()
        x = model.input(torch.from_numpy(ids), None if rows is None else torch.from_numpy(rows))
        input_made = time.perf_counter()
        (model.nats(x, torch.from_numpy(targets)) / targets.size).backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        times.append((rows_made - started, input_made - rows_made, time.perf_counter() - started))
        if plan is not None:
            hit.append(unique_rows(plan.rows(ids, add_table_offsets=True)).rows)
    ms_rows, ms_input, ms_step = (float(np.median(part) * 1000) for part in zip(*times, strict=True))
    return Outcome(
        bits_per_byte=bits_per_byte(model, plan, size, judge),
        ms_rows=ms_rows,
        ms_input=ms_input,
        ms_step=ms_step,
        table_rows=0 if plan is None else sum(plan.layer_rows),
        rows_hit=len(np.unique(np.concatenate(hit))) if hit else 0,
    )


@torch.no_grad()
def bits_per_byte(model: Model, plan: Plan | None, size: Size, stream: Stream) -> float:
    """The cross entropy of all targets of a stream, in bits, by the bytes of its files (those left over at its end scaled out)."""
    nats = 0.0
    judged = 0
    for ids, targets in all_batches(stream, size.batch, size.window):
        x = model.input(torch.from_numpy(ids), None if plan is None else torch.from_numpy(plan.rows(ids)))
        nats += float(model.nats(x, torch.from_numpy(targets)))
        judged += targets.size
    return nats / math.log(2) / (stream.byte_count * judged / len(stream.ids))


def _rate_at(step: int, steps: int) -> float:
    """Rises over the first twentieth, then falls to a tenth along a cosine."""
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else 0.55 + 0.45 * math.cos(math.pi * (step - warm) / max(1, steps - warm))
