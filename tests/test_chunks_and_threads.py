"""However a text is handed over, its ids are the same: cut into blocks anywhere, from a file, in a batch, on any number of threads."""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.conftest import corpus
from tests.oracle import bpe, splitters
from tests.texts import class_string, mixed_text
from tests.tokenizer_files import small_file
from tests.vocabularies import random_ranks, rank_file

PATTERNS = list(splitters.PATTERNS)
HARD = [
    "Hello wörld's don'T  12345\n\n  x\t\r\n!!//\n/ \U0001f600中文 é\u0301",
    "   \n \n\n   a", "'ll'S'\u017f'", "abc'", "x 'r", "1234567", "\U0001f600" * 5, "é" * 20, "a" * 70 + "\n", " " * 30 + "b",
    "/\n/\r", "\u0301\u0301A",
]  # fmt: skip


@pytest.fixture(scope="module", params=PATTERNS)
def small(request: pytest.FixtureRequest) -> tokmill.Tokenizer:
    """All bytes, and pairs and triples that make cuts show; each pattern."""
    pieces = [*map("".join, itertools.product("aet é'\n1!/", repeat=2)), "中文", "'ll", "'re", "don", "\n\n", "  \n", "123", "   "]
    tokens = dict.fromkeys([bytes([value]) for value in range(256)] + [piece.encode() for piece in pieces])
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return tokmill.Tokenizer._from_ranks(
        rank_file(ranks), name="small", pattern=request.param, special_tokens={"<|end|>": 9_000, "<|": 9_001}
    )


def fed(tok: tokmill.Tokenizer, blocks: list[bytes], **options: Any) -> list[int]:
    stream = tok._stream(**options)
    parts = [stream.feed(block) for block in blocks]
    return [token for part in [*parts, stream.finish()] for token in part.tolist()]


def pieces_of(content: bytes, cuts: list[int]) -> list[bytes]:
    return [content[start:end] for start, end in itertools.pairwise([0, *cuts, len(content)])]


