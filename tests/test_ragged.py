"""Ragged: rows, padding, packing, Arrow, against plain Python lists."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tokmill import Ragged
from tokmill.errors import ArgumentError

ROWS = [[5, 6, 7], [], [8], [9, 10, 11, 12, 13], []]


def random_rows(rng):
    return [[rng.randrange(1, 1000) for _ in range(rng.randrange(0, 9))] for _ in range(rng.randrange(0, 12))]


def test_rows_come_back():
    ragged = Ragged.from_rows(ROWS)
    assert len(ragged) == 5
    assert ragged.lists() == ROWS
    assert [row.tolist() for row in ragged] == ROWS
    assert ragged[3].tolist() == ROWS[3]
    assert ragged[-5].tolist() == ROWS[0]
    assert np.shares_memory(ragged[0], ragged.ids)
    assert ragged.lengths.tolist() == [3, 0, 1, 5, 0]
    assert ragged.offsets.dtype == np.int64
    for row in (5, -6):
        with pytest.raises(IndexError):
            ragged[row]


@pytest.mark.parametrize(
    "cut", [slice(1, 4), slice(None), slice(4, 1), slice(-2, None), slice(None, None, 2), slice(None, None, -1), slice(9, 12)]
)
def test_slices_are_ragged(cut):
    part = Ragged.from_rows(ROWS)[cut]
    assert part.lists() == ROWS[cut]
    assert part.offsets[0] == 0


def test_no_rows():
    empty = Ragged.from_rows([])
    assert len(empty) == 0
    assert empty.lists() == []
    matrix, mask = empty.padded(0)
    assert matrix.shape == mask.shape == (0, 0)
    assert empty.padded(0, length=4)[0].shape == (0, 4)
    assert len(empty.packed(8)) == 0
    assert empty.packed(8).offsets.tolist() == [0]


@pytest.mark.parametrize("side", ["right", "left"])
def test_padded_equals_lists(rng, side):
    for _ in range(200):
        rows = random_rows(rng)
        length = max(map(len, rows), default=0) + rng.randrange(0, 3)
        matrix, mask = Ragged.from_rows(rows).padded(0, side=side, length=length)
        assert matrix.shape == (len(rows), length)
        assert mask.dtype == np.bool_
        for row, got, real in zip(rows, matrix.tolist(), mask.tolist(), strict=True):
            fill = [0] * (length - len(row))
            assert got == (row + fill if side == "right" else fill + row)
            assert real == [bool(id) for id in got]


def test_padded_truncates_only_by_request():
    ragged = Ragged.from_rows(ROWS)
    with pytest.raises(ArgumentError, match="row 3 has 5 ids") as caught:
        ragged.padded(0, length=3)
    assert caught.value.where == 3
    matrix, mask = ragged.padded(-1, length=3, truncate=True, dtype=np.int64)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[5, 6, 7], [-1, -1, -1], [8, -1, -1], [9, 10, 11], [-1, -1, -1]]
    assert mask.sum() == 7
    left, _ = ragged.padded(-1, side="left", length=3, truncate=True)
    assert left.tolist() == [[5, 6, 7], [-1, -1, -1], [-1, -1, 8], [9, 10, 11], [-1, -1, -1]]


@pytest.mark.parametrize("arguments", [{"side": "up"}, {"length": -1}, {"dtype": np.uint16}])
def test_padded_refuses(arguments):
    with pytest.raises(ArgumentError):
        Ragged.from_rows(ROWS).padded(-1, **arguments)


def test_packed_equals_lists(rng):
    for _ in range(300):
        rows = random_rows(rng)
        seq_len = rng.randrange(1, 7)
        eos = rng.choice([None, 1001])
        drop_last = rng.random() < 0.5
        flat = [(id, d, p) for d, row in enumerate(rows) for p, id in enumerate(row + ([eos] if eos else []))]
        rest = len(flat) % seq_len
        if rest and drop_last:
            flat = flat[: len(flat) - rest]
        elif rest:
            flat += [(0, -1, p) for p in range(seq_len - rest)]
        packed = Ragged.from_rows(rows).packed(seq_len, eos=eos, pad=0, drop_last=drop_last)
        assert packed.ids.shape == packed.documents.shape == packed.positions.shape == (len(flat) // seq_len, seq_len)
        got = zip(packed.ids.ravel().tolist(), packed.documents.ravel().tolist(), packed.positions.ravel().tolist(), strict=True)
        assert list(got) == flat
        bounds = [i for i in range(len(flat)) if i % seq_len == 0 or flat[i][1] != flat[i - 1][1]] + [len(flat)]
        assert packed.offsets.tolist() == (bounds if flat else [0])


def test_packed_says_what_to_do_with_the_rest():
    ragged = Ragged.from_rows(ROWS)
    with pytest.raises(ArgumentError, match="pad="):
        ragged.packed(4)
    assert ragged.packed(4, drop_last=True).ids.tolist() == [[5, 6, 7, 8], [9, 10, 11, 12]]
    assert ragged.packed(3).ids.tolist() == [[5, 6, 7], [8, 9, 10], [11, 12, 13]]
    with pytest.raises(ArgumentError, match="seq_len"):
        ragged.packed(0)
    with pytest.raises(ArgumentError, match="does not fit into uint16"):
        Ragged.from_rows(ROWS, np.uint16).packed(4, eos=70_000, pad=0)


def test_with_end():
    assert Ragged.from_rows(ROWS).with_end(1).lists() == [[*row, 1] for row in ROWS]
    assert Ragged.from_rows([]).with_end(1).lists() == []


def test_equality_copies_and_pickles():
    ragged = Ragged.from_rows(ROWS)
    assert ragged == Ragged.from_rows(ROWS)
    assert ragged != Ragged.from_rows(ROWS[:-1])
    assert ragged != ROWS
    assert pickle.loads(pickle.dumps(ragged)) == ragged
    assert "5 rows" in repr(ragged)
    with pytest.raises(TypeError):
        hash(ragged)


def test_arrow():
    pyarrow = pytest.importorskip("pyarrow")
    for dtype in (np.int32, np.uint16, np.int64):
        array = Ragged.from_rows(ROWS, dtype).to_arrow()
        array.validate(full=True)
        assert array.type == pyarrow.large_list(pyarrow.from_numpy_dtype(np.dtype(dtype)))
        assert array.to_pylist() == ROWS


@pytest.mark.parametrize(
    ("ids", "offsets"),
    [
        ([1, 2], [0, 1]),
        ([1, 2], [1, 2]),
        ([1, 2], [0, 2, 1, 2]),
        ([1, 2], []),
        ([1, 2], [0.0, 2.0]),
        ([[1, 2]], [0, 1]),
        ([1.5, 2], [0, 2]),
    ],
)
def test_ids_and_offsets_that_do_not_fit(ids, offsets):
    with pytest.raises(ArgumentError):
        Ragged(np.array(ids), np.array(offsets))


@pytest.mark.parametrize("rows", [[[1], [1.5]], [[[1]]], [["a"]], [3]])
def test_rows_that_are_no_rows(rows):
    with pytest.raises(ArgumentError, match="row "):
        Ragged.from_rows(rows)
