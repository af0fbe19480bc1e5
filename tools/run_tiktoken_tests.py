"""Runs tiktoken's own test suite with ``tokmill.compat.tiktoken`` in its place.

    pip download --no-binary tiktoken --no-deps tiktoken==0.14.0     (the suite lies in the source distribution, which we do not copy)
    python tools/run_tiktoken_tests.py tiktoken-0.14.0.tar.gz        (further arguments go to pytest)

Needs pytest and hypothesis, and the ranks of tiktoken's encodings where ``tokmill.load`` finds them (``TOKMILL_VOCAB``). Python processes
that the tests start get the same module under the name ``tiktoken``. TIKTOKEN_MAX_EXAMPLES is the number of examples a property.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# Found as `tiktoken` before an installed one: the import system takes it from PYTHONPATH.
STAND_IN = """
import importlib
import sys

for name in ("", ".core", ".load", ".model", ".registry"):
    sys.modules["tiktoken" + name] = importlib.import_module("tokmill.compat.tiktoken" + name)
"""


def unpack_tests(sdist: Path, folder: Path) -> Path:
    """The folder ``tests`` of a source distribution, unpacked below ``folder``."""
    with tarfile.open(sdist) as archive:
        members = [member for member in archive.getmembers() if "/tests/" in member.name and member.isfile()]
        for member in members:
            content = archive.extractfile(member)
            assert content is not None
            path = folder / "tests" / Path(member.name).name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content.read())
    if not members:
        raise SystemExit(f"{sdist} has no folder tests: is it tiktoken's source distribution?")
    return folder / "tests"


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tests = unpack_tests(Path(arguments[0]), folder)
        (folder / "tiktoken.py").write_text(STAND_IN)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}
        check = "import tiktoken; print('tiktoken is', tiktoken.__name__)"
        subprocess.run([sys.executable, "-c", check], env=environment, cwd=folder, check=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", scratch, str(tests), *arguments[1:]]
        return subprocess.run(command, env=environment, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
