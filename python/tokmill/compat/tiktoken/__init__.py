"""tiktoken 0.14's interface: ``import tokmill.compat.tiktoken as tiktoken`` is the only change.

Ids, errors and defaults are tiktoken's; what differs on purpose stands in ``docs/tiktoken.md``.
"""

from __future__ import annotations

from . import load as load
from .core import Encoding as Encoding
from .model import encoding_for_model as encoding_for_model
from .model import encoding_name_for_model as encoding_name_for_model
from .registry import get_encoding as get_encoding
from .registry import list_encoding_names as list_encoding_names

__all__ = ["Encoding", "encoding_for_model", "encoding_name_for_model", "get_encoding", "list_encoding_names"]

# Of the interface, for programs that ask.
__version__ = "0.14.0"
