"""``Plan``: what decides the n-gram rows of a model, as one immutable object, a JSON file and a digest.

Every scheme is the same formula with other numbers. With ``x[d]`` the (canonical) id ``d`` positions back, or the plan's missing value
where there is none, a table with the weights ``w`` and the modulus ``p`` has at each position the row ::

    (x[0]*w[0] op x[1]*w[1] op ... op x[order-1]*w[order-1]) mod p        op: + or ^, words of 64 or 32 bits that wrap around

where the value is a signed word and the remainder is never negative. So a plan holds its weights and moduli, and to load one needs no
random generator and no code of the scheme.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._core import NgramPlan, NgramState
from ..errors import ArgumentError, ArgumentTypeError, DigestError, Error, PlanError
from ..files import read_file, write_file
from ..ragged import Ragged
from ..signatures import Ids

__all__ = ["Boundary", "Combine", "Description", "Layout", "Padding", "Plan", "Table"]

Boundary: TypeAlias = Literal["cross", "documents", "eos", "ignored"]
Combine: TypeAlias = Literal["add", "xor"]
Layout: TypeAlias = Literal["token", "table"]
Padding: TypeAlias = Literal["left", "right"]

FORMAT = "tokmill n-gram plan"
VERSION = 1


class Table(NamedTuple):
    """One hashed table: ``rows`` embeddings, found by the residues of mix ``mix`` by ``modulus``.

    ``offset`` is its first row among all rows of its ``layer``, for models that keep a layer's tables in one.
    """

    mix: int
    modulus: int
    rows: int
    offset: int = 0
    layer: int = 0


@dataclass(frozen=True)
class Description:
    """Everything that a plan says. ``scheme`` and ``parameters`` are for people; the rest decides the rows.

    ``mixes`` are weights, the newest token's first. ``first`` is the id that stands in for the first token of a document, and the row
    that this token has; ``layer_rows`` the rows of each layer's tables together, padding included.
    """

    scheme: str
    vocab_size: int
    combine: Combine
    mixes: tuple[tuple[int, ...], ...]
    tables: tuple[Table, ...]
    layer_rows: tuple[int, ...]
    missing: int = 0
    boundary: Boundary = "documents"
    eos_id: int | None = None
    ignored_ids: tuple[int, ...] = ()
    word_bits: int = 64
    canonical: NDArray[np.int32] | None = field(default=None, compare=False)
    canonical_size: int | None = None
    first: tuple[int, int] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON. Weights are decimal strings: they do not fit into the numbers of every JSON reader."""
        canonical = None
        if self.canonical is not None:
            canonical = base64.b64encode(np.ascontiguousarray(self.canonical, "<i4").tobytes()).decode()
        return {
            "format": FORMAT,
            "version": VERSION,
            "scheme": self.scheme,
            "parameters": self.parameters,
            "vocab_size": self.vocab_size,
            "canonical_int32_base64": canonical,
            "canonical_size": self.canonical_size,
            "combine": self.combine,
            "word_bits": self.word_bits,
            "mixes": [[str(weight) for weight in weights] for weights in self.mixes],
            "tables": [table._asdict() for table in self.tables],
            "layer_rows": list(self.layer_rows),
            "missing": self.missing,
            "boundary": self.boundary,
            "eos_id": self.eos_id,
            "ignored_ids": list(self.ignored_ids),
            "first": None if self.first is None else list(self.first),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Description:
        """The inverse of ``to_dict``. Raises KeyError, TypeError or ValueError for what does not fit."""
        canonical = content["canonical_int32_base64"]
        return cls(
            scheme=str(content["scheme"]),
            vocab_size=int(content["vocab_size"]),
            combine=content["combine"],
            mixes=tuple(tuple(int(weight) for weight in weights) for weights in content["mixes"]),
            tables=tuple(Table(**{name: int(value) for name, value in table.items()}) for table in content["tables"]),
            layer_rows=tuple(int(rows) for rows in content["layer_rows"]),
            missing=int(content["missing"]),
            boundary=content["boundary"],
            eos_id=None if content["eos_id"] is None else int(content["eos_id"]),
            ignored_ids=tuple(int(id) for id in content["ignored_ids"]),
            word_bits=int(content["word_bits"]),
            canonical=None if canonical is None else np.frombuffer(base64.b64decode(canonical, validate=True), "<i4").astype(np.int32),
            canonical_size=None if content["canonical_size"] is None else int(content["canonical_size"]),
            first=None if content["first"] is None else (int(content["first"][0]), int(content["first"][1])),
            parameters=dict(content["parameters"]),
        )


class Plan:
    """How ids become n-gram rows. Immutable; two plans are equal when their digests are.

    Made by one of the schemes (:class:`~tokmill.ngrams.OverEncoding`, :class:`~tokmill.ngrams.Engram`, ...), or by :meth:`load`.
    ``plan.rows(ids, offsets)`` gives the rows of whole arrays, ``plan.state(n)`` goes on token by token.
    """

    __slots__ = ("__weakref__", "_core", "_description", "_digest")

    _description: Description
    _core: NgramPlan
    _digest: str

    def __init__(self, description: Description, *, isa: str | None = None) -> None:
        """From a description. Raises ArgumentError for weights, moduli, ids or maps that break a rule."""
        self._describe(description, isa)

    def _describe(self, description: Description, isa: str | None = None) -> None:
        canonical_size = description.canonical_size
        if description.boundary == "eos" and description.eos_id is None:
            raise ArgumentError('boundary="eos" needs eos_id=')
        if description.boundary == "ignored" and not description.ignored_ids:
            raise ArgumentError('boundary="ignored" needs ignored_ids=')
        if description.boundary != "ignored" and description.ignored_ids:
            raise ArgumentError('ignored_ids= goes with boundary="ignored"')
        for number, table in enumerate(description.tables):
            least = table.modulus if description.first is None else max(table.modulus, description.first[1] + 1)
            if table.rows < least:
                raise ArgumentError(f"table {number} has {table.rows} rows, its residues need {least}")
        try:
            self._core = NgramPlan(
                vocab_size=description.vocab_size,
                canonical=description.canonical,
                canonical_size=description.vocab_size if canonical_size is None else canonical_size,
                combine=description.combine,
                word_bits=description.word_bits,
                mixes=[list(weights) for weights in description.mixes],
                tables=[(table.mix, table.modulus, table.offset) for table in description.tables],
                missing=description.missing,
                boundary=description.boundary,
                eos_id=0 if description.eos_id is None else description.eos_id,
                ignored=list(description.ignored_ids),
                first=description.first,
                isa=isa,
            )
        except TypeError as error:
            if isinstance(error, Error):
                raise
            raise ArgumentError(f"a number of the plan is negative, too large or none: {_numbers_of(description)}") from error
        self._description = description

    # What it says

    @property
    def description(self) -> Description:
        """Everything that the plan says."""
        return self._description

    @property
    def scheme(self) -> str:
        """The name of the scheme that made it."""
        return self._description.scheme

    @property
    def vocab_size(self) -> int:
        """Ids are below this."""
        return self._description.vocab_size

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, in the order of the rows: by layer, then order, then head."""
        return self._description.tables

    @property
    def orders(self) -> tuple[int, ...]:
        """The number of tokens that each table's rows depend on."""
        return tuple(len(self._description.mixes[table.mix]) for table in self.tables)

    @property
    def history(self) -> int:
        """How many tokens back the rows of a token look."""
        return max(map(len, self._description.mixes)) - 1

    @property
    def layer_rows(self) -> tuple[int, ...]:
        """The rows of each layer's tables together, padding included: the first dimension of the layer's embedding."""
        return self._description.layer_rows

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that the plan says."""
        try:
            return self._digest
        except AttributeError:
            self._digest = _digest_of(self._description.to_dict())
            return self._digest

    # Rows

    def rows(
        self,
        ids: Ids | Ragged,
        offsets: Ids | None = None,
        *,
        position_ids: Ids | None = None,
        cu_seqlens: Ids | None = None,
        eos_id: int | None = None,
        lengths: Ids | None = None,
        padding: Padding = "right",
        dtype: DTypeLike | None = None,
        layout: Layout = "token",
        add_table_offsets: bool = False,
        out: NDArray[Any] | None = None,
        threads: int | None = None,
    ) -> NDArray[Any]:
        """The rows of every token in every table.

        ``ids`` are flat, of uint16, uint32, int32 or int64 (also a ``Ragged``), or 2-D ``[batch, tokens]``, where each row is a document.
        Where documents begin in flat ids is told by one of: ``offsets`` (one more than documents), ``cu_seqlens`` (the same by
        another name), ``position_ids`` (0 at each beginning), ``eos_id`` (a document ends with it); without any, all is one document.
        Of 2-D ids, ``lengths`` tells how many tokens of each row are not padding, at its ``padding`` end; padding gets the rows 0.

        The answer is int32 (or ``dtype=int64``) of the shape ``[tokens, tables]``, with ``layout="table"`` ``[tables, tokens]``; for 2-D
        ids tokens stands for both dimensions. ``add_table_offsets`` counts rows through all tables of a layer. ``out=`` takes a contiguous
        array of just that shape. The result depends on no number of threads.

        Raises UnknownIdError (``where`` is the index in the flat ids), ArgumentError for bounds out of order, for int32 where a row does
        not fit, and for an ``out=`` of another shape or type; ArgumentTypeError.
        """
        if isinstance(ids, Ragged):
            if offsets is not None:
                raise ArgumentError("a Ragged brings its own offsets")
            offsets, ids = ids.offsets, ids.ids
        wide = _is_wide(dtype, out)
        _check_choice("layout", layout, ("token", "table"))
        table_major = layout == "table"
        if isinstance(ids, np.ndarray) and ids.ndim == 2:
            if not (offsets is None and position_ids is None and cu_seqlens is None and eos_id is None):
                raise ArgumentError("the rows of 2-D ids are the documents; offsets, position_ids, cu_seqlens and eos_id go with flat ids")
            bounds: Any = _bounds_of_rows(ids.shape, lengths, padding)
            shape = (len(self.tables), *ids.shape) if table_major else (*ids.shape, len(self.tables))
            flat_out = None if out is None else _flat(out, shape, wide)
            rows = self._core.rows(ids.reshape(-1), bounds, True, flat_out, wide, table_major, add_table_offsets, threads)
            return out if out is not None else cast("NDArray[Any]", rows.reshape(shape))
        if lengths is not None:
            raise ArgumentError("lengths= goes with 2-D ids; flat ids take offsets=")
        given = [bound for bound in (offsets, position_ids, cu_seqlens, eos_id) if bound is not None]
        if len(given) > 1:
            raise ArgumentError("give one of offsets=, position_ids=, cu_seqlens= and eos_id=")
        if position_ids is not None:
            offsets = _offsets_of_positions(position_ids, len(ids))
        elif eos_id is not None:
            offsets = _offsets_of_eos(ids, eos_id)
        bounds = cu_seqlens if cu_seqlens is not None else offsets
        return self._core.rows(ids, bounds, False, out, wide, table_major, add_table_offsets, threads)

    def state(
        self,
        sequences: int = 1,
        *,
        max_rewind: int = 0,
        dtype: DTypeLike | None = None,
        add_table_offsets: bool = False,
    ) -> NgramState:
        """For generation: ``sequences`` sequences that grow token by token.

        ``state.step(ids, out=None)`` takes one id a sequence (negative: none) and gives ``[sequences, tables]``; ``extend(sequence, ids)``
        many of one sequence; ``fork``, ``reorder``, ``add`` and ``drop`` change which sequences there are; ``rewind(k)`` takes back up to
        ``max_rewind`` tokens. However the tokens come, the rows are those of ``rows()`` for the whole sequence.
        """
        if sequences < 0 or max_rewind < 0:
            raise ArgumentError("sequences and max_rewind are 0 or more")
        return NgramState(self._core, sequences, max_rewind, _is_wide(dtype, None), False, add_table_offsets)

    # Files

    def to_json(self) -> str:
        """The plan as JSON, with its digest."""
        return json.dumps({**self._description.to_dict(), "digest": self.digest}, indent=1, ensure_ascii=False) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the JSON. Raises OutputError."""
        write_file(path, self.to_json().encode())

    @staticmethod
    def from_json(text: str | bytes, *, source: str = "the JSON", isa: str | None = None) -> Plan:
        """The plan of a JSON text. Raises DigestError if it was changed, PlanError if it is none."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise PlanError(f"{source} is not JSON: {error}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise PlanError(f'{source} is no plan of n-gram rows: its "format" is not {FORMAT!r}')
        if content.get("version") != VERSION:
            raise PlanError(f"{source} is a plan of version {content.get('version')!r}; this version of tokmill reads {VERSION}")
        digest = content.pop("digest", None)
        if digest != _digest_of(content):
            raise DigestError(f"{source} was changed: its digest is {str(digest)[:64]!r}, that of its content is {_digest_of(content)!r}")
        try:
            description = Description.from_dict(content)
            return Plan(description, isa=isa)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise PlanError(f"{source} is not a plan that this version can use: {type(error).__name__}: {error}") from error

    @staticmethod
    def load(path: str | os.PathLike[str], *, isa: str | None = None) -> Plan:
        """Reads a plan. Raises InputError, DigestError, PlanError."""
        return Plan.from_json(read_file(path), source=os.fspath(path), isa=isa)

    def with_isa(self, isa: str) -> Plan:
        """The same plan with the kernels of another instruction set. Raises InstructionSetError."""
        return Plan(self._description, isa=isa)

    # Identity

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.digest == other.digest if isinstance(other, Plan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        rows = ", ".join(f"{rows:,}" for rows in self.layer_rows)
        return f"<tokmill n-gram plan {self.scheme}: {len(self.tables)} tables of orders {sorted(set(self.orders))}, {rows} rows>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Plan.from_json, (self.to_json(),)

    def __copy__(self) -> Plan:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Plan:
        return self


def _digest_of(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _numbers_of(description: Description) -> str:
    return f"vocab_size {description.vocab_size}, missing {description.missing}, eos_id {description.eos_id}, {description.tables[:2]}"


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ArgumentError(f"{name}= takes {' or '.join(map(repr, choices))}, not {value!r}")


def _is_wide(dtype: DTypeLike | None, out: NDArray[Any] | None) -> bool:
    """Whether rows are int64: what ``dtype`` asks for, else the type of ``out``, else int32."""
    if dtype is None and out is None:
        return False
    if dtype is None:
        if not isinstance(out, np.ndarray):
            raise ArgumentTypeError(f"out= is a NumPy array, not {type(out).__name__}")
        dtype = out.dtype
    asked = np.dtype(dtype)
    if asked not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise ArgumentError(f"rows are int32 or int64, not {asked}")
    return asked.itemsize == 8


def _flat(out: NDArray[Any], shape: tuple[int, ...], wide: bool) -> NDArray[Any]:
    if not isinstance(out, np.ndarray):
        raise ArgumentTypeError(f"out= is a NumPy array, not {type(out).__name__}")
    if out.shape != shape or not out.flags.c_contiguous or out.dtype != (np.int64 if wide else np.int32):
        raise ArgumentError(f"out= is a contiguous array of {'int64' if wide else 'int32'} and of the shape {list(shape)}")
    return out.reshape(-1)


def _bounds_of_rows(shape: tuple[int, ...], lengths: Ids | None, padding: Padding) -> NDArray[np.int64]:
    """Begin and end of what is no padding in each row of a 2-D batch, as one flat array."""
    _check_choice("padding", padding, ("left", "right"))
    count, width = shape
    begins = np.arange(count, dtype=np.int64) * width
    taken = np.full(count, width, np.int64) if lengths is None else np.asarray(lengths)
    if taken.shape != (count,) or taken.dtype.kind not in "iu":
        raise ArgumentError(f"lengths= is one int a row: {count}, not an array of {taken.dtype} of the shape {list(taken.shape)}")
    wrong = np.flatnonzero((taken < 0) | (taken > width))
    if len(wrong):
        raise ArgumentError(f"lengths[{wrong[0]}] = {taken[wrong[0]]} is not between 0 and {width}, the tokens of a row", int(wrong[0]))
    if padding == "left":
        begins = begins + width - taken
    return np.stack([begins, begins + taken], axis=1).astype(np.int64).reshape(-1)


def _offsets_of_positions(position_ids: Ids, count: int) -> NDArray[np.int64]:
    positions = np.asarray(position_ids)
    if positions.shape != (count,) or positions.dtype.kind not in "iu":
        raise ArgumentError(f"position_ids= is one int an id: {count}, not an array of {positions.dtype} of the shape {positions.shape}")
    positions = positions.astype(np.int64)
    begins = positions == 0
    goes_on = np.zeros(count, bool)
    goes_on[1:] = positions[1:] == positions[:-1] + 1
    wrong = np.flatnonzero(~(begins | goes_on))
    if len(wrong):
        at = int(wrong[0])
        raise ArgumentError(f"position_ids[{at}] = {positions[at]} is neither 0 nor one more than the one before it", at)
    return np.append(np.flatnonzero(begins), count)


def _offsets_of_eos(ids: Ids, eos_id: int) -> NDArray[np.int64]:
    ends = np.flatnonzero(np.asarray(ids) == eos_id) + 1
    return np.unique(np.concatenate([[0], ends, [len(ids)]]))
