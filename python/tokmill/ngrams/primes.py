"""Prime numbers for the sizes of tables: a deterministic test for all numbers below 2^64, and the search upwards."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["is_prime", "next_prime"]

# Enough witnesses for every number below 3.3e24 (Sorenson and Webster, 2015).
WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


def is_prime(number: int) -> bool:
    """Miller and Rabin's test with fixed witnesses: exact for every number below 2^64."""
    if number < 2:
        return False
    for prime in WITNESSES:
        if number % prime == 0:
            return number == prime
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd //= 2
        twos += 1
    for witness in WITNESSES:
        power = pow(witness, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def next_prime(above: int, taken: Collection[int] = ()) -> int:
    """The smallest prime above ``above`` that is not among ``taken``."""
    number = max(above, 1) + 1
    while number in taken or not is_prime(number):
        number += 1
    return number
