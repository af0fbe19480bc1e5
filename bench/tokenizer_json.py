"""Whole encoding with real tokenizer.json files, beside `tokenizers`, gigatoken and fastokens: what a file costs, not only its pattern.

    python -m bench.tokenizer_json [--data ../shared] [--text english-prose] [--files llama3,qwen2,smollm]

llama3 and qwen2 have scanners of their own (qwen2 normalises besides), smollm cuts in steps that become one program of the general
engine. Every peer loads the same file and reads special tokens as text; its ids have to equal those of `tokenizers`, else its row says so
and has no figure. The text is cut into 24 slices, each seen once, on one thread; the figure is that of the last 12 (as `*-steady` of
`python -m bench`): the best of the rounds, in MB/s.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokmill.bench.outputs import add_outputs, write_outputs

ROUNDS = 5
SLICES = 24

Encode = Callable[[str], Any]


def tokmill_encode(path: Path) -> Encode:
    encode: Encode = importlib.import_module("tokmill").load(path).encode
    return encode


def tokenizers_encode(path: Path) -> Encode:
    tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode_batch_fast([text], add_special_tokens=False)[0]


def gigatoken_encode(path: Path) -> Encode:
    encode = importlib.import_module("gigatoken").Tokenizer.from_json(path.read_text("utf-8")).encode
    return lambda text: encode(text.encode())


def fastokens_encode(path: Path) -> Encode:
    tokenizer = importlib.import_module("fastokens").Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: tokenizer.encode_batch_flat([text], split_special_tokens=True)[0]


PEERS = {"tokmill": tokmill_encode, "tokenizers": tokenizers_encode, "gigatoken": gigatoken_encode, "fastokens": fastokens_encode}


def numbers(result: Any) -> list[int]:
    """The ids that a peer gave, in whatever form."""
    ids: list[int] = np.frombuffer(result, np.uint32).tolist() if isinstance(result, bytes) else list(getattr(result, "ids", result))
    return ids


def steady(make: Callable[[Path], Encode], path: Path, slices: list[str]) -> float:
    """MB/s of the second half of the slices, from a tokenizer that has seen nothing before."""
    encode = make(path)
    for piece in slices[: SLICES // 2]:
        encode(piece)
    start = time.perf_counter()
    for piece in slices[SLICES // 2 :]:
        encode(piece)
    return sum(len(piece.encode()) for piece in slices[SLICES // 2 :]) / (time.perf_counter() - start) / 1e6


def measure(path: Path, slices: list[str], rounds: int) -> dict[str, str]:
    """What stands in a row of the table, by peer: MB/s, or why there is no figure."""
    expected = [numbers(tokenizers_encode(path)(piece)) for piece in slices]
    cells = {}
    for peer, make in PEERS.items():
        try:
            encode = make(path)
            ids = [numbers(encode(piece)) for piece in slices]
        except (ImportError, ValueError, RuntimeError, TypeError) as error:
            cells[peer] = f"does not load it: {str(error).splitlines()[0][:40]}"
            continue
        differing = sum(a != b for a, b in zip(ids, expected, strict=True))
        if differing:
            cells[peer] = f"other ids in {differing} of {len(slices)} slices"
        else:
            cells[peer] = f"{max(steady(make, path, slices) for _ in range(rounds)):.1f}"
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared"), help="folder with vocab/ and corpora/")
    parser.add_argument("--text", default="english-prose", help="a text of corpora/")
    parser.add_argument("--files", default="llama3,qwen2,smollm", help="names of NAME.tokenizer.json.gz in vocab/")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="folder for the unpacked files")
    add_outputs(parser)
    arguments = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = os.environ["TOKMILL_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    text = gzip.decompress((arguments.data / "corpora" / f"{arguments.text}.txt.gz").read_bytes()).decode()
    lines = text.splitlines(keepends=True)
    size = -(-len(lines) // SLICES)
    slices = ["".join(lines[i * size : (i + 1) * size]) for i in range(SLICES)]
    seen = {}
    for name in arguments.files.split(","):
        path = arguments.work / f"{name}.tokenizer.json"
        path.write_bytes(gzip.decompress((arguments.data / "vocab" / f"{name}.tokenizer.json.gz").read_bytes()))
        seen[name] = measure(path, slices, arguments.rounds)
        print(name, seen[name], flush=True)
    table = [f"| tokenizer.json, {arguments.text}, unseen, one core, MB/s | {' | '.join(PEERS)} |", "|---|" + "---|" * len(PEERS)]
    table += [f"| {name} | {' | '.join(cells[peer] for peer in PEERS)} |" for name, cells in seen.items()]
    write_outputs(arguments, "tokenizer.json", "\n".join(table), seen, [peer for peer in PEERS if peer != "tokmill"])


if __name__ == "__main__":
    main()
