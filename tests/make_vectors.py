"""Write vectors/corpora.json: for each text of the data folder and each rank file, how many ids tiktoken gives and their SHA-256.

    python -m tests.make_vectors          (needs tiktoken 0.14.0 and the data folder; some minutes)

With these a test can hold every text whole against tiktoken at the speed of the code under test, and without tiktoken.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
from tiktoken_ext import openai_public  # type: ignore[import-untyped]

from tests.conftest import DATA, RANK_FILE, corpus, ranks_of

VECTORS = Path(__file__).with_name("vectors") / "corpora.json"


def encoding(name: str) -> tiktoken.Encoding:
    """tiktoken's own constructor, given our copy of the rank file."""
    openai_public.load_tiktoken_bpe = lambda _address, expected_hash=None: ranks_of(name)
    return tiktoken.Encoding(**getattr(openai_public, name)())


def main() -> None:
    assert tiktoken.__version__ == "0.14.0"
    names = sorted(set(RANK_FILE.values()))
    encodings = {name: encoding(name) for name in names}
    vectors: dict[str, Any] = {"tiktoken": tiktoken.__version__, "corpora": {}}
    for path in sorted((DATA / "corpora").glob("*.txt.gz")):
        text = corpus(path.name.removesuffix(".txt.gz"))
        row: dict[str, Any] = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest(), "ids": {}}
        for name in names:
            ids = np.array(encodings[name].encode_ordinary(text.decode()), dtype="<i4")
            row["ids"][name] = {"count": len(ids), "sha256": hashlib.sha256(ids.tobytes()).hexdigest()}
        vectors["corpora"][path.name.removesuffix(".txt.gz")] = row
    VECTORS.write_text(json.dumps(vectors, indent=1) + "\n", "ascii")


if __name__ == "__main__":
    main()
