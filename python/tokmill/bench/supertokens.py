"""The benchmark of supertokens, chains and merges of integers.

`python -m bench.supertokens`. Phrases are learnt from one half of a text and measured on the other, which nobody has seen: once by
cutting the text in the middle, once by cutting it into stretches of which every other one is learnt from (a text that is a series of
sources has other sources in its second half than in its first). Everything has to come back before it is timed. NumPy to NumPy, one core.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import itertools
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..condensed import Chain, Hypertokens, IntBPE, Supertokens, ppm_bits
from ..ragged import Ragged
from ..registry import load
from ..report.condensed import growth_table
from ..tokenizer import Tokenizer
from .outputs import add_outputs, write_outputs

__all__ = ["fast_symbols", "main", "measure_integers", "measure_text", "measure_training"]

Ids = NDArray[np.int32]
Tell = Callable[[str], None]

SIZE = 4096
MOST_PPM_IDS = 200_000
STRETCHES = 64
# What the bars of a kind of text are: held-out reduction, and how far the two modes may be apart.
BARS = {"english-prose": (0.21, 0.005), "code": (0.28, 0.005), "json": (0.60, 0.005), "logs": (0.55, 0.015)}
CHUNK = 8192


def speed(count: int, call: Callable[[], object], times: int = 7) -> float:
    """Million ids a second in the fastest of some runs: what the code takes when nothing else runs."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return round(count / min(taken) / 1e6, 2)


def halves(ids: Ids, stretches: int) -> tuple[Ragged, Ragged]:
    """Every other stretch of a text, and the rest; each stretch is a document."""
    bounds = np.linspace(0, len(ids), 2 * stretches + 1).astype(np.int64)
    rows = [ids[begin:end] for begin, end in itertools.pairwise(bounds)]
    return Ragged.from_rows(rows[::2], np.int32), Ragged.from_rows(rows[1::2], np.int32)


def measure_text(tokenizer: Tokenizer, name: str, ids: Ids, size: int = SIZE) -> dict[str, Any]:
    """Learnt on one half, measured on the other, by both ways to cut: reductions, bits a byte, million ids a second."""
    cells: dict[str, Any] = {"ids": len(ids)}
    for words, stretches in (("halves", 1), ("stretches", STRETCHES)):
        learn_from, rows = halves(ids, stretches)
        began = time.perf_counter()
        z = Supertokens.train(tokenizer, learn_from, size, barrier_classes=("special",))
        took = time.perf_counter() - began
        merge, careful = z.with_mode("merge"), Supertokens.train(tokenizer, learn_from, size)
        chain = Chain.over(z, "lru", disabled=())
        hyper = Hypertokens(tokenizer, "lru", disabled=())
        made: dict[str, Supertokens | Hypertokens | Chain] = {
            "longest": z,
            "merge": merge,
            "classes": careful,
            "hyper": hyper,
            "chain": chain,
        }
        reductions = {}
        for key, condenser in made.items():
            c = condenser.condense(rows)
            if condenser.expand(c) != rows:
                raise RuntimeError(f"{name} does not come back from {key}")
            reductions[key] = round(c.reduction, 4)
        sample = Ragged(rows.ids[:MOST_PPM_IDS], np.minimum(rows.offsets, MOST_PPM_IDS))
        base_bits, bits = ppm_bits(sample, tokenizer.vocab_size)[2], ppm_bits(z.condense(sample).ragged, z.id_end)[2]
        cells[words] = {
            **reductions,
            "bits": round(float(bits / base_bits - 1), 4),
            "train": round(took, 2),
            "longest speed": speed(len(rows.ids), partial(z.condense, rows, threads=1)),
            "merge speed": speed(len(rows.ids), partial(merge.condense, rows, threads=1)),
        }
    return cells


