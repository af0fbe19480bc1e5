"""Rows in torch's own integer arithmetic: ids and a plan's numbers in, the rows of ``Plan.rows`` out; slow, on any device.

It shares no code with the core. Products wrap around in int64 or int32 as the plan's words do, and ``torch.remainder`` is never negative.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import ArgumentError, UnknownIdError
from ..ngrams import Plan

__all__ = ["rows_reference"]


def rows_reference(plan: Plan, ids: Tensor, offsets: Tensor | None = None) -> Tensor:
    """The rows of every token in every table of ``plan``, int64 ``[tokens, tables]``, or ``[batch, tokens, tables]`` of 2-D ids.

    ``ids`` is an integer tensor: flat, with the bounds of its documents in ``offsets`` (one document without them), or 2-D, where each
    row is a document. Raises UnknownIdError for an id outside of the vocabulary (``where`` is its index in the flat ids), ArgumentError
    for another shape and for offsets that do not rise from 0 to the number of ids.
    """
    if ids.ndim not in (1, 2) or ids.is_floating_point() or ids.dtype == torch.bool:
        raise ArgumentError(f"ids= is a 1-D or 2-D tensor of integers, not one of {ids.dtype} of the shape {list(ids.shape)}")
    says = plan.description
    flat = ids.reshape(-1).to(torch.int64)
    wrong = torch.nonzero((flat < 0) | (flat >= says.vocab_size)).reshape(-1)
    if len(wrong):
        at = int(wrong[0])
        raise UnknownIdError(f"id {int(flat[at])} at index {at} is not in the plan's vocabulary of {says.vocab_size} ids", at)
    age = _ages(plan, ids, flat, offsets)
    canonical = flat if says.canonical is None else torch.from_numpy(says.canonical.astype(np.int64)).to(flat.device)[flat]
    if says.first is not None:
        canonical = torch.where(age == 0, says.first[0], canonical)

    # What each position sees, newest first. An ignored id has the age -1: it does not even see itself.
    seen = []
    for back in range(plan.history + 1):
        shifted = torch.roll(canonical, back) if len(canonical) else canonical
        seen.append(torch.where(age >= back, shifted, says.missing))
    words = torch.int64 if says.word_bits == 64 else torch.int32
    values = []
    for weights in says.mixes:
        value = torch.zeros_like(flat, dtype=words)
        for x, weight in zip(seen, weights, strict=False):
            product = x.to(words) * _signed(weight, says.word_bits)
            value = value + product if says.combine == "add" else value ^ product
        values.append(value.to(torch.int64))
    columns = [torch.remainder(values[table.mix], table.modulus) for table in plan.tables]
    rows = torch.stack(columns, dim=-1)
    if says.first is not None:
        rows = torch.where((age == 0)[:, None], says.first[1], rows)
    return rows.reshape(*ids.shape, len(plan.tables))


def _ages(plan: Plan, ids: Tensor, flat: Tensor, offsets: Tensor | None) -> Tensor:
    """How many tokens before each one its windows reach back to at most; -1 where a token is ignored."""
    says = plan.description
    count = len(flat)
    begins = torch.zeros(count, dtype=torch.bool, device=flat.device)
    if ids.ndim == 2:
        if offsets is not None:
            raise ArgumentError("the rows of 2-D ids are the documents; offsets= goes with flat ids")
        begins.view(ids.shape)[:, :1] = True
    else:
        begins[:1] = True
        if offsets is not None:
            bounds = offsets.to(flat.device, torch.int64)
            if bounds.ndim != 1 or len(bounds) == 0 or bounds[0] != 0 or bounds[-1] != count or bool((bounds.diff() < 0).any()):
                raise ArgumentError(f"offsets= rises from 0 to {count}, the number of ids")
            if says.boundary != "cross":
                begins[bounds[bounds < count]] = True
    place = torch.arange(count, device=flat.device)
    if says.boundary == "eos":
        begins[1:] |= flat[:-1] == says.eos_id
    start = torch.where(begins, place, 0)
    if says.boundary == "ignored":
        ignored = torch.isin(flat, torch.tensor(says.ignored_ids, dtype=torch.int64, device=flat.device))
        start = torch.maximum(start, torch.where(ignored, place + 1, 0))
    return place - start.cummax(0).values if count else place


def _signed(weight: int, bits: int) -> int:
    """The number that a signed word holds whose bits are those of ``weight``: 2**64 - 1 is -1."""
    half = 1 << (bits - 1)
    return (weight + half) % (2 * half) - half
