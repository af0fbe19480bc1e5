"""``ppm_bits``: how predictable a stream of ids is, by an adaptive model of the last 0 to 3 ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import ppm_bits as _ppm_bits
from ..ragged import Ragged

__all__ = ["PPM_MAX_IDS", "ppm_bits"]

PPM_MAX_IDS = 1 << 22


def ppm_bits(ids: Ragged | ArrayLike, alphabet: int) -> NDArray[np.float64]:
    """Bits that adaptive PPM spends on all documents, by order 0 to 3: float64 [4]. Divide by the bytes of the text.

    Prediction by partial matching, method C (Moffat 1990) without exclusions; the formula stands in docs/hypertokens.md. ``ids`` is a
    Ragged or one document, ``alphabet`` one more than the greatest id that may come. It takes 0.3 µs an id
    of code and 0.7 of noise, and up to 200 bytes an id.

    Raises ArgumentError for more than 2^22 ids, UnknownIdError with the index of an id that the alphabet does not have.
    """
    rows = ids if isinstance(ids, Ragged) else Ragged.from_rows([np.asarray(ids)])
    return np.array(_ppm_bits(rows.ids, rows.offsets, alphabet))
