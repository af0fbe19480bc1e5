"""The vocabulary of a run, laid out so that every rival can load the very same one without a network.

In goes a name and where its files lie (`NAME.tiktoken`, `NAME.tokenizer.json`, each plain or .gz); out comes a `Vocabulary` of plain paths,
small enough to travel to a child process as JSON. The ranks also stand under the name that tiktoken's own cache gives them, so that it
loads its published encoding: its split pattern and its check of the SHA-256, not ours.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

_TIKTOKEN_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
FAMILIES = {"r50k_base": "gpt2", "p50k_base": "gpt2", "cl100k_base": "cl100k", "o200k_base": "o200k"}


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary on disk: `ranks` is a plain tiktoken file, `json` a tokenizer.json or None.

    `family` is the split pattern's name ("gpt2", "cl100k", "o200k"); `pattern` its regex where tiktoken does not publish the vocabulary.
    """

    name: str
    family: str
    ranks: str
    sha256: str
    json: str | None = None
    pattern: str | None = None

    @property
    def published(self) -> bool:
        """Whether tiktoken knows the vocabulary by its name."""
        return self.name in FAMILIES

    def to_dict(self) -> dict[str, str | None]:
        """Plain values, for the argument of a child process."""
        return asdict(self)


def prepare(name: str, folder: Path, work: Path) -> Vocabulary:
    """Unpack the files of the published vocabulary `name` from `folder` into `work`.

    Raises FileNotFoundError when `folder` holds no ranks of that name, ValueError when tiktoken does not publish the name.
    """
    if name not in FAMILIES:
        raise ValueError(f"{name!r} is not a vocabulary that the benchmark knows: choose from {', '.join(FAMILIES)}")
    ranks = _unpack(folder, f"{name}.tiktoken", work)
    if ranks is None:
        raise FileNotFoundError(f"{folder} holds neither {name}.tiktoken nor {name}.tiktoken.gz: give the folder of the data with --data")
    json = _unpack(folder, f"{name}.tokenizer.json", work)
    _place_in_tiktoken_cache(name, ranks, work)
    digest = hashlib.sha256(ranks.read_bytes()).hexdigest()
    return Vocabulary(name, FAMILIES[name], str(ranks), digest, None if json is None else str(json))


def tiktoken_cache(work: Path) -> Path:
    """The folder that TIKTOKEN_CACHE_DIR names in every child."""
    return work / "tiktoken"


def _unpack(folder: Path, name: str, work: Path) -> Path | None:
    target = work / name
    plain, packed = folder / name, folder / f"{name}.gz"
    source = plain if plain.exists() else packed
    if not source.exists():
        return None
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        data = source.read_bytes()
        _write_whole(target, gzip.decompress(data) if source == packed else data)
    return target


def _place_in_tiktoken_cache(name: str, ranks: Path, work: Path) -> None:
    cache = tiktoken_cache(work)
    cache.mkdir(exist_ok=True)
    entry = cache / hashlib.sha1(_TIKTOKEN_ADDRESS.format(name=name).encode(), usedforsecurity=False).hexdigest()
    if not entry.exists():
        _write_whole(entry, ranks.read_bytes())


def _write_whole(path: Path, data: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)
