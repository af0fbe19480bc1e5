"""Does a huge input vocabulary help a small model whose output vocabulary stays the same? Trains the arms, writes what came out."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from data import END, Data, prepare
from model import Outcome, Size, run_arm
from plot import svg
from tokmill.ngrams import LongCat, NgramHash, Plan

VOCAB_SIZE = 4096
TOKEN_RATES = (1.0, 5.0, 25.0)


@dataclass(frozen=True)
class Arm:
    """One kind of input. ``ratio`` is the rows of a table by the vocabulary; ``tuned`` means that the token embedding's rate is chosen."""

    name: str
    plan: Callable[[Data], Plan] | None = None
    ratio: float | None = None
    tuned: bool = False
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


BASELINE = Arm("baseline, tuned", tuned=True)
CONTROL = Arm("control: x_t only", control)
QUICK = (BASELINE, CONTROL, Arm("32.37x", longcat(32.37), 32.37), Arm("128.37x", longcat(128.37), 128.37))
FULL = (
    *QUICK,
    Arm("4.37x", longcat(4.37), 4.37),
    Arm("128x, integer", longcat(128), 128),
    Arm("xor, primes", xor_primes, 128.37),
    Arm("baseline, 10 % more steps", tuned=True, longer=1.1),
)


def tuned_token_rate(data: Data, size: Size) -> float:
    """The multiple of the rate by which the plain baseline's embedding does best on the tuning files, after a fifth of the steps."""
    short = replace(size, steps=max(1, size.steps // 5))
    found = {rate: run_arm(data, short, None, 0, token_rate=rate, judge=data.tune).bits_per_byte for rate in TOKEN_RATES}
    print("rates of the baseline's embedding:", ", ".join(f"{rate:g}x {bits:.4f}" for rate, bits in found.items()), flush=True)
    return min(found, key=lambda rate: found[rate])


def run_all(data: Data, size: Size, arms: tuple[Arm, ...], seeds: tuple[int, ...]) -> dict[str, list[Outcome]]:
    """Every arm with every seed, a line printed for each."""
    token_rate = tuned_token_rate(data, size)
    outcomes: dict[str, list[Outcome]] = {}
    for seed in seeds:
        for arm in arms:
            plan = None if arm.plan is None else arm.plan(data)
            here = replace(size, steps=round(size.steps * arm.longer))
            outcome = run_arm(data, here, plan, seed, token_rate=token_rate if arm.tuned else 1.0)
            outcomes.setdefault(arm.name, []).append(outcome)
            print(f"seed {seed}  {arm.name:26} {outcome.bits_per_byte:.4f} bits a byte, {outcome.ms_step:.0f} ms a step", flush=True)
    return outcomes


def table(outcomes: dict[str, list[Outcome]]) -> str:
    """The results in Markdown, with the gain over the control, seed by seed."""
    lines = [
        "| input | bits per byte, seed by seed | over the control | ms a step: rows + input layer, all | rows hit / rows |",
        "|---|---|---|---|---|",
    ]
    judged_by = [outcome.bits_per_byte for outcome in outcomes[CONTROL.name]]
    for name, each in outcomes.items():
        bits = ", ".join(f"{outcome.bits_per_byte:.4f}" for outcome in each)
        gains = ", ".join(f"{1 - outcome.bits_per_byte / control:+.2%}" for outcome, control in zip(each, judged_by, strict=True))
        one = each[0]
        spent = f"{one.ms_rows:.2f} + {one.ms_input:.1f}, {one.ms_step:.0f}"
        lines.append(f"| {name} | {bits} | {gains} | {spent} | {one.rows_hit:,} / {one.table_rows:,} |")
    return "\n".join(lines) + "\n"


def write(folder: Path, outcomes: dict[str, list[Outcome]], size: Size, arms: tuple[Arm, ...], seeds: tuple[int, ...]) -> None:
    """results.json, results.md and plot.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    by_name = {arm.name: arm for arm in arms}
    bits = {name: [outcome.bits_per_byte for outcome in each] for name, each in outcomes.items()}
    points = {name: (ratio, bits[name]) for name in bits if (ratio := by_name[name].ratio) is not None}
    lines = {name: bits[name] for name in bits if by_name[name].ratio is None}
    content = {
        "size": asdict(size),
        "seeds": seeds,
        "machine": f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads",
        "outcomes": {name: [asdict(outcome) for outcome in each] for name, each in outcomes.items()},
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(table(outcomes), encoding="utf-8")
    title = f"Python source, {size.steps} steps of {size.batch * size.window} tokens"
    (folder / "plot.svg").write_text(svg(points, lines, title), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="one seed, four arms: about ten minutes on two free cores (the default)")
    which.add_argument("--full", action="store_true", help="two seeds, eight arms: what the claim is judged by; about 45 minutes")
    which.add_argument("--tiny", action="store_true", help="seconds: does it run? The figures mean nothing")
    parser.add_argument("--steps", type=int, help="other than 700; fewer make another experiment")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder for results.json, results.md, plot.svg")
    arguments = parser.parse_args()

    size = Size(layers=1, width=16, heads=2, window=16, batch=16, steps=3) if arguments.tiny else Size()
    if arguments.steps is not None:
        size = replace(size, steps=arguments.steps)
    arms, seeds = (FULL, (0, 1)) if arguments.full else (QUICK, (0,))
    data = prepare(512, most_bytes=600_000) if arguments.tiny else prepare(VOCAB_SIZE)
    print(f"{len(data.train.ids):,} ids to train on, {data.held_out.byte_count:,} bytes held out", flush=True)
    outcomes = run_all(data, size, arms, seeds)
    print("\n" + table(outcomes), end="")
    write(arguments.output, outcomes, size, arms, seeds)


if __name__ == "__main__":
    main()
