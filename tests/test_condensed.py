"""``Condensed`` and ``Explanation``: where condensed ids stand, counted in base ids, bytes and characters, by hand and by definition."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill import Ragged, Tokenizer
from tokmill.cli import main
from tokmill.condensed import BASE, HYPER, Chain, Hypertokens, IntBPE, Opcodes, Supertokens, ppm_bits
from tokmill.condensed.ppm import PPM_MAX_IDS
from tokmill.errors import ArgumentError, UnknownIdError
from tokmill.report.condensed import _entropy, _renyi, hypertokens_section

from tests.oracle.classes import read
from tests.oracle.ppm import ppm_bits as oracle_ppm_bits

TEXT = "the café, the café, the café: naïve 日本語 日本語 日本語 the café"


def test_by_hand() -> None:
    z = Hypertokens(10, book_size=20, max_subtokens=3)
    c = z.condense(Ragged.from_rows([[1, 2, 1, 2, 1], [], [3, 3, 3]]))
    assert c.ids.tolist() == [1, 2, 10, 1, 3, 10]
    assert c.base_counts.tolist() == [1, 1, 2, 1, 1, 2]
    assert c.kind.tolist() == [BASE, BASE, HYPER, BASE, BASE, HYPER]
    assert c.offsets.tolist() == [0, 4, 4, 6]
    assert c.positions.tolist() == [0, 1, 3, 4, 0, 2]
    assert (c.base_starts.tolist(), c.base_ends.tolist()) == ([0, 1, 2, 4, 5, 6], [1, 2, 4, 5, 6, 8])
    assert c.mask([1, 0, 1, 0, 1, 1, 1, 1]).tolist() == [True, False, False, True, True, True]
    assert c.mask([1, 0, 1, 0, 1, 0, 0, 0], "any").tolist() == [True, False, True, True, False, False]
    assert c.reduction == 1 - 6 / 8
    assert len(c) == 3
    assert c.ragged.lists() == [[1, 2, 10, 1], [], [3, 10]]
    assert z.book([1, 2, 1, 2, 1], condensed=False).lists() == [[1, 2], [2, 1], [1, 2, 1]]
    assert z.book([1, 2, 10, 1]).lists() == [[1, 2], [2, 1], [1, 2, 1]]
    for wrong in ([True], np.ones((8, 1))):
        with pytest.raises(ArgumentError):
            c.mask(wrong)
    with pytest.raises(ArgumentError):
        c.mask([True] * 8, "most")  # type: ignore[arg-type]


def test_nothing() -> None:
    z = Hypertokens(10)
    for empty in ([], np.empty(0), Ragged.from_rows([]), Ragged.from_rows([[], []])):
        c = z.condense(empty)
        assert len(c.ids) == len(c.positions) == len(c.kind) == len(c.mask([])) == 0
        assert c.reduction == 0
        assert z.expand(c).ids.tolist() == []
        assert z.explain(c).top_phrases() == []


def test_digits_are_left_alone(embedded: Tokenizer) -> None:
    # A number of which each byte is a token of its own is no digit token: ٣ in this vocabulary.
    text = "build 2024-11-05 14:03:22 took 14 s; build 2024-11-05 14:03:22 took 14 s; " * 4 + "x²x²x²x² " * 3
    z = Hypertokens(embedded, "lru")
    c = z.condense(embedded.encode(text))
    view = z.explain(c)
    merged = [view.explain(i).text for i in np.flatnonzero(c.base_counts > 1)]
    assert merged
    assert not any(letter.isnumeric() for text in merged for letter in text)
    with_digits = Hypertokens(embedded, "lru", disabled=()).condense(embedded.encode(text))
    assert len(with_digits.ids) < len(c.ids)
    classes = read()
    assert set(z.disabled.tolist()) == {
        id
        for id, token in enumerate(embedded.token_bytes)
        if token is not None
        and id not in embedded.special_tokens.values()
        and any(classes[ord(x)] == "n" for x in token.decode("utf-8", "ignore"))
    } | ({embedded.pad_id} - {None})


def test_explain(embedded: Tokenizer) -> None:
    z = Hypertokens(embedded, book_size=100, max_subtokens=3)
    rows = embedded.encode_batch([TEXT, "", TEXT[::-1]])
    c = z.condense(rows)
    view = z.explain(c)
    spans = c.byte_spans(rows.ids, embedded)
    joined = b""
    for i in range(len(view)):
        one = view.explain(i)
        assert one.bytes == embedded.decode_bytes(one.base_ids)
        assert one.byte_span == tuple(spans[i])
        assert one.base_span == (c.positions[i] + 1 - c.base_counts[i], c.positions[i] + 1)
        assert c.offsets[one.document] <= i < c.offsets[one.document + 1]
        assert one.text == one.bytes.decode("utf-8", "replace")
        joined += one.bytes
    assert joined.decode() == TEXT + TEXT[::-1]
    assert view.explain(-1).index == len(view) - 1
    with pytest.raises(IndexError):
        view.explain(len(view))
    with pytest.raises(UnknownIdError):
        c.byte_spans(np.full(len(rows.ids), embedded.vocab_size), embedded)


def test_index_maps(embedded: Tokenizer) -> None:
    z = Hypertokens(embedded, book_size=100, max_subtokens=3)
    rows = embedded.encode_batch([TEXT, TEXT])
    view = z.explain(z.condense(rows))
    data, text = (TEXT + TEXT).encode(), TEXT + TEXT
    starts = {
        "byte": list(range(len(data) + 1)),
        "char": [len(text[:k].encode()) for k in range(len(text) + 1)],
        "base": [0],
        "condensed": [0],
    }
    for id in rows.ids.tolist():
        starts["base"].append(starts["base"][-1] + len(embedded.bytes_of(id)))
    for i in range(len(view)):
        starts["condensed"].append(starts["condensed"][-1] + len(view.explain(i).bytes or b""))
    units = ("byte", "char", "base", "condensed")
    for coarse, of in enumerate(units):
        for fine, unit in enumerate(units):
            if fine > coarse:
                with pytest.raises(ArgumentError):
                    view.bounds(of, unit)  # type: ignore[arg-type]
                continue
            wanted = [sum(place < start for place in starts[unit][:-1]) for start in starts[of]]
            assert view.bounds(of, unit).tolist() == wanted, (of, unit)  # type: ignore[arg-type]
            lookup = view.lookup(of, unit)  # type: ignore[arg-type]
            for k, owner in enumerate(lookup.tolist()):
                assert starts[of][owner] <= starts[unit][k] < starts[of][owner + 1]
    with pytest.raises(ArgumentError):
        view.bounds("word", "byte")  # type: ignore[arg-type]


def test_top_phrases_and_render(rng: random.Random) -> None:
    z = Hypertokens(8, "lru", book_size=30, max_subtokens=4)
    ids = [rng.randrange(3) for _ in range(400)]
    c = z.condense(ids)
    view = z.explain(c, render=lambda base: "-".join("ABCDEFGH"[id] for id in base))
    wanted: dict[tuple[int, ...], int] = {}
    for i in range(len(view)):
        one = view.explain(i)
        assert one.bytes is None
        assert one.byte_span is None
        assert one.text == "-".join("ABCDEFGH"[id] for id in one.base_ids)
        if len(one.base_ids) > 1:
            wanted[tuple(one.base_ids.tolist())] = wanted.get(tuple(one.base_ids.tolist()), 0) + 1
    top = view.top_phrases(1000)
    assert {phrase.base_ids: phrase.count for phrase in top} == wanted
    assert [phrase.saved for phrase in top] == sorted((count * (len(ids) - 1) for ids, count in wanted.items()), reverse=True)
    assert sum(phrase.saved for phrase in top) == len(ids) - len(c.ids)
    assert view.top_phrases(2) == top[:2]
    with pytest.raises(ArgumentError):
        view.bounds("condensed", "byte")


def test_public_names_are_documented() -> None:
    for name in tokmill.condensed.__all__:
        value = getattr(tokmill.condensed, name)
        assert isinstance(value, int) or value.__doc__, name


# The report


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log.txt"
    text = "GET /health took 3 ms\n" * 30 + "GET /index took 14 ms\n" * 30
    file.write_text(text)
    assert main(["report", "--json", "--condense", "hyper", str(file)]) == 0
    plain, section = json.loads(capsys.readouterr().out)["sections"]
    assert section["title"] == f"{file}, hypertokens" or section["title"].endswith("log.txt, hypertokens")
    assert section["profile"] == "lru"
    assert section["base_ids"] == plain["tokens"]
    assert section["reduction"] == round(1 - section["condensed_ids"] / section["base_ids"], 4)
    assert section["round_trip"] == "exact"
    assert section["ids_per_byte"] == round(section["condensed_ids"] / len(text), 4)
    histogram = dict(section["tables"][0]["rows"])
    assert sum(histogram.values()) == section["condensed_ids"]
    assert sum(int(length) * count for length, count in histogram.items()) == section["base_ids"]
    assert section["tables"][1]["columns"] == ["phrase", "times", "ids saved"]
    assert main(["report", "--condense", "hyper:zip2zip", "--tokens", "0", str(file)]) == 0
    assert "reduction with none disabled" in capsys.readouterr().out


def test_entropies_by_hand() -> None:
    ids = np.array([0, 0, 1, 2])
    assert _entropy(ids) == 1.5
    assert _renyi(ids) == pytest.approx(np.log2(0.5**2.5 + 2 * 0.25**2.5) / -1.5 / np.log2(3))
    assert (_entropy(ids[:2]), _renyi(ids[:2])) == (0, 1)


def test_report_of_many_documents_and_of_none() -> None:
    z = Hypertokens(10, book_size=20, max_subtokens=3, disabled=[3])
    rows = {row.key: row for row in hypertokens_section(z, "two", Ragged.from_rows([[1, 2] * 8, [3, 3, 3, 3], []]), 20).rows}
    assert rows["disabled"].value == 1
    assert 0 < float(rows["reduction_median"].value) < 0.5
    assert {row.key: row.value for row in hypertokens_section(z, "none", Ragged.from_rows([]), 0).rows}["condensed_ids"] == 0


# Predictability, and seeds from other texts


def test_ppm_by_hand() -> None:
    # Order 0, "a b a": 1/4, then an escape 1/2 * 1/4, then 1 of 2 seen + 2 distinct. Order 1 knows nothing behind "a" and "b" but the
    # escapes to order 0, until "a" comes again behind nothing met.
    bits = ppm_bits([0, 1, 0], 4)
    assert bits[0] == pytest.approx(2 + 3 + 2)
    assert bits.tolist() == pytest.approx([7.0] * 4)
    # The fourth id in order 1: behind "a" stood "b" once: 1 of 1 + 1.
    assert ppm_bits([0, 1, 0, 1], 4)[1] == pytest.approx(8.0)
    assert ppm_bits([], 4).tolist() == [0.0] * 4


def test_ppm_by_definition(rng: random.Random) -> None:
    for _ in range(60):
        alphabet = rng.choice([2, 5, 300, 2**24 + 2**20])
        values = [rng.randrange(alphabet) for _ in range(rng.choice([1, 3, 40]))]
        documents = [rng.choices(values, k=rng.choice([0, 1, 2, 5, 80])) for _ in range(rng.randrange(6))]
        bits = ppm_bits(Ragged.from_rows(documents), alphabet)
        assert bits.tolist() == pytest.approx([oracle_ppm_bits(documents, order, alphabet) for order in range(4)])


def test_ppm_refuses() -> None:
    with pytest.raises(UnknownIdError) as caught:
        ppm_bits([1, 2, 7, 3], 7)
    assert caught.value.where == 2
    with pytest.raises(UnknownIdError):
        ppm_bits([1, -1], 7)
    with pytest.raises(ArgumentError, match="at most 4194304"):
        ppm_bits(np.zeros(PPM_MAX_IDS + 1, np.int32), 1)


def test_seeded() -> None:
    z = Hypertokens(10, book_size=20, max_subtokens=4)
    learnt = z.seeded([1, 2, 3] * 12 + [5, 6] * 3)
    phrases = [tuple(phrase) for phrase in learnt.seed.lists()]
    assert 0 < len(phrases) <= 10
    assert len(set(phrases)) == len(phrases)
    for phrase in phrases:
        assert len(phrase) == 2 or phrase[:-1] in phrases
    ids = [1, 2, 3] * 5
    assert learnt.condense(ids).reduction > z.condense(ids).reduction
    assert learnt.expand(learnt.condense(ids)).ids.tolist() == ids
    assert len(learnt.seeded(ids, 3).seed) == len(phrases)  # what is there stays
    assert len(z.seeded([1, 2, 3] * 12, 1).seed) == 1
    assert len(z.seeded([]).seed) == 0


def test_report_of_predictability_and_shift(embedded: Tokenizer) -> None:
    z = Hypertokens(embedded, "lru")
    logs = "GET /health took some ms\nGET /status took more\n" * 30
    data = TEXT * 8 + logs
    section = hypertokens_section(
        z, "t", Ragged.from_rows([embedded.encode(data)]), len(data.encode()), ("logs", Ragged.from_rows([embedded.encode(logs)]))
    )
    ppm, shift = section.tables[-2:]
    wanted = oracle_ppm_bits([embedded.encode_list(data)], 2, z.vocab_size) / len(data.encode())
    assert ppm.rows[2][1] == f"{wanted:.3f}"
    assert [row[0] for row in shift.rows] == ["nothing", "phrases of logs", "phrases of this text"]
    fresh, from_logs, own = (float(row[2].rstrip("%")) for row in shift.rows)
    assert fresh < from_logs
    assert fresh < own


@pytest.mark.parametrize("threads", [1, 2])
def test_results_outgrow_the_memory_that_waits(threads: int) -> None:
    """A result in the memory of a shorter one that was given back, once both of its arrays are in turn the shorter."""
    rng = np.random.default_rng(1)
    dense = Ragged.from_rows([rng.integers(0, 50_000, 8000) for _ in range(50)], np.int32)
    even = Ragged.from_rows([np.zeros(8000, np.int32)] * 50, np.int32)
    for z in (Hypertokens(50_000, max_subtokens=3), Supertokens(50_000, [0, 50_000], [0, 0])):
        for _ in range(3):
            kept: Any = [z.condense(even, threads=threads), z.condense(dense, threads=threads)]
            assert kept[0].ids.size < len(even.ids) / 2
            assert z.expand(kept[0], threads=threads) == even
            assert z.expand(kept[1], threads=threads) == dense
            kept[0] = kept[0].ids[:1]  # one of the two arrays goes
            del kept


@pytest.mark.parametrize(
    "z",
    [
        *(Hypertokens(10, profile, disabled=()) for profile in ("zip2zip", "lru")),  # type: ignore[arg-type]
        *(Supertokens(10, [1], [2]).with_mode(mode) for mode in ("longest", "merge")),  # type: ignore[arg-type]
        Chain.over(Supertokens(10, [1], [2])),
        IntBPE(range(10), [1], [2]),
        Opcodes(10),
    ],
    ids=repr,
)
def test_every_condenser_names_what_is_wrong_and_where(z: Any) -> None:
    """Ids, offsets and spans that cannot be: what is said, and the index."""
    for ids, where in (([1, 2, -1], 2), ([1, 10], 1), ([2**40], 0), (np.array([1, 2**63], np.uint64), 1)):
        with pytest.raises(UnknownIdError) as unknown:
            z.condense(np.array(ids))
        assert unknown.value.where == where
    with pytest.raises(ArgumentError, match="backwards") as backwards:
        z.condense(Ragged(np.array([1, 2, 3], np.int32), np.array([0, 2, 1, 3])))
    assert backwards.value.where == 2
    with pytest.raises(ArgumentError, match=r"span 1 .* overlaps") as overlap:
        z.condense([1, 2, 3], spans=[[0, 2], [1, 3]])
    assert overlap.value.where == 1
    with pytest.raises(ArgumentError, match="barrier 1 is at 4") as barrier:
        z.condense([1, 2, 3], barriers=[1, 4])
    assert barrier.value.where == 1
    assert len(z.condense([]).offsets) == 2
