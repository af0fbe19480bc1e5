"""The published schemes, one class each, with the parameters of their papers and of released models as presets.

Each is a :class:`~tokmill.ngrams.Plan`. ``X.preset(name)`` makes a published one. In all formulas ``x[d]`` is the id ``d`` positions
back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, ArgumentTypeError
from ..signatures import Ids
from ..tokenizer import Tokenizer
from .canonical import FOLDINGS, Folding, canonical_map
from .plan import Boundary, Combine, Description, Plan, Table
from .primes import next_prime

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BigramHash", "ByteNgrams", "Engram", "LongCat", "NgramHash", "OverEncoding", "QwenPle", "product_digits"]

TWO_64 = 1 << 64
LARGEST_INT64 = (1 << 63) - 1


class Scheme(Plan):
    """What the published schemes share: presets."""

    __slots__ = ()

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """A published one by its name (see ``PRESETS``), with ``changes`` to its arguments. Raises ArgumentError for an unknown name."""
        if name not in cls.PRESETS:
            raise ArgumentError(f"{cls.__name__} has no preset {name!r}; there are {', '.join(map(repr, cls.PRESETS)) or 'none'}")
        return cls(**{**cls.PRESETS[name], **changes})


class OverEncoding(Scheme):
    """Over-Encoding of the Over-Tokenized Transformer (arXiv 2501.16975): hashed tables for the orders 2..n, ``k`` of each.

    Table ``c = (order-2)*k + slice`` has ``first_rows + step*c`` rows; its row is ``(x[0] + x[1]*V + ... + x[order-1]*V**(order-1))``
    modulo its rows, with ``V`` the vocabulary's size. The model adds the looked-up rows of all tables, each ``width / (n*k)`` wide and
    projected, to the plain embedding of the token (order 1, not among the tables), and divides by ``1 + k*(n-1)``. Missing tokens are
    0; windows end at documents. The paper gives pseudo-code and no repository: the formula is its, bit-equal to an independent
    replication (Marin).

    ``vocabulary`` is a tokenizer or the number of ids. Presets: ``oe-12.8m`` (m = 12.8 million rows, n = 3).
    """

    __slots__ = ()

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"oe-12.8m": {"first_rows": 12_800_000, "n": 3}}

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        *,
        first_rows: int,
        n: int = 3,
        k: int = 1,
        step: int = 2,
        boundary: Boundary = "documents",
        eos_id: int | None = None,
        ignored_ids: Sequence[int] = (),
        missing: int = 0,
        isa: str | None = None,
    ) -> None:
        size = _size_of(vocabulary)
        _at_least("n", n, 2)
        _at_least("k", k, 1)
        moduli = [first_rows + step * c for c in range((n - 1) * k)]
        description = _polynomial("OverEncoding", size, n, k, moduli, missing, boundary, eos_id, ignored_ids)
        description.parameters.update(first_rows=first_rows, n=n, k=k, step=step)
        self._describe(description, isa)

    @staticmethod
    def targets(ids: Ids, offsets: Ids | None = None, *, n: int = 3, ignore: int = -100) -> NDArray[np.int64]:
        """Over-decoding: what follows each token at the distances 1 to ``n - 1`` in its document, int64 ``[tokens, n-1]``.

        ``ignore`` stands where the document has ended (the index that torch's cross entropy leaves out). Raises ArgumentError for offsets
        that do not rise from 0 to the number of ids.
        """
        flat = np.asarray(ids, np.int64)
        bounds = np.array([0, len(flat)]) if offsets is None else np.asarray(offsets, np.int64)
        if len(bounds) == 0 or bounds[0] != 0 or bounds[-1] != len(flat) or np.any(np.diff(bounds) < 0):
            raise ArgumentError(f"offsets= rises from 0 to {len(flat)}, the number of ids")
        _at_least("n", n, 2)
        ends = np.repeat(bounds[1:], np.diff(bounds))
        out = np.full((len(flat), n - 1), ignore, np.int64)
        for d in range(1, n):
            there = np.flatnonzero(np.arange(len(flat)) + d < ends)
            out[there, d - 1] = flat[there + d]
        return out


class Engram(Scheme):
    """Engram of DeepSeek (deepseek-ai/Engram, engram_demo_v1.py), also as shipped in DeepSeek-V4.1-Flash.

    Ids are first made canonical (``canonical``: ``"engram"``, the published folding, or a function from a token's bytes to a key,
    see :func:`~tokmill.ngrams.canonical_map`; or one new id for each id; None: the ids are canonical already). Per layer there are
    ``n`` odd multipliers, drawn by NumPy's PCG64 from ``seed + 10007*layer`` below ``(2**63-1) / V_c`` with ``V_c =
    canonical_size``; the mix of an order is ``x[0]*a[0] ^ ... ^ x[order-1]*a[order-1]``, and each of the ``heads`` tables of the
    order takes it modulo a prime of its own. Primes are searched upwards from ``sizes[order-2] - 1``, and no two tables of any
    layer share one. ``V_c`` is part of the hash. Missing tokens are the canonical id of ``pad_id``; windows cross documents (demo),
    or stop at ``ignored_ids`` (V4.1: image ids, ``boundary="ignored"``). Offsets count through the tables of a layer.

    Presets: ``demo`` (n 3, 8 heads, layers 1 and 15; give ``vocabulary`` and ``canonical``, or ``canonical_size``) and
    ``deepseek-v4.1-flash`` (n 4, 8 heads, layers 1 and 14, ``V_c`` 99092: 384,006,168 and 384,016,682 rows).
    """

    __slots__ = ()

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "demo": {"sizes": (5 * 129280, 5 * 129280), "n": 3, "heads": 8, "layers": (1, 15), "seed": 0, "pad_id": 2},
        "deepseek-v4.1-flash": {
            "vocabulary": 99092,
            "sizes": (16_000_000,) * 3,
            "n": 4,
            "heads": 8,
            "layers": (1, 14),
            "seed": 0,
            "pad_id": 2,
        },
    }

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        *,
        sizes: Sequence[int] | int,
        n: int = 3,
        heads: int = 8,
        layers: Sequence[int] = (1,),
        seed: int = 0,
        pad_id: int = 2,
        canonical: Folding | NDArray[Any] | Sequence[int] | Callable[[bytes], Hashable] | None = None,
        canonical_size: int | None = None,
        boundary: Boundary = "cross",
        eos_id: int | None = None,
        ignored_ids: Sequence[int] = (),
        isa: str | None = None,
    ) -> None:
        size = _size_of(vocabulary)
        _at_least("n", n, 2)
        _at_least("heads", heads, 1)
        map, map_size = _canonical_of(vocabulary, size, canonical, canonical_size, ignored_ids)
        if not 0 <= pad_id < size:
            raise ArgumentError(f"pad_id {pad_id} is not in the vocabulary of {size} ids")
        multipliers = []
        half = max(1, LARGEST_INT64 // map_size // 2)
        for layer in layers:
            drawn = np.random.default_rng(seed + 10007 * layer).integers(0, half, n, dtype=np.int64)
            multipliers.append([2 * int(number) + 1 for number in drawn])
        per_order = [sizes] * (n - 1) if isinstance(sizes, int) else list(sizes)
        if len(per_order) != n - 1:
            raise ArgumentError(f"sizes= is one number for each of the {n - 1} orders from 2 to {n}, not {len(per_order)}")
        taken: set[int] = set()
        mixes: list[tuple[int, ...]] = []
        tables: list[Table] = []
        layer_rows = []
        for number, weights in enumerate(multipliers):
            offset = 0
            for order in range(2, n + 1):
                prime = per_order[order - 2] - 1
                for _ in range(heads):
                    prime = next_prime(prime, taken)
                    taken.add(prime)
                    tables.append(Table(len(mixes), prime, prime, offset, number))
                    offset += prime
                mixes.append(tuple(weights[:order]))
            layer_rows.append(offset)
        parameters: dict[str, Any] = {"n": n, "heads": heads, "layers": list(layers), "seed": seed, "pad_id": pad_id, "sizes": per_order}
        if isinstance(canonical, str):
            parameters["canonical"] = {"folding": canonical, "data": FOLDINGS[canonical]}
        self._describe(
            Description(
                scheme="Engram",
                vocab_size=size,
                combine="xor",
                mixes=tuple(mixes),
                tables=tuple(tables),
                layer_rows=tuple(layer_rows),
                missing=pad_id if map is None else int(map[pad_id]),
                boundary=boundary,
                eos_id=eos_id,
                ignored_ids=tuple(ignored_ids),
                canonical=map,
                canonical_size=map_size,
                parameters=parameters,
            ),
            isa,
        )


class LongCat(Scheme):
    """The n-gram embedding of LongCat-Flash-Lite and LongCat-2.0 (Meituan, arXiv 2601.21204), as in modeling_longcat_ngram.py.

    Table ``c = (order-2)*k + slice`` has ``int(ratio*V + 2*c + 1)`` rows; the formula is that of :class:`OverEncoding`. Documents end
    with ``eos_id``, which still sees its own document; missing tokens are 0. That is the rule the weights were trained with; one of the
    serving kernels stops at ignored tokens instead (``boundary="ignored"``). The sum of ``k*(n-1)`` projected rows and the plain
    embedding is divided by ``1 + k*(n-1)``.

    Presets: ``flash-lite`` (V 131072, ratio 78, n 4, k 4) and ``2.0`` (V 163840, ratio 100.567, n 5, k 4).
    """

    __slots__ = ()

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "flash-lite": {"vocabulary": 131072, "ratio": 78, "n": 4, "k": 4, "eos_id": 2},
        "2.0": {"vocabulary": 163840, "ratio": 100.567, "n": 5, "k": 4, "eos_id": 2},
    }

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        *,
        ratio: float,
        n: int = 4,
        k: int = 4,
        eos_id: int | None = 2,
        boundary: Boundary = "eos",
        ignored_ids: Sequence[int] = (),
        isa: str | None = None,
    ) -> None:
        size = _size_of(vocabulary)
        _at_least("n", n, 2)
        _at_least("k", k, 1)
        moduli = [int(ratio * size + 2 * c + 1) for c in range((n - 1) * k)]
        description = _polynomial("LongCat", size, n, k, moduli, 0, boundary, eos_id if boundary == "eos" else None, ignored_ids)
        description.parameters.update(ratio=ratio, n=n, k=k)
        self._describe(description, isa)


class QwenPle(Scheme):
    """The per-layer n-gram embedding of Qwen3.8-Flash-Next, as in the modelling code of transformers (modular_qwen4_exp.py).

    As :class:`Engram` without canonical ids; multiplier ``i`` of layer index ``l`` comes from splitmix64 of ``seed + 10007*l +
    0x9E3779B97F4A7C15*(i+1)``. Head number ``g``, counted through all layers, has the ``g+1``-th prime from ``base`` upwards. Documents
    end with ``eos_id`` (it belongs to its own), and missing tokens are ``eos_id`` too. A layer's rows are padded to a multiple of 128.

    Preset: ``qwen3.8-flash-next`` (V 248320, n 3, 8 heads, base 20 million: 320,001,536 rows).
    """

    __slots__ = ()

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "qwen3.8-flash-next": {"vocabulary": 248320, "base": 20_000_000, "n": 3, "heads": 8, "seed": 1234, "eos_id": 248044},
    }

    PADDED_TO = 128

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        *,
        base: int,
        eos_id: int,
        n: int = 3,
        heads: int = 8,
        layers: Sequence[int] = (0,),
        seed: int = 1234,
        boundary: Boundary = "eos",
        isa: str | None = None,
    ) -> None:
        size = _size_of(vocabulary)
        _at_least("n", n, 2)
        _at_least("heads", heads, 1)
        prime = base - 1
        mixes: list[tuple[int, ...]] = []
        tables: list[Table] = []
        layer_rows = []
        for number, layer in enumerate(layers):
            weights = _splitmix_multipliers(seed + 10007 * layer, n, size)
            offset = 0
            for order in range(2, n + 1):
                for _ in range(heads):
                    prime = next_prime(prime)
                    tables.append(Table(len(mixes), prime, prime, offset, number))
                    offset += prime
                mixes.append(weights[:order])
            layer_rows.append(-(-offset // self.PADDED_TO) * self.PADDED_TO)
        self._describe(
            Description(
                scheme="QwenPle",
                vocab_size=size,
                combine="xor",
                mixes=tuple(mixes),
                tables=tuple(tables),
                layer_rows=tuple(layer_rows),
                missing=eos_id,
                boundary=boundary,
                eos_id=eos_id,
                parameters={"base": base, "n": n, "heads": heads, "layers": list(layers), "seed": seed},
            ),
            isa,
        )


class ByteNgrams(Scheme):
    """The byte n-grams of the Byte Latent Transformer (facebookresearch/blt, bytelatent/model/blt.py).

    Ids are bytes + 4 (0 BOE, 1 BOS, 2 EOS, 3 BPE). Function ``f`` has a prime ``P``; the value of order ``n`` is ``x[n-1] + x[n-2]*P +
    ... + x[0]*P**(n-1)`` in int64 that wraps around, its row that value modulo ``buckets``, never negative. Tables stand by function,
    then order. Missing bytes are 0; windows cross documents.

    Presets: ``blt`` (one function, orders 3 to 8, 500,002 buckets).
    """

    __slots__ = ()

    PRIMES = (
        1000000007,
        5915587277,
        1500450271,
        3267000013,
        5754853343,
        4093082899,
        9576890767,
        3628273133,
        2860486313,
        5463458053,
        3367900313,
    )
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"blt": {"buckets": 500_002, "orders": (3, 4, 5, 6, 7, 8), "functions": 1}}
    VOCAB_SIZE = 260
    BYTE_OFFSET = 4

    def __init__(
        self,
        *,
        buckets: int,
        orders: Sequence[int] = (3, 4, 5, 6, 7, 8),
        functions: int = 1,
        vocabulary: int = VOCAB_SIZE,
        boundary: Boundary = "cross",
        isa: str | None = None,
    ) -> None:
        if not 1 <= functions <= len(self.PRIMES):
            raise ArgumentError(f"there are between 1 and {len(self.PRIMES)} functions, not {functions}")
        mixes = [tuple(pow(prime, order - 1 - d, TWO_64) for d in range(order)) for prime in self.PRIMES[:functions] for order in orders]
        tables = [Table(mix, buckets, buckets, mix * buckets) for mix in range(len(mixes))]
        self._describe(
            Description(
                scheme="ByteNgrams",
                vocab_size=vocabulary,
                combine="add",
                mixes=tuple(mixes),
                tables=tuple(tables),
                layer_rows=(buckets * len(tables),),
                boundary=boundary,
                parameters={"buckets": buckets, "orders": list(orders), "functions": functions},
            ),
            isa,
        )

    @classmethod
    def ids_of(cls, data: bytes | bytearray | memoryview) -> NDArray[np.uint16]:
        """The ids of bytes, uint16, without BOS or EOS."""
        ids: NDArray[np.uint16] = np.frombuffer(data, np.uint8).astype(np.uint16)
        ids += np.uint16(cls.BYTE_OFFSET)
        return ids


class BigramHash(Scheme):
    """The bigram table of modded-nanogpt (KellerJordan/modded-nanogpt, train_gpt.py, get_bigram_hash).

    The row is ``(36313*x[0] ^ 27191*x[1]) mod (rows-1)`` in int32 that wraps around, never negative. The first token of the array has
    the last row, ``rows-1``, and the reference writes that number over the token before it hashes, so the second token's predecessor is
    it too. Windows cross documents.

    Preset: ``modded-nanogpt`` (V 50304, 377,280 rows).
    """

    __slots__ = ()

    MULTIPLIERS = (36313, 27191)
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"modded-nanogpt": {"vocabulary": 50304, "rows": 50304 * 15 // 2}}

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        *,
        rows: int,
        boundary: Boundary = "cross",
        isa: str | None = None,
    ) -> None:
        self._describe(
            Description(
                scheme="BigramHash",
                vocab_size=_size_of(vocabulary),
                combine="xor",
                mixes=(self.MULTIPLIERS,),
                tables=(Table(0, rows - 1, rows),),
                layer_rows=(rows,),
                boundary=boundary,
                word_bits=32,
                first=(rows - 1, rows - 1),
                parameters={"rows": rows},
            ),
            isa,
        )


class NgramHash(Scheme):
    """The general hash, for new research: any orders, heads, multipliers and moduli.

    ``combine="xor"`` mixes ``x[0]*a[0] ^ x[1]*a[1] ^ ...`` with odd multipliers, ``"add"`` adds. ``multipliers`` are shared by all
    orders, the newest token's first, as many as the largest order; without them they come from splitmix64 of ``seed`` (odd, and small
    enough that nothing wraps around). ``moduli`` is one number for each table, by order and head, or one number: the tables then have
    the primes from there upwards. Raises ArgumentError for even multipliers of an XOR (they lose the lowest bits) and for moduli below
    2.
    """

    __slots__ = ()

    def __init__(
        self,
        vocabulary: Tokenizer | int,
        *,
        orders: Sequence[int],
        moduli: Sequence[int] | int,
        heads: int = 1,
        combine: Combine = "xor",
        multipliers: Sequence[int] | None = None,
        seed: int = 0,
        boundary: Boundary = "documents",
        eos_id: int | None = None,
        ignored_ids: Sequence[int] = (),
        missing: int = 0,
        isa: str | None = None,
    ) -> None:
        size = _size_of(vocabulary)
        _at_least("heads", heads, 1)
        if not orders or min(orders) < 1:
            raise ArgumentError(f"orders= is one or more numbers from 1 up, not {list(orders)}")
        longest = max(orders)
        weights = _splitmix_multipliers(seed, longest, size) if multipliers is None else tuple(multipliers)
        if len(weights) != longest:
            raise ArgumentError(f"multipliers= is one number for each of {longest} tokens, not {len(weights)}")
        for number, weight in enumerate(weights):
            if not 0 <= weight < TWO_64:
                raise ArgumentError(f"multiplier {number} is not between 0 and 2^64 - 1: {weight}", number)
            if combine == "xor" and weight % 2 == 0:
                raise ArgumentError(f"multiplier {number} is even: {weight}; those of an XOR are odd, or lowest bits are lost", number)
        count = len(orders) * heads
        if isinstance(moduli, int):
            each: list[int] = []
            for _ in range(count):
                each.append(next_prime(each[-1] if each else moduli - 1))
        else:
            each = list(moduli)
        if len(each) != count:
            raise ArgumentError(f"moduli= is one number for each of {len(orders)} orders x {heads} heads, not {len(each)}")
        tables = []
        offset = 0
        for number, modulus in enumerate(each):
            if modulus < 2:
                raise ArgumentError(f"modulus {number} is {modulus}; moduli are 2 or more", number)
            tables.append(Table(number // heads, modulus, modulus, offset))
            offset += modulus
        self._describe(
            Description(
                scheme="NgramHash",
                vocab_size=size,
                combine=combine,
                mixes=tuple(weights[:order] for order in orders),
                tables=tuple(tables),
                layer_rows=(offset,),
                missing=missing,
                boundary=boundary,
                eos_id=eos_id,
                ignored_ids=tuple(ignored_ids),
                parameters={"orders": list(orders), "heads": heads, "seed": seed if multipliers is None else None},
            ),
            isa,
        )


def product_digits(rows: NDArray[Any], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Row numbers as digits of a product of smaller tables, int64 ``[..., len(sizes)]``: the lowest digit, below ``sizes[0]``, first.

    The product decomposition of the Over-Tokenized Transformer: a table of ``sizes[0] * sizes[1] * ...`` rows is replaced by one of
    each size, whose rows are combined. Raises ArgumentError for a row number beyond the product.
    """
    left = np.asarray(rows, np.int64)
    product = math.prod(sizes)
    if not sizes or min(sizes) < 1:
        raise ArgumentError(f"sizes= is one or more numbers from 1 up, not {list(sizes)}")
    if left.size and (int(left.min()) < 0 or int(left.max()) >= product):
        raise ArgumentError(f"row numbers are between 0 and {product - 1}, the product of {list(sizes)} less 1")
    digits = []
    for size in sizes:
        digits.append(left % size)
        left = left // size
    return np.stack(digits, axis=-1)


