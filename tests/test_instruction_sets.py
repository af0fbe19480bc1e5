"""Newer instructions stay inside the kernels that are chosen at run time.

A kernel's object file may hold copies of shared inline functions ("weak" symbols), of which the linker keeps any one for the
whole program, and initialisers, which run at import. If such a function were compiled for a newer instruction set, an old
processor would die far from any kernel. So every file that opens a target region is compiled with nothing inlined (all the
copies appear), and neither the copies nor the initialisers may hold an instruction beyond the baseline. Other files cannot:
no build file names an instruction set (test_codebase.py).
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

REGIONS = sorted(path for path in (REPOSITORY / "csrc").rglob("*.cpp") if "TOKMILL_REGION_BEGIN(" in path.read_text("utf8"))
# AVX and later begin with v (the only older ones are verr and verw), mask registers with k; the rest are BMI, LZCNT, POPCNT, AES and
# SSE up to 4.2. Not tzcnt: compilers write it for the baseline too, where it runs as bsf.
NEWER = re.compile(
    r"v(?!err|erw)\w+|k(add|and|mov|not|or|shift|test|unpck|xnor|xor)\w+|andn|bextr|bls\w+|bzhi|pdep|pext|mulx|rorx|s[ah][lr]x"
    r"|lzcnt|popcnt|aes\w+|crc32\w*|pshufb|pblend\w*"
)
INITIALISER = re.compile(r"_GLOBAL__sub_I_|static_initialization_and_destruction|__cxx_global_var_init")

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not all(shutil.which(tool) for tool in ("c++", "nm", "objdump")) or not REGIONS,
    reason="needs the sources, a compiler, nm and objdump, on x86-64",
)


def functions(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The functions of an object file, each with its mnemonics."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(path)], check=True, capture_output=True, text=True).stdout
    for block in re.split(r"\n(?=[0-9a-f]{8,} <)", listing):
        head = re.match(r"[0-9a-f]{8,} <(.+)>:", block)
        if head:
            yield head.group(1), re.findall(r"^\s+[0-9a-f]+:\s+(\w+)", block, re.MULTILINE)


@pytest.mark.parametrize("source", REGIONS, ids=lambda path: str(path.relative_to(REPOSITORY / "csrc")))
def test_no_newer_instruction_outside_of_kernels(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "kernel.o"
    options = ["-std=c++20", "-O1", "-fno-inline", "-fPIC", "-w", f"-I{REPOSITORY / 'csrc'}"]
    subprocess.run(["c++", *options, "-c", str(source), "-o", str(made)], check=True, capture_output=True)
    symbols = subprocess.run(["nm", str(made)], check=True, capture_output=True, text=True).stdout
    weak = set(re.findall(r"^[0-9a-f]+ [WVu] (\S+)$", symbols, re.MULTILINE))
    kernels = 0
    for name, mnemonics in functions(made):
        newer = sorted({mnemonic for mnemonic in mnemonics if NEWER.fullmatch(mnemonic)})
        if name in weak or INITIALISER.search(name):
            assert not newer, f"{name} of {source.name}: {newer}"
        kernels += bool(newer)
    assert kernels, f"{source.name} opens a region in which no kernel uses it"
