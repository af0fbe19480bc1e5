"""The benchmark of supertokens on a few ids: everything that it times comes back, and its tables hold what was measured."""

from __future__ import annotations

import numpy as np
from tokmill import Tokenizer
from tokmill.bench.supertokens import _table, fast_symbols, halves, measure_integers, measure_text, measure_training

TEXT = "The price of the house was 120 euros; the price of the garden was 130 euros.\nGET /health took 3 ms\n" * 60


def test_a_small_run(embedded: Tokenizer) -> None:
    ids = embedded.encode(TEXT)
    learnt_from, rest = halves(ids, 2)
    assert sorted([*learnt_from.lengths, *rest.lengths]) == sorted(map(len, np.array_split(ids, 4)))
    cells = measure_text(embedded, "text", ids, 40)
    assert cells["halves"]["longest"] > 0.5
    assert cells["halves"]["chain"] >= cells["halves"]["longest"]
    training = measure_training(embedded, {"text": ids}, 30, 5000)
    assert training["ids"] == 5000
    assert 10 < training["phrases"] <= 30
    integers = measure_integers(7000, 50)
    assert all(one.get("equal", True) for one in integers.values())
    assert len(fast_symbols(3).lists()[0]) == 350
    table = _table({"text": cells}, training, integers, {"text": [["base", 10, "0 %", "1.0"]]})
    assert "| text, halves |" in table
    assert "supertokens over 5,000 ids" in table
