"""Input that is not as it should be: broken UTF-8, lone surrogates, arguments of a wrong kind. Errors are named and point at the place."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.texts import mixed_text

InvalidUtf8Error = tokmill.errors.InvalidUtf8Error
ISAS: list[str] = tokmill.isa()["supported"]
# The bytes at which the rules of UTF-8 change, one of each stretch.
EDGES = [
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
    0xEC,
    0xED,
    0xEE,
    0xEF,
    0xF0,
    0xF1,
    0xF3,
    0xF4,
    0xF5,
    0xFF,
]


def error_at(content: bytes) -> int | None:
    """Where Python's decoder stops."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def assert_as_python(tok: tokmill.Tokenizer, content: bytes) -> None:
    where = error_at(content)
    if where is None:
        assert tok.encode_list(content) == tok.encode_list(content.decode()), content
        return
    for call in (tok.encode, tok.encode_list, tok.count):
        with pytest.raises(InvalidUtf8Error) as caught:
            call(content)
        assert caught.value.where == where, content
    assert tok.encode_list(content, invalid="replace") == tok.encode_list(content.decode(errors="replace")), content


class TestInvalidUtf8:
    def test_all_short_strings_of_edges(self, embedded: tokmill.Tokenizer, scale: int) -> None:
        contents = [bytes(values) for n in range(1, 4) for values in itertools.product(EDGES, repeat=n)]
        for content in contents:
            assert_as_python(embedded, content)
        longer = [
            bytes([lead, *rest])
            for lead in EDGES
            if lead >= 0xE0
            for rest in itertools.product(EDGES[:: 1 if scale >= 10 else 2], repeat=3)
        ]
        replaced = embedded.encode_batch(longer, invalid="replace").lists()
        for content, row in zip(longer, replaced, strict=True):
            assert row == embedded.encode_list(content.decode(errors="replace")), content

    @pytest.mark.parametrize("isa", ISAS)
    def test_at_every_place_of_a_vector(self, isa: str, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        tok = embedded._with_isa(isa)
        faults = [
            b"\x80",
            b"\xff",
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe4\xb8",
            b"\xf0\x9f\x98",
            b"\xc3",
            b"\xf5\x80\x80\x80",
        ]
        for fault in faults:
            for place in range(150):
                before = (rng.choice(["a", "é", "中", "\U0001f600", " x"]) * place).encode()[:place]
                before = before.decode(errors="ignore").encode().rjust(place, b".")
                for after in (b"", b"a", "é".encode() * 40):
                    assert_as_python(tok, before + fault + after)

    def test_random_damage(self, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        for _ in range(1_500 * scale):
            content = bytearray(mixed_text(rng, [], []).encode())
            for _ in range(rng.randint(1, 3)):
                i = rng.randrange(len(content) + 1)
                kind = rng.randrange(3)
                content[i : i + (kind > 0)] = b"" if kind == 1 else bytes([rng.choice(EDGES)])
            assert_as_python(embedded, bytes(content))

    def test_the_message_helps(self, embedded: tokmill.Tokenizer) -> None:
        with pytest.raises(InvalidUtf8Error, match="invalid=") as caught:
            embedded.encode(b"abc\xffdef")
        assert caught.value.where == 3
        assert "3" in str(caught.value)
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, tokmill.Error)

    def test_a_batch_names_the_text(self, embedded: tokmill.Tokenizer) -> None:
        texts: list[Any] = ["fine"] * 100
        texts[61] = b"ab\xff"
        for threads in (1, 2, 8):
            with pytest.raises(InvalidUtf8Error, match="61"):
                embedded.encode_batch(texts, threads=threads)
            with pytest.raises(InvalidUtf8Error, match="61"):
                embedded.count_batch(texts, threads=threads)
        replaced = embedded.encode_batch(texts, invalid="replace").lists()
        assert replaced[61] == embedded.encode_list("ab\ufffd")
        assert replaced[60] == embedded.encode_list("fine")

    def test_the_first_of_many_is_named(self, embedded: tokmill.Tokenizer) -> None:
        content = b"word " * 400_000 + b"\xff" + b" word" * 400_000 + b"\xfe"
        for threads in (1, 2, 3, 8):
            with pytest.raises(InvalidUtf8Error) as caught:
                embedded.encode(content, threads=threads)
            assert caught.value.where == 2_000_000

    def test_truncate_and_count_until(self, embedded: tokmill.Tokenizer) -> None:
        content = b"one two \xff three"
        assert embedded.truncate(content, 100, invalid="replace") == content, "a part of the text as it was given"
        assert embedded.count_until(content, 100, invalid="replace") == embedded.count(content, invalid="replace")
        with pytest.raises(InvalidUtf8Error):
            embedded.truncate(content, 100)
        with pytest.raises(InvalidUtf8Error):
            embedded.count_until(content, 100)


class TestSurrogates:
    def test_lone_ones_are_replaced_or_refused(self, embedded: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
        for _ in range(1_500 * scale):
            units = [
                rng.choice(["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d", "\ude00", "a", "é", "中", "\U0001f600", " "])
                for _ in range(rng.randint(1, 20))
            ]
            text = "".join(units)
            joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            assert embedded.encode_list(text) == embedded.encode_list(joined), text
            assert embedded.encode_list(text, invalid="replace") == embedded.encode_list(joined), text
            assert embedded.count(text) == embedded.count(joined), text
            # What is a lone surrogate after pairs have been joined is an error by request.
            if text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore") == joined:
                assert embedded.encode_list(text, invalid="error") == embedded.encode_list(joined), text
            else:
                with pytest.raises(InvalidUtf8Error):
                    embedded.encode_list(text, invalid="error")

    def test_the_place_of_the_first(self, embedded: tokmill.Tokenizer) -> None:
        for text, where in [
            ("\ud800", 0),
            ("abc\udc00", 3),
            ("é\ud800", 1),
            ("\ud83d\ude00\ud83d", 2),
            ("x" * 300 + "\udfff" + "\ud800", 300),
        ]:
            with pytest.raises(InvalidUtf8Error) as caught:
                embedded.encode(text, invalid="error")
            assert caught.value.where == where, text
            assert str(where) in str(caught.value)

    @pytest.mark.parametrize("isa", ISAS)
    def test_at_every_place_of_a_vector(self, isa: str, embedded: tokmill.Tokenizer) -> None:
        tok = embedded._with_isa(isa)
        for filler in ("a", "é", "中", "\U0001f600"):
            for place in range(140):
                for units, joined in (("\ud83d", "\ufffd"), ("\ud83d\ude00", "\U0001f600"), ("\udfff\ud800", "\ufffd\ufffd")):
                    text = filler * place + units + filler * (place % 3)
                    assert tok.encode_list(text) == tok.encode_list(text.replace(units, joined)), (filler, place, units)


class TestStrings:
    """A str is stored in one, two or four bytes a character: all three must come through."""

    @pytest.mark.parametrize("isa", ISAS)
    def test_every_storage(self, isa: str, embedded: tokmill.Tokenizer, rng: random.Random) -> None:
        tok = embedded._with_isa(isa)
        for limit in (0x7F, 0xFF, 0x7FF, 0xFFFF, 0x10FFFF):
            for length in [*range(140), 1_000, 65_537]:
                points = (rng.randint(0, limit) for _ in range(length))
                text = "".join(chr(point) for point in points if not 0xD800 <= point <= 0xDFFF)
                assert tok.encode_list(text) == tok.encode_list(text.encode()), (limit, length)

    def test_buffers(self, embedded: tokmill.Tokenizer) -> None:
        import array
        import mmap

        content = "some bytes, é".encode()
        ids = embedded.encode_list(content)
        mapped = mmap.mmap(-1, len(content))
        mapped.write(content)
        forms: list[Any] = [
            bytearray(content),
            memoryview(content),
            memoryview(content).toreadonly(),
            array.array("B", content),
            mapped,
            np.frombuffer(content, np.uint8),
        ]
        for form in [*forms, memoryview(b"xx" + content)[2:], np.frombuffer(content, np.int8)]:
            assert embedded.encode_list(form) == ids, type(form)
            assert embedded.encode(form).tolist() == ids, type(form)
            assert embedded.encode_batch([form, form]).lists() == [ids, ids], type(form)

    def test_a_buffer_with_gaps_is_refused(self, embedded: tokmill.Tokenizer) -> None:
        with pytest.raises((TypeError, ValueError, BufferError)):
            embedded.encode(memoryview(b"abcdef")[::2])

    def test_subclasses_of_str_and_bytes(self, embedded: tokmill.Tokenizer) -> None:
        class Text(str):
            pass

        class Bytes(bytes):
            pass

        assert embedded.encode_list(Text("a b")) == embedded.encode_list(Bytes(b"a b")) == embedded.encode_list("a b")

    def test_lengths_around_every_block_size(self, embedded: tokmill.Tokenizer) -> None:
        for power in range(16, 23):
            for length in (2**power - 1, 2**power, 2**power + 1):
                text = ("some words " * (length // 11 + 1))[:length]
                assert embedded.decode(embedded.encode(text)) == text


CALLS: list[Callable[..., Any]] = [
    tokmill.Tokenizer.encode,
    tokmill.Tokenizer.encode_list,
    tokmill.Tokenizer.count,
    lambda tok, text, **options: tok.count_until(text, 5, **options),
    lambda tok, text, **options: tok.truncate(text, 5, **options),
]


class TestArguments:
    @pytest.mark.parametrize("text", [None, 1, 1.5, ["a"], ("a",), {"a": 1}, object(), np.array(["a"]), np.array([1.5]), type])
    def test_what_is_no_text(self, embedded: tokmill.Tokenizer, text: Any) -> None:
        for call in CALLS:
            with pytest.raises(TypeError):
                call(embedded, text)

    @pytest.mark.parametrize("invalid", ["", "ignore", "strict", 1, b"error", True])
    def test_invalid(self, embedded: tokmill.Tokenizer, invalid: Any) -> None:
        for call in CALLS:
            with pytest.raises((ValueError, TypeError)):
                call(embedded, "a", invalid=invalid)

    @pytest.mark.parametrize("threads", [0, -1, -(2**63), 1.5, "2", b"2", [1]])
    def test_threads(self, embedded: tokmill.Tokenizer, threads: Any) -> None:
        for call in (
            lambda: embedded.encode("a", threads=threads),
            lambda: embedded.count("a", threads=threads),
            lambda: embedded.encode_batch(["a"], threads=threads),
            lambda: embedded.count_batch(["a"], threads=threads),
        ):
            with pytest.raises((ValueError, TypeError, OverflowError)):
                call()

    def test_more_threads_than_anyone_has(self, embedded: tokmill.Tokenizer) -> None:
        assert embedded.encode("a b c", threads=100_000).tolist() == embedded.encode_list("a b c")

    @pytest.mark.parametrize("number", [-1, -(2**63), 1.5, "5", None])
    def test_limits(self, embedded: tokmill.Tokenizer, number: Any) -> None:
        with pytest.raises((ValueError, TypeError, OverflowError)):
            embedded.count_until("a b", number)
        with pytest.raises((ValueError, TypeError, OverflowError)):
            embedded.truncate("a b", number)

    @pytest.mark.parametrize("number", [0, -1, 1.5, "5"])
    def test_max_pretoken_bytes(self, embedded: tokmill.Tokenizer, number: Any) -> None:
        with pytest.raises((ValueError, TypeError)):
            embedded.encode("a b", max_pretoken_bytes=number)
        with pytest.raises((ValueError, TypeError)):
            embedded._stream(max_pretoken_bytes=number)

    def test_unknown_missing_and_doubled_arguments(self, embedded: tokmill.Tokenizer) -> None:
        calls: list[Callable[[], object]] = [
            lambda: embedded.encode(),  # type: ignore[call-arg]
            lambda: embedded.encode("a", "b"),  # type: ignore[call-arg]
            lambda: embedded.encode("a", nosuch=1),  # type: ignore[call-arg]
            lambda: embedded.encode("a", **{"text": "a"}),  # type: ignore[arg-type]
            lambda: embedded.encode_list("a", **{"": 1}),  # type: ignore[arg-type]
            lambda: embedded.count("a", "text"),  # type: ignore[call-arg]
            lambda: embedded.decode(),  # type: ignore[call-arg]
            lambda: embedded.count_until("a"),  # type: ignore[call-arg]
            lambda: embedded.id_of(),  # type: ignore[call-arg]
        ]
        for call in calls:
            with pytest.raises(TypeError):
                call()
        assert embedded.encode(text="a b").tolist() == embedded.encode_list("a b")

    @pytest.mark.parametrize("token", [None, 1, 1.5, ["a"]])
    def test_id_of(self, embedded: tokmill.Tokenizer, token: Any) -> None:
        with pytest.raises(TypeError):
            embedded.id_of(token)

    @pytest.mark.parametrize("isa", ["", "avx", "AVX2", "scalar ", "icelake\0", 3])
    def test_instruction_sets(self, embedded: tokmill.Tokenizer, isa: Any) -> None:
        with pytest.raises((ValueError, TypeError)):
            embedded._with_isa(isa)

    def test_core_objects_are_not_made_by_hand(self) -> None:
        for make in (tokmill.Tokenizer, tokmill._core.CoreTokenizer, tokmill._core.StreamEncoder, tokmill._core.StreamDecoder):
            with pytest.raises(TypeError):
                make()  # type: ignore[call-arg]
            try:  # and one that was never filled is no way to crash
                hollow = make.__new__(make)
            except TypeError:
                continue
            for use in ("encode", "encode_list", "count", "decode", "feed", "finish", "step", "id_of", "_snapshot"):
                with pytest.raises((AttributeError, TypeError, ValueError, tokmill.Error)):
                    getattr(hollow, use)("a")

    def test_a_tokenizer_cannot_be_changed(self, embedded: tokmill.Tokenizer) -> None:
        for name in ("vocab_size", "pattern", "name", "special_tokens", "isa", "nosuch"):
            with pytest.raises((AttributeError, TypeError)):
                setattr(embedded, name, 1)
        embedded.special_tokens["<|new|>"] = 1
        embedded.token_bytes[0] = b"changed"
        assert "<|new|>" not in embedded.special_tokens
        assert embedded.token_bytes[0] != b"changed"


class TestAfterErrors:
    """An error can come at any point of a long document: the tables and buffers that the next call finds are in order."""

    @pytest.mark.parametrize("size", [1_000, 70_000, 150_000, 300_000, 700_000, 2_500_000])
    @pytest.mark.parametrize("unit", ["a", "ab ", "é", "中", "\U0001f600 "])
    def test_the_next_text_is_right(self, size: int, unit: str, embedded: tokmill.Tokenizer) -> None:
        long = unit * (size // len(unit))
        content = long.encode()
        others = ["some words é " * 60_000, "short", "中文 " * 60_000, "x" * 200_000, "\U0001f600a " * 50_000, ""]
        wanted = [embedded.encode_list(text) for text in others]
        special = next(iter(embedded.special_tokens))
        faults: list[Callable[[], object]] = [
            lambda: embedded.encode(long + "x" * size, max_pretoken_bytes=size // 2, threads=1),
            lambda: embedded.encode(content + b"x" * size, max_pretoken_bytes=size // 2, threads=2),
            lambda: embedded.encode_list(content + b"\xff"),
            lambda: embedded.count(content + b"\xff", threads=1),
            lambda: embedded.encode(long + "\ud800", invalid="error"),
            lambda: embedded.encode_list(long + special, special="error"),
            lambda: embedded.encode(content, out=np.empty(10, np.int32)),
            lambda: embedded.encode_batch([long, content + b"\xff", long]),
            lambda: embedded._stream(max_pretoken_bytes=size // 2).feed(content + b"x" * size),
        ]
        for fault in faults:
            with pytest.raises(tokmill.Error):
                fault()
            assert [embedded.encode_list(text) for text in others] == wanted
            assert [embedded.encode_list(text.encode()) for text in others[:3]] == wanted[:3]


def test_errors_are_one_hierarchy() -> None:
    classes = [value for value in vars(tokmill.errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(classes) >= 15
    for one in classes:
        assert issubclass(one, tokmill.Error)
        if one is not tokmill.Error:
            assert len([base for base in one.__mro__ if base.__module__ == "builtins"]) > 3, f"{one.__name__} is no built-in error as well"
        error = one("plain message", 7)
        assert str(error) == "plain message"
        assert error.where == 7
