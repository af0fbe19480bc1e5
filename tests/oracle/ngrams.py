"""N-gram rows by the formulas of the published schemes, in Python's whole numbers, one position at a time.

A window is the list of ids that a position sees, the newest first. Each scheme is written from its own paper or code, not from the
common form that tokmill gives them; ``general_row`` is that common form.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

TWO_64 = 1 << 64


def signed(value: int, bits: int = 64) -> int:
    """The number that a signed word of so many bits holds after wrapping around."""
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def windows(
    ids: Sequence[int],
    n: int,
    missing: int,
    *,
    starts: Collection[int] = (0,),
    eos_id: int | None = None,
    ignored: Collection[int] = (),
) -> list[list[int]]:
    """What each position sees: itself and up to n - 1 ids before it, back to the start of its document.

    A document begins at ``starts`` and behind each ``eos_id``. An ignored id, and all before it, are missing.
    """
    seen = []
    for t in range(len(ids)):
        window: list[int] = []
        for d in range(n):
            s = t - d
            if s < 0 or (d > 0 and (s + 1 in starts or ids[s] == eos_id)) or ids[s] in ignored:
                break
            window.append(ids[s])
        seen.append(window + [missing] * (n - len(window)))
    return seen


def over_encoding(window: Sequence[int], vocab_size: int, moduli: Sequence[int], k: int) -> list[int]:
    """Also LongCat: the n-gram as one big number, newest token last digit; table c = (order - 2) * k + slice."""
    return [sum(x * vocab_size**d for d, x in enumerate(window[: 2 + c // k])) % modulus for c, modulus in enumerate(moduli)]


def engram(window: Sequence[int], multipliers: Sequence[int], primes: Sequence[Sequence[int]]) -> list[int]:
    """Also Qwen's: ``primes[order - 2]`` are those of an order's heads."""
    rows = []
    for order, heads in enumerate(primes, 2):
        mix = 0
        for x, multiplier in zip(window[:order], multipliers[:order], strict=True):
            mix ^= x * multiplier
        rows += [signed(mix) % prime for prime in heads]
    return rows


def byte_ngrams(window: Sequence[int], primes: Sequence[int], orders: Sequence[int], buckets: int) -> list[int]:
    """The oldest byte has weight 1."""
    rows = []
    for prime in primes:
        for order in orders:
            oldest_first = list(reversed(window[:order]))
            rows.append(signed(sum(x * prime**i for i, x in enumerate(oldest_first))) % buckets)
    return rows


def bigram_hash(ids: Sequence[int], rows: int) -> list[int]:
    """As modded-nanogpt computes it, in NumPy's int32, with the first id overwritten before hashing."""
    modulus = rows - 1
    x = np.array(ids, np.int32)
    x[0] = modulus
    out = x.copy()
    with np.errstate(over="ignore"):
        out[1:] = np.bitwise_xor(np.int32(36313) * x[1:], np.int32(27191) * x[:-1]) % np.int32(modulus)
    return [int(row) for row in out]


def general_row(window: Sequence[int], weights: Sequence[int], combine: str, bits: int, modulus: int) -> int:
    """One row of tokmill's common form."""
    value = 0
    for x, weight in zip(window, weights, strict=False):
        value = value + x * weight if combine == "add" else value ^ (x * weight % TWO_64)
    return signed(value, bits) % modulus
