"""What does a small model make of condensed streams, at equal compute? Trains each arm, writes what came out."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from model import BookForm, Form, Outcome, PlainForm, RecordForm, Size, run_arm
from plot import svg
from streams import Data, Ids, Rows, base_rows, hypertoken_rows, opcode_rows, prepare, supertoken_rows
from tokmill.condensed import Hypertokens, Opcodes, Supertokens

VOCAB_SIZE = 4096


@dataclass(frozen=True)
class Arm:
    """A condenser: how rows are made of base ids, and the form in which the model reads and writes them."""

    rows: Callable[[Data, Ids, int], Rows]
    form: Callable[[], Form]


def base(data: Data, size: Size) -> Arm:
    return Arm(base_rows, lambda: PlainForm(data.tok.vocab_size, size.width))


def supertokens(data: Data, size: Size) -> Arm:
    z = Supertokens.train(data.tok, data.train, data.tok.vocab_size // 2, max_len=8)
    phrases = [z.expand([z.vocab_size + row]).tolist() for row in range(z.size)]
    return Arm(supertoken_rows(z), lambda: PlainForm(data.tok.vocab_size, size.width, phrases))


def hypertokens(data: Data, size: Size) -> Arm:
    # As many entries as a row can make: none is recycled, and an entry means the same all along the row.
    z = Hypertokens(data.tok, "lru", book_size=size.length, max_subtokens=4)
    return Arm(hypertoken_rows(z), lambda: BookForm(data.tok.vocab_size, size.width, z.max_subtokens))


def opcodes(data: Data, size: Size) -> Arm:
    z = Opcodes(data.tok, "factored", window=4 * size.length, max_length=64)
    return Arm(opcode_rows(z), lambda: RecordForm(data.tok.vocab_size, size.width, z.window, z.max_length))


# A condenser is an entry here.
ARMS: dict[str, Callable[[Data, Size], Arm]] = {
    "base ids": base,
    "supertokens": supertokens,
    "hypertokens": hypertokens,
    "opcodes, factored": opcodes,
}


def run_all(data: Data, size: Size, seeds: tuple[int, ...], processes: int) -> dict[str, list[Outcome]]:
    """Every arm with every seed, each in a process with one thread, as many at once as there are processes; a line printed for each."""
    jobs: dict[tuple[str, int], Future[Outcome]] = {}
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for name, make in ARMS.items():
            arm = make(data, size)
            train, held_out = (arm.rows(data, ids, size.length) for ids in (data.train, data.held_out))
            for seed in seeds:
                torch.manual_seed(seed)
                jobs[name, seed] = pool.submit(run_arm, arm.form(), size, train, held_out, seed)
        for (name, seed), job in jobs.items():
            bits, milliseconds = job.result().bits_per_byte, job.result().ms_step
            print(f"seed {seed}  {name:18} {bits:.4f} bits a byte, {milliseconds:.0f} ms a step", flush=True)
    return {name: [jobs[name, seed].result() for seed in seeds] for name in ARMS}


def table(outcomes: dict[str, list[Outcome]]) -> str:
    """The results in Markdown."""
    lines = ["| stream | bits per byte, seed by seed | positions per byte | ms a step | MB of text seen |", "|---|---|---|---|---|"]
    for name, each in outcomes.items():
        bits = ", ".join(f"{outcome.bits_per_byte:.4f}" for outcome in each)
        one = each[0]
        lines.append(f"| {name} | {bits} | {one.positions_per_byte:.3f} | {one.ms_step:.0f} | {one.megabytes_seen:.2f} |")
    return "\n".join(lines) + "\n"


def write(folder: Path, outcomes: dict[str, list[Outcome]], size: Size, seeds: tuple[int, ...]) -> None:
    """results.json, results.md and plot.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "size": asdict(size),
        "seeds": seeds,
        "machine": f"{platform.machine()}, torch {torch.__version__}, one thread an arm",
        "outcomes": {name: [asdict(outcome) for outcome in each] for name, each in outcomes.items()},
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(table(outcomes), encoding="utf-8")
    points = {name: [(outcome.positions_per_byte, outcome.bits_per_byte) for outcome in each] for name, each in outcomes.items()}
    title = f"Python source, {size.steps} steps of {size.batch * size.length} positions"
    (folder / "plot.svg").write_text(svg(points, title), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="seconds: does it run? The figures mean nothing")
    parser.add_argument("--steps", type=int, help="other than 400; fewer make another experiment")
    parser.add_argument("--bfloat16", action="store_true", help="products of bfloat16: faster where the processor has such instructions")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count(), help="arms at once, a thread each")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder for results.json, results.md, plot.svg")
    arguments = parser.parse_args()
    size = Size(layers=1, width=16, heads=2, length=16, batch=4, steps=3) if arguments.tiny else Size()
    size = replace(size, steps=arguments.steps or size.steps, bfloat16=arguments.bfloat16)
    data = prepare(400, most_bytes=60_000) if arguments.tiny else prepare(VOCAB_SIZE, most_bytes=6_000_000)
    print(f"{len(data.train):,} ids to train on, {len(data.held_out):,} held out", flush=True)
    outcomes = run_all(data, size, (0, 1), arguments.processes)
    print("\n" + table(outcomes), end="")
    write(arguments.output, outcomes, size, (0, 1))


if __name__ == "__main__":
    main()
