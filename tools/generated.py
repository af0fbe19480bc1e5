"""What the makers of tables have in common: lines of C++, and a command that writes the files, or with --check compares them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def rows(values: Iterable[str], per_line: int) -> str:
    """The values as lines of a C++ initialiser."""
    found = list(values)
    return "".join("    " + ", ".join(found[i : i + per_line]) + ",\n" for i in range(0, len(found), per_line))


def write_or_check(description: str | None, render: Callable[[], Mapping[Path, str]]) -> int:
    """The whole command of such a tool; returns its exit code. ``render`` makes what each file has to hold."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare with the files on disk")
    check = parser.parse_args().check
    different = 0
    for path, text in render().items():
        if not check:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}, {len(text)} bytes")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path.name} differs from what the generator makes")
            different = 1
    return different