def _size_of(vocabulary: Tokenizer | int) -> int:
    if isinstance(vocabulary, Tokenizer):
        return vocabulary.vocab_size
    if isinstance(vocabulary, bool) or not isinstance(vocabulary, int | np.integer):
        raise ArgumentTypeError(f"a vocabulary is a tokmill.Tokenizer or the number of its ids, not {type(vocabulary).__name__}")
    return int(vocabulary)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ArgumentError(f"{name} is at least {least}, not {value}")


def _canonical_of(
    vocabulary: Tokenizer | int,
    size: int,
    canonical: Folding | NDArray[Any] | Sequence[int] | Callable[[bytes], Hashable] | None,
    canonical_size: int | None,
    ignored_ids: Sequence[int],
) -> tuple[NDArray[np.int32] | None, int]:
    if callable(canonical) or isinstance(canonical, str):
        if not isinstance(vocabulary, Tokenizer):
            raise ArgumentTypeError("canonical= as a folding's name or a function of a token's bytes needs a tokenizer as the vocabulary")
        map, made = canonical_map(vocabulary, canonical)
        if canonical_size not in (None, made):
            raise ArgumentError(f"canonical= gives {made} ids, canonical_size= says {canonical_size}")
        return map, made
    if canonical is None:
        if canonical_size is None or canonical_size == size:
            return None, size
        map = np.arange(size, dtype=np.int32)
        map[np.array(ignored_ids, np.int64)] = 0  # they never reach a hash
        beyond = np.flatnonzero(map >= canonical_size)
        if len(beyond):
            raise ArgumentError(f"id {beyond[0]} is not below canonical_size {canonical_size}, not ignored, and has no canonical id")
        return map, canonical_size
    given = np.asarray(canonical)
    if given.shape != (size,) or given.dtype.kind not in "iu":
        raise ArgumentError(f"canonical= is one int for each of {size} ids, not an array of {given.dtype} of the shape {list(given.shape)}")
    if int(given.min()) < 0 or int(given.max()) >= 1 << 30:
        raise ArgumentError(f"canonical ids are between 0 and 2^30 - 1, not {given.min()} to {given.max()}")
    return given.astype(np.int32), int(given.max()) + 1 if canonical_size is None else canonical_size


