"""The documents keep their word: their Python runs and gives what the comments beside it say, links lead somewhere, CI finds its command.

Comes in: README.md and docs/. A page's blocks go on from each other, in an empty folder. A comment behind an expression that is a Python
literal is its value, the name of an error what it raises; any other comment is prose. How many were compared is written down here, so that
a slip of the pen cannot turn a value into prose.
"""

from __future__ import annotations

import ast
import base64
import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.conftest import REPOSITORY

LINKING = sorted(page for pattern in ("*.md", "[!.]*/*.md", "examples/*/*.md") for page in REPOSITORY.glob(pattern))
# The pages with Python, and how many of their expressions have a value beside them.
COMPARED = {
    "README.md": 16,
    "docs/getting-started.md": 1,
    "docs/hypertokens.md": 21,
    "docs/int-bpe.md": 7,
    "docs/ngram-counting.md": 0,
    "docs/ngrams.md": 16,
    "docs/normalization.md": 5,
    "docs/opcodes.md": 5,
    "docs/patterns.md": 2,
    "docs/spans.md": 0,
    "docs/special-tokens.md": 1,
    "docs/streaming.md": 0,
    "docs/supertokens.md": 14,
    "docs/superwords.md": 0,
    "docs/tiktoken.md": 0,
    "docs/tokenizer_json.md": 0,
    "docs/training.md": 0,
    "docs/vocabularies.md": 0,
}
# Those that take an encoding of tiktoken by its name.
WITH_DATA = {"docs/tiktoken.md", "docs/vocabularies.md"}
TEXTS = ["the same old story of the same old house", "the story of a house", "one two <|endoftext|>"]


def blocks_of(page: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```$", (REPOSITORY / page).read_text("utf8"), re.MULTILINE | re.DOTALL)


def lay_out(page: str, tok: tokmill.Tokenizer) -> dict[str, Any]:
    """Lays the files that a page takes for granted into the current folder; returns the names that it does."""
    from tokmill.documents import read_documents

    match page:
        case "docs/getting-started.md":
            Path("corpus.txt.gz").write_bytes(gzip.compress(" ".join(TEXTS).encode()))
        case "docs/streaming.md":
            zstandard = pytest.importorskip("zstandard")
            Path("big.txt.zst").write_bytes(zstandard.compress(" ".join(TEXTS).encode()))
        case "docs/vocabularies.md":
            tok.save("my.tokmill")
            Path("my.tiktoken").write_text("".join(f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256)))
            Path("folder").mkdir()
            tok.save("folder/tokenizer.json")
    if page in ("docs/streaming.md", "docs/ngram-counting.md"):
        with gzip.open("corpus.jsonl.gz", "wt") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in TEXTS * 10)
    if page in ("docs/special-tokens.md", "docs/streaming.md", "docs/ngram-counting.md"):
        return {
            "tok": tok,
            "documents": TEXTS,
            "generated": tok.encode_list(TEXTS[0]),
            "draft": [tok.encode_list(" old")[0], tok.encode_list(" house")[0]],
            "read_documents": read_documents,
            "ngrams": np.array([[1, 2, 3]]),
            "rag": tok.encode_batch(TEXTS),
            "batch_rows": np.array([[5, 7], [7, 900]]),
            "table_rows": 1000,
        }
    return {}


def is_literal(text: str) -> bool:
    """Whether a comment is a value."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True


def run_page(page: str, names: dict[str, Any]) -> int:
    """Runs a page in the namespace `names`; returns how many expressions had a value, or an error, beside them that was compared."""
    compared = 0
    for block in blocks_of(page):
        lines = block.splitlines()
        for statement in ast.parse(block).body:
            code = ast.unparse(statement)
            comment = lines[statement.lineno - 1].rpartition(" # ")[2] if " # " in lines[statement.lineno - 1] else ""
            error = re.match(r"\w+Error\b", comment)
            if isinstance(statement, ast.Expr) and error:
                with pytest.raises(getattr(tokmill.errors, error.group())):
                    eval(code, names)
                compared += 1
            elif isinstance(statement, ast.Expr) and is_literal(comment):
                assert eval(code, names) == ast.literal_eval(comment), code
                compared += 1
            else:
                exec(code, names)
    return compared


@pytest.mark.parametrize("page", COMPARED)
def test_a_page_runs(
    page: str, embedded: tokmill.Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if page in WITH_DATA:
        monkeypatch.setenv("TOKMILL_VOCAB", str(request.getfixturevalue("data") / "vocab"))
    monkeypatch.chdir(tmp_path)
    assert run_page(page, lay_out(page, embedded)) == COMPARED[page]


def test_no_page_is_forgotten() -> None:
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    assert [name for page in pages if blocks_of(name := str(page.relative_to(REPOSITORY)))] == list(COMPARED)


def test_the_test_command_is_found_as_continuous_integration_does() -> None:
    script = REPOSITORY / ".ci" / "run"
    if not script.is_file():
        pytest.skip("no .ci/run here (a source distribution leaves it out)")
    pipeline = re.search(r"^command=\$\((.*)\)$", script.read_text("utf8"), re.MULTILINE)
    assert pipeline is not None
    found = subprocess.run(["bash", "-c", pipeline.group(1)], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert found == "pip install '.[test]' && python -m pytest\n"


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", re.sub(r"```.*?```", "", page.read_text("utf8"), flags=re.DOTALL)):
        if "://" not in target:
            assert (page.parent / target).exists(), target