def measure_training(tokenizer: Tokenizer, texts: dict[str, Ids], size: int = 16_384, most: int = 10_000_000) -> dict[str, Any]:
    """One training over many ids."""
    ids = np.concatenate(list(texts.values()))
    ids = np.tile(ids, -(-most // max(len(ids), 1)))[:most]
    began = time.perf_counter()
    z = Supertokens.train(tokenizer, ids, size)
    return {"ids": len(ids), "phrases": z.size, "seconds": round(time.perf_counter() - began, 2)}


def fast_symbols(chunks: int, seed: int = 0) -> Ragged:
    """Actions of robots by FAST's rule: smooth paths of 50 steps and 7 joints, cosine transform, times 10, low frequencies first."""
    rng = np.random.default_rng(seed)
    paths = np.cumsum(np.cumsum(rng.normal(0, 1, (chunks, 50, 7)).astype(np.float32), axis=1), axis=1)
    paths -= paths.mean(axis=1, keepdims=True)
    paths /= np.abs(paths).max(axis=1, keepdims=True)
    k, t = np.arange(50)[:, None], np.arange(50)[None]
    matrix = (np.sqrt(2 / 50) * np.cos(np.pi * k * (2 * t + 1) / 100)).astype(np.float32)
    matrix[0] /= np.sqrt(2)
    symbols = np.rint(np.einsum("kt,ntd->nkd", matrix, paths) * 10).astype(np.int32)
    return Ragged(symbols.ravel(), np.arange(chunks + 1) * 350)


def unit_symbols(count: int, seed: int = 0) -> Ragged:
    """A stream of 1,024 units in which 3,000 words of 2 to 8 units come by Zipf's law; documents of 2,000."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, 1024, rng.integers(2, 9)).astype(np.int32) for _ in range(3000)]
    drawn = (rng.zipf(1.2, count) - 1) % 3000
    symbols = np.concatenate([words[i] for i in drawn[: count // 3]])[:count]
    return Ragged(symbols, np.append(np.arange(0, len(symbols), 2000), len(symbols)))


def measure_integers(count: int = 10_000_000, size: int = 2000) -> dict[str, Any]:
    """2k merges over 10M symbols, and encoding with them; beside `tokenizers` over characters where that is installed."""
    results: dict[str, Any] = {}
    for name, rows in (("FAST", fast_symbols(count // 350)), ("units", unit_symbols(count))):
        began = time.perf_counter()
        z = IntBPE.train(rows, size)
        took = time.perf_counter() - began
        c = z.condense(rows)
        if z.expand(c) != rows:
            raise RuntimeError(f"symbols of {name} do not come back")
        longest = IntBPE(z.alphabet, z.lefts, z.rights, mode="longest")
        cells: dict[str, Any] = {
            "symbols": len(rows.ids),
            "merges": z.size,
            "train": round(took, 2),
            "reduction": round(c.reduction, 4),
            "encode": speed(len(rows.ids), partial(z.condense, rows, threads=1)),
            "longest": speed(len(rows.ids), partial(longest.condense, rows, threads=1)),
            "expand": speed(len(rows.ids), partial(z.expand, c, threads=1)),
        }
        results[name] = cells | _peer(z, rows)
    return results


def _peer(z: IntBPE, rows: Ragged) -> dict[str, Any]:
    """The same merges put in by `tokenizers`, over characters: million symbols a second, on a few documents, ids compared first."""
    try:
        tokenizers = importlib.import_module("tokenizers")
    except ImportError:
        return {}
    spelled = [chr(0x100 + i) if i < 0xD000 else "" for i in range(z.vocab_size)]
    for left, right in zip(z.lefts.tolist(), z.rights.tolist(), strict=True):
        spelled.append(spelled[left] + spelled[right])
    merges = [(spelled[left], spelled[right]) for left, right in zip(z.lefts.tolist(), z.rights.tolist(), strict=True)]
    peer = tokenizers.Tokenizer(tokenizers.models.BPE({text: i for i, text in enumerate(spelled)}, merges))
    few = Ragged.from_rows([rows[i] for i in range(min(len(rows), 300))], np.int32)
    texts = ["".join(spelled[i] for i in z.to_ids(document)) for document in few]
    if [peer.encode(text).ids for text in texts] != z.condense(few).ragged.lists():
        return {"equal": False}
    return {"equal": True, "peer": speed(len(few.ids), lambda: [peer.encode(text).ids for text in texts])}


def _table(texts: dict[str, Any], training: dict[str, Any], integers: dict[str, Any], growth: dict[str, Any]) -> str:
    lines = [
        f"| {SIZE:,} supertokens, held out | leftmost-longest | merge order | default classes | hypertokens | both | bits/byte "
        "| longest, Mid/s | merge, Mid/s | bar |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, ways in texts.items():
        for words in ("halves", "stretches"):
            cells = ways[words]
            shown = " | ".join(f"{cells[key]:.3f}" for key in ("longest", "merge", "classes", "hyper", "chain"))
            speeds = f"{cells['longest speed']:g} | {cells['merge speed']:g}"
            lines.append(f"| {name}, {words} | {shown} | {cells['bits']:+.1%} | {speeds} | {BARS.get(name, ('',))[0]} |")
    lines += ["", f"{training['phrases']:,} supertokens over {training['ids']:,} ids: {training['seconds']:g} s (bar 20 s).", ""]
    lines += [
        "| IntBPE | train, s | reduction | merge order, Msym/s | leftmost-longest | expand | tokenizers, equal ids |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, cells in integers.items():
        peer = f"{cells['peer']:g}" if cells.get("equal") else {False: "DIFFERS", None: "not installed"}[cells.get("equal")]
        lines.append(
            f"| {name}: {cells['merges']:,} merges over {cells['symbols']:,} symbols | {cells['train']:g} | {cells['reduction']:.3f} | "
            f"{cells['encode']:g} | {cells['longest']:g} | {cells['expand']:g} | {peer} |"
        )
    for name, rows in growth.items():
        lines += ["", f"| {name}, {SIZE:,} more entries, held out | ids | reduction | PPM of order 2, bits/byte |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in row)} |" for row in rows]
    return "\n".join([*lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.supertokens`. Returns 1 if ids of `tokenizers` differ; what does not come back raises RuntimeError."""
    parser = argparse.ArgumentParser(prog="python -m bench.supertokens", description="Supertokens, chains and merges of integers.")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("TOKMILL_BENCH_DATA", "../shared")), help="folder with corpora/ and vocab/"
    )
    parser.add_argument("--texts", default=",".join(BARS), help="names of corpora/NAME.txt.gz (%(default)s)")
    parser.add_argument("--symbols", type=int, default=10_000_000, help="ids to train on, and symbols (%(default)s)")
    add_outputs(parser)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TOKMILL_VOCAB", str(options.data / "vocab"))
    tokenizer = load("cl100k_base")
    folder = options.data / "corpora"
    data = {name: gzip.decompress((folder / f"{name}.txt.gz").read_bytes()) for name in options.texts.split(",")}
    texts = {name: tokenizer.encode(text) for name, text in data.items()}
    results = {}
    for name, ids in texts.items():
        results[name] = measure_text(tokenizer, name, ids)
        print(f"{name}: {results[name]}", flush=True)
    training = measure_training(tokenizer, texts, most=options.symbols)
    integers = measure_integers(options.symbols)
    growth = {}
    for name, text in data.items():
        half = text.find(b"\n", len(text) // 2) + 1
        growth[name] = growth_table(tokenizer, text[:half], text[half:], SIZE).rows
    seen = {"texts": results, "training": training, "integers": integers, "growth": growth}
    write_outputs(options, "supertokens", _table(results, training, integers, growth), seen, ["tokenizers"])
    return 0 if all(cells.get("equal", True) for cells in integers.values()) else 1
