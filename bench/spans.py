"""What spans cost: encoding with them beside encoding without, in one run.

    python -m bench.spans [--data ../shared] [--rounds 7]

For cl100k (exact bytes, characters), and for a plain and a normalising tokenizer.json (llama3, qwen2), on English and on multilingual
text: slices of half a megabyte by one thread, given as str and as bytes, and all slices in one batch by two. Spans are first compared:
those in bytes with the bytes of the tokens, those in characters with tokenizers if it is there.
The figures are the best of the rounds: MB/s without spans, and the time with them as a multiple of the time without.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np
import tokmill
from tokmill.bench.outputs import add_outputs, write_outputs

SLICE_BYTES = 500_000
SLICES = 8


def cut(text: str) -> list[str]:
    size = min(SLICE_BYTES, len(text) // SLICES)
    return [text[i * size : (i + 1) * size] for i in range(SLICES)]


def check(tok: tokmill.Tokenizer, peer: Any, texts: list[str]) -> None:
    for text in texts[:2]:
        ids, spans = tok.encode(text[:20_000], spans="char")
        if peer is not None and list(map(tuple, spans.tolist())) != peer.encode(text[:20_000], add_special_tokens=False).offsets:
            raise SystemExit(f"{tok.name}: spans differ from those of tokenizers")
        if peer is None:
            data, spans = text[:20_000].encode(), tok.encode(text[:20_000], spans="byte")[1]
            if [data[begin:end] for begin, end in spans.tolist()] != [tok.bytes_of(id) for id in ids.tolist()]:
                raise SystemExit(f"{tok.name}: spans are not the bytes of the tokens")


def measure(tok: tokmill.Tokenizer, texts: list[Any], rounds: int, threads: int) -> dict[str, float]:
    """Seconds for all texts, by unit; "" is without spans. The ways take turns."""
    best = {"": np.inf, "byte": np.inf, "char": np.inf}
    for _ in range(rounds + 1):
        for unit in best:
            start = time.perf_counter()
            if threads == 1:
                for text in texts:
                    tok.encode(text, spans=unit or None, threads=1)
            else:
                tok.encode_batch(texts, spans=unit or None, threads=threads)  # type: ignore[arg-type]
            best[unit] = min(best[unit], time.perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared"), help="folder with vocab/ and corpora/")
    parser.add_argument("--rounds", type=int, default=7)
    add_outputs(parser)
    arguments = parser.parse_args()
    try:
        import tokenizers
    except ImportError:
        tokenizers = None
    table = ["| vocabulary, text, given as | MB/s without spans | spans in bytes, times as long | in characters |", "|---|---|---|---|"]
    seen = {}
    for file in ("cl100k_base.tiktoken.gz", "llama3.tokenizer.json.gz", "qwen2.tokenizer.json.gz"):
        tok = tokmill.load(arguments.data / "vocab" / file)
        peer = None
        if ".json" in file and tokenizers is not None:
            peer = tokenizers.Tokenizer.from_str(gzip.decompress((arguments.data / "vocab" / file).read_bytes()).decode())
        for name in ("english-prose", "multilingual"):
            texts = cut(gzip.decompress((arguments.data / "corpora" / f"{name}.txt.gz").read_bytes()).decode())
            check(tok, peer, texts)
            data = [text.encode() for text in texts]
            for kind, given, threads in (("str", texts, 1), ("bytes", data, 1), ("str, 2 threads", texts, 2)):
                best = measure(tok, given, arguments.rounds, threads)
                row = f"{file.split('.')[0]}, {name}, {kind}"
                seen[row] = best
                speed = sum(map(len, data)) / best[""] / 1e6
                table.append(f"| {row} | {speed:.0f} | {best['byte'] / best['']:.2f} | {best['char'] / best['']:.2f} |")
                print(table[-1], flush=True)
    write_outputs(arguments, "spans", "\n".join(table), seen, ["tokenizers"])


if __name__ == "__main__":
    main()
