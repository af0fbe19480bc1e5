"""The benchmark of training, on Linux: tokmill beside tokenizers, rustbpe and ffbpe, where they are installed.

`python -m bench.training --text FILE.jsonl`. Every figure is a process of its own that has the documents in a Python list of str before the
clock starts; so memory is its own too: the peak over what the list took. All split as cl100k does. tokmill's merges have to equal those of
tokenizers, and in its other mode those of rustbpe, on the first megabytes of the text, or nothing is timed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from .._core import PATTERNS
from ..conversion import tokenizers_pattern
from ..documents import read_documents
from ..training import Counts, train
from .run import machine
from .show import between, measured

__all__ = ["TRAINERS", "documents_of", "forget_peak", "kilobytes", "main"]

CHECKED_BYTES = 5_000_000
CHECKED_SIZE = 8_000
SPLIT = tokenizers_pattern(PATTERNS["cl100k"])[0]
Trainer = Callable[[list[str], int, int], Any]


def _tokmill(documents: list[str], vocab_size: int, threads: int) -> list[Any]:
    return train(Counts.from_texts(documents, threads=threads), vocab_size).token_bytes


def _tokmill_as_rustbpe(documents: list[str], vocab_size: int, threads: int) -> list[Any]:
    return train(Counts.from_texts(documents, threads=threads), vocab_size, parity="tiktoken").token_bytes


def _tokmill_count(documents: list[str], _vocab_size: int, threads: int) -> None:
    Counts.from_texts(documents, threads=threads)


def _tokenizers(documents: list[str], vocab_size: int, _threads: int) -> list[Any]:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    import tokmill

    return tokmill.load(tokenizer).token_bytes


def _rustbpe(documents: list[str], vocab_size: int, _threads: int) -> list[Any]:
    rustbpe: Any = importlib.import_module("rustbpe")
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(documents), vocab_size, pattern=PATTERNS["cl100k"])
    return [bytes(token) for token, _ in sorted(tokenizer.get_mergeable_ranks(), key=lambda entry: entry[1])]


def _ffbpe(documents: list[str], vocab_size: int, _threads: int) -> list[Any]:
    ffbpe: Any = importlib.import_module("ffbpe")
    # Canonical cl100k, for which it has a scanner of its own; its fastest way.
    words = ffbpe.PreTokenizer([], pat_str=PATTERNS["cl100k"]).word_counter()
    words.add_batch(documents)
    trainer = ffbpe.BpeTrainer([], initial_alphabet="byte_level", tie_break="smallest_pair_id")
    trainer.add_word_counter(words)
    trainer.train(vocab_size)
    vocabulary: Any = trainer.vocab
    tokens: dict[int, bytes] = {id: token for token, id in vocabulary.items()} if isinstance(next(iter(vocabulary)), bytes) else vocabulary
    return [bytes(tokens[id]) for id in sorted(tokens)]


TRAINERS: dict[str, Trainer] = {
    "tokmill": _tokmill,
    "tokmill, rustbpe's rules": _tokmill_as_rustbpe,
    "tokmill, counting alone": _tokmill_count,
    "tokmill, counting English alone": _tokmill_count,
    "tokenizers": _tokenizers,
    "rustbpe": _rustbpe,
    "ffbpe": _ffbpe,
}
PEERS = ("tokenizers", "rustbpe", "ffbpe")
# Name, vocabulary, threads.
ROWS = [
    *((name, 32_000, threads) for threads in (2, 1) for name in ("tokmill", *PEERS)),
    ("tokmill", 200_000, 2),
    ("tokmill, counting alone", 0, 2),
    ("tokmill, counting alone", 0, 1),
]
ENGLISH = ("tokmill, counting English alone", 0, 1)
MARKERS = ("<!-- training table begin -->", "<!-- training table end -->")
Row: TypeAlias = tuple[str, int, int]


def documents_of(path: str, byte_count: int | None = None) -> Iterator[str]:
    """The documents of a file, as many as begin before ``byte_count``."""
    seen = 0
    for batch in read_documents(path):
        for document in batch:
            yield document if isinstance(document, str) else document.decode("utf8", "replace")
            seen += len(document)
            if byte_count is not None and seen >= byte_count:
                return


def _one(text: str, name: str, vocab_size: int, threads: int) -> dict[str, float]:
    """Within the process of a figure."""
    documents = list(documents_of(text))
    forget_peak()  # so that making the list does not count
    before = kilobytes("VmRSS")
    began = time.perf_counter()
    TRAINERS[name](documents, vocab_size, threads)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "megabytes": (kilobytes("VmHWM") - before) * 1024 / 1e6,
        "bytes": sum(len(document.encode()) for document in documents),
    }


def forget_peak() -> None:
    """Sets VmHWM to what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def kilobytes(name: str) -> int:
    """Of this process, as Linux tells it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def _check(text: str) -> list[str]:
    """The peers that are here, each with equal tokens on the beginning of the text. AssertionError if one of them differs."""
    documents = list(documents_of(text, CHECKED_BYTES))
    here = [name for name in PEERS if importlib.util.find_spec(name) is not None]
    for name in here:
        ours = TRAINERS["tokmill, rustbpe's rules" if name == "rustbpe" else "tokmill"](documents, CHECKED_SIZE, 2)
        if TRAINERS[name](documents, CHECKED_SIZE, 2) != ours:
            raise AssertionError(
                f"tokmill and {name} learn different vocabularies of {CHECKED_SIZE:,} tokens from the first {CHECKED_BYTES:,} bytes"
            )
    return here


def main(arguments: list[str] | None = None) -> int:
    """`python -m bench.training`."""
    parser = argparse.ArgumentParser(prog="python -m bench.training", description="Training: tokmill beside tokenizers, rustbpe and ffbpe.")
    parser.add_argument("--text", required=True, help="documents: jsonl, text, Arrow or Parquet")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--english", help="a text whose pretokens are counted on one thread besides")
    parser.add_argument("--readme", type=Path, help="put the table between the markers of this Markdown file")
    parser.add_argument("--json", type=Path, help="write everything that was seen as JSON")
    parser.add_argument("--only", action="append", metavar="NAME", help="rows of this implementation only; may be repeated")
    parser.add_argument("--threads", type=int, help="rows with so many threads only")
    parser.add_argument("--one", nargs=3, metavar=("NAME", "SIZE", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one is not None:
        print(json.dumps(_one(options.text, options.one[0], int(options.one[1]), int(options.one[2]))))
        return 0
    here = _check(options.text)
    rows = [row for row in ROWS if (row[0] not in PEERS or row[0] in here) and (not options.only or row[0] in options.only)]
    rows = [row for row in rows if options.threads in (None, row[2])]
    rows += [ENGLISH] if options.english else []
    seen: dict[Row, list[dict[str, float]]] = {row: [] for row in rows}
    for _ in range(options.rounds):
        for row in rows:
            seen[row].append(_in_a_process(options.english if row == ENGLISH else options.text, row))
    shown = _table(seen)
    print(shown)
    if options.json is not None:
        kept = [{"name": row[0], "vocab_size": row[1], "threads": row[2], "figures": figures} for row, figures in seen.items()]
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    if options.readme is not None:
        below = measured(machine(), options.rounds, here, "Vocabularies were compared first.")
        page = between(options.readme.read_text(encoding="utf-8"), MARKERS, f"{shown}\n\n{below}")
        options.readme.write_text(page, encoding="utf-8")
    return 0


def _table(seen: dict[Row, list[dict[str, float]]]) -> str:
    """Medians; and how many times as long as tokmill with as many tokens and threads each took."""
    seconds = {row: statistics.median(figure["seconds"] for figure in figures) for row, figures in seen.items()}
    lines = ["| training | vocabulary | threads | s | × tokmill | MB/s | peak over the input, MB |", "|---|---|---|---|---|---|---|"]
    for row, figures in seen.items():
        name, vocab_size, threads = row
        peak = statistics.median(figure["megabytes"] for figure in figures)
        own = seconds.get(("tokmill", vocab_size, threads))
        size, times = f"{vocab_size:,}" if vocab_size else "", f"{seconds[row] / own:.1f}" if own and name != "tokmill" else ""
        lines.append(
            f"| {name} | {size} | {threads} | {seconds[row]:.2f} | {times} | {figures[0]['bytes'] / seconds[row] / 1e6:.1f} | {peak:.0f} |"
        )
    return "\n".join(lines)


def _in_a_process(text: str, row: Row) -> dict[str, float]:
    name, vocab_size, threads = row
    words = [sys.executable, "-m", "tokmill.bench.training", "--text", text, "--one", name, str(vocab_size), str(threads)]
    # Peers take their threads from the environment, or from the processors that a process may use.
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": str(threads > 1).lower()}
    answer = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    figures: dict[str, float] = json.loads(answer)
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
