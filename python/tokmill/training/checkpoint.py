"""Where an interrupted training was: the counts so far, and which documents they hold.

Merges are not kept. They follow from the counts, for any number of threads; to learn them again takes less time than to replay a list of
them would take in the same structures, and counting is what takes hours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import ArgumentError
from ..sections import Sections, save_sections
from .counts import Counts

__all__ = ["Checkpoint"]

KIND = "training checkpoint"


class Checkpoint(NamedTuple):
    """``counts`` holds the first ``file`` files whole and ``documents`` documents of the next; ``sources`` says what was to be counted."""

    counts: Counts
    file: int
    documents: int
    sources: dict[str, Any]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as one file, or nothing. Raises OutputError."""
        place = {"file": self.file, "documents": self.documents, "sources": self.sources}
        save_sections(path, KIND, {**self.counts._sections(), "place": json.dumps(place).encode()})

    @classmethod
    def load(cls, path: str | os.PathLike[str], sources: dict[str, Any], **bounds: Any) -> Checkpoint:
        """Reads what :meth:`save` wrote, if it was made of the same sources; ``bounds`` are those of Counts.

        Raises InputError, SnapshotError, ArgumentError.
        """
        saved = Sections(path, KIND)
        place = json.loads(bytes(saved.raw("place")))
        for name, value in sources.items():
            if place["sources"].get(name) != value:
                raise ArgumentError(
                    f"{os.fspath(path)} was made with {name} {place['sources'].get(name)!r}, now it is {value!r}; "
                    "resume with the same files and options, or remove it"
                )
        return cls(Counts._of(saved, **bounds), place["file"], place["documents"], sources)


def sizes_of(files: Sequence[str]) -> list[list[Any]]:
    """Names and sizes, which tell whether a file is still the one that was counted."""
    return [[file, os.stat(file).st_size if os.path.isfile(file) else None] for file in files]
