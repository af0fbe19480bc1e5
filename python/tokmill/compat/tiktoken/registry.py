"""Encodings by name: those of tiktoken 0.14, which tokmill knows itself, and those of installed ``tiktoken_ext`` plug-ins.

No lock, unlike tiktoken: a child forked while another thread held it would wait for ever. Each step is atomic, and of two threads that
make the same encoding at once both go on with the first.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from typing import Any

from ...encodings import ENCODINGS as KNOWN
from ...plugins import OWN_MODULE, PACKAGE
from ...registry import load_named
from .core import Encoding

__all__ = ["ENCODINGS", "ENCODING_CONSTRUCTORS", "get_encoding", "list_encoding_names"]

# In tiktoken's order.
KNOWN_NAMES = ("gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony")

# The encodings made so far, by name.
ENCODINGS: dict[str, Encoding] = {}
# What makes an encoding's arguments, by name; filled at the first use.
ENCODING_CONSTRUCTORS: dict[str, Callable[[], dict[str, Any]]] | None = None


class _KnownConstructor:
    """An entry of ENCODING_CONSTRUCTORS that need not go through a dict of all tokens."""

    def __init__(self, name: str) -> None:
        self._name = name

    def encoding(self) -> Encoding:
        return Encoding.from_tokenizer(load_named(self._name), name=self._name)

    def __call__(self) -> dict[str, Any]:
        encoding = self.encoding()
        return {
            "name": self._name,
            "pat_str": encoding._pat_str,
            "mergeable_ranks": encoding._mergeable_ranks,
            "special_tokens": encoding._special_tokens,
        }


def _available_plugin_modules() -> list[str]:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        return []
    return [f"{PACKAGE}.{module.name}" for module in pkgutil.iter_modules(spec.submodule_search_locations) if module.name != OWN_MODULE]


def _find_constructors() -> dict[str, Callable[[], dict[str, Any]]]:
    global ENCODING_CONSTRUCTORS
    if ENCODING_CONSTRUCTORS is not None:
        return ENCODING_CONSTRUCTORS
    found: dict[str, Callable[[], dict[str, Any]]] = {name: _KnownConstructor(name) for name in KNOWN_NAMES if name in KNOWN}
    for module_name in _available_plugin_modules():
        module = importlib.import_module(module_name)
        try:
            constructors = module.ENCODING_CONSTRUCTORS
        except AttributeError as error:
            raise ValueError(f"tiktoken plugin {module_name} does not define ENCODING_CONSTRUCTORS") from error
        for name, constructor in constructors.items():
            if name in found:
                raise ValueError(f"Duplicate encoding name {name} in tiktoken plugin {module_name}")
            found[name] = constructor
    ENCODING_CONSTRUCTORS = found
    return found


def get_encoding(encoding_name: str) -> Encoding:
    """The encoding of a name; the same object at every call.

    Raises ValueError for a name that neither tokmill nor a plug-in knows, DownloadError (an OSError) if its ranks are neither on this
    machine nor to be had.
    """
    if not isinstance(encoding_name, str):
        raise ValueError(f"Expected a string in get_encoding, got {type(encoding_name)}")
    encoding = ENCODINGS.get(encoding_name)
    if encoding is not None:
        return encoding
    constructor = _find_constructors().get(encoding_name)
    if constructor is None:
        raise ValueError(
            f"Unknown encoding {encoding_name}.\n"
            f"Known: {', '.join(_find_constructors())}. Plugins found: {_available_plugin_modules()}\n"
            "For a vocabulary of your own: tiktoken.Encoding(...), or Encoding.from_tokenizer(tokmill.load(...))"
        )
    made = constructor.encoding() if isinstance(constructor, _KnownConstructor) else Encoding(**constructor())
    return ENCODINGS.setdefault(encoding_name, made)


def list_encoding_names() -> list[str]:
    """The names that ``get_encoding`` takes."""
    return list(_find_constructors())
