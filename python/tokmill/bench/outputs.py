"""Where a benchmark of one room puts what it saw: JSON, a Markdown file, its table of a page such as README.

Comes in: the options of a command, its tables, everything that was measured. `--readme` writes between `<!-- NAME table begin -->` and
`<!-- NAME table end -->`, with a line that says when and where it was measured.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from .run import machine
from .show import between

__all__ = ["add_outputs", "measured", "write_outputs"]


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """The options that :func:`write_outputs` reads."""
    parser.add_argument("--json", type=Path, help="write everything that was seen as JSON")
    parser.add_argument("--markdown", type=Path, help="write the tables as Markdown")
    parser.add_argument("--readme", type=Path, help="put the tables between the markers of this Markdown file")


def write_outputs(options: argparse.Namespace, name: str, tables: str, seen: Any, peers: Sequence[str] = ()) -> None:
    """Prints ``tables`` and writes what the options ask for; ``peers`` are the distributions that were measured beside tokmill.

    Raises ValueError if the page has no markers of this name.
    """
    text = f"{tables.rstrip()}\n\n{measured(peers)}"
    print(f"\n{text}")
    if options.markdown is not None:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    if options.json is not None:
        options.json.write_text(json.dumps({**machine(), "seen": seen}, indent=1) + "\n", encoding="utf-8")
    if options.readme is not None:
        markers = (f"<!-- {name} table begin -->", f"<!-- {name} table end -->")
        options.readme.write_text(between(options.readme.read_text(encoding="utf-8"), markers, text), encoding="utf-8")


def measured(peers: Sequence[str] = ()) -> str:
    """When, where, and beside which packages."""
    known = machine()
    versions = []
    for name in peers:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    beside = f" Packages: {', '.join(versions)}; what they give was compared first." if versions else ""
    kernels = known.get("instruction sets", {}).get("active")
    return (
        f"Measured {date.today().isoformat()} on {known['processor']}, {known['cores']} cores, Python {known['python']}"
        f"{f', {kernels} kernels' if kernels else ''}.{beside}"
    )
