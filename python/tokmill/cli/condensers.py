"""The options that say which condenser, the condenser they stand for, and condensers as the arrays of a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ..condensed import Chain, Hypertokens, Opcodes, Supertokens
from ..condensed.hypertokens import Profile
from ..condensed.opcodes import View
from ..errors import ArgumentError
from ..pipeline import Block, Pipeline
from ..tokenizer import Tokenizer
from .options import positive
from .progress import Progress

__all__ = ["Condenser", "add_condenser", "arrays_of", "condenser_of", "load_condenser", "most_base_ids", "read_blocks_of"]

Condenser: TypeAlias = Hypertokens | Supertokens | Chain

HYPERTOKENS: dict[str, Profile] = {"hyper": "lru", "hyper:lru": "lru", "hyper:zip2zip": "zip2zip"}
SUPERTOKENS = "super:"
OPCODES: dict[str, View] = {"opcodes": "flat", "opcodes:flat": "flat", "opcodes:factored": "factored", "opcodes:storage": "storage"}


def add_condenser(parser: argparse.ArgumentParser, *, default: str | None, help: str) -> None:
    group = parser.add_argument_group("condenser")
    group.add_argument("--condense", metavar="WHICH", default=default, help=help)
    group.add_argument("--book", type=positive, metavar="N", help="entries of the book (zip2zip: 2048, lru: 4096)")
    group.add_argument("--sub", type=positive, metavar="N", help="base ids of the longest phrase (zip2zip: 4, lru: 8)")
    group.add_argument("--disabled", choices=("digits", "none"), help="ids that are in no hypertoken (zip2zip: none, lru: digits)")


def load_condenser(arguments: argparse.Namespace, tokenizer: Tokenizer) -> Condenser | Opcodes:
    """hyper, hyper:lru, hyper:zip2zip, super:FILE, or super:FILE+hyper and so on for both.

    Raises ArgumentError for sizes out of bounds and for anything else, InputError and SnapshotError for a file that cannot be read.
    """
    which = arguments.condense
    if which in OPCODES:
        for option in ("book", "sub", "disabled"):
            if getattr(arguments, option):
                raise ArgumentError(f"--{option} goes with --condense hyper")
        return Opcodes(tokenizer, OPCODES[which])
    first: Supertokens | None = None
    if which.startswith(SUPERTOKENS):
        file, plus, behind = which.removeprefix(SUPERTOKENS).rpartition("+")
        if not plus or behind not in HYPERTOKENS:
            file, behind = which.removeprefix(SUPERTOKENS), ""
        first = Supertokens.load(file, tokenizer)
        if not behind:
            if any((arguments.book, arguments.sub, arguments.disabled)):
                raise ArgumentError("--book, --sub and --disabled are about hypertokens; super:FILE+hyper has both")
            return first
        which = behind
    if which not in HYPERTOKENS:
        raise ArgumentError(f"--condense takes hyper[:PROFILE], super:FILE, super:FILE+hyper[:PROFILE] or opcodes[:VIEW], not {which!r}")
    options: dict[str, Any] = {
        "book_size": arguments.book,
        "max_subtokens": arguments.sub,
        "disabled": {None: None, "digits": "digits", "none": ()}[arguments.disabled],
    }
    return Hypertokens(tokenizer, HYPERTOKENS[which], **options) if first is None else Chain.over(first, HYPERTOKENS[which], **options)


def most_base_ids(z: Condenser) -> int:
    """How many base ids an id of the condenser may stand for."""
    if isinstance(z, Chain):
        return most_base_ids(z.first) * most_base_ids(z.second)
    return z.max_subtokens if isinstance(z, Hypertokens) else z.max_len


# What a file needs for the way back


def arrays_of(z: Condenser) -> dict[str, Any]:
    """The condenser as named arrays: ``profile``, ``sizes`` and ``disabled`` of hypertokens; ``lefts``, ``rights``, ``mode`` and
    ``vocab_size`` of supertokens."""
    if isinstance(z, Chain):
        return {**arrays_of(z.first), **arrays_of(z.second)}
    if isinstance(z, Hypertokens):
        sizes = np.array([z.vocab_size, z.book_size, z.max_subtokens])
        return {"profile": np.array(z.profile), "sizes": sizes, "disabled": z.disabled}
    return {"lefts": z.lefts, "rights": z.rights, "mode": np.array(z.mode), "vocab_size": np.array(z.vocab_size)}


def condenser_of(arrays: Mapping[str, NDArray[Any]]) -> Condenser:
    """The condenser that :func:`arrays_of` made arrays of. Raises KeyError for one that is missing, ArgumentError for what cannot be."""
    first = None
    if "lefts" in arrays:
        size = arrays["vocab_size"]
        if size.shape != () or size.dtype.kind not in "iu":
            raise ArgumentError("vocab_size is an integer")
        first = Supertokens(int(size), arrays["lefts"], arrays["rights"], mode=cast(Any, str(arrays["mode"])))
        if "profile" not in arrays:
            return first
    profile, sizes, disabled = str(arrays["profile"]), arrays["sizes"], arrays["disabled"]
    if sizes.shape != (3,) or sizes.dtype.kind not in "iu" or disabled.ndim != 1 or disabled.dtype.kind not in "iu":
        raise ArgumentError("sizes and disabled are arrays of 3 and of any number of integers")
    vocab_size, book_size, max_subtokens = sizes.tolist()
    second = Hypertokens(vocab_size, cast(Profile, profile), book_size=book_size, max_subtokens=max_subtokens, disabled=disabled.tolist())
    return second if first is None else Chain(first, second)


def read_blocks_of(pipe: Pipeline, file: str, arguments: argparse.Namespace, progress: Progress) -> Iterator[Block]:
    """What a pipeline makes of a file, as the options of documents and of encoding say."""
    blocks = pipe.stream_file(
        file,
        format=arguments.input_format,
        field=arguments.field,
        lines=arguments.lines,
        special=arguments.special,
        invalid=arguments.invalid,
        threads=arguments.threads,
        max_pretoken_bytes=arguments.max_pretoken_bytes,
    )
    for block in blocks:
        progress.add(block.tokens.ids.nbytes)
        yield block
