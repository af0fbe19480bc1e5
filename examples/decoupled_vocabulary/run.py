"""Does a huge input vocabulary help a small model whose output vocabulary stays the same? Trains the arms, writes what came out."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from data import END, Data, Stream, prepare
from model import Outcome, Size, run_arm
from plot import svg
from tokmill.ngrams import LongCat, NgramHash, Plan

VOCAB_SIZE = 4096
TRIED = (1.0, 5.0, 25.0)
TUNING_STEPS = 300


@dataclass(frozen=True)
class Arm:
    """One kind of input. ``ratio`` is the rows of a table by the vocabulary; ``longer`` multiplies the steps."""

    name: str
    plan: Callable[[Data], Plan] | None = None
    ratio: float | None = None
    longer: float = 1.0


def longcat(ratio: float) -> Callable[[Data], Plan]:
    """One table for bigrams and one for trigrams, polynomial hash, files kept apart."""
    return lambda data: LongCat(data.tok.vocab_size, ratio=ratio, n=3, k=1, eos_id=data.tok.special_tokens[END])


def control(data: Data) -> Plan:
    """The tables of 128.37x looked up by the token alone: all of the extra, fast-learning parameters, nothing of the context."""
    sizes = [table.rows for table in longcat(128.37)(data).tables]
    return NgramHash(data.tok.vocab_size, orders=(1, 1), moduli=sizes, combine="add", multipliers=(1,))


def xor_primes(data: Data) -> Plan:
    """Engram's kind of hash, with primes of about the same size."""
    eos = data.tok.special_tokens[END]
    return NgramHash(data.tok.vocab_size, orders=(2, 3), moduli=int(128.37 * data.tok.vocab_size), boundary="eos", eos_id=eos)


BASELINE = Arm("baseline")
CONTROL = Arm("control: x_t only", control)
LARGE = Arm("128.37x", longcat(128.37), 128.37)
QUICK = (BASELINE, CONTROL, LARGE, Arm("32.37x", longcat(32.37), 32.37))
FULL = (
    *QUICK,
    Arm("4.37x", longcat(4.37), 4.37),
    Arm("128x, integer", longcat(128), 128),
    Arm("xor, primes", xor_primes, 128.37),
    Arm("baseline, 10 % more steps", longer=1.1),
)
Job = tuple[Arm, Size, int]
Outcomes = dict[str, dict[int, Outcome]]


@dataclass(frozen=True)
class Rates:
    """Multiples of the model's rate: of the token embedding in every arm, of the control's tables, of tables that see n-grams."""

    token: float = 25.0
    control: float = 25.0
    ngrams: float = 25.0

    def of(self, arm: Arm, size: Size) -> Size:
        return replace(size, token_rate=self.token, table_rate=self.control if arm is CONTROL else self.ngrams)


def run_jobs(pool: Executor, data: Data, jobs: list[Job], judge: Stream) -> Iterator[tuple[Job, Outcome]]:
    """Arm, size and seed of each job, and its outcome, as it is done; a line printed for each."""
    futures = {pool.submit(run_arm, data, size, arm.plan and arm.plan(data), seed, judge): (arm, size, seed) for arm, size, seed in jobs}
    for future in as_completed(futures):
        arm, size, seed = futures[future]
        outcome = future.result()
        rates = f"embedding {size.token_rate:g}x" + (f", tables {size.table_rate:g}x" if arm.plan else "")
        print(f"seed {seed}  {arm.name:26} {rates:28} {outcome.bits_per_byte:.4f} bits a byte, {outcome.ms_step:.0f} ms a step", flush=True)
        yield futures[future], outcome


def choose(pool: Executor, data: Data, size: Size) -> Rates:
    """The rates that do best on the tuning files after a short training: the embedding's in the plain baseline; then, beside an embedding
    of that rate, those of the tables, for the control and for 128.37x each by itself, so that neither is judged at the other's."""
    short = replace(size, steps=min(size.steps, TUNING_STEPS))

    def best(arm: Arm, sizes: list[Size]) -> Size:
        outcomes = run_jobs(pool, data, [(arm, size, 0) for size in sizes], data.tune)
        return min(outcomes, key=lambda done: done[1].bits_per_byte)[0][1]

    plain = best(BASELINE, [replace(short, token_rate=rate) for rate in TRIED])
    control, ngrams = (best(arm, [replace(plain, table_rate=rate) for rate in TRIED]).table_rate for arm in (CONTROL, LARGE))
    return Rates(plain.token_rate, control, ngrams)


