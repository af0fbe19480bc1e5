"""The house rules that a machine can read: who includes whom, where intrinsics live, that the stub and the version fit, and the like."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import sys
from pathlib import Path

import pytest
import tokmill

from tests.conftest import REPOSITORY

# Top to bottom: a room includes only rooms above it.
ROOMS = [
    "base",
    "cpu",
    "pool",
    "unicode",
    "documents",
    "vocab",
    "normalized",
    "formats",
    "pretokens",
    "tokens",
    "training",
    "condensed",
    "ngrams",
    "pipeline",
    "bindings",
]
STRANGERS = [{"tokens", "training"}, {"ngrams", "tokens"}, {"ngrams", "training"}]
OPEN_ROOMS = ["base", "cpu"]  # small tools for everyone; any other room has one door, ROOM/ROOM.hpp

INTRINSICS = re.compile(r"(\w*intrin|arm_neon|arm_sve|arm_acle|cpuid)\.h")
PYTHON_HEADERS = re.compile(r"(Python\.h|pybind11/|numpy/)")
FOLDERS = ["csrc", "python", "tests", "bench", "tools", "examples", "docs", ".ci", ".github"]
BUILT = {".so", ".pyc", ".npy", ".npz", ".gz", ".merges", ".bin", ".png"}

SOURCES = sorted(path for path in (REPOSITORY / "csrc").rglob("*") if path.suffix in (".hpp", ".cpp"))
FILES = sorted(
    path
    for folder in [REPOSITORY, *(REPOSITORY / name for name in FOLDERS)]
    for path in (folder.iterdir() if folder == REPOSITORY else folder.rglob("*"))
    if path.is_file() and path.suffix not in BUILT and "__pycache__" not in path.parts and ".egg-info" not in str(path)
)


def room(path: Path) -> str:
    return path.relative_to(REPOSITORY / "csrc").parts[0]


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text("utf8"), re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_there_is_something_to_read() -> None:
    assert len(SOURCES) > 30
    assert len(FILES) > len(SOURCES)
    assert {room(path) for path in SOURCES} <= set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_includes(path: Path) -> None:
    here = room(path)
    for header in includes(path):
        there = header.split("/")[0]
        if (REPOSITORY / "csrc" / header).exists():
            assert ROOMS.index(there) <= ROOMS.index(here), f"{here} lies above {there}"
            assert not any({here, there} == pair for pair in STRANGERS), f"{here} and {there} do not know each other"
            if there != here and there not in OPEN_ROOMS:
                assert header == f"{there}/{there}.hpp", f"{there} is used through {there}/{there}.hpp, not {header}"
        else:
            assert there not in ROOMS, f"{header} does not exist"
        assert here == "bindings" or not PYTHON_HEADERS.match(header), "only bindings/ knows Python"
        in_kernels = here == "cpu" or "kernels" in path.parts
        assert in_kernels or not INTRINSICS.fullmatch(header), "only kernels/ and cpu/ use intrinsics"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sources(path: Path) -> None:
    text = path.read_text("utf8")
    assert path.suffix == ".cpp" or "#pragma once" in text
    for forbidden in (
        "std::cerr",
        "std::cout",
        "printf(",
        "abort(",
        "assert(",
        "std::exit(",
        "using namespace std",
        "volatile",
    ):
        code = re.sub(r"static_assert\(|//[^\n]*", "", text)
        assert not re.search(rf"(?<![\w:]){re.escape(forbidden)}", code), f"{forbidden} has no place in the core"
    if "kernels" not in path.parts and room(path) != "cpu":
        assert not re.search(r"\b(_mm\d*_\w+|__m(128|256|512)i?|uint8x16_t)\b", text), "intrinsics outside kernels/ and cpu/"
    if path.name != "region.hpp":
        assert not re.search(r"march=|__attribute__\(\(target", text), "instruction sets are chosen by the regions of cpu/region.hpp"


def test_nothing_is_built_for_this_machine_only() -> None:
    for path in FILES:
        if path.name in ("CMakeLists.txt", "pyproject.toml") or path.suffix in (".cmake", ".sh", ".yml") or ".ci" in path.parts:
            assert not re.search(r"-m(arch|tune|cpu)=native|-mavx|-mbmi", path.read_text("utf8")), name(path)


def test_no_path_of_a_machine_and_no_leftovers() -> None:
    machine = re.compile(
        "|".join(("/" + "work/", "/" + "farm/", "/" + "home/", "/" + "root/", "/" + r"tmp/w\b", "TO" + "DO", "FIX" + "ME"))
    )
    for path in FILES:
        try:
            text = path.read_text("utf8")
        except UnicodeDecodeError:
            continue
        found = machine.search(text)
        assert found is None, f"{name(path)}: {found and found.group()}"
        for number, line in enumerate(text.splitlines(), 1):
            if path.suffix in (".py", ".pyi", ".hpp", ".cpp"):
                assert len(line) <= 140, f"{name(path)}:{number} is {len(line)} columns wide"
                assert not re.search(r"\t|\s$", line), f"{name(path)}:{number}: tab or blank at the end"
        if path.suffix in (".py", ".pyi", ".hpp", ".cpp", ".md"):
            assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), f"{name(path)} ends with one line end"


def test_files_open_with_what_they_are() -> None:
    for path in SOURCES:
        if path.suffix == ".hpp":
            assert path.read_text("utf8").startswith("//"), f"{name(path)} opens with a paragraph that says what it is for"
    for path in FILES:
        if path.suffix == ".py" and path.stat().st_size and ast.get_docstring(ast.parse(path.read_text("utf8"))) is None:
            raise AssertionError(f"{name(path)} has no docstring")


# The stub of the core


def stub_of_core() -> ast.Module:
    return ast.parse((REPOSITORY / "python" / "tokmill" / "_core.pyi").read_text("utf8"))


def names_in(body: list[ast.stmt]) -> set[str]:
    defined: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined.add(statement.name)
        elif (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and "TypeAlias" not in ast.unparse(statement.annotation)
        ):
            defined.add(statement.target.id)
    return {one for one in defined if not one.startswith("__")}


def test_the_stub_has_the_names_of_the_module() -> None:
    module = {one for one in dir(tokmill._core) if not one.startswith("__")}
    assert names_in(stub_of_core().body) == module


def test_the_stub_has_the_names_of_each_class() -> None:
    classes = [statement for statement in stub_of_core().body if isinstance(statement, ast.ClassDef)]
    assert len(classes) >= 3
    for stub in classes:
        real = {one for one in vars(getattr(tokmill._core, stub.name)) if not one.startswith(("__", "_pybind11"))}
        assert names_in(stub.body) == real, stub.name


def test_public_names_exist_and_are_documented() -> None:
    assert sorted(tokmill.__all__) == sorted(set(tokmill.__all__))
    for one in tokmill.__all__:
        value = getattr(tokmill, one)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"tokmill.{one} has no docstring"
    for one, value in vars(tokmill.Tokenizer).items():
        if not one.startswith("_") and callable(value):
            assert inspect.getdoc(value), f"Tokenizer.{one} has no docstring"


def test_one_version() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text("utf8")
    declared = re.search(r'^version\s*=\s*"([^"]+)"', project, re.MULTILINE)
    assert tokmill.__version__ == importlib.metadata.version("tokmill")
    if declared:
        assert declared.group(1) == tokmill.__version__
    assert tokmill.__version__ in (REPOSITORY / "CHANGELOG.md").read_text("utf8")


def test_numpy_is_the_only_dependency() -> None:
    required = [one for one in importlib.metadata.requires("tokmill") or [] if "extra ==" not in one]
    assert [re.split(r"[^\w-]", one)[0] for one in required] == ["numpy"]


def test_nothing_at_run_time_needs_more_than_numpy() -> None:
    """Top-level imports of the package: the standard library, NumPy, itself. Extras are imported where they are used."""
    allowed = {*sys.stdlib_module_names, "numpy", "tokmill"}
    for path in sorted((REPOSITORY / "python" / "tokmill").rglob("*.py")):
        if "torch" in path.parts or "peers" in path.parts:  # are extras as a whole
            continue
        for statement in ast.parse(path.read_text("utf8")).body:
            if isinstance(statement, ast.Import):
                found = [name.name for name in statement.names]
            elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
                found = [statement.module or ""]
            else:
                continue
            assert {name.split(".")[0] for name in found} <= allowed, f"{path}: {found}"
