"""N-gram rows: worked examples of the published schemes, written out by hand; the oracle; released checkpoints' sizes; plans as files."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
from tokmill import ngrams
from tokmill.ngrams import BigramHash, ByteNgrams, Engram, LongCat, NgramHash, OverEncoding, Plan, QwenPle

from tests.oracle import ngrams as oracle

ISAS: list[str] = tokmill.isa()["supported"]
X = [5, 9, 2, 31, 17, 0, 63, 8]


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def rows(plan: Plan, ids: Any, **more: Any) -> list[list[int]]:
    answer: list[list[int]] = plan.rows(np.asarray(ids), **more).tolist()
    return answer


# Worked examples: from the papers' formulas or from the reference code, executed elsewhere and copied here


def test_over_encoding_example(isa: str) -> None:
    found = rows(OverEncoding(64, first_rows=192, n=3, k=2, isa=isa), X)
    assert found[:4] == [[5, 5, 5, 5], [137, 135, 133, 131], [2, 190, 86, 70], [159, 159, 175, 195]]
    assert found[7] == [8, 160, 120, 80]


def test_longcat_examples(isa: str) -> None:
    assert rows(LongCat(64, ratio=3, n=3, k=2, eos_id=2, isa=isa), X) == [
        [5, 5, 5, 5], [136, 134, 132, 130], [192, 188, 176, 163], [31, 31, 31, 31],
        [71, 51, 31, 11], [123, 113, 14, 107], [63, 63, 154, 45], [180, 140, 100, 60],
    ]  # fmt: skip
    lite = rows(LongCat.preset("flash-lite", isa=isa), [11, 523, 2, 44, 130000, 7, 88, 4])
    assert lite[2][:4] == [7208956, 7208944, 7208932, 7208920]
    assert lite[3] == [44] * 12
    assert lite[4] == [5897168] * 12
    newest = rows(LongCat.preset("2.0", isa=isa), [163839] * 5)
    assert newest[4][12:] == [1371071, 4118775, 15159861, 273663]


def test_engram_example(isa: str) -> None:
    lookup = [0, 1, 2, 3, 1, 2, 4, 5, 6, 7]
    plan = Engram(10, sizes=50, n=3, heads=2, layers=(1, 15), seed=0, canonical=lookup, isa=isa)
    assert [table.modulus for table in plan.tables] == [53, 59, 61, 67, 71, 73, 79, 83]
    assert plan.description.mixes[1] == (949203457676829153, 59949125229827907, 445414481183620465)
    found = rows(plan, [4, 8, 2, 9, 0])
    assert [row[:4] for row in found] == [[19, 51, 19, 47], [26, 32, 3, 52], [11, 34, 37, 46], [34, 4, 38, 45], [9, 24, 36, 21]]
    assert [row[4:] for row in found] == [[43, 24, 36, 8], [57, 42, 18, 14], [44, 11, 57, 78], [5, 41, 26, 76], [0, 36, 64, 4]]


def test_shipped_engram_example(isa: str) -> None:
    masked = 99092
    plan = Engram.preset("deepseek-v4.1-flash", vocabulary=99093, canonical_size=99092, boundary="ignored", ignored_ids=(masked,), isa=isa)
    assert plan.description.mixes[2] == (76632096046245, 4839876093313, 35959672319349, 73987337458391)
    assert plan.description.mixes[5] == (67716810739261, 51510806800915, 30921347202721, 82619226485591)
    found = rows(plan, [5, 7, masked, 9, 11], add_table_offsets=True)
    ends = [0, 7, 8, 15, 16, 23]  # of layer 1: first and last head of each order
    assert [found[0][i] for i in ends] == [5412672, 127351390, 143494632, 247008214, 256353435, 372009279]
    assert [found[2][i] for i in ends] == [4299726, 112312540, 129401291, 250883315, 264341430, 370096053]
    assert [found[4][i] for i in ends] == [13176822, 115334181, 139153079, 240905136, 259164394, 370223732]


def test_qwen_example(isa: str) -> None:
    plan = QwenPle(10, base=20, eos_id=1, n=3, heads=2, isa=isa)
    assert plan.description.mixes[1] == (660019264634905589, 78689173079975253, 228252339180906199)
    assert [(table.modulus, table.offset) for table in plan.tables] == [(23, 0), (29, 23), (31, 52), (37, 83)]
    assert rows(plan, [7, 3, 1, 5, 2], add_table_offsets=True) == [
        [7, 27, 53, 92], [9, 28, 74, 87], [13, 33, 67, 101], [21, 33, 79, 91], [22, 29, 60, 105],
    ]  # fmt: skip


def test_byte_example(isa: str) -> None:
    found = np.array(rows(ByteNgrams.preset("blt", functions=2, isa=isa), [1, 108, 105, 112, 112, 115, 36, 123]))
    assert found[:, 0].tolist() == [443987, 25397, 266194, 386177, 358223, 190185, 217383, 142034]
    assert found[:, 5].tolist() == [172383, 265781, 240974, 110592, 127974, 137413, 183379, 163044]
    assert found[:, 11].tolist() == [137875, 458017, 66438, 414072, 38752, 249491, 344325, 241332]
    assert ByteNgrams.ids_of(b"hello w").tolist() == [108, 105, 112, 112, 115, 36, 123]


def test_bigram_example(isa: str) -> None:
    plan = BigramHash.preset("modded-nanogpt", isa=isa)
    found = rows(plan, [50256, 464, 2068, 50256, 7586, 21831])
    assert found == [[377279], [86771], [28822], [88511], [251952], [128375]]


def test_sizes_of_released_checkpoints() -> None:
    shipped = Engram.preset("deepseek-v4.1-flash")
    primes = [table.modulus for table in shipped.tables]
    assert (primes[0], primes[23], primes[24], primes[47]) == (16000057, 16000463, 16000477, 16000889)
    assert shipped.layer_rows == (384_006_168, 384_016_682)
    demo = Engram.preset("demo", vocabulary=129280)
    primes = [table.modulus for table in demo.tables]
    assert primes[:8] == [646403, 646411, 646421, 646423, 646433, 646453, 646519, 646523]
    assert primes[-1] == 646879
    qwen = QwenPle.preset("qwen3.8-flash-next")
    assert (qwen.tables[0].modulus, qwen.tables[-1].modulus) == (20000003, 20000171)
    assert sum(table.rows for table in qwen.tables) == 320_001_446
    assert qwen.layer_rows == (320_001_536,)
    assert qwen.description.mixes[1] == (23703573157769, 20109073645365, 8052911324071)
    lite = LongCat.preset("flash-lite")
    assert [table.rows for table in lite.tables] == [10_223_617 + 2 * c for c in range(12)]
    newest = LongCat.preset("2.0")
    assert [table.rows for table in newest.tables] == [16_476_897 + 2 * c + 1 for c in range(16)]
    assert BigramHash.preset("modded-nanogpt").layer_rows == (377_280,)


# The oracle


def documents(rng: random.Random, count: int) -> list[int]:
    """Offsets of documents of all lengths, many of them shorter than any window."""
    offsets = [0]
    while offsets[-1] < count:
        offsets.append(min(count, offsets[-1] + rng.choice([0, 1, 1, 2, 3, 5, 8, 40, 700])))
    return offsets


SCHEMES: dict[str, Any] = {
    "OverEncoding": lambda isa: OverEncoding(100_278, first_rows=12_800_000, n=3, k=4, isa=isa),
    "OverEncoding of one slice": lambda isa: OverEncoding(100_278, first_rows=1_000_003, n=4, k=1, step=7, isa=isa),
    "OverEncoding of long windows": lambda isa: OverEncoding(1 << 29, first_rows=(1 << 31) - 300, n=9, k=2, isa=isa),
    "LongCat": lambda isa: LongCat.preset("flash-lite", isa=isa),
    "LongCat 2.0": lambda isa: LongCat.preset("2.0", isa=isa),
    "LongCat in serving": lambda isa: LongCat.preset("flash-lite", boundary="ignored", ignored_ids=(2, 7, 100), isa=isa),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_polynomials(name: str, isa: str, rng: random.Random, scale: int) -> None:
    plan = SCHEMES[name](isa)
    description = plan.description
    moduli = [table.modulus for table in plan.tables]
    k = description.parameters["k"]
    size = plan.vocab_size
    count = 4000 * scale
    low = [rng.choice([2, 7, 100, 3, size - 1]) for _ in range(count)]
    ids = [rng.randrange(size) if rng.random() < 0.8 else low[i] for i in range(count)]
    offsets = documents(rng, count)
    seen = oracle.windows(ids, plan.history + 1, 0, starts=set(offsets), eos_id=description.eos_id, ignored=set(description.ignored_ids))
    expected = [oracle.over_encoding(window, size, moduli, k) for window in seen]
    assert plan.rows(np.array(ids), offsets).tolist() == expected


@pytest.mark.parametrize(("n", "heads", "layers"), [(3, 8, (1, 15)), (4, 8, (1,)), (2, 1, (0,)), (5, 3, (2, 3)), (3, 11, (7,))])
def test_engram(n: int, heads: int, layers: tuple[int, ...], isa: str, rng: random.Random, scale: int) -> None:
    canonical = [rng.randrange(90_000) for _ in range(129_280)]
    plan = Engram(129_280, sizes=646_400, n=n, heads=heads, layers=layers, seed=3, canonical=canonical, canonical_size=90_000, isa=isa)
    ids = [rng.randrange(129_280) for _ in range(3000 * scale)]
    seen = oracle.windows([canonical[id] for id in ids], n, canonical[2])
    per_layer = n - 1
    expected = [
        [
            row
            for layer in range(len(layers))
            for row in oracle.engram(
                window,
                plan.description.mixes[(layer + 1) * per_layer - 1],
                [[table.modulus for table in plan.tables if table.mix == layer * per_layer + order - 2] for order in range(2, n + 1)],
            )
        ]
        for window in seen
    ]
    assert plan.rows(np.array(ids, np.int32)).tolist() == expected


def test_qwen(isa: str, rng: random.Random) -> None:
    plan = QwenPle.preset("qwen3.8-flash-next", layers=(0, 4), isa=isa)
    eos = 248044
    ids = [rng.choice([rng.randrange(248320), rng.randrange(248320), eos, 248319]) for _ in range(3000)]
    seen = oracle.windows(ids, 3, eos, eos_id=eos)
    moduli = [table.modulus for table in plan.tables]
    expected = [
        oracle.engram(window, plan.description.mixes[1], [moduli[:8], moduli[8:16]])
        + oracle.engram(window, plan.description.mixes[3], [moduli[16:24], moduli[24:]])
        for window in seen
    ]
    assert plan.rows(np.array(ids)).tolist() == expected


@pytest.mark.parametrize("orders", [(3, 4, 5, 6, 7, 8), (1, 2), (4, 8, 3)])
@pytest.mark.parametrize("functions", [1, 11])
def test_bytes(orders: tuple[int, ...], functions: int, isa: str, rng: random.Random) -> None:
    plan = ByteNgrams(buckets=30_000, orders=orders, functions=functions, isa=isa)
    ids = [rng.randrange(260) for _ in range(800)]
    seen = oracle.windows(ids, max(orders), 0)
    expected = [oracle.byte_ngrams(window, ByteNgrams.PRIMES[:functions], orders, 30_000) for window in seen]
    assert plan.rows(np.array(ids, np.uint16)).tolist() == expected


def test_bigram(isa: str, rng: random.Random) -> None:
    plan = BigramHash.preset("modded-nanogpt", isa=isa)
    ids = [rng.randrange(50304) for _ in range(20_000)]
    assert plan.rows(np.array(ids, np.uint16))[:, 0].tolist() == oracle.bigram_hash(ids, 377_280)


# Plans as files


def every_plan() -> list[Plan]:
    return [
        OverEncoding(64, first_rows=192, n=3, k=2),
        Engram(10, sizes=50, heads=2, canonical=[0, 1, 2, 3, 1, 2, 4, 5, 6, 7]),
        Engram.preset("deepseek-v4.1-flash"),
        LongCat.preset("flash-lite"),
        QwenPle.preset("qwen3.8-flash-next"),
        ByteNgrams.preset("blt"),
        BigramHash.preset("modded-nanogpt"),
        NgramHash(1000, orders=(1, 3), moduli=100, heads=2),
    ]


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    plans = every_plan()
    for plan in plans:
        plan.save(tmp_path / "plan.json")
        loaded = Plan.load(tmp_path / "plan.json")
        assert loaded == plan
        assert (hash(loaded), loaded.digest) == (hash(plan), plan.digest)
        assert loaded.description.to_dict() == plan.description.to_dict()
        assert pickle.loads(pickle.dumps(plan)) == plan
        ids = np.arange(10) % plan.vocab_size
        assert np.array_equal(loaded.rows(ids), plan.rows(ids))
        assert plan.scheme in repr(plan)
    assert len({plan.digest for plan in plans}) == len(plans)


def test_a_digest_is_the_same_everywhere() -> None:
    # SHA-256 of the JSON with sorted keys and no blanks, by hand from the description of the class.
    assert OverEncoding(64, first_rows=192, n=3, k=2).digest == OverEncoding(64, first_rows=192, n=3, k=2).digest
    content = json.loads(OverEncoding(64, first_rows=192, n=3, k=2).to_json())
    assert content["mixes"] == [["1", "64"], ["1", "64"], ["1", "64", str(64 * 64 % 196)], ["1", "64", str(64 * 64 % 198)]]
    assert [table["modulus"] for table in content["tables"]] == [192, 194, 196, 198]


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    content = json.loads(OverEncoding(64, first_rows=192, n=3, k=2).to_json())
    content["tables"][0]["modulus"] = 191
    path.write_text(json.dumps(content))
    with pytest.raises(tokmill.errors.DigestError, match=r"plan\.json was changed"):
        Plan.load(path)
    for text, error, words in [
        ("{", tokmill.errors.PlanError, "not JSON"),
        ("[1]", tokmill.errors.PlanError, "no plan"),
        ('{"format": "tokmill n-gram plan", "version": 99}', tokmill.errors.PlanError, "version 99"),
        ("\x00\xff", tokmill.errors.PlanError, "not JSON"),
    ]:
        path.write_text(text)
        with pytest.raises(error, match=words):
            Plan.load(path)
    with pytest.raises(tokmill.errors.InputNotFoundError):
        Plan.load(tmp_path / "nothing.json")


def test_a_file_with_a_right_digest_and_wrong_content(rng: random.Random) -> None:
    """Whoever makes a digest can make any file: each change gives a plan or an error of ours, and never harm."""
    from tokmill.ngrams.plan import _digest_of

    content = json.loads(Engram(10, sizes=50, heads=2, canonical=[0, 1, 2, 3, 1, 2, 4, 5, 6, 7]).to_json())
    del content["digest"]
    values: list[Any] = [None, True, 1.5, "", "x", "eos", "AAAA", [], [1], [[]], {}]
    values += [-1, 0, 1, 2, 7, 31, 1 << 31, 1 << 40, 1 << 64, 1 << 100]
    refused = 0
    for _ in range(1500):
        changed = json.loads(json.dumps(content))
        at: Any = changed
        while isinstance(at, list | dict) and at:
            key = rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], list | dict) or rng.random() < 0.3:
                at[key] = rng.choice(values)
                break
            at = at[key]
        changed["digest"] = _digest_of(changed)
        try:
            plan = Plan.from_json(json.dumps(changed))
            plan.rows(np.arange(min(plan.vocab_size, 10)), dtype=np.int64)
        except tokmill.Error:
            refused += 1
    assert refused > 500


def test_canonical_maps(embedded: tokmill.Tokenizer) -> None:
    map, size = ngrams.canonical_map(embedded, lambda token: token.lower().lstrip())
    assert map[embedded.id_of(b" The")] == map[embedded.id_of(b"the")]
    assert map[0] == 0
    assert size == len(set(map.tolist())) < embedded.vocab_size
    # New ids appear in rising order.
    assert np.all(np.diff(np.unique(map, return_index=True)[1]) > 0)
    plan = Engram(embedded, sizes=1000, canonical=lambda token: token.lower().lstrip(), pad_id=0)
    ids = embedded.encode("The the THE")
    by_hand = Engram(size, sizes=1000, pad_id=0)
    assert np.array_equal(plan.rows(ids), by_hand.rows(map[ids]))


def test_over_decoding() -> None:
    targets = OverEncoding.targets([5, 9, 2, 31, 17], [0, 3, 5], n=3)
    assert targets.tolist() == [[9, 2], [2, -100], [-100, -100], [17, -100], [-100, -100]]
    assert OverEncoding.targets([], n=2).shape == (0, 1)
    with pytest.raises(tokmill.errors.ArgumentError, match="offsets"):
        OverEncoding.targets([1, 2], [0, 3])
    digits = ngrams.product_digits(np.array([[0, 7], [23, 12]]), (4, 6))
    assert digits.tolist() == [[[0, 0], [3, 1]], [[3, 5], [0, 3]]]
    with pytest.raises(tokmill.errors.ArgumentError, match="between 0 and 23"):
        ngrams.product_digits(np.array([24]), (4, 6))
