"""``tokmill.torch``: rows by torch's integers equal the core's, vectors equal sums written out, gradients touch the rows of the batch only,
a state dict of another plan is refused."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokmill.errors import ArgumentError, ArgumentTypeError, DigestError, UnknownIdError
from tokmill.ngrams import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, Plan, QwenPle

if TYPE_CHECKING or importlib.util.find_spec("torch"):
    import torch
    from tokmill.torch import NgramEmbedding, OverEncodedInput, rows_reference

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (tokmill[torch])")


def test_without_torch_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import tokmill.errors\n"
        "try: import tokmill.torch\n"
        "except tokmill.errors.MissingPeerError as error: print(isinstance(error, ImportError), error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "True tokmill.torch needs torch, which is not installed: pip install 'tokmill[torch]'\n"


def plans() -> dict[str, Plan]:
    canonical = [id * 7 % 60 for id in range(64)]
    return {
        "over-encoding": OverEncoding(64, first_rows=192, n=3, k=2),
        "longcat": LongCat(64, ratio=3.3, n=4, k=2),
        "longcat, stops at ignored ids": LongCat(64, ratio=3.3, n=4, k=2, eos_id=None, boundary="ignored", ignored_ids=(2, 9)),
        "engram": Engram(64, sizes=50, n=4, heads=2, layers=(1, 15), canonical=canonical),
        "engram, ignored": Engram(64, sizes=50, heads=2, canonical=canonical, boundary="ignored", ignored_ids=(0, 5)),
        "qwen": QwenPle(64, base=90, eos_id=3, n=3, heads=2),
        "bytes": ByteNgrams(buckets=101, orders=(3, 4, 8), functions=2),
        "bigram": BigramHash(64, rows=97),
        "bigram of documents": BigramHash(64, rows=97, boundary="documents"),
        "weights up to 2^64": NgramHash(64, orders=(1, 2, 3), moduli=97, combine="add", multipliers=(2**64 - 1, 2**63 + 5, 3)),
        "xor that wraps around": NgramHash(64, orders=(2, 5), moduli=(101, 89), multipliers=(2**63 - 1, 2**62 + 1, 2**61 + 3, 5, 7)),
    }


@needs_torch
@pytest.mark.parametrize("name", plans())
def test_rows_by_torch_equal_those_of_the_core(name: str, rng: random.Random) -> None:
    plan = plans()[name]
    ids = torch.tensor([rng.randrange(plan.vocab_size) for _ in range(400)])
    offsets = torch.tensor([0, 0, *sorted(rng.randrange(400) for _ in range(20)), 400])
    assert rows_reference(plan, ids).tolist() == plan.rows(ids.numpy()).tolist()
    assert rows_reference(plan, ids, offsets).tolist() == plan.rows(ids.numpy(), offsets.numpy()).tolist()
    batch = ids.reshape(8, 50).to(torch.int32)
    assert rows_reference(plan, batch).tolist() == plan.rows(batch.numpy()).tolist()
    assert rows_reference(plan, ids[:0]).shape == (0, len(plan.tables))


@needs_torch
def test_rows_of_the_worked_example() -> None:
    plan = OverEncoding(64, first_rows=192, n=3, k=2)
    assert rows_reference(plan, torch.tensor([5, 9, 2, 31])).tolist() == [
        [5, 5, 5, 5],
        [137, 135, 133, 131],
        [2, 190, 86, 70],
        [159, 159, 175, 195],
    ]


@needs_torch
def test_what_the_reference_refuses() -> None:
    plan = OverEncoding(64, first_rows=192)
    with pytest.raises(UnknownIdError, match="id 64 at index 1") as caught:
        rows_reference(plan, torch.tensor([0, 64, -1]))
    assert caught.value.where == 1
    for ids, offsets in (
        (torch.zeros(3), None),
        (torch.zeros(2, 2, 2, dtype=torch.int64), None),
        (torch.zeros(2, 2, dtype=torch.int64), torch.tensor([0, 4])),
        (torch.zeros(4, dtype=torch.int64), torch.tensor([0, 3, 2, 4])),
        (torch.zeros(4, dtype=torch.int64), torch.tensor([0, 3])),
    ):
        with pytest.raises(ArgumentError):
            rows_reference(plan, ids, offsets)


@needs_torch
@pytest.mark.parametrize(("name", "merge", "width"), [("over-encoding", "project", 8), ("engram", "concat", 12), ("bytes", "sum", 5)])
@pytest.mark.parametrize("sparse", [False, True])
def test_vectors_are_what_the_scheme_says(name: str, merge: Any, width: int, sparse: bool, rng: random.Random) -> None:
    plan = plans()[name]
    torch.manual_seed(1)
    module = NgramEmbedding(plan, width, layer=len(plan.layer_rows) - 1, sparse=sparse, std=1.0)
    assert module.merge == merge
    batch = np.array([[rng.randrange(60) for _ in range(7)] for _ in range(3)])
    rows = plan.rows(batch)
    tables = [number for number, table in enumerate(plan.tables) if table.layer == module.layer]
    weight = module.weight.detach().double().numpy()
    found = [weight[rows[..., c] + plan.tables[c].offset] for c in tables]
    if merge == "concat":
        expected = np.concatenate(found, axis=-1)
    elif merge == "sum":
        expected = sum(found)
    else:
        expected = sum(part @ matrix for part, matrix in zip(found, module.projection.detach().double().numpy(), strict=True))
    vectors = module(rows)
    assert vectors.shape == (3, 7, width)
    assert np.allclose(vectors.detach().numpy(), expected, atol=1e-5)
    assert torch.equal(module(torch.from_numpy(rows).long()), vectors)

    vectors.sum().backward()
    gradient = module.weight.grad
    assert gradient is not None
    assert gradient.is_sparse == sparse
    touched = {int(row) for c in tables for row in (rows[..., c] + plan.tables[c].offset).reshape(-1)}
    dense = gradient.to_dense() if sparse else gradient
    assert set(torch.nonzero(dense.abs().sum(-1)).reshape(-1).tolist()) <= touched
    if sparse:
        assert set(gradient.coalesce().indices().reshape(-1).tolist()) == touched
        before = module.weight.detach().clone()
        torch.optim.SparseAdam([module.weight], lr=0.1).step()
        assert set(torch.nonzero((module.weight - before).abs().sum(-1)).reshape(-1).tolist()) == touched


@needs_torch
def test_an_input_layer_averages_tokens_and_ngrams() -> None:
    plan = OverEncoding(64, first_rows=192, n=3, k=2)
    layer = OverEncodedInput(plan, 8, merge="sum", std=1.0)
    ids = torch.tensor([[5, 9, 2], [5, 9, 0]])
    rows = rows_reference(plan, ids)
    expected = (layer.token(ids) + layer.ngrams(rows)) / 5
    assert torch.allclose(layer(ids, rows), expected)
    assert torch.equal(layer(ids), layer(ids, rows))
    assert torch.equal(layer(ids[0]), layer(ids)[0])
    summed = OverEncodedInput(plan, 8, average=False, std=0.0)
    assert torch.equal(summed(ids), summed.token(ids))
    with pytest.raises(ArgumentError, match="one for each id"):
        layer(ids, rows[:1])
    with pytest.raises(ArgumentError, match="left out"):
        layer(ids[None])
    with pytest.raises(UnknownIdError):
        layer(torch.tensor([64]))


@needs_torch
def test_a_state_dict_knows_its_plan(tmp_path: Any) -> None:
    plan = OverEncoding(64, first_rows=192, n=3, k=2)
    # The same shapes throughout, another hash: what goes unnoticed without a digest.
    other = OverEncoding(64, first_rows=192, n=3, k=2, boundary="cross")
    trained = torch.nn.ModuleDict({"input": OverEncodedInput(plan, 8)})
    torch.save(trained.state_dict(), tmp_path / "model.pt")
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    fresh = torch.nn.ModuleDict({"input": OverEncodedInput(Plan.from_json(plan.to_json()), 8)})
    fresh.load_state_dict(saved)
    assert torch.equal(fresh["input"](torch.tensor([5, 9])), trained["input"](torch.tensor([5, 9])))

    wrong = OverEncodedInput(other, 8).ngrams
    before = wrong.weight.detach().clone()
    for strict in (True, False):
        with pytest.raises(DigestError, match=f"{plan.digest}.*{other.digest}"):
            wrong.load_state_dict(trained["input"].ngrams.state_dict(), strict=strict)
        unknown = {name: value for name, value in wrong.state_dict().items() if "_extra_state" not in name}
        with pytest.raises(DigestError, match="does not say"):
            wrong.load_state_dict(unknown, strict=strict)
    assert torch.equal(wrong.weight, before)


@needs_torch
def test_arguments_that_do_not_fit() -> None:
    plan = plans()["engram"]
    wrong: list[dict[str, Any]] = [
        {"layer": 2},
        {"layer": -1},
        {"width": 7},
        {"width": 0},
        {"merge": "mean"},
        {"merge": "sum", "table_width": 3},
        {"merge": "project", "table_width": 0},
    ]
    for change in wrong:
        with pytest.raises(ArgumentError):
            NgramEmbedding(plan, **{"width": 12, **change})
    with pytest.raises(ArgumentTypeError):
        NgramEmbedding(12, 12)  # type: ignore[arg-type]
    module = NgramEmbedding(plan, 12)
    for rows in (torch.zeros(3, 5, dtype=torch.int64), torch.zeros(3, 12), torch.tensor(1)):
        with pytest.raises(ArgumentError):
            module(rows)
    with pytest.raises(IndexError):
        module(torch.full((2, 12), 10**6))
