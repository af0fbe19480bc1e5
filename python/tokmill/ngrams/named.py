"""Plans by name, for the command line: ``over-encoding:oe-12.8m``, ``longcat,ratio=127.5,n=3``, or the file of a plan."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from ..errors import ArgumentError, Error
from ..tokenizer import Tokenizer
from .plan import Plan
from .schemes import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, QwenPle, Scheme

__all__ = ["SCHEMES", "plan_named"]

SCHEMES: dict[str, type[Scheme]] = {
    "over-encoding": OverEncoding,
    "engram": Engram,
    "longcat": LongCat,
    "qwen-ple": QwenPle,
    "byte-ngrams": ByteNgrams,
    "bigram-hash": BigramHash,
    "ngram-hash": NgramHash,
}


def plan_named(text: str, tokenizer: Tokenizer | None = None) -> Plan:
    """The plan of ``SCHEME[:PRESET][,argument=value]...``, or of a file that ends in ``.json``.

    Without a preset and without arguments it is the scheme's first preset. ``tokenizer`` is the vocabulary if neither names one. Raises
    ArgumentError for what there is not; what ``Plan.load`` does.
    """
    if text.endswith(".json"):
        return Plan.load(text)
    name, *settings = _split(text)
    scheme_name, _, preset = name.partition(":")
    if scheme_name not in SCHEMES:
        raise ArgumentError(f"no scheme {scheme_name!r}: there are {', '.join(SCHEMES)}; or give the .json file of a plan")
    scheme = SCHEMES[scheme_name]
    values = dict(map(_setting, settings))
    if not preset and not values and scheme.PRESETS:
        preset = next(iter(scheme.PRESETS))
    if preset and preset not in scheme.PRESETS:
        scheme.preset(preset)  # says which there are
    arguments: dict[str, Any] = {**(scheme.PRESETS[preset] if preset else {}), **values}
    parameters = inspect.signature(scheme).parameters
    unknown = [argument for argument in arguments if argument not in parameters]
    if unknown:
        raise ArgumentError(f"{scheme_name} has no {unknown[0]!r}; it takes {', '.join(parameters)}")
    if "vocabulary" not in arguments and tokenizer is not None and parameters["vocabulary"].default is inspect.Parameter.empty:
        arguments["vocabulary"] = tokenizer
    lacking = [one for one, parameter in parameters.items() if parameter.default is inspect.Parameter.empty and one not in arguments]
    if lacking:
        presets = f", or one of its presets: {', '.join(scheme.PRESETS)}" if scheme.PRESETS else ""
        raise ArgumentError(f"{scheme_name} needs {', '.join(f'{one}=' for one in lacking)}{presets}")
    try:
        return scheme(**arguments)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, Error):
            raise
        raise ArgumentError(f"{text}: {error}") from error


def _split(text: str) -> list[str]:
    """At commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentError(f"{text!r} is not argument=value")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value  # a word
