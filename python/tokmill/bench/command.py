"""The two command lines: `python -m bench` runs the committed benchmark, `tokmill bench` asks the same questions of the user's own text."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .bars import RULE, judge
from .cases import Case, of_a_file, suite
from .chart import chart
from .peers import PEERS
from .run import Plan, Run, default_work, make_work
from .show import report, with_headline
from .texts import Library
from .vocabulary import FAMILIES, Vocabulary, prepare

_QUICK_PEERS = ["tokmill", "gigatoken", "fastokens", "splintr", "tiktoken"]


def suite_main(arguments: list[str] | None = None) -> int:
    """`python -m bench`: the committed benchmark on the committed texts. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=suite_main.__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("TOKMILL_BENCH_DATA", "../shared")),
        help="folder with corpora/ and vocab/ (default: $TOKMILL_BENCH_DATA, else ../shared)",
    )
    parser.add_argument(
        "--mixed", type=Path, default=None, help="a large mixed text for the one-pass case (default: DATA/big/mixed.txt if it is there)"
    )
    parser.add_argument("--cases", default="", help="comma-separated names or beginnings of names (default: all)")
    parser.add_argument("--rounds", type=int, default=None, help="fresh processes a peer and case (default 3, with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="one round of the five peers that matter most: some three minutes")
    parser.add_argument("--list", action="store_true", help="list the cases and leave")
    parser.add_argument("--chart", type=Path, help="write the chart as SVG")
    parser.add_argument("--readme", type=Path, help="put the headline table between the markers of this Markdown file")
    _add_common(parser)
    options = parser.parse_args(arguments)
    cases = _chosen(suite(), options.cases)
    if options.list:
        print("\n".join(f"{case.name:24} {case.title}" for case in cases))
        return 0
    mixed = options.mixed or options.data / "big" / "mixed.txt"
    try:
        work = make_work(options.work)
        vocabularies = {name: prepare(name, options.data / "vocab", work) for name in sorted({case.vocabulary for case in cases})}
    except OSError as error:
        parser.error(str(error))
    library = Library(work, options.data, {"mixed": mixed} if mixed.exists() else {})
    peers = _peers(options.peers, _QUICK_PEERS if options.quick else list(PEERS))
    plan = Plan(cases, peers, options.rounds or (1 if options.quick else 3), library, vocabularies, work, options.lock)
    run = Run(plan, _tell)()
    run["rule"] = RULE
    run["bars"] = [{**asdict(verdict), "rule": verdict.bar.rule, "ratio": verdict.ratio} for verdict in judge(run["results"], run["asked"])]
    if options.chart is not None:
        options.chart.write_text(chart(run), encoding="utf-8")
    if options.readme is not None:
        options.readme.write_text(with_headline(options.readme.read_text(encoding="utf-8"), run), encoding="utf-8")
    return _finish(run, options, with_bars=True)


def file_main(arguments: list[str] | None = None) -> int:
    """`tokmill bench FILE`: how fast tokmill and the other installed packages are on your own text. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="tokmill bench", description=file_main.__doc__)
    parser.add_argument("file", type=Path, help="a text file in UTF-8")
    parser.add_argument("--vocab", default="tokmill-64k-v1", help="a vocabulary's name or file (default: the embedded one)")
    parser.add_argument("--rounds", type=int, default=1, help="fresh processes a peer and case (default 1)")
    _add_common(parser)
    options = parser.parse_args(arguments)
    import tokmill

    try:
        options.file.read_bytes().decode()
        work = make_work(options.work)
        vocabulary = _of_tokmill(options.vocab, work)
    except UnicodeDecodeError as error:
        parser.error(f"{options.file} is not UTF-8: byte {error.start} cannot be read")
    except (OSError, tokmill.Error) as error:
        parser.error(str(error))
    plan = Plan(
        of_a_file(vocabulary.name),
        _peers(options.peers, list(PEERS)),
        options.rounds,
        Library(work, None, {"file": options.file}),
        {vocabulary.name: vocabulary},
        work,
        options.lock,
    )
    return _finish(Run(plan, _tell)(), options, with_bars=False)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peers", default="", help=f"comma-separated, of {', '.join(PEERS)} (default: those installed)")
    parser.add_argument("--json", type=Path, help="write everything that was seen as JSON")
    parser.add_argument("--markdown", type=Path, help="write the tables as Markdown")
    parser.add_argument("--work", type=Path, default=default_work(), help="folder for cut texts and reference ids, kept between runs")
    parser.add_argument("--lock", type=Path, default=None, help="lock file held while timing (default: WORK/lock)")


def _chosen(cases: list[Case], names: str) -> list[Case]:
    """The cases whose name is, or begins with, one of `names`; all when there are none."""
    wanted = [name for name in names.split(",") if name]
    for name in wanted:
        if not any(case.name.startswith(name) for case in cases):
            raise SystemExit(f"no case is called {name!r}: --list shows them")
    return [case for case in cases if not wanted or any(case.name.startswith(name) for name in wanted)]


def _peers(names: str, default: list[str]) -> list[str]:
    wanted = [name for name in names.split(",") if name] or default
    for name in wanted:
        if name not in PEERS:
            raise SystemExit(f"no peer is called {name!r}: choose from {', '.join(PEERS)}")
    return wanted


def _of_tokmill(name: str, work: Path) -> Vocabulary:
    """A vocabulary that tokmill loads by name or path, written as a rank file for everybody."""
    import tokmill

    tokenizer = tokmill.load(name)
    label = tokenizer.name if tokenizer.name in FAMILIES else Path(tokenizer.name).name
    if label in FAMILIES and (places := _folder_of(label)) is not None:
        return prepare(label, places, work)
    ranks = work / f"{label}.tiktoken"
    tokenizer.save(ranks)
    patterns = {pattern: family for family, pattern in tokmill.PATTERNS.items()}
    family = patterns.get(tokenizer.pattern)
    if family is None:
        raise SystemExit(f"the split pattern of {name} is none that the other packages know by name")
    return Vocabulary(label, family, str(ranks), hashlib.sha256(ranks.read_bytes()).hexdigest(), None, tokenizer.pattern)


def _folder_of(name: str) -> Path | None:
    """The folder of TOKMILL_VOCAB when it holds the published ranks, which every peer can then load under their own name."""
    folder = Path(os.environ.get("TOKMILL_VOCAB", ""))
    return folder if any((folder / f"{name}.tiktoken{end}").exists() for end in ("", ".gz")) else None


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _finish(run: dict[str, Any], options: argparse.Namespace, with_bars: bool) -> int:
    text = report(run, with_bars)
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json is not None:
        options.json.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0