def _polynomial(
    scheme: str,
    size: int,
    n: int,
    k: int,
    moduli: Sequence[int],
    missing: int,
    boundary: Boundary,
    eos_id: int | None,
    ignored_ids: Sequence[int],
) -> Description:
    """Tables whose value is the n-gram read as a number in base ``size``, the newest token its last digit."""
    mixes = []
    tables = []
    offset = 0
    for c, modulus in enumerate(moduli):
        if modulus < 2:
            raise ArgumentError(f"table {c} has {modulus} rows; it has 2 or more")
        mixes.append(tuple(pow(size, d, modulus) if d else 1 for d in range(2 + c // k)))
        tables.append(Table(c, modulus, modulus, offset))
        offset += modulus
    return Description(
        scheme=scheme,
        vocab_size=size,
        combine="add",
        mixes=tuple(mixes),
        tables=tuple(tables),
        layer_rows=(offset,),
        missing=missing,
        boundary=boundary,
        eos_id=eos_id,
        ignored_ids=tuple(ignored_ids),
    )


def _splitmix_multipliers(seed: int, count: int, size: int) -> tuple[int, ...]:
    """Odd numbers below ``(2**63-1) / size`` from splitmix64."""
    golden = 0x9E3779B97F4A7C15
    half = max(1, LARGEST_INT64 // size // 2)
    return tuple(2 * (_splitmix64((seed + golden * (i + 1)) % TWO_64) % half) + 1 for i in range(count))


def _splitmix64(state: int) -> int:
    z = (state + 0x9E3779B97F4A7C15) % TWO_64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % TWO_64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % TWO_64
    return z ^ z >> 31