def table(outcomes: Outcomes) -> str:
    """The results in Markdown, with the gain over the control, seed by seed."""
    lines = [
        "| input | bits per byte, seed by seed | over the control | ms a step: rows + input layer, all | rows hit / rows |",
        "|---|---|---|---|---|",
    ]
    judged_by = outcomes.get(CONTROL.name, {})
    for name, each in outcomes.items():
        bits = ", ".join(f"{outcome.bits_per_byte:.4f}" for _, outcome in sorted(each.items()))
        both = [(outcome, judged_by[seed]) for seed, outcome in sorted(each.items()) if seed in judged_by]
        gains = ", ".join(f"{1 - outcome.bits_per_byte / control.bits_per_byte:+.2%}" for outcome, control in both)
        one = next(iter(each.values()))
        spent = f"{one.ms_rows:.2f} + {one.ms_input:.1f}, {one.ms_step:.0f}"
        lines.append(f"| {name} | {bits} | {gains} | {spent} | {one.rows_hit:,} / {one.table_rows:,} |")
    return "\n".join(lines) + "\n"


def earlier(folder: Path, size: Size, rates: Rates) -> Outcomes:
    """What results.json of an interrupted run holds. ValueError if it was of another size or other rates."""
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    if (content["size"], content["rates"]) != (asdict(size), asdict(rates)):
        raise ValueError(f"{folder / 'results.json'} is of another experiment: {content['size']}, {content['rates']}")
    return {name: {int(seed): Outcome(**outcome) for seed, outcome in each.items()} for name, each in content["outcomes"].items()}


def write(folder: Path, outcomes: Outcomes, size: Size, rates: Rates) -> None:
    """results.json, results.md and plot.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    ratios = {arm.name: arm.ratio for arm in FULL}
    bits = {name: [outcome.bits_per_byte for _, outcome in sorted(each.items())] for name, each in outcomes.items()}
    points = {name: (ratio, bits[name]) for name in bits if (ratio := ratios[name]) is not None}
    lines = {name: bits[name] for name in bits if ratios[name] is None}
    content = {
        "size": asdict(size),
        "rates": asdict(rates),
        "machine": f"{platform.machine()}, torch {torch.__version__}, one thread an arm",
        "outcomes": {name: {seed: asdict(outcome) for seed, outcome in sorted(each.items())} for name, each in outcomes.items()},
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(table(outcomes), encoding="utf-8")
    title = f"Python source, {size.steps} steps of {size.batch * size.window} tokens"
    (folder / "plot.svg").write_text(svg(points, lines, title), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="one seed, four arms: under ten minutes on two free cores (the default)")
    which.add_argument("--full", action="store_true", help="two seeds, eight arms: what the claim is judged by")
    which.add_argument("--tiny", action="store_true", help="seconds, rates chosen too: does it run? The figures mean nothing")
    parser.add_argument("--choose", action="store_true", help="choose the rates again, instead of taking those of the class Rates")
    parser.add_argument("--resume", action="store_true", help="keep what the results.json of an interrupted run holds")
    parser.add_argument("--bfloat16", action="store_true", help="products of bfloat16: faster where the processor has such instructions")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count(), help="arms at once, each of a thread and 2 GB")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder for results.json, results.md, plot.svg")
    arguments = parser.parse_args()

    size = Size(layers=1, width=16, heads=2, window=16, batch=16, steps=3) if arguments.tiny else Size()
    size = replace(size, bfloat16=arguments.bfloat16)
    arms, seeds = (FULL, (0, 1)) if arguments.full else (QUICK, (0,))
    data = prepare(512, most_bytes=600_000) if arguments.tiny else prepare(VOCAB_SIZE)
    print(f"{len(data.train.ids):,} ids to train on, {data.held_out.byte_count:,} bytes held out", flush=True)
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        rates = choose(pool, data, size) if arguments.choose or arguments.tiny else Rates()
        found: Outcomes = {arm.name: {} for arm in arms} | (earlier(arguments.output, size, rates) if arguments.resume else {})
        todo = [(arm, seed) for arm in arms for seed in seeds if seed not in found[arm.name]]
        jobs = [(arm, replace(rates.of(arm, size), steps=round(size.steps * arm.longer)), seed) for arm, seed in todo]
        for (arm, _, seed), outcome in run_jobs(pool, data, jobs, data.held_out):
            found[arm.name][seed] = outcome
            write(arguments.output, {name: each for name, each in found.items() if each}, size, rates)
    print("\n" + table(found), end="")


if __name__ == "__main__":
    main()
