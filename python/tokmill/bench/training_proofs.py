"""Training on large inputs, on Linux: `python -m bench.training_proofs STEP --text FILE.jsonl`, minutes each.

`whole`: the merges of a whole text equal those of tokenizers. `files`: a file counted several times over, memory bounded or not, gives one
vocabulary. `words`: gigabytes that are made of millions of distinct words, counted within a bound on memory and without; both
counts have to be equal, and the step of training says its own peak. Every measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..training import Counts, train
from .training import TRAINERS, documents_of, forget_peak, kilobytes

__all__ = ["main"]

VOCAB_SIZE = 32_000
COPIES = 4  # of a text of 100 MB
LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", np.uint8)
WORD_BYTES = 10  # a space and nine letters
WORDS_PER_TEXT = 100_000


def distinct_words(distinct: int, byte_count: int) -> Iterator[bytes]:
    """Texts of ``byte_count`` bytes in all, in which ``distinct`` words come round again and again, in an order that scatters them."""
    total = byte_count // WORD_BYTES
    step = 7_368_787  # prime, so that it goes through all of them
    for first in range(0, total, WORDS_PER_TEXT):
        numbers = np.arange(first, min(first + WORDS_PER_TEXT, total), dtype=np.int64) * step % distinct
        words = np.full((len(numbers), WORD_BYTES), ord(" "), np.uint8)
        numbers = numbers * 271_441 % 26**9  # spreads the letters; prime to 26**9, so that distinct numbers stay distinct
        for place in range(1, WORD_BYTES):
            words[:, place] = LETTERS[numbers % 26]
            numbers //= 26
        yield words.tobytes()


def _counted(what: str, text: str, memory: str | None, megabytes: int, distinct: int) -> Counts:
    if what == "files":
        return Counts.from_files([text] * COPIES, memory=memory)
    return Counts.from_texts(distinct_words(distinct, megabytes * 1_000_000), memory=memory)


def _clocks() -> tuple[float, float]:
    """Of the wall, and of the processor on all threads: the one to compare sizes by on a machine that has other work."""
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> list[float]:
    return [now - then for now, then in zip(_clocks(), began, strict=True)]


def _measure(what: str, text: str, memory: str | None, megabytes: int, distinct: int, trains: bool) -> dict[str, Any]:
    """Within a process of its own."""
    forget_peak()
    before, began = kilobytes("VmRSS"), _clocks()
    counts = _counted(what, text, memory, megabytes, distinct)
    found: dict[str, Any] = {"words": len(counts), "total": counts.total, "spilled": counts.spilled_bytes, "seconds": _since(began)}
    found["megabytes"] = (kilobytes("VmHWM") - before) * 1024 / 1e6  # of counting, spilling and one merge of all runs, which len() takes
    blob, offsets, sums = counts._core.words()
    found["digest"] = hashlib.sha256(blob + offsets.tobytes() + sums.tobytes()).hexdigest()
    if trains:
        del blob, offsets, sums
        forget_peak()
        before, began = kilobytes("VmRSS"), _clocks()
        tokenizer = train(counts, VOCAB_SIZE)
        found |= {"training_seconds": _since(began), "training_megabytes": (kilobytes("VmHWM") - before) * 1024 / 1e6}
        found["vocabulary"] = tokenizer.digest
    return found


def _in_a_process(*words: str) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "tokmill.bench.training_proofs", *words], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, Any] = json.loads(answer)
    return found


def _shown(seconds: list[float]) -> str:
    return f"{seconds[0]:.1f} s ({seconds[1]:.1f} s of the processor)"


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.training_proofs`. Returns 1 where two ways that must agree do not."""
    parser = argparse.ArgumentParser(prog="python -m bench.training_proofs", description="Training on large inputs.")
    parser.add_argument("step", choices=("whole", "files", "words"))
    parser.add_argument("--text", default="", help="documents: jsonl, text, Arrow or Parquet")
    parser.add_argument("--megabytes", type=int, default=2_000, help="of the text of distinct words")
    parser.add_argument("--distinct", type=int, default=20_000_000, help="words")
    parser.add_argument("--memory", default="1 GB", help="the bound")
    parser.add_argument("--one", choices=("bounded", "free"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.step == "whole":
        documents = list(documents_of(options.text))
        same = TRAINERS["tokmill"](documents, VOCAB_SIZE, 2) == TRAINERS["tokenizers"](documents, VOCAB_SIZE, 2)
        print(f"{VOCAB_SIZE:,} tokens of {len(documents):,} documents: {'equal to' if same else 'DIFFERENT FROM'} those of tokenizers")
        return 0 if same else 1
    sizes = (options.step, options.text)
    if options.one is not None:
        bounded = options.one == "bounded"
        print(json.dumps(_measure(*sizes, options.memory if bounded else None, options.megabytes, options.distinct, trains=True)))
        return 0
    words = [options.step, "--text", options.text, "--megabytes", str(options.megabytes), "--distinct", str(options.distinct)]
    words += ["--memory", options.memory, "--one"]
    found = {way: _in_a_process(*words, way) for way in ("bounded", "free")}
    for way, seen in found.items():
        print(f"{way}: {seen['words']:,} distinct words of {seen['total']:,}, {seen['spilled'] / 1e6:,.0f} MB spilled")
        print(f"  counting, spilling and merging: {_shown(seen['seconds'])}, peak {seen['megabytes']:,.0f} MB")
        print(f"  training: {_shown(seen['training_seconds'])}, peak {seen['training_megabytes']:,.0f} MB more")
    same = all(found["bounded"][key] == found["free"][key] for key in ("digest", "vocabulary"))
    print("counts and vocabularies " + ("are equal" if same else "DIFFER"))
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
