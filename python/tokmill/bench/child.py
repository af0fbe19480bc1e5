"""One process, one peer: measures one case, or compares calls with the reference, or writes the reference. Answers in one line of JSON.

The task is the process's last argument. The parent starts a rival's process with a bare namespace in tokmill's place, so that none of our
code but this package runs beside it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from .checks import difference, write_reference
from .measures import LOADS_ITSELF, MEASURES, Question
from .peers import Gap, open_peer
from .texts import Cutting
from .vocabulary import Vocabulary


def main() -> None:
    """Do the task in the last argument and print the answer."""
    task: dict[str, Any] = json.loads(sys.argv[-1])
    if task["processors"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["processors"])
    try:
        answer = _do(task)
    except Gap as gap:
        answer = {"gap": str(gap)}
    except ImportError as error:
        answer = {"gap": f"not installed ({error})"}
    print(json.dumps(answer))


def _do(task: dict[str, Any]) -> dict[str, Any]:
    peer = open_peer(task["peer"])
    vocabulary = Vocabulary(**task["vocabulary"])
    if task["job"] == "measure":
        if task["measure"] not in LOADS_ITSELF:
            peer.load(vocabulary)
        cutting = Cutting(*task["cutting"])
        question = Question(cutting, task["form"], vocabulary, task["threads"], task["repeats"], task["reference"])
        return MEASURES[task["measure"]](peer, question)
    peer.load(vocabulary)
    if task["job"] == "reference":
        for cutting, path in task["items"]:
            write_reference(peer, Cutting(*cutting), Path(path))
        return {}
    answers: dict[str, dict[str, str]] = {}
    for key, cutting, form, threads, path in task["items"]:
        try:
            wrong = difference(peer, Cutting(*cutting), form, threads, Path(path))
            answers[key] = {} if wrong is None else {"wrong": wrong}
        except Gap as gap:
            answers[key] = {"gap": str(gap)}
    return answers


if __name__ == "__main__":
    main()
