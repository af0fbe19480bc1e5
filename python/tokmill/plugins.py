"""Encodings of third parties, through tiktoken's plug-in convention.

Modules inside the namespace package ``tiktoken_ext`` hold ``ENCODING_CONSTRUCTORS``, a dict of functions that return the arguments of
tiktoken's ``Encoding``. They are read here without tiktoken; a plug-in that imports tiktoken itself needs it installed.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import VocabularyError

__all__ = ["PluginEncoding", "find"]

PACKAGE = "tiktoken_ext"
# tiktoken's own module: its encodings are known here, and importing it would import tiktoken.
OWN_MODULE = "openai_public"


@dataclass(frozen=True)
class PluginEncoding:
    """What a plug-in says of an encoding; ``ranks`` as the text of a rank file."""

    module: str
    ranks: bytes
    pattern: str
    special_tokens: dict[str, int]


def find(name: str, notes: list[str]) -> PluginEncoding | None:
    """The encoding ``name`` if a plug-in has it. Plug-ins that cannot be imported are told in ``notes``. Raises VocabularyError."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        notes.append(f"no {PACKAGE} plug-in is installed")
        return None
    found = []
    for module_info in pkgutil.iter_modules(spec.submodule_search_locations):
        if module_info.name == OWN_MODULE:
            continue
        full_name = f"{PACKAGE}.{module_info.name}"
        try:
            constructors = importlib.import_module(full_name).ENCODING_CONSTRUCTORS
            if name in constructors:
                return _read(full_name, name, constructors[name])
            found.append(full_name)
        except VocabularyError:
            raise
        except Exception as error:  # whatever a plug-in does wrong must not hide the other places
            notes.append(f"plug-in {full_name} failed: {type(error).__name__}: {error}")
    notes.append(f"{PACKAGE} plug-ins ({', '.join(found) or 'none'}): do not have it")
    return None


def _read(module: str, name: str, constructor: Callable[[], Mapping[str, Any]]) -> PluginEncoding:
    arguments = constructor()
    try:
        pattern = str(arguments["pat_str"])
        mergeable: Mapping[bytes, int] = arguments["mergeable_ranks"]
        special_tokens = {str(text): int(id) for text, id in arguments["special_tokens"].items()}
    except KeyError as error:
        raise VocabularyError(f"plug-in {module}: encoding {name!r} has no {error.args[0]!r}") from error
    expected = arguments.get("explicit_n_vocab")
    if expected is not None and len(mergeable) + len(special_tokens) != expected:
        raise VocabularyError(
            f"plug-in {module}: encoding {name!r} has {len(mergeable):,} + {len(special_tokens):,} tokens, "
            f"but its explicit_n_vocab is {expected:,}"
        )
    rows = sorted(mergeable.items(), key=lambda row: row[1])
    ranks = b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for token, rank in rows)
    return PluginEncoding(module, ranks, pattern, special_tokens)
