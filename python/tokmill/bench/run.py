"""A run: lays out texts and vocabularies, has every call compared with the reference, then asks the cases round by round.

Every measurement is a process of its own, and the peers take turns within a case, so that a disturbance of the machine meets all of them
alike. One lock file serialises the timed processes of all runs on the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .cases import Case
from .checks import reference_path
from .peers import PEERS, version_of
from .texts import Cutting, Library
from .vocabulary import Vocabulary, tiktoken_cache

Cells = dict[str, dict[str, dict[str, Any]]]

# A rival's process has a bare namespace in tokmill's place: of our package, only this benchmark runs in it.
_WITHOUT_TOKMILL = """
import sys, types
package = types.ModuleType("tokmill")
package.__path__ = [sys.argv[1]]
sys.modules["tokmill"] = package
from tokmill.bench.child import main
main()
"""
_JUDGES = ("tiktoken", "tokmill")


@dataclass(frozen=True)
class Plan:
    """What to run. `vocabularies` maps the names that the cases use to what is on disk."""

    cases: list[Case]
    peers: list[str]
    rounds: int
    library: Library
    vocabularies: dict[str, Vocabulary]
    work: Path
    lock: Path | None
    timeout: float = 120


class Run:
    """One run of a plan; `tell` gets a line for each step."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._cuttings: dict[str, Cutting] = {}
        self._gaps: Cells = {}
        installed = [name for name in plan.peers if version_of(name) is not None or name == "tokmill"]
        self._missing = [name for name in plan.peers if name not in installed]
        self._peers = installed
        self._judge = next((name for name in _JUDGES if version_of(name) is not None), "tokmill")
        self._processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def __call__(self) -> dict[str, Any]:
        """Run and return the whole report: machine, versions, texts, results (case -> peer -> cell)."""
        began = time.time()
        cases = self._lay_out()
        self._write_references(cases)
        self._check(cases)
        results = self._measure(cases)
        for name in self._missing:
            for cells in results.values():
                cells[name] = {"gap": "not installed"}
        return {
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "seconds": round(time.time() - began),
            "machine": machine(),
            "versions": {name: version_of(name) or "here" for name in self._peers},
            "judge": self._judge,
            "rounds": self._plan.rounds,
            "vocabularies": {name: vocabulary.sha256 for name, vocabulary in self._plan.vocabularies.items()},
            "texts": {name: {"bytes": cutting.size, "parts": len(cutting.offsets) - 1} for name, cutting in self._cuttings.items()},
            "asked": [case.name for case in self._plan.cases],
            "cases": {case.name: {key: value for key, value in asdict(case).items() if key != "name"} for case in cases},
            "results": results,
        }

    def _lay_out(self) -> list[Case]:
        """Make the cuttings; cases whose text or vocabulary is not there are left out, and that is told."""
        able = []
        for case in self._plan.cases:
            if case.vocabulary not in self._plan.vocabularies:
                self._tell(f"left out {case.name}: the vocabulary {case.vocabulary} was not found")
                continue
            try:
                if case.text not in self._cuttings:
                    self._cuttings[case.text] = self._plan.library.cutting(case.text)
            except FileNotFoundError as error:
                self._tell(f"left out {case.name}: {error}")
                continue
            if self._cuttings[case.text].size == 0:
                self._tell(f"left out {case.name}: nothing of the text can be cut into {case.text.partition('/')[2]}")
                continue
            able.append(case)
        if any(case.measure == "load_snapshot" for case in able):
            self._write_snapshots(able)
        return able

    def _write_snapshots(self, cases: list[Case]) -> None:
        """Leave a new snapshot for the processes that load one, since an old one may be of another build."""
        for case in cases:
            if case.measure == "load_snapshot":
                Path(self._plan.vocabularies[case.vocabulary].ranks).with_suffix(".tokmill").unlink(missing_ok=True)
                self._child("tokmill", self._task(case, "tokmill"), case)

    def _asked(self, case: Case) -> list[str]:
        """The peers that the case is asked of."""
        if case.own:
            return [name for name in self._peers if name == "tokmill"]
        if case.drop_in:
            return [name for name in self._peers if name in ("tokmill", "tiktoken")]
        if case.leaders:
            return [name for name in self._peers if PEERS[name].rounds == "all"]
        return [name for name in self._peers if case.english or not PEERS[name].english_only]

    def _reference(self, case: Case) -> Path:
        return reference_path(self._plan.work, self._cuttings[case.text], case.vocabulary, self._judge)

    def _write_references(self, cases: list[Case]) -> None:
        for vocabulary in self._plan.vocabularies:
            missing = {self._reference(case): case for case in cases if case.vocabulary == vocabulary and case.form}
            items = [(asdict(self._cuttings[case.text]), path) for path, case in missing.items() if not path.exists()]
            if not items:
                continue
            self._tell(f"encoding {len(items)} texts with {self._judge}, {vocabulary}: the reference")
            task = {
                "job": "reference",
                "peer": self._judge,
                "vocabulary": self._plan.vocabularies[vocabulary].to_dict(),
                "items": [([text["name"], text["folder"]], str(path)) for text, path in items],
                "processors": self._processors,
            }
            answer = self._process(self._judge, task, {}, threads=len(self._processors) or 1, timeout=1800)
            if "gap" in answer:
                raise RuntimeError(f"the reference ids could not be made with {self._judge}: {answer['gap']}")

    def _check(self, cases: list[Case]) -> None:
        """Compare every call that will be timed; what is wrong or missing becomes a gap and is not timed."""
        groups: dict[tuple[str, str, str], dict[str, Any]] = {}
        for case in cases:
            for name in self._asked(case):
                if PEERS[name].lists_only and self._cuttings[case.text].size > 100_000_000:
                    self._gap(case, name, "builds a list of Python ints, gigabytes for this text")
                elif case.form and not (name == self._judge and case.form == "array"):
                    group = groups.setdefault((name, case.vocabulary, json.dumps(case.environment)), {})
                    text, path = self._cuttings[case.text], self._reference(case)
                    group[case.name] = (case.name, [text.name, text.folder], case.form, case.threads, str(path))
        for (name, vocabulary, environment), items in groups.items():
            self._tell(f"comparing {name} with {self._judge}, {vocabulary}: {len(items)} calls")
            task = {
                "job": "check",
                "peer": name,
                "vocabulary": self._plan.vocabularies[vocabulary].to_dict(),
                "items": list(items.values()),
                "processors": self._processors,
            }
            answers = self._process(name, task, json.loads(environment), threads=max(1, len(self._processors)), timeout=1800)
            for case in cases:
                if case.name in items:
                    answer = answers if "gap" in answers else answers[case.name]
                    if answer:
                        self._gap(case, name, answer.get("gap") or answer["wrong"], "wrong" in answer)

    def _gap(self, case: Case, peer: str, reason: str, wrong: bool = False) -> None:
        self._gaps.setdefault(case.name, {})[peer] = {"wrong" if wrong else "gap": reason}
        if wrong:
            self._tell(f"  {peer} is not exact in {case.name}: {reason}")

    def _measure(self, cases: list[Case]) -> Cells:
        results: Cells = {case.name: dict(self._gaps.get(case.name, {})) for case in cases}
        turns = [
            (case, name, number)
            for number in range(self._plan.rounds)
            for case in cases
            for name in self._asked(case)
            if number == 0 or PEERS[name].rounds == "all" or (case.hostile and PEERS[name].rounds == "hostile")
        ]
        for place, (case, name, _) in enumerate(turns, 1):
            cell = results[case.name].setdefault(name, {})
            if "gap" in cell or "wrong" in cell:
                continue
            answer = self._child(name, self._task(case, name), case)
            if "gap" in answer:
                results[case.name][name] = answer
                continue
            cell.setdefault("rounds", []).append(answer.pop("value"))
            cell["seen"] = answer
            cell["median"] = statistics.median(cell["rounds"])
            cell["low"], cell["high"] = min(cell["rounds"]), max(cell["rounds"])
            self._tell(f"[{place}/{len(turns)}] {case.title}: {name} {cell['rounds'][-1]:.4g} {case.unit}")
        order = {name: number for number, name in enumerate(PEERS)}
        return {case: dict(sorted(cells.items(), key=lambda item: order[item[0]])) for case, cells in results.items()}

    def _task(self, case: Case, peer: str) -> dict[str, Any]:
        cutting = self._cuttings[case.text]
        return {
            "job": "measure",
            "peer": peer,
            "measure": case.measure,
            "form": case.form or "array",
            "cutting": [cutting.name, cutting.folder],
            "vocabulary": self._plan.vocabularies[case.vocabulary].to_dict(),
            "threads": case.threads,
            "repeats": PEERS[peer].repeats,
            "reference": str(self._reference(case)) if case.form else None,
            "processors": self._processors[: case.threads],
        }

    def _child(self, peer: str, task: dict[str, Any], case: Case) -> dict[str, Any]:
        with _locked(self._plan.lock or self._plan.work / "lock"):
            return self._process(peer, task, case.environment, case.threads, self._plan.timeout)

    def _process(self, peer: str, task: dict[str, Any], environment: dict[str, str], threads: int, timeout: float) -> dict[str, Any]:
        """Run one child process; a crash or a timeout is an answer too."""
        if peer == "tokmill":
            command = [sys.executable, "-m", "tokmill.bench.child"]
        else:
            command = [sys.executable, "-c", _WITHOUT_TOKMILL, str(Path(__file__).parents[1])]
        variables = {
            **os.environ,
            "RAYON_NUM_THREADS": str(threads),
            "TOKMILL_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
            "TIKTOKEN_CACHE_DIR": str(tiktoken_cache(self._plan.work)),
            **environment,
        }
        try:
            done = subprocess.run([*command, json.dumps(task)], capture_output=True, text=True, env=variables, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return {"gap": f"no answer within {timeout:g} s"}
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            self._tell(f"  {peer} failed: {last[:200]}")
            return {"gap": f"failed: {last[:120]}"}
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file while timing, where the system has such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def default_work() -> Path:
    """A private folder for texts and references, kept between runs."""
    name = f"tokmill-bench-{os.getuid()}" if hasattr(os, "getuid") else "tokmill-bench"
    return Path(tempfile.gettempdir()) / name


def make_work(path: Path) -> Path:
    """Create the work folder, private to the user. Raises PermissionError when it belongs to somebody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user: give a folder of your own with --work")
    return path


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as file:
        model = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    found: dict[str, Any] = {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    with contextlib.suppress(Exception):  # a run may compare rivals alone, with no tokmill built
        import tokmill

        found["instruction sets"] = tokmill.isa()
    return found
