"""Whole encoding with each split pattern, one vocabulary and one text: what a pattern costs beside cl100k.

    python -m bench.patterns [--data ../shared] [--text english-prose]

Every pattern gets the tokens of cl100k_base, so that only the splitting differs. The last row is Llama 3's pattern in a spelling that no
scanner knows: what the general engine costs. Its ids are those of the scanner, which is checked first. The text is cut into 24 slices,
each seen once; the figure is that of the last 12 (as `*-steady` of `python -m bench`): the best of the rounds, in MB/s and as a share of
cl100k's best.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import tokmill

ROUNDS = 15
SLICES = 24


def steady(tok: tokmill.Tokenizer, slices: list[bytes]) -> float:
    """MB/s of the second half of the slices."""
    for piece in slices[: SLICES // 2]:
        tok.encode(piece)
    start = time.perf_counter()
    for piece in slices[SLICES // 2 :]:
        tok.encode(piece)
    return sum(map(len, slices[SLICES // 2 :])) / (time.perf_counter() - start) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared"), help="folder with vocab/ and corpora/")
    parser.add_argument("--text", default="english-prose", help="a text of corpora/")
    arguments = parser.parse_args()
    ranks = gzip.decompress((arguments.data / "vocab" / "cl100k_base.tiktoken.gz").read_bytes())
    text = gzip.decompress((arguments.data / "corpora" / f"{arguments.text}.txt.gz").read_bytes())
    lines = text.splitlines(keepends=True)
    size = -(-len(lines) // SLICES)
    slices = [b"".join(lines[i * size : (i + 1) * size]) for i in range(SLICES)]
    names = ["cl100k", *(name for name in tokmill.PATTERNS if name != "cl100k")]
    print(f"{arguments.text}, {len(text) / 1e6:.1f} MB, tokens of cl100k_base: MB/s, share of cl100k")
    for isa in [isa for isa in tokmill.isa()["supported"] if isa != "scalar"]:
        made = {name: tokmill.Tokenizer._from_ranks(ranks, name=name, pattern=name, special_tokens={}) for name in names}
        unknown = f"(?:{made['llama3'].pattern})"
        made["engine"] = tokmill.Tokenizer._from_ranks(ranks, name="engine", pattern=unknown, special_tokens={})
        if any((made["engine"].encode(piece) != made["llama3"].encode(piece)).any() for piece in slices):
            raise SystemExit("the general engine and the scanner of llama3 differ")
        rounds = []
        for _ in range(ROUNDS):
            # `_with_isa` makes a new tokenizer: its word tables are empty.
            rounds.append({name: steady(tok._with_isa(isa), slices) for name, tok in made.items()})
        for name in made:
            speed, standard = (max(speeds[which] for speeds in rounds) for which in (name, "cl100k"))
            print(f"{isa:8} {name:12} {speed:6.0f} {speed / standard:5.2f}")


if __name__ == "__main__":
    main()
