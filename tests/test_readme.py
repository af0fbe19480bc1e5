"""README keeps its word: its Python runs and gives what the comments beside it say, its links lead somewhere, CI finds its test command."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text("utf8")
PAGES = sorted(page for pattern in ("*.md", "[!.]*/*.md", "examples/*/*.md") for page in REPOSITORY.glob(pattern))


def test_python_blocks() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    names: dict[str, Any] = {}  # the blocks go on from each other
    checked = 0
    for block in blocks:
        lines = block.splitlines()
        for statement in ast.parse(block).body:
            if not isinstance(statement, ast.Expr):
                exec(ast.unparse(statement), names)
                continue
            expected = lines[statement.lineno - 1].rpartition("  # ")[2]
            assert eval(ast.unparse(statement), names) == ast.literal_eval(expected), ast.unparse(statement)
            checked += 1
    assert checked >= 11


def test_the_test_command_is_found_as_continuous_integration_does() -> None:
    script = REPOSITORY / ".ci" / "run"
    if not script.is_file():
        pytest.skip("no .ci/run here (a source distribution leaves it out)")
    pipeline = re.search(r"^command=\$\((.*)\)$", script.read_text("utf8"), re.MULTILINE)
    assert pipeline is not None
    found = subprocess.run(["bash", "-c", pipeline.group(1)], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert found == "pip install '.[test]' && python -m pytest\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", re.sub(r"```.*?```", "", page.read_text("utf8"), flags=re.DOTALL)):
        if "://" not in target:
            assert (page.parent / target).exists(), target
