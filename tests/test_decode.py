"""Ids back to bytes and text: round trips, unknown ids, every kind of array, and step by step."""

from __future__ import annotations

import codecs
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.texts import mixed_text
from tests.vocabularies import random_ranks, rank_file

UnknownId = tokmill.errors.UnknownIdError
INTEGERS: list[Any] = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]


@pytest.fixture(scope="module")
def gaps() -> tokmill.Tokenizer:
    """Ids 0 to 255 are the bytes backwards, 300 is a short token, 302 one longer than sixteen bytes, 400 and 401 are special."""
    ranks = {bytes([255 - i]): i for i in range(256)} | {b"ab": 300, b"abc def, longer than sixteen bytes": 302}
    return tokmill.Tokenizer._from_ranks(rank_file(ranks), name="gaps", pattern="gpt2", special_tokens={"<|end|>": 400, "é": 401})


class TestWhole:
    def test_round_trip(self, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        for _ in range(2_000 * scale):
            text = mixed_text(rng, [], [])
            ids = embedded.encode(text)
            assert embedded.decode(ids) == text
            assert embedded.decode_bytes(ids) == text.encode()
            assert embedded.decode(ids.tolist()) == text

    def test_each_id_is_its_bytes(self, embedded: tokmill.Tokenizer, gaps: tokmill.Tokenizer) -> None:
        for tok in (embedded, gaps):
            for token_id, token in enumerate(tok.token_bytes):
                if token is None:
                    with pytest.raises(UnknownId):
                        tok.decode_bytes([token_id])
                    with pytest.raises(UnknownId):
                        tok.bytes_of(token_id)
                else:
                    assert tok.decode_bytes([token_id]) == tok.bytes_of(token_id) == token

    def test_random_ids(self, embedded: tokmill.Tokenizer, gaps: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        for tok in (embedded, gaps):
            tokens = tok.token_bytes
            known = [i for i, token in enumerate(tokens) if token is not None]
            for length in [*range(70), *[rng.randint(70, 3_000) for _ in range(100 * scale)]]:
                ids = rng.choices(known, k=length)
                content = b"".join(tokens[i] or b"" for i in ids)
                assert tok.decode_bytes(ids) == content
                assert tok.decode_bytes(np.array(ids, np.int32)) == content
                assert tok.decode(ids) == content.decode(errors="replace")
                assert tok.decode(ids, errors="ignore") == content.decode(errors="ignore")
                assert tok.decode(ids, errors="backslashreplace") == content.decode(errors="backslashreplace")

    def test_strict_errors_are_those_of_python(self, gaps: tokmill.Tokenizer) -> None:
        with pytest.raises(UnicodeDecodeError):
            gaps.decode([0], errors="strict")  # the byte 0xFF
        with pytest.raises((LookupError, ValueError)):
            gaps.decode([0], errors="no such handler")

    def test_every_integer_type_and_shape_of_sequence(self, gaps: tokmill.Tokenizer) -> None:
        ids = [158, 157, 100, 1, 0, 127]
        content = bytes(255 - i for i in ids)
        for dtype in INTEGERS:
            if max(ids) <= np.iinfo(dtype).max:
                array = np.array(ids, dtype)
                assert gaps.decode_bytes(array) == content
                assert gaps.decode_bytes(np.repeat(array, 3)[::3]) == content, "strided"
                assert gaps.decode_bytes(array[::-1]) == content[::-1], "backwards"
        sequences: list[Any] = [tuple(ids), [np.int32(i) for i in ids], [np.uint64(i) for i in ids]]
        for sequence in sequences:
            assert gaps.decode_bytes(sequence) == content
        assert gaps.decode_bytes(range(97, 100)) == bytes([158, 157, 156])
        assert gaps.decode_bytes([]) == gaps.decode_bytes(np.array([], np.int32)) == b""
        assert gaps.decode([]) == ""
        assert gaps.decode_bytes(np.array(ids, ">i4")) == content, "big-endian arrays mean the same ids"

    def test_two_dimensions_are_refused(self, gaps: tokmill.Tokenizer) -> None:
        with pytest.raises((ValueError, TypeError)):
            gaps.decode_bytes(np.zeros((2, 2), np.int32))

    def test_special_tokens(self, gaps: tokmill.Tokenizer) -> None:
        ids = [400, 158, 401, 300, 400]
        assert gaps.decode(ids) == "<|end|>aéab<|end|>"
        assert gaps.decode(ids, skip_special_tokens=True) == "aab"
        assert gaps.decode_bytes(ids, skip_special_tokens=True) == b"aab"
        assert gaps.decode_batch([ids, [400], []], skip_special_tokens=True) == ["aab", "", ""]
        assert gaps.decode_batch([ids, [400], []]) == ["<|end|>aéab<|end|>", "<|end|>", ""]

    def test_batches(self, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        texts = ["", *[mixed_text(rng, [], []) for _ in range(500)], ""]
        ragged = embedded.encode_batch(texts)
        assert embedded.decode_batch(ragged) == texts
        assert embedded.decode_batch(ragged.lists()) == texts
        assert embedded.decode_batch([]) == []

    def test_large(self, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        text = "".join(mixed_text(rng, [], []) for _ in range(10_000))
        assert embedded.decode(embedded.encode(text)) == text


class TestUnknownIds:
    @pytest.mark.parametrize(
        "bad", [-1, 256, 299, 301, 303, 399, 402, 2**24, 2**31 - 1, 2**31, 2**32, 2**32 + 158, 2**63 - 1, -(2**31), -(2**63)]
    )
    @pytest.mark.parametrize("where", [0, 1, 15, 16, 17, 70])
    def test_they_are_named_with_their_place(self, gaps: tokmill.Tokenizer, bad: int, where: int) -> None:
        ids = [158] * 71
        ids[where] = bad
        forms: list[Any] = [ids, tuple(ids), np.array(ids, np.int64)]
        if -(2**31) <= bad < 2**31:
            forms.append(np.array(ids, np.int32))
        if bad >= 0:
            forms.append(np.array(ids, np.uint64))
        for form in forms:
            for call in (gaps.decode, gaps.decode_bytes):
                with pytest.raises(UnknownId) as caught:
                    call(form)
                assert isinstance(caught.value, KeyError)
                assert isinstance(caught.value, tokmill.Error)
                assert caught.value.where == where
                assert str(bad) in str(caught.value)
                assert str(where) in str(caught.value)
            assert gaps.decode(form, unknown="replace") == "a" * where + "\ufffd" + "a" * (70 - where)
            assert gaps.decode_bytes(form, unknown="replace") == b"a" * where + b"\xef\xbf\xbd" + b"a" * (70 - where)
            assert gaps.decode(form, unknown="skip") == "a" * 70
        assert gaps.decode([158, 158]) == "aa", "the object is right after an error"

    def test_unsigned_numbers_do_not_wrap(self, gaps: tokmill.Tokenizer) -> None:
        with pytest.raises(UnknownId):
            gaps.decode(np.array([2**64 - 1, 158], np.uint64))
        with pytest.raises(UnknownId):
            gaps.decode(np.array([2**32 - 1], np.uint32))

    @pytest.mark.parametrize("bad", [2**63, 2**64, 2**64 + 158, 10**30, -(2**63) - 1, -(10**30)])
    def test_numbers_of_any_size(self, gaps: tokmill.Tokenizer, bad: int) -> None:
        with pytest.raises((UnknownId, OverflowError)):
            gaps.decode([158, bad])
        with pytest.raises((UnknownId, OverflowError)):
            gaps.bytes_of(bad)

    @pytest.mark.parametrize("bad", [1.0, 1.5, float("nan"), "1", b"1", None, [1], 1j, np.float32(1)])
    def test_what_is_no_integer(self, gaps: tokmill.Tokenizer, bad: Any) -> None:
        with pytest.raises(TypeError):
            gaps.decode([158, bad])
        with pytest.raises(TypeError):
            gaps.bytes_of(bad)

    @pytest.mark.parametrize(
        "bad",
        [
            np.array([1.0]),
            np.array([True]),
            np.array(["a"]),
            np.array([1], object),
            np.array([1j]),
            "ids",
            b"ids",
            5,
            None,
            {1: 2},
            object(),
        ],
    )
    def test_what_are_no_ids(self, gaps: tokmill.Tokenizer, bad: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            gaps.decode_bytes(bad)

    def test_bools_are_no_ids(self, gaps: tokmill.Tokenizer) -> None:
        with pytest.raises(TypeError):
            gaps.decode([True, False])

    def test_batches(self, gaps: tokmill.Tokenizer) -> None:
        with pytest.raises(UnknownId):
            gaps.decode_batch([[158], [158, 301]])
        assert gaps.decode_batch([[158], [158, 301]], unknown="skip") == ["a", "a"]
        assert gaps.decode_batch([[158], [-5, 158]], unknown="replace") == ["a", "\ufffda"]

    @pytest.mark.parametrize("option", ["", "raise", "Error", 3, b"error"])
    def test_options(self, gaps: tokmill.Tokenizer, option: Any) -> None:
        with pytest.raises((ValueError, TypeError)):
            gaps.decode([158], unknown=option)

    def test_asking_the_vocabulary(self, gaps: tokmill.Tokenizer) -> None:
        assert gaps.vocab_size == 402
        assert gaps.id_of(b"ab") == gaps.id_of("ab") == 300
        assert gaps.id_of("<|end|>") == 400
        for unknown in (b"", b"abc", "zz", "<|"):
            with pytest.raises(tokmill.errors.UnknownTokenError):
                gaps.id_of(unknown)
        for bad in (-1, 402, 2**24, 2**40):
            with pytest.raises(UnknownId):
                gaps.bytes_of(bad)


class TestSteps:
    def test_any_chunking_gives_the_text(
        self, embedded: tokmill.Tokenizer, gaps: tokmill.Tokenizer, rng: random.Random, scale: int
    ) -> None:
        for tok in (embedded, gaps):
            known = [i for i, token in enumerate(tok.token_bytes) if token is not None]
            for _ in range(400 * scale):
                ids = tok.encode_list(mixed_text(rng, [], [])) if rng.random() < 0.5 else rng.choices(known, k=rng.randint(0, 60))
                whole = tok.decode(ids)
                one = tok.decoder()
                assert "".join(one.step([i])[0] for i in ids) + one.finish() == whole
                parts, i = [], 0
                while i < len(ids):
                    n = rng.randint(0, 7)
                    parts.append(one.extend(0, ids[i : i + n]))
                    i += n
                assert "".join(parts) + one.finish(0) == whole

    def test_text_comes_as_soon_as_it_is_certain(self, gaps: tokmill.Tokenizer) -> None:
        one = gaps.decoder()
        euro = [255 - value for value in "€".encode()]
        assert [one.step([i]) for i in euro] == [[""], [""], ["€"]]
        assert one.step([euro[0]]) == [""]
        assert one.step([158]) == ["\ufffda"]
        assert one.step([euro[0]]) == [""]
        assert one.finish() == "\ufffd"
        assert one.finish() == ""
        assert one.step([158]) == ["a"]

    def test_bytes_that_are_no_text(self, gaps: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        values = [
            0x00,
            0x41,
            0x7F,
            0x80,
            0x8F,
            0x90,
            0x9F,
            0xA0,
            0xBF,
            0xC0,
            0xC1,
            0xC2,
            0xDF,
            0xE0,
            0xE1,
            0xED,
            0xEF,
            0xF0,
            0xF1,
            0xF4,
            0xF5,
            0xFF,
        ]
        for _ in range(5_000 * scale):
            content = bytes(rng.choices(values, k=rng.randint(1, 9)))
            one = gaps.decoder()
            text = "".join(one.step([255 - value])[0] for value in content) + one.finish()
            assert text == content.decode(errors="replace"), content

    def test_many_sequences_at_once(self, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        texts = [mixed_text(rng, [], []) for _ in range(256)]
        rows = [embedded.encode_list(text) for text in texts]
        decoder, got = embedded.decoder(256), [""] * 256
        for i in range(max(map(len, rows))):
            step: Any = [row[i] if i < len(row) else -1 for row in rows]
            new = decoder.step(np.array(step, rng.choice([np.int32, np.int64])) if rng.random() < 0.7 else step)
            got = [text + part for text, part in zip(got, new, strict=True)]
        assert [text + decoder.finish(s) for s, text in enumerate(got)] == texts

    def test_fork_reorder_add_drop(self, gaps: tokmill.Tokenizer) -> None:
        a, b = 255 - ord("a"), 255 - ord("b")
        first, second, third = (255 - value for value in "€".encode())
        decoder = gaps.decoder(2)
        assert decoder.step([first, a]) == ["", "a"]
        assert decoder.fork(0) == 2
        assert decoder.step([second, b, a]) == ["", "b", "\ufffda"]
        decoder.reorder([1, 0, 0])
        assert decoder.step([b, third, third]) == ["b", "€", "€"]
        decoder.add(1)
        assert decoder.step([-1, first, second, first]) == ["", "", "\ufffd", ""]
        decoder.drop([0, 2])
        assert decoder.step([second, second]) == ["", ""]
        assert decoder.extend(1, [third, a]) == "€a"
        assert decoder.finish(0) == "\ufffd"

    def test_rewind_in_any_history(self, embedded: tokmill.Tokenizer, gaps: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        # The judge is Python's own decoder of the ids that are left.
        for tok in (embedded, gaps):
            known = [i for i, token in enumerate(tok.token_bytes) if token is not None]
            for _ in range(60 * scale):
                most = rng.choice([1, 2, 5, 40])
                decoder, rows, texts, may = tok.decoder(2, max_rewind=most), [[], []], ["", ""], [0, 0]
                for _ in range(rng.randint(5, 40)):
                    what, s = rng.choice(["step", "step", "extend", "rewind", "rewind", "fork", "reorder", "add", "drop", "finish"]), 0
                    ids = [tok.encode_list(mixed_text(rng, [], []))[:9] if rng.random() < 0.3 else rng.choices(known, k=9) for _ in rows]
                    s = rng.randrange(len(rows))
                    if what == "step":
                        taken = [row[0] if rng.random() < 0.8 and row else -1 for row in ids]
                        texts = [text + new for text, new in zip(texts, decoder.step(taken), strict=True)]
                        rows = [row + [i] * (i >= 0) for row, i in zip(rows, taken, strict=True)]
                        may = [min(n + (i >= 0), most) for n, i in zip(may, taken, strict=True)]
                    elif what == "extend":
                        texts[s] += decoder.extend(s, ids[s])
                        rows[s] = rows[s] + ids[s]
                        may[s] = min(may[s] + len(ids[s]), most)
                    elif what == "rewind":
                        back = [rng.randint(0, n) for n in may]
                        cut = decoder.rewind(min(may)) if rng.random() < 0.3 else None
                        back = back if cut is None else [min(may)] * len(rows)
                        cut = decoder.rewind(np.array(back, np.int32)) if cut is None else cut
                        texts = [text[: len(text) - n] for text, n in zip(texts, cut, strict=True)]
                        rows = [row[: len(row) - n] for row, n in zip(rows, back, strict=True)]
                        may = [n - k for n, k in zip(may, back, strict=True)]
                    elif what == "finish":
                        text = texts[s] + decoder.finish(s)
                        assert text == tok.decode_bytes(rows[s]).decode(errors="replace")
                        rows[s], texts[s], may[s] = [], "", 0
                    else:
                        sources = {
                            "fork": [*range(len(rows)), s],
                            "reorder": [rng.randrange(len(rows)) for _ in rows],
                            "add": list(range(len(rows))),
                            "drop": [i for i in range(len(rows)) if i != s] or [s],
                        }[what]
                        if what == "fork":
                            assert decoder.fork(s) == len(rows)
                        elif what == "reorder":
                            decoder.reorder(sources)
                        elif what == "drop" and len(rows) > 1:
                            decoder.drop([s])
                        rows, texts, may = ([column[i] for i in sources] for column in (rows, texts, may))
                        if what == "add":
                            decoder.add()
                            rows, texts, may = [*rows, []], [*texts, ""], [*may, 0]
                    for row, text in zip(rows, texts, strict=True):
                        certain = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(tok.decode_bytes(row))
                        assert text == certain, (what, row)

    def test_rewind_says_how_far(self, gaps: tokmill.Tokenizer) -> None:
        a = 255 - ord("a")
        first, second, third = (255 - value for value in "€".encode())
        decoder = gaps.decoder(2, max_rewind=3)
        assert [decoder.step([a, first]), decoder.step([a, second]), decoder.step([-1, third])] == [["a", ""], ["a", ""], ["", "€"]]
        assert decoder.rewind([1, 1]) == [1, 1]
        assert decoder.step([first, third]) == ["", "€"]
        with pytest.raises(ValueError, match=r"sequence 1 can go back by 3 ids now, not by 4"):
            decoder.rewind([0, 4])
        assert decoder.rewind(2) == [1, 1]  # the "a" before, and the whole "€"
        assert decoder.rewind([0, 1]) == [0, 0]
        assert decoder.step([a, a]) == ["a", "a"]
        decoder.finish(0)
        for wrong in ([1, 0], [0], [0, -1], -1, [0, 2]):
            with pytest.raises(ValueError):
                decoder.rewind(wrong)
        with pytest.raises(ValueError, match="can go back by 0"):
            gaps.decoder().rewind(1)
        with pytest.raises(ValueError, match="at most"):
            gaps.decoder(max_rewind=1 << 17)

    def test_unknown_ids_and_special_tokens(self, gaps: tokmill.Tokenizer) -> None:
        with pytest.raises(UnknownId):
            gaps.decoder().step([301])
        assert gaps.decoder(unknown="replace").step([301]) == ["\ufffd"]
        assert gaps.decoder(unknown="skip").step([301]) == [""]
        assert gaps.decoder(skip_special_tokens=True).step([400]) == [""]
        assert gaps.decoder().step([400]) == ["<|end|>"]

    def test_wrong_calls(self, gaps: tokmill.Tokenizer) -> None:
        decoder = gaps.decoder(2)
        calls: list[Callable[[], object]] = [
            lambda: decoder.step([158]),
            lambda: decoder.step([158] * 3),
            lambda: decoder.extend(2, [158]),
            lambda: decoder.extend(-1, [158]),
            lambda: decoder.finish(2),
            lambda: decoder.fork(7),
            lambda: decoder.reorder([0, 5]),
            lambda: decoder.drop([2]),
            lambda: gaps.decoder(-1),
            lambda: decoder.add(-1),
        ]
        for call in calls:
            with pytest.raises((ValueError, IndexError, TypeError, OverflowError)):
                call()
        assert decoder.step([158, 158]) == ["a", "a"]


def test_vocabularies_of_every_shape(rng: random.Random, scale: int) -> None:
    for _ in range(60 * scale):
        ranks, letters = random_ranks(rng)
        tok = tokmill.Tokenizer._from_ranks(rank_file(ranks), name="t", pattern="gpt2", special_tokens={})
        by_id = {rank: token for token, rank in ranks.items()}
        ids = rng.choices(list(by_id), k=200)
        assert tok.decode_bytes(ids) == b"".join(by_id[i] for i in ids)
        text = "".join(rng.choices(letters + " \n", k=200))
        assert tok.decode(tok.encode(text)) == text
        assert tok.vocab_size == max(by_id) + 1
        assert tok.token_bytes == [by_id.get(i) for i in range(tok.vocab_size)]
