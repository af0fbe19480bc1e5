"""The benchmark of superwords: encoding beside cl100k and `tokenizers`, and training in two stages.

`python -m bench.superwords --data ../shared [--text FILE.jsonl]`. English is cut into 24 slices, each seen once; the figure is that of the
last 12, the median of the rounds, on one core (as `*-steady` of `python -m bench`). Before anything is reported, the ids of those 12 slices
are compared with those of `tokenizers` from the same file. With `--text`, a vocabulary of 40,000 tokens and 10,000 superwords is trained
on documents that lie in a Python list, on two threads, timed, and encoded with as well.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._core import isa
from ..registry import load
from ..tokenizer import Tokenizer
from ..training import Counts, Stage2, train
from .outputs import add_outputs, write_outputs
from .texts import Library
from .training import documents_of

__all__ = ["Row", "encoding_rows", "main"]

VOCABULARY = "superbpe-200k.tokenizer.json.gz"
TRANSITION, STAGE2, THREADS = 40_000, Stage2(50_000), 2
LEAST_SHARE, LEAST_TIMES = 0.6, 80
Row = tuple[str, float, str]


def steady(encode: Callable[[str], Any], slices: Sequence[str]) -> float:
    """MB/s of the second half of the slices, in the state that the first half leaves."""
    half = len(slices) // 2
    for piece in slices[:half]:
        encode(piece)
    byte_count = sum(len(piece.encode()) for piece in slices[half:])
    began = time.perf_counter()
    for piece in slices[half:]:
        encode(piece)
    return byte_count / (time.perf_counter() - began) / 1e6


def encoding_rows(plain: Tokenizer, made: dict[str, tuple[Tokenizer, bytes]], slices: Sequence[str], rounds: int) -> list[Row]:
    """Name, MB/s and a remark: of the plain vocabulary, and of each with superwords beside `tokenizers` with the same file.

    Raises AssertionError if ids differ.
    """
    half = slices[len(slices) // 2 :]
    theirs = {}
    if importlib.util.find_spec("tokenizers") is not None:
        from tokenizers import Tokenizer as Peer

        theirs = {name: Peer.from_str(file.decode()) for name, (_, file) in made.items()}
    speeds: dict[str, list[float]] = {"plain": [], **{name: [] for name in made}}
    for _ in range(rounds):
        # `_with_isa` makes a new tokenizer: its word tables are empty.
        for name, tok in [("plain", plain), *((name, tok) for name, (tok, _) in made.items())]:
            speeds[name].append(steady(tok._with_isa(isa()["active"]).encode, slices))
    plainly = statistics.median(speeds["plain"])
    rows: list[Row] = [(plain.name, plainly, "")]
    for name, (tok, _) in made.items():
        speed = statistics.median(speeds[name])
        rows.append((name, speed, f"{speed / plainly:.2f} of {plain.name} (bar {LEAST_SHARE})"))
        if name in theirs:
            peer = theirs[name]
            byte_count = sum(len(piece.encode()) for piece in half)
            began = time.perf_counter()
            wanted = [peer.encode(piece).ids for piece in half]
            theirs_speed = byte_count / (time.perf_counter() - began) / 1e6
            if [tok.encode_list(piece) for piece in half] != wanted:
                raise AssertionError(f"{name}: tokmill and tokenizers give different ids")
            rows.append((f"{name}, tokenizers", theirs_speed, f"tokmill {speed / theirs_speed:.0f} times (bar {LEAST_TIMES}), ids equal"))
    return rows


def _trained(text: str) -> tuple[Tokenizer, bytes, float, int]:
    documents = list(documents_of(text))
    began = time.perf_counter()
    counts = Counts.from_texts(documents, threads=THREADS, barriers=STAGE2.barriers)
    tok = train(counts, TRANSITION, stage2=STAGE2)
    seconds = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trained.json")
        tok.save(path)
        return tok, Path(path).read_bytes(), seconds, sum(len(document.encode()) for document in documents)


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.superwords`."""
    parser = argparse.ArgumentParser(prog="python -m bench.superwords", description="Superwords beside cl100k and tokenizers.")
    parser.add_argument("--data", type=Path, default=Path("../shared"), help="folder with vocab/ and corpora/")
    parser.add_argument("--text", help="documents to train on: jsonl, text, Arrow or Parquet")
    parser.add_argument("--rounds", type=int, default=5)
    add_outputs(parser)
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity") and options.text is None:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    made: dict[str, tuple[Tokenizer, bytes]] = {}
    training = ""
    file = gzip.decompress((options.data / "vocab" / VOCABULARY).read_bytes())
    made["superbpe-200k"] = (Tokenizer._from_tokenizer_json(file, name="superbpe-200k"), file)
    if options.text is not None:
        tok, content, seconds, size = _trained(options.text)
        made["trained"] = (tok, content)
        superwords = STAGE2.vocab_size - TRANSITION
        training = f"Trained {TRANSITION:,} + {superwords:,} tokens on {size / 1e6:.0f} MB in {seconds:.2f} s (bar: 15 s for 100 MB)."
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as work:
        slices = [part.decode() for part in Library(Path(work), options.data, {}).cutting("english/slices").parts()]
    os.environ.setdefault("TOKMILL_VOCAB", str(options.data / "vocab"))
    rows = encoding_rows(load("cl100k_base"), made, slices, options.rounds)
    lines = ["| superwords, unseen English, one core | MB/s | |", "|---|---|---|"]
    lines += [f"| {name} | {speed:.1f} | {remark} |" for name, speed, remark in rows]
    write_outputs(options, "superwords", "\n".join([*lines, "", training]), {"rows": rows, "training": training}, ["tokenizers"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
