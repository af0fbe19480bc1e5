"""Where Hugging Face keeps a ``tokenizer.json``, and how live tokenizers of other libraries are taken over. Nothing is imported or fetched.

A model id is looked for in the local cache of ``huggingface_hub`` only: ``HF_HUB_CACHE``, else ``HF_HOME``/hub, else
``~/.cache/huggingface/hub``, with its layout ``models--OWNER--NAME/refs/main`` -> ``snapshots/COMMIT/tokenizer.json``.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["LiveJson", "LiveRanks", "find_in_cache", "live_source"]

MODEL_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")


class LiveJson(NamedTuple):
    """A tokenizer of the ``tokenizers`` library, as its own ``tokenizer.json``."""

    place: str
    data: bytes


class LiveRanks(NamedTuple):
    """A ``tiktoken.Encoding``, as a rank file and what a rank file has no place for."""

    place: str
    name: str
    data: bytes
    pattern: str
    special_tokens: dict[str, int]


def hub_cache() -> Path:
    """The folder of ``huggingface_hub``'s cache; the environment is read at each call."""
    given = os.environ.get("HF_HUB_CACHE")
    if given:
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def find_in_cache(model_id: str, tried: list[str]) -> Path | None:
    """The ``tokenizer.json`` of a model id such as ``openai-community/gpt2``: that of ``refs/main``, else of the newest snapshot."""
    if not MODEL_ID.fullmatch(model_id) or ".." in model_id:
        return None
    folder = hub_cache() / ("models--" + model_id.replace("/", "--"))
    try:
        commits = [(folder / "refs" / "main").read_text("ascii").strip()]
    except (OSError, UnicodeDecodeError):
        commits = []
    try:
        snapshots = sorted((entry for entry in (folder / "snapshots").iterdir()), key=lambda entry: entry.stat().st_mtime, reverse=True)
    except OSError:
        tried.append(f"{folder}: not there (the local cache of Hugging Face; nothing is downloaded)")
        return None
    chosen = [entry for entry in snapshots if entry.name in commits] or snapshots
    for entry in chosen:
        path = entry / "tokenizer.json"
        if path.is_file():
            return path
    tried.append(f"{folder}: holds no tokenizer.json")
    return None


def live_source(source: Any) -> LiveJson | LiveRanks | None:
    """What a live tokenizer of another library holds; None if it is none that we know.

    Known are ``tokenizers.Tokenizer``, the fast tokenizers of ``transformers`` (their ``backend_tokenizer``) and ``tiktoken.Encoding``.
    """
    kind = type(source)
    place = f"a live {kind.__module__}.{kind.__qualname__}"
    backend = getattr(source, "backend_tokenizer", source)
    if type(backend).__module__.partition(".")[0] == "tokenizers" and hasattr(backend, "to_str"):
        return LiveJson(place, backend.to_str().encode())
    if any(base.__module__.partition(".")[0] == "tiktoken" for base in kind.__mro__) and hasattr(source, "_mergeable_ranks"):
        ranks = b"".join(b"%b %d\n" % (b64encode(token), rank) for token, rank in source._mergeable_ranks.items())
        return LiveRanks(place, source.name, ranks, source._pat_str, dict(source._special_tokens))
    return None
