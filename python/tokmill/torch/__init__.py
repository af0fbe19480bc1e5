"""N-gram embeddings as torch modules, from the rows that a :class:`~tokmill.ngrams.Plan` gives. Needs torch, the extra ``tokmill[torch]``.

``NgramEmbedding`` holds the tables of a layer and turns rows into vectors; ``OverEncodedInput`` is an input layer, the embedding of the
token and those of the n-grams that end with it; ``rows_reference`` computes rows in torch alone, to check the arrays of a loader by.
"""

from __future__ import annotations

from ..errors import MissingPeerError

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise MissingPeerError("tokmill.torch needs torch, which is not installed: pip install 'tokmill[torch]'") from error

from .modules import NgramEmbedding, OverEncodedInput
from .reference import rows_reference

__all__ = ["NgramEmbedding", "OverEncodedInput", "rows_reference"]
