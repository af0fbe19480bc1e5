"""A shard of token ids on disk: as an array, under zstd, and as packed opcodes. Sizes, the time to read all, and to read a piece.

    python shards.py TEXT [--vocab cl100k_base] [--every 4096] [--reads 200]

zstd (the package `zstandard`) is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokmill
from numpy.typing import NDArray
from tokmill.condensed import Opcodes, OpcodeShard, save_opcodes

PIECE = 512


class Shard(NamedTuple):
    """Bytes on disk, how to read all, and how to read ids a to b."""

    size: int
    read: Callable[[], NDArray[np.int32]]
    piece: Callable[[int, int], NDArray[np.int32]]


def shards(ids: NDArray[np.int32], tok: tokmill.Tokenizer, every: int, folder: Path) -> dict[str, Shard]:
    found = {"array of int32": as_array(ids, folder / "ids.npy")}
    for level in (3, 19):
        found |= zstd_shards(ids, level, every)
    z = Opcodes(tok, "storage", reset_every=every)
    save_opcodes(folder / "ids.opcodes", z, z.condense(ids))
    shard = OpcodeShard(folder / "ids.opcodes")
    size = (folder / "ids.opcodes").stat().st_size
    found[f"opcodes, a RESET every {every:,} ids"] = Shard(size, lambda: shard.expand(threads=1).ids, shard.slice)
    return found


def as_array(ids: NDArray[np.int32], path: Path) -> Shard:
    np.save(path, ids)
    mapped = np.load(path, mmap_mode="r")
    return Shard(path.stat().st_size, lambda: np.array(mapped), lambda a, b: np.array(mapped[a:b]))


def zstd_shards(ids: NDArray[np.int32], level: int, every: int) -> dict[str, Shard]:
    """One frame, and a frame for every so many ids, which can be reached without the others."""
    try:
        import zstandard
    except ImportError:
        return {}
    writer, reader = zstandard.ZstdCompressor(level=level), zstandard.ZstdDecompressor()
    whole = writer.compress(ids.tobytes())
    frames = [writer.compress(ids[at : at + every].tobytes()) for at in range(0, len(ids), every)]

    def read() -> NDArray[np.int32]:
        return np.frombuffer(reader.decompress(whole), np.int32)

    def frame(number: int) -> NDArray[np.int32]:
        return np.frombuffer(reader.decompress(frames[number]), np.int32)

    def piece(a: int, b: int) -> NDArray[np.int32]:
        first = a // every
        joined = np.concatenate([frame(number) for number in range(first, (b - 1) // every + 1)])
        return joined[a - first * every : b - first * every]

    return {
        f"zstd -{level}, one frame": Shard(len(whole), read, lambda a, b: read()[a:b]),
        f"zstd -{level}, a frame every {every:,} ids": Shard(
            sum(map(len, frames)), lambda: np.concatenate([frame(number) for number in range(len(frames))]), piece
        ),
    }


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--vocab", default="tokmill-64k-v1")
    parser.add_argument("--every", type=int, default=4096)
    parser.add_argument("--reads", type=int, default=200)
    options = parser.parse_args()
    tok = tokmill.load(options.vocab)
    ids = np.concatenate(list(tok.encode_file_iter(options.text)))
    rng = random.Random(1)
    places = [rng.randrange(max(1, len(ids) - PIECE)) for _ in range(options.reads)]
    print(f"{options.text.name}: {len(ids):,} ids\n")
    print(f"| shard | bytes an id | all, million ids/s | {PIECE} ids anywhere, µs |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, shard in shards(ids, tok, options.every, Path(folder)).items():
            if not np.array_equal(shard.read(), ids):
                raise SystemExit(f"{name} does not give the ids back")
            for place in places[:20]:
                if not np.array_equal(shard.piece(place, min(place + PIECE, len(ids))), ids[place : place + PIECE]):
                    raise SystemExit(f"{name} does not give a piece back")
            all_seconds = min(seconds(shard.read) for _ in range(3))
            one_frame = name.endswith("one frame")
            few = places[: 3 if one_frame else options.reads]
            piece_seconds = seconds(lambda: [shard.piece(place, min(place + PIECE, len(ids))) for place in few]) / len(few)  # noqa: B023
            print(f"| {name} | {shard.size / len(ids):.3f} | {len(ids) / all_seconds / 1e6:.0f} | {piece_seconds * 1e6:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
