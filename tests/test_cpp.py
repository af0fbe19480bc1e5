"""The C++ tests of tests/cpp, built with sanitizers: address and undefined behaviour for all, threads for those that start some."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc").is_dir() or shutil.which("cmake") is None or shutil.which("c++") is None,
    reason="needs the sources, cmake and a C++ compiler",
)


def build(folder: Path, sanitizers: str, targets: list[str], rooms: str = "") -> None:
    """Configures and builds some of the C++ tests with the given sanitizers; of all rooms, or of some."""
    ninja = ["-G", "Ninja"] if shutil.which("ninja") else []
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), *ninja, "-DTOKMILL_PYTHON=OFF", "-DTOKMILL_CPP_TESTS=ON"]
    subprocess.run(
        [*configure, f"-DTOKMILL_SANITIZE={sanitizers}", f"-DTOKMILL_ROOMS={rooms}", "-DCMAKE_BUILD_TYPE=Debug"],
        check=True,
        capture_output=True,
    )
    command = ["cmake", "--build", str(folder), "-j", str(os.cpu_count() or 1), "--target", *targets]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]


def run(program: Path, scale: float, *arguments: str) -> None:
    """Runs one test program; what it prints is shown when it fails."""
    environment = {**os.environ, "TOKMILL_TEST_SCALE": str(scale), "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    done = subprocess.run([str(program), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=900)
    sys.stdout.write(done.stdout[-2000:])
    assert done.returncode == 0, f"{program.name} exited with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def names() -> list[str]:
    found = sorted(path.stem for path in (ROOT / "tests" / "cpp").glob("*_test.cpp"))
    # The linker of macOS cannot wrap functions (see CMakeLists.txt).
    return [name for name in found if sys.platform != "darwin" or name != "out_of_memory_test"]


@pytest.fixture(scope="module")
def address_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("address")
    build(folder, "address,undefined", names())
    return folder


@pytest.mark.parametrize("name", names())
def test_with_address_and_undefined_sanitizers(address_build: Path, name: str) -> None:
    run(address_build / name, float(os.environ.get("TOKMILL_TEST_SCALE", "1")) / 10)


@pytest.fixture(scope="module")
def thread_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thread")
    rooms = "base|cpu|pool|unicode|documents|vocab|normalized|formats|pretokens|tokens"  # those that share something between threads
    build(folder, "thread", ["pool_test", "placing_test", "tokenizer_test"], rooms)
    return folder


def test_pool_with_thread_sanitizer(thread_build: Path) -> None:
    run(thread_build / "pool_test", 1, "0")  # no forks: the thread sanitizer cannot follow them


def test_placing_with_thread_sanitizer(thread_build: Path) -> None:
    run(thread_build / "placing_test", 0.2)


def test_many_callers_with_thread_sanitizer(thread_build: Path) -> None:
    run(thread_build / "tokenizer_test", 0.5, "20251125", "callers")
