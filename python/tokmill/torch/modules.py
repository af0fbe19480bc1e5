"""The tables of a plan as torch modules: rows (from the loader) in, one vector a token out.

All tables of a layer lie in one parameter, table after table as the plan's offsets say, so that a checkpoint that keeps them in one can be
loaded and one optimizer sees one tensor. The state dict carries the plan's digest beside it: rows that another hash made are noise, and a
model would only seem to be worse than it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ArgumentError, ArgumentTypeError, DigestError
from ..ngrams import Plan

__all__ = ["Merge", "NgramEmbedding", "OverEncodedInput"]

Merge: TypeAlias = Literal["sum", "project", "concat"]

# How the models of each scheme bring their tables together.
MERGE_OF_SCHEME: dict[str, Merge] = {"OverEncoding": "project", "LongCat": "project", "Engram": "concat", "QwenPle": "concat"}


class NgramEmbedding(nn.Module):
    """The embeddings of the n-grams that end at a token: looked up by rows, brought together as one vector.

    ``plan``     whose rows these are; ``layer`` counts its layers (Engram and QwenPle may have several)
    ``width``    of the vector
    ``merge``    ``"sum"``: tables as wide as the vector, added (BLT, modded-nanogpt); ``"project"``: narrower tables, each with a
                 projection to ``width``, added (Over-Encoding, LongCat); ``"concat"``: tables side by side, each ``width / tables``
                 wide (Engram, Qwen). None: as the plan's scheme does.
    ``table_width``  of ``"project"``; None: ``width / tables``, at least 1
    ``sparse``   gradients of the tables are sparse tensors that hold only rows of the batch, for ``torch.optim.SparseAdam`` or ``SGD``
    ``std``      rows begin normally distributed with it; 0: as zeros

    The state dict holds ``weight`` (float ``[rows of the layer, table width]``), the projections, and the plan's digest as 32 bytes
    under ``_extra_state``. Loading one of another plan, or of no known plan, raises DigestError before anything is changed here.
    Raises ArgumentError for a layer, a width or a way of merging that does not fit.
    """

    weight: nn.Parameter
    _columns: Tensor
    _offsets: Tensor

    def __init__(
        self,
        plan: Plan,
        width: int,
        *,
        layer: int = 0,
        merge: Merge | None = None,
        table_width: int | None = None,
        sparse: bool = False,
        std: float = 0.02,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(plan, Plan):
            raise ArgumentTypeError(f"plan= is a tokmill.ngrams.Plan, not {type(plan).__name__}")
        if not 0 <= layer < len(plan.layer_rows):
            raise ArgumentError(f"layer {layer} is not one of the {len(plan.layer_rows)} layers of the plan, counted from 0")
        columns = [number for number, table in enumerate(plan.tables) if table.layer == layer]
        how = MERGE_OF_SCHEME.get(plan.scheme, "sum") if merge is None else merge
        self.plan = plan
        self.layer = layer
        self.width = width
        self.merge: Merge = how
        self.sparse = sparse
        self.std = std
        self.table_width = _table_width(how, width, len(columns), table_width)
        self.weight = nn.Parameter(torch.empty(plan.layer_rows[layer], self.table_width, device=device, dtype=dtype))
        if how == "project":
            self.projection = nn.Parameter(torch.empty(len(columns), self.table_width, width, device=device, dtype=dtype))
        self.register_buffer("_columns", torch.tensor(columns, device=device), persistent=False)
        self.register_buffer("_offsets", torch.tensor([plan.tables[column].offset for column in columns], device=device), persistent=False)
        self.reset_parameters()

    @property
    def table_count(self) -> int:
        """How many tables the layer has."""
        return len(self._columns)

    def reset_parameters(self) -> None:
        """Fresh values: rows as ``std`` says, projections uniform as those of ``torch.nn.Linear``."""
        with torch.no_grad():
            if self.std:
                self.weight.normal_(0.0, self.std)
            else:
                self.weight.zero_()
            if self.merge == "project":
                bound = self.table_width**-0.5
                self.projection.uniform_(-bound, bound)

    def forward(self, rows: Tensor | NDArray[Any]) -> Tensor:
        """Float ``[..., width]`` of the rows ``[..., tables]`` that ``plan.rows`` gave, of all the plan's tables and without offsets added.

        Rows are an array or a tensor of int32 or int64; an array goes to the tables' device. Raises ArgumentError for another shape or
        type; a row outside of its layer's tables is torch's IndexError (on a GPU, its failed assertion).
        """
        index = torch.from_numpy(np.ascontiguousarray(rows)) if isinstance(rows, np.ndarray) else rows
        if index.dtype not in (torch.int32, torch.int64):
            raise ArgumentError(f"rows are int32 or int64, as plan.rows gives them, not {index.dtype}")
        if index.ndim == 0 or index.shape[-1] != len(self.plan.tables):
            raise ArgumentError(f"rows are [..., {len(self.plan.tables)}], one for each table of the plan, not {list(index.shape)}")
        index = index.to(self.weight.device)
        if len(self.plan.layer_rows) > 1:
            index = index[..., self._columns]
        index = index + self._offsets  # int64: the offsets are
        if self.merge == "sum":
            flat = index.reshape(-1, self.table_count)
            return functional.embedding_bag(flat, self.weight, mode="sum", sparse=self.sparse).reshape(*index.shape[:-1], self.width)
        found = functional.embedding(index, self.weight, sparse=self.sparse)
        if self.merge == "concat":
            return found.flatten(-2)
        # One product of matrices instead of one a table: side by side, projections that are added are a single one.
        return found.flatten(-2) @ self.projection.flatten(0, 1)

    def extra_repr(self) -> str:
        return f"{self.plan!r}, layer={self.layer}, width={self.width}, merge={self.merge!r}, sparse={self.sparse}"

    # The digest in the state dict

    def get_extra_state(self) -> Tensor:
        return torch.tensor(list(bytes.fromhex(self.plan.digest)), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        self._check_digest(state)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        # Torch copies the tensors first and hands the extra state over last: too late to refuse.
        if f"{prefix}weight" in state_dict:
            self._check_digest(state_dict.get(f"{prefix}_extra_state"))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _check_digest(self, state: Any) -> None:
        if not isinstance(state, Tensor):
            raise DigestError("the state dict does not say of which plan its n-gram tables are: it has no digest under _extra_state")
        found = bytes(state.reshape(-1).to("cpu", torch.uint8).tolist()).hex()
        if found != self.plan.digest:
            raise DigestError(
                f"the n-gram tables were trained with the plan {found}, this module has {self.plan.digest}: "
                "load the plan that was saved with the model (Plan.load) and make the module of that one"
            )


class OverEncodedInput(nn.Module):
    """An input layer: the embedding of each token plus those of the n-grams that end with it.

    ``average`` divides the sum by the number of vectors in it, as Over-Encoding, LongCat and BLT do: 1 + tables (``merge="concat"``: 2).
    ``token_std`` is the spread that the tokens' own embedding begins with, ``std`` that of the tables; the other arguments are those of
    :class:`NgramEmbedding`. ``token`` is a ``torch.nn.Embedding`` ``[vocabulary, width]``, ``ngrams`` the tables.
    """

    def __init__(
        self,
        plan: Plan,
        width: int,
        *,
        layer: int = 0,
        merge: Merge | None = None,
        table_width: int | None = None,
        average: bool = True,
        sparse: bool = False,
        token_std: float = 0.02,
        std: float = 0.02,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.ngrams = NgramEmbedding(
            plan, width, layer=layer, merge=merge, table_width=table_width, sparse=sparse, std=std, device=device, dtype=dtype
        )
        self.token = nn.Embedding(plan.vocab_size, width, device=device, dtype=dtype)
        nn.init.normal_(self.token.weight, 0.0, token_std)
        vectors = 2 if self.ngrams.merge == "concat" else 1 + self.ngrams.table_count
        self.scale = 1.0 / vectors if average else 1.0

    def forward(self, ids: Tensor, rows: Tensor | NDArray[Any] | None = None) -> Tensor:
        """Float ``[..., width]`` of ids ``[...]`` and their rows ``[..., tables]``.

        Rows come from the loader, so that they are ready when the step begins; without them the plan makes them here, on the host, of 1-D
        or 2-D ids, each row of which is a document. Raises UnknownIdError for ids outside of the vocabulary then, and ArgumentError for
        shapes that do not fit.
        """
        if rows is None:
            if ids.ndim not in (1, 2):
                raise ArgumentError(f"rows= may be left out for 1-D and 2-D ids, not for the shape {list(ids.shape)}")
            rows = self.ngrams.plan.rows(ids.cpu().numpy(), dtype=np.int64)
        if tuple(rows.shape[:-1]) != tuple(ids.shape):
            raise ArgumentError(f"rows are one for each id and table: ids {list(ids.shape)}, rows {list(rows.shape)}")
        vector: Tensor = self.token(ids) + self.ngrams(rows)
        return vector if self.scale == 1.0 else vector * self.scale


def _table_width(merge: str, width: int, tables: int, asked: int | None) -> int:
    if width < 1:
        raise ArgumentError(f"width is 1 or more, not {width}")
    if merge == "project":
        if asked is not None and asked < 1:
            raise ArgumentError(f"table_width is 1 or more, not {asked}")
        return asked if asked is not None else max(1, width // tables)
    if merge == "concat" and width % tables:
        raise ArgumentError(f"width {width} is not a multiple of the layer's {tables} tables, which stand side by side in it")
    if merge not in ("sum", "concat"):
        raise ArgumentError(f"merge= takes 'sum', 'project' or 'concat', not {merge!r}")
    needed = width if merge == "sum" else width // tables
    if asked not in (None, needed):
        raise ArgumentError(f"table_width={asked}: with merge={merge!r} tables are {needed} wide")
    return needed