class TestStreams:
    def test_every_cut_in_two(self, small: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        for text in HARD + [class_string(rng) for _ in range(400 * scale)]:
            content, whole = text.encode(), small.encode_list(text)
            for cut in range(len(content) + 1):
                assert fed(small, pieces_of(content, [cut])) == whole, (text, cut)

    def test_byte_by_byte_and_cuts_at_random(self, small: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        for text in HARD + [mixed_text(rng, [], []) for _ in range(150 * scale)]:
            content, whole = text.encode(), small.encode_list(text)
            assert fed(small, [content[i : i + 1] for i in range(len(content))]) == whole, text
            for _ in range(5):
                cuts = sorted(rng.randint(0, len(content)) for _ in range(rng.randint(1, 12)))
                assert fed(small, pieces_of(content, cuts)) == whole, (text, cuts)

    def test_special_tokens_across_cuts(self, small: tokmill.Tokenizer) -> None:
        for text in ["a<|end|>b", "<|end|>", "<|end|", "<|<|end|>", "x <|en<|end|>\n", "<|end|><|end|> don't", "<<|end|>"]:
            content = text.encode()
            for special in ("parse", "text", {"<|end|>"}):
                whole = small.encode_list(text, special=special)
                for cuts in itertools.combinations(range(len(content) + 1), 2):
                    assert fed(small, pieces_of(content, list(cuts)), special=special) == whole, (text, special, cuts)

    def test_invalid_bytes_across_cuts(self, small: tokmill.Tokenizer) -> None:
        for content in [b"ab\xe4\xb8z", b"\xf0\x9f\x98", b"a\xff\xfe\xf0\x9f\x98\x80", b"\xed\xa0\x80 x", b"caf\xc3", b"\x80" * 5]:
            replaced = small.encode_list(content.decode(errors="replace"))
            where = next(i for i in range(len(content)) if _first_error(content) == i)
            for cuts in itertools.combinations(range(len(content) + 1), 2):
                blocks = pieces_of(content, list(cuts))
                assert fed(small, blocks, invalid="replace") == replaced, (content, cuts)
                with pytest.raises(tokmill.errors.InvalidUtf8Error) as caught:
                    fed(small, blocks)
                assert caught.value.where == where, (content, cuts)

    def test_a_stream_can_be_fed_document_after_document(self, small: tokmill.Tokenizer, rng: random.Random) -> None:
        stream = small._stream()
        for text in HARD + [class_string(rng) for _ in range(100)]:
            content = text.encode()
            cut = rng.randint(0, len(content))
            parts = [stream.feed(content[:cut]), stream.feed(memoryview(content)[cut:]), stream.finish()]
            assert np.concatenate(parts).tolist() == small.encode_list(text), text

    def test_large_texts_in_blocks(self, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        content = "".join(mixed_text(rng, [], []) for _ in range(6_000)).encode()
        whole = embedded.encode(content)
        for block in (1_000, 4_096, 65_536, 1 << 20):
            blocks = [content[i : i + block] for i in range(0, len(content), block)]
            assert fed(embedded, blocks) == whole.tolist()

    def test_ids_come_while_the_text_is_still_coming(self, embedded: tokmill.Tokenizer) -> None:
        # Memory is bounded: what was fed long ago has been given out.
        stream = embedded._stream()
        given = sum(len(stream.feed(b"some words of a text that goes on. " * 1_000)) for _ in range(100))
        assert given >= embedded.count("some words of a text that goes on. " * 90_000)

    def test_max_pretoken_bytes(self, embedded: tokmill.Tokenizer) -> None:
        with pytest.raises(tokmill.errors.PretokenTooLongError) as caught:
            fed(embedded, [b"abc ", b"x" * 600, b"x" * 600], max_pretoken_bytes=1_000)
        assert caught.value.where == 3
        fine = fed(embedded, [b"abc ", b"x" * 500, b"x" * 499], max_pretoken_bytes=1_000)
        assert fine == embedded.encode_list("abc " + "x" * 999)
        with pytest.raises(tokmill.errors.PretokenTooLongError):
            fed(embedded, [b"x" * 100_000] * 11)  # the default of streams is 1 MiB
        with pytest.raises(tokmill.errors.PretokenTooLongError):
            embedded.encode("x" * 1_001, max_pretoken_bytes=1_000)
        assert len(embedded.encode("x" * 3_000_000)) == embedded.count("x" * 3_000_000)  # and text in memory has none


def _first_error(content: bytes) -> int:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    raise AssertionError("this is valid")


class TestFiles:
    def test_files_of_every_kind_of_block(self, embedded: tokmill.Tokenizer, rng: random.Random, tmp_path: Path) -> None:
        text = "".join(mixed_text(rng, [], []) for _ in range(300))
        path = tmp_path / "text.txt"
        path.write_bytes(text.encode())
        whole = embedded.encode(text)
        for block in (1, 7, 64, 4_096, 1 << 20):
            assert np.array_equal(embedded.encode_file(path, block_bytes=block), whole), block
            blocks = list(embedded.encode_file_iter(str(path), block_bytes=block))
            assert np.array_equal(np.concatenate(blocks), whole), block
        assert np.array_equal(embedded.encode_file(io.BytesIO(text.encode())), whole)
        assert embedded.encode_file(path, dtype=np.uint16).dtype == np.uint16

    def test_empty_and_missing(self, embedded: tokmill.Tokenizer, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        assert embedded.encode_file(tmp_path / "empty").tolist() == []
        assert list(embedded.encode_file_iter(tmp_path / "empty")) == []
        with pytest.raises(FileNotFoundError) as caught:
            embedded.encode_file(tmp_path / "missing")
        assert isinstance(caught.value, tokmill.Error)
        assert "missing" in str(caught.value)


class TestThreads:
    @pytest.mark.parametrize("text", ["english-prose", "multilingual", "json"])
    def test_one_document_on_any_number_of_threads(self, text: str, load: Callable[..., tokmill.Tokenizer]) -> None:
        content = corpus(text)[:3_000_000]
        content = content.decode(errors="ignore").encode()
        for name in ("r50k_base", "cl100k_base", "o200k_base"):
            tok = load(name)
            single = tok.encode(content, threads=1)
            for threads in (2, 3, 8):
                assert np.array_equal(tok.encode(content, threads=threads), single), (name, threads)
                assert tok.count(content, threads=threads) == len(single), (name, threads)

    @pytest.mark.parametrize("pattern", PATTERNS)
    def test_hard_documents_on_any_number_of_threads(self, pattern: str, rng: random.Random, scale: int) -> None:
        # Texts with few places where they may be cut, or none at all: long runs, and patterns of the classes that need context.
        units = ["a", " ", "\n", "1", "'s", "é", "中", "\u0301", "!\n", " \n", "/\n", "A", "\U0001f600", "12 ", "\t ", "'", "x'T"]
        ranks, _ = random_ranks(rng)
        tok = tokmill.Tokenizer._from_ranks(rank_file(ranks), name="t", pattern=pattern, special_tokens={})
        for unit in units:
            text = unit * (1_500_000 // len(unit.encode())) + rng.choice(["", " ", "\n", "a"])
            single = tok.encode(text, threads=1)
            for threads in (2, 3, 8):
                assert np.array_equal(tok.encode(text, threads=threads), single), (unit, threads)
        for _ in range(6 * scale):
            text = "".join(rng.choices(rng.choices(units, k=3), k=600_000))
            single = tok.encode(text, threads=1)
            for threads in (2, 3, 8):
                assert np.array_equal(tok.encode(text, threads=threads), single), threads

    @pytest.mark.parametrize(
        "script", [(0xA000, 0xA4BF), (0x61, 0x7A), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x400, 0x4FF), (0x10FC00, 0x10FFFF)]
    )
    def test_words_that_no_table_has_seen(
        self, script: tuple[int, int], embedded: tokmill.Tokenizer, rng: random.Random, scale: int
    ) -> None:
        # All threads are kept busy with misses, again and again, and with output that outgrows every guess (Yi and private use: an id a
        # byte): whatever the threads share must not show.
        letters = list(map(chr, range(script[0], script[1] + 1)))
        text = " ".join("".join(rng.choices(letters, k=20)) for _ in range(40_000))
        single = embedded.encode(text, threads=1)
        for repeat in range(10 * scale):
            for threads in (2, 8):
                assert np.array_equal(embedded.encode(text, threads=threads), single), (repeat, threads)

    def test_more_ids_than_bytes(self, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        # A broken byte becomes a character of three bytes.
        content = b" ".join(b"\xff" * rng.randint(1, 40) for _ in range(100_000))
        single = embedded.encode(content.decode(errors="replace"), threads=1)
        for _ in range(10 * scale):
            assert np.array_equal(embedded.encode(content, invalid="replace", threads=8), single)

    def test_texts_whose_ids_are_more_than_they_promise(self, rng: random.Random) -> None:
        # U+FDFA, 3 bytes, is 33 bytes in its compatibility form: the array grows while all threads are at work.
        file = small_file(normalizer={"type": "NFKC"})
        tok = tokmill.Tokenizer._from_tokenizer_json(json.dumps(file).encode(), name="t")
        texts = ["\ufdfa " * rng.randint(1, 40_000) for _ in range(8)]
        single = tok.encode_batch(texts, threads=1)
        for threads in (2, 8):
            for _ in range(3):
                ragged = tok.encode_batch(texts, threads=threads)
                assert np.array_equal(ragged.ids, single.ids)
                assert np.array_equal(ragged.offsets, single.offsets)

    def test_out_on_any_number_of_threads(self, embedded: tokmill.Tokenizer) -> None:
        text = "Some words of a text, and more of them.\n" * 50_000
        single = embedded.encode(text, threads=1)
        for threads in (2, 8):
            for dtype in (np.int32, np.uint16, np.int64):
                out = np.full(len(single) + 5, 7, dtype)
                assert np.array_equal(embedded.encode(text, out=out, threads=threads), single)
                assert out[-5:].tolist() == [7] * 5
                assert np.array_equal(embedded.encode(text, out=out[: len(single)], threads=threads), single)
            with pytest.raises(ValueError, match="out="):
                embedded.encode(text, out=np.zeros(len(single) - 1, np.int32), threads=threads)

    @pytest.mark.parametrize("kind", ["ascii str", "bytes", "str", "bytearray"])
    def test_documents_about_as_large_as_a_part(self, kind: str, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        # One thread takes some 60 kB at a time, and reads long documents where they stand.
        words = (
            ["a", "it's ", "word ", "\n", "12345", " don'T", "!!\n\n"]
            if kind == "ascii str"
            else ["é ", "中文", "it's ", "\U0001f600", "a "]
        )
        give: Callable[[str], Any] = {"bytes": str.encode, "bytearray": lambda text: bytearray(text.encode())}.get(kind, str)
        for _ in range(6 * scale):
            sizes = [rng.choice([rng.randint(0, 300), rng.randint(20_000, 70_000), rng.randint(120_000, 300_000)]) for _ in range(12)]
            texts = ["".join(rng.choices(words, k=size // 3)) for size in sizes]
            single = embedded.encode_batch([bytearray(text.encode()) for text in texts], threads=1)
            for threads in (1, 2, 3):
                ragged = embedded.encode_batch([give(text) for text in texts], threads=threads)
                assert np.array_equal(ragged.ids, single.ids), (sizes, threads)
                assert np.array_equal(ragged.offsets, single.offsets), (sizes, threads)

    def test_special_tokens_and_bad_bytes_of_long_documents(self, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        special = next(iter(embedded.special_tokens))
        text = "".join(mixed_text(rng, [], []) + (special if rng.random() < 0.05 else "") for _ in range(12_000))
        single = embedded.encode(text, special="parse", threads=1)
        assert embedded.special_tokens[special] in single
        content = bytearray(text.encode())
        for i in rng.sample(range(len(content)), 20):
            content[i] = 0xFF
        replaced = embedded.encode(content.decode(errors="replace"), threads=1)
        where = _first_error(bytes(content))
        for threads in (1, 2, 3, 8):
            assert np.array_equal(embedded.encode(text, special="parse", threads=threads), single)
            assert np.array_equal(embedded.encode(content, invalid="replace", threads=threads), replaced)
            with pytest.raises(tokmill.errors.InvalidUtf8Error) as caught:
                embedded.encode(content, threads=threads)
            assert caught.value.where == where

    @pytest.mark.parametrize("threads", [1, 2, 3, 8])
    def test_a_batch_is_its_texts(self, threads: int, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        texts: list[Any] = ["", "a", "", *[mixed_text(rng, [], []) for _ in range(3_000)], "word " * 200_000, "", "z"]
        wanted = [embedded.encode_list(text) for text in texts]
        ragged = embedded.encode_batch(texts, threads=threads)
        assert ragged.lists() == wanted
        assert ragged.ids.dtype == np.int32
        assert ragged.offsets.dtype == np.int64
        as_bytes = [rng.choice([text.encode(), bytearray(text.encode()), memoryview(text.encode()), text]) for text in texts]
        assert embedded.encode_batch(as_bytes, threads=threads).lists() == wanted
        assert embedded.count_batch(texts, threads=threads).tolist() == [len(row) for row in wanted]
        assert embedded.encode_batch([], threads=threads).lists() == []
        assert embedded.count_batch([], threads=threads).tolist() == []
        assert embedded.encode_batch([""], threads=threads).lists() == [[]]

    def test_many_calling_threads_at_once(self, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        texts = [mixed_text(rng, [], []) * 20 for _ in range(60)]
        wanted = [embedded.encode_list(text) for text in texts]
        flat = embedded.encode_batch(texts, threads=1)
        wrong: list[str] = []
        checks: dict[str, Callable[[int], bool]] = {
            "batch": lambda i: np.array_equal(embedded.encode_batch(texts, threads=1 + i % 3).ids, flat.ids),
            "encode": lambda i: embedded.encode(texts[i], threads=2).tolist() == wanted[i],
            "encode_list": lambda i: embedded.encode_list(texts[i]) == wanted[i],
            "decode": lambda i: embedded.decode(wanted[i]) == texts[i],
            "count": lambda i: embedded.count(texts[i]) == len(wanted[i]),
        }

        def work(seed: int) -> None:
            order = random.Random(seed)
            for _ in range(40):
                name, i = order.choice(list(checks)), order.randrange(len(texts))
                if not checks[name](i):
                    wrong.append(f"{name} of text {i}")

        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        assert not any(worker.is_alive() for worker in workers)
        assert wrong == []


class TestBatchInputs:
    def test_numpy_bytes(self, embedded: tokmill.Tokenizer) -> None:
        # NumPy pads the S type with NUL and hands elements out without the NULs at their end; the array may be strided.
        values = [b"", b"one", "zwei é".encode(), b"three three three", b"a\x00b"]
        array = np.array(values)
        wanted = [embedded.encode_list(value) for value in values]
        assert embedded.encode_batch(array).lists() == wanted
        assert embedded.encode_batch(np.repeat(array, 2)[::2]).lists() == wanted
        assert embedded.encode_batch(array[::-1]).lists() == wanted[::-1]
        assert embedded.count_batch(array).tolist() == [len(row) for row in wanted]
        assert embedded.encode_batch(np.array([], dtype="S1")).lists() == []

    @pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "binary", "large_binary"])
    def test_arrow(self, kind: str, embedded: tokmill.Tokenizer) -> None:
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        texts = ["", "one", "zwei é", "a text that is longer than the twelve bytes of a view", "中文", "", "z"]
        make = {name: getattr(pyarrow, name)() for name in ("string", "large_string", "string_view", "binary", "large_binary")}
        array = pyarrow.array([text.encode() for text in texts] if "binary" in kind else texts, type=make[kind])
        wanted = [embedded.encode_list(text) for text in texts]
        assert embedded.encode_batch(array).lists() == wanted
        assert embedded.encode_batch(array[2:6]).lists() == wanted[2:6]
        chunked = pyarrow.chunked_array([array, array[3:], array[:0]])
        assert embedded.encode_batch(chunked).lists() == [*wanted, *wanted[3:]]
        assert embedded.count_batch(array).tolist() == [len(row) for row in wanted]

    def test_arrow_nulls_and_other_types(self, embedded: tokmill.Tokenizer) -> None:
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        for bad in (
            pyarrow.array(["a", None]),
            pyarrow.array([1, 2]),
            pyarrow.chunked_array([pyarrow.array(["a"]), pyarrow.array([None, "b"])]),
        ):
            with pytest.raises((tokmill.Error, TypeError)):
                embedded.encode_batch(bad)

    def test_any_iterable_or_a_clear_error(self, embedded: tokmill.Tokenizer) -> None:
        assert embedded.encode_batch(("a b", b"c")).lists() == [embedded.encode_list("a b"), embedded.encode_list("c")]
        for bad in ("one string", b"bytes", 7, None, ["a", 7], ["a", None], [["a"]]):
            with pytest.raises(TypeError):
                embedded.encode_batch(bad)


@pytest.fixture
def texts(rng: random.Random) -> list[str]:
    return [*HARD, "", *[mixed_text(rng, ["ing", " the"], []) for _ in range(400)]]


class TestLaws:
    """Laws between the calls, on texts of all moods."""

    def test_counts(self, small: tokmill.Tokenizer, texts: list[str]) -> None:
        for text in texts:
            n = len(small.encode_list(text))
            assert small.count(text) == small.count(text.encode()) == len(small.encode(text)) == n
            for limit in {0, 1, n - 1, n, n + 1, n // 2, 10**9} - {-1}:
                assert small.count_until(text, limit) == (n if n <= limit else limit + 1), (text, limit)

    def test_truncate(self, small: tokmill.Tokenizer, texts: list[str]) -> None:
        for text in texts:
            ids = small.encode_list(text)
            for k in {0, 1, 2, 3, len(ids) // 2, max(0, len(ids) - 1), len(ids), len(ids) + 1}:
                short = small.truncate(text, k)
                head = small.decode_bytes(ids[:k])
                # The longest prefix of whole characters within the bytes of the first k tokens.
                assert short == head.decode(errors="ignore"), (text, k)
                assert small.truncate(text.encode(), k) == short.encode(), (text, k)

    def test_out_and_dtype(self, small: tokmill.Tokenizer, texts: list[str]) -> None:
        for text in texts[:60]:
            ids = small.encode(text)
            assert ids.dtype == np.int32
            assert ids.ndim == 1
            for dtype in (np.uint16, np.int32, np.uint32, np.int64, "uint16", np.dtype("int64")):
                same = small.encode(text, dtype=dtype)
                assert same.dtype == np.dtype(dtype)
                assert same.tolist() == ids.tolist()
                out = np.full(len(ids) + 3, 77, dtype)
                filled = small.encode(text, out=out)
                assert filled.tolist() == ids.tolist()
                assert out[len(ids) :].tolist() == [77] * 3
                assert len(ids) == 0 or np.shares_memory(filled, out)
                batch = small.encode_batch([text, text], dtype=dtype)
                assert batch.ids.dtype == np.dtype(dtype)
                assert batch.ids.tolist() == ids.tolist() * 2
            exact = np.empty(len(ids), np.int32)
            assert small.encode(text, out=exact).tolist() == ids.tolist()

    def test_out_too_small_or_of_a_wrong_kind(self, embedded: tokmill.Tokenizer) -> None:
        n = embedded.count("one two three")
        readonly = np.empty(100, np.int32)
        readonly.flags.writeable = False
        bad: list[Any] = [
            np.empty(n - 1, np.int32),
            np.empty(0, np.int32),
            readonly,
            np.empty(200, np.int32)[::2],
            np.empty((4, 50), np.int32),
            np.empty(100, np.float32),
        ]
        for out in [*bad, np.empty(100, np.int8), np.empty(100, ">i4"), [0] * 100, "out"]:
            with pytest.raises((ValueError, TypeError)):
                embedded.encode("one two three", out=out)

    def test_ids_that_do_not_fit(self, load: Callable[..., tokmill.Tokenizer]) -> None:
        tok = load("cl100k_base")
        rare = next(i for i in range(70_000, 100_000) if tok.bytes_of(i).decode("ascii", "replace").isalpha())
        with pytest.raises(ValueError, match="uint16"):
            tok.encode(tok.bytes_of(rare), dtype=np.uint16)
        for dtype in (np.int8, np.uint8, np.int16, np.float32, np.float64, np.bool_, object, "U5"):
            with pytest.raises((ValueError, TypeError)):
                tok.encode("a", dtype=dtype)


def test_encoding_is_that_of_the_oracle(small: tokmill.Tokenizer, rng: random.Random) -> None:
    # The vocabulary that this file's cuts are judged with is itself judged.
    special = set(small.special_tokens.values())
    ranks = {token: i for i, token in enumerate(small.token_bytes) if token is not None and i not in special}
    pattern = next(name for name, regex in tokmill._core.PATTERNS.items() if regex == small.pattern)
    for text in HARD + [class_string(rng) for _ in range(500)]:
        assert small.encode_list(text) == bpe.encode(splitters.split(pattern, text), ranks), text
