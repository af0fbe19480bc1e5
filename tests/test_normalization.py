"""Normal forms, character sets, normalizers and their alignment, against unicodedata2 16.0 and tokenizers 0.23.3, over all code points."""

from __future__ import annotations

import functools
import itertools
import pickle
import random
import string
from typing import Any

import numpy as np
import pytest
import tokmill

from tests.conftest import SCALE

unicodedata2 = pytest.importorskip("unicodedata2")
tokenizers = pytest.importorskip("tokenizers")
from tokenizers import normalizers, pre_tokenizers  # noqa: E402

CHARACTERS = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
# The order of unicode::CharacterSet.
PUNCTUATION, NUMERIC, WORD, WHITE_SPACE, COMBINING_MARK, BERT_CONTROL, BERT_ACCENT, HAS_LOWER_CASE = range(8)


def need_tokenizers() -> None:
    if tokenizers.__version__ != "0.23.3":
        pytest.skip(f"tokenizers is {tokenizers.__version__}, 0.23.3 is the judge")


def judge(form: str, data: str) -> Any:
    if data == "tokenizers":
        need_tokenizers()
        return getattr(normalizers, form)().normalize_str
    if unicodedata2.unidata_version != "16.0.0":
        pytest.skip(f"unicodedata2 is {unicodedata2.unidata_version}, 16.0.0 is the judge")
    return lambda text: unicodedata2.normalize(form, text)


# ---- normal forms


@pytest.mark.parametrize("data", ["unicode-16.0", "tokenizers"])
@pytest.mark.parametrize("form", FORMS)
def test_every_code_point(form: str, data: str) -> None:
    # A line end between the characters joins nothing; a base before them lets marks and vowels compose.
    normalizer = tokmill.Normalizer(form, data=data)
    right = judge(form, data)
    for base in ("", "a", "\u1100", "\u09c7"):
        characters = interesting() if base else CHARACTERS
        text = "\n".join(base + character for character in characters)
        ours, theirs = normalizer.normalize(text), right(text)
        if ours != theirs:
            wrong = [(base + c) for c in characters if normalizer.normalize(base + c) != right(base + c)]
            pytest.fail(f"{len(wrong)} differ: {[ascii(text) for text in wrong[:20]]}")


@functools.cache
def interesting() -> list[str]:
    """Characters that normal forms are about: marks, what decomposes, what composes, Hangul."""
    found = [c for c in CHARACTERS if unicodedata2.combining(c) or unicodedata2.decomposition(c)]
    pairs = [unicodedata2.decomposition(c) for c in CHARACTERS]
    parts = {chr(int(point, 16)) for pair in pairs for point in pair.split() if not point.startswith("<")}
    hangul = [*map(chr, (*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C4))), *CHARACTERS[0xAC00:0xAC40]]
    return [*found, *sorted(parts), *hangul, *string.printable]


@pytest.fixture(scope="module")
def alphabet() -> dict[str, list[str]]:
    all_of_them = interesting()
    marks = [c for c in all_of_them if unicodedata2.combining(c)]
    return {
        "all": all_of_them,
        "marks": marks,
        "letters": [*"aeiouAEIOUs ", "\u00e9", "\u1e69", "\u01d6", *marks[::20], *"\u0323\u0307\u0301\u0344\u0f71\u0f72\u0f73\u0f74\u0f81"],
        "jamo": [*map(chr, (0x1100, 0x1112, 0x1161, 0x1175, 0x11A7, 0x11A8, 0x11C2, 0x11C3, 0xAC00, 0xAC01, 0xD7A3)), "a"],
    }


def random_text(rng: random.Random, alphabet: dict[str, list[str]], most: int) -> str:
    characters = alphabet[rng.choice(list(alphabet))]
    return "".join(rng.choices(characters, k=rng.randint(0, most)))


@pytest.mark.parametrize("data", ["unicode-16.0", "tokenizers"])
@pytest.mark.parametrize("form", FORMS)
def test_random_strings(form: str, data: str, alphabet: dict[str, list[str]], rng: random.Random) -> None:
    normalizer = tokmill.Normalizer(form, data=data)
    right = judge(form, data)
    texts = [random_text(rng, alphabet, 12) for _ in range(6000 * SCALE)] + [random_text(rng, alphabet, 400) for _ in range(60 * SCALE)]
    for text, ours in zip(texts, normalizer.normalize_batch(texts), strict=True):
        assert ours == right(text), ascii(text)
        assert normalizer.normalize(ours) == ours


def test_literals() -> None:
    assert tokmill.normalize("e\u0301") == "\u00e9"
    assert tokmill.normalize("\u00e9", "NFD") == "e\u0301"
    assert tokmill.normalize("\ufb03\u2460\u00bd", "NFKC") == "ffi11\u20442"
    assert tokmill.normalize("\u1e9b\u0323", "NFKC") == "\u1e69"  # the example of UAX #15
    assert tokmill.normalize("\u1e9b\u0323", "NFC") == "\u1e9b\u0323"
    assert tokmill.normalize("\u212b\u2126", "NFC") == "\u00c5\u03a9"
    assert tokmill.normalize("\u1112\u1161\u11ab", "NFC") == "\ud55c"
    assert tokmill.normalize("\u0958", "NFC") == "\u0915\u093c"  # excluded from composition
    # U+32FF came with Unicode 12.1: tokenizers does not know it.
    assert tokmill.normalize("\u32ff", "NFKC") == "\u4ee4\u548c"
    assert tokmill.normalize("\u32ff", "NFKC", data="tokenizers") == "\u32ff"
    assert tokmill.normalize("\U00011935\U00011930") == "\U00011938"
    assert tokmill.normalize("\U00011935\U00011930", data="tokenizers") == "\U00011935\U00011930"
    assert tokmill.normalize("Cr\u00e8me Br\u00fbl\u00e9e", ["NFD", "strip_accents", "lowercase"]) == "creme brulee"
    assert tokmill.normalize("\u0130\u03a3", "lowercase") == "i\u0307\u03c3"
    assert tokmill.normalize("\ud800", []) == "\ufffd"


@pytest.mark.parametrize("form", FORMS)
def test_long_runs_are_sorted_in_linear_time(form: str) -> None:
    # Quadratic work on a million marks would take hours.
    marks = "\u0301\u0323\u0334\u0345\u0308" * (200_000 * min(SCALE, 2))
    order = {"\u0334": 0, "\u0323": 1, "\u0301": 2, "\u0308": 2, "\u0345": 3}
    expected = "x" + "".join(sorted(marks, key=order.__getitem__))
    assert tokmill.normalize("x" + marks, form) == expected
    assert tokmill.normalize("\u1161" * 1_000_000, form) == "\u1161" * 1_000_000


# ---- character sets


def members(number: int) -> set[str]:
    ranges = tokmill._core._character_set(number)
    assert all(a <= b for a, b in ranges)
    assert all(first[1] + 1 < second[0] for first, second in itertools.pairwise(ranges))
    return {chr(point) for first, last in ranges for point in range(first, last + 1)}


BETWEEN = "a" + "a".join(CHARACTERS) + "a"  # the character with index 2n + 1 is CHARACTERS[n]


@functools.cache
def pieces(name: str, *options: Any) -> list[tuple[int, int]]:
    need_tokenizers()
    return [span for _, span in getattr(pre_tokenizers, name)(*options).pre_tokenize_str(BETWEEN)]


def test_punctuation() -> None:
    theirs = {BETWEEN[begin] for begin, end in pieces("Punctuation", "isolated") if end == begin + 1 and begin % 2}
    assert members(PUNCTUATION) == theirs
    assert len(theirs) > 600
    assert {"$", "+", "\u3001"} <= theirs
    assert not {"\u20ac", "a"} & theirs
    bert = {BETWEEN[begin] for begin, end in pieces("BertPreTokenizer") if end == begin + 1 and begin % 2}
    assert bert == theirs


def test_digits() -> None:
    theirs = {BETWEEN[begin] for begin, end in pieces("Digits", True) if end == begin + 1 and begin % 2}
    assert members(NUMERIC) == theirs
    assert len(theirs) > 1800
    assert {"7", "\u00bd", "\u2167"} <= theirs


def test_white_space() -> None:
    for splitter in ("WhitespaceSplit", "BertPreTokenizer"):
        spans = pieces(splitter)
        gaps = {BETWEEN[a[1]] for a, b in itertools.pairwise(spans) if a[1] != b[0]}
        assert members(WHITE_SPACE) == gaps
    assert members(WHITE_SPACE) == {c for c in CHARACTERS if normalizers.Strip().normalize_str(c) == ""}
    assert len(gaps) == 25


def test_word_characters() -> None:
    theirs: set[str] = set()
    for begin, end in pieces("Whitespace"):
        if BETWEEN[begin] == "a":
            theirs.update(BETWEEN[begin + 1 : end - 1 : 2])
    assert members(WORD) == theirs
    assert len(theirs) > 140_000
    assert {"_", "\u0301", "\u200d"} <= theirs


def changed(normalizer: Any, characters: list[str] = CHARACTERS) -> dict[str, str]:
    need_tokenizers()
    return {c: made for c in characters if (made := normalizer.normalize_str(c)) != c}


@pytest.mark.parametrize(
    ("step", "theirs"),
    [
        ("lowercase", normalizers.Lowercase()),
        ("strip_accents", normalizers.StripAccents()),
        ("nmt", normalizers.Nmt()),
        ("byte_level", normalizers.ByteLevel()),
        (("bert", True, False, False, False), normalizers.BertNormalizer(True, False, False, False)),
        (("bert", False, True, False, False), normalizers.BertNormalizer(False, True, False, False)),
        (("bert", False, False, True, False), normalizers.BertNormalizer(False, False, True, False)),
        ("bert", normalizers.BertNormalizer()),
    ],
    ids=str,
)
def test_every_code_point_in_each_component(step: Any, theirs: Any) -> None:
    need_tokenizers()
    # Two letters between the characters: no step joins them to anything, and one call does for all.
    normalizer = tokmill.Normalizer(step, data="tokenizers")
    ours, right = (function("ab".join(CHARACTERS)).split("ab") for function in (normalizer.normalize, theirs.normalize_str))
    assert len(right) == len(CHARACTERS)
    wrong = [c for c, made, wanted in zip(CHARACTERS, ours, right, strict=True) if made != wanted]
    assert not wrong, f"{len(wrong)} differ: {[ascii(c) for c in wrong[:20]]}"


def test_sets_of_the_normalizers() -> None:
    assert members(COMBINING_MARK) == {c for c, made in changed(normalizers.StripAccents()).items() if made == ""}
    assert members(HAS_LOWER_CASE) == set(changed(normalizers.Lowercase()))
    assert len(members(BERT_ACCENT)) > 1500
    assert len(members(BERT_CONTROL)) > 137_000


def test_accents_by_unicode_16() -> None:
    ours = tokmill.Normalizer("strip_accents").normalize_batch(CHARACTERS)
    dropped = {c for c, made in zip(CHARACTERS, ours, strict=True) if made == ""}
    assert dropped == {c for c in CHARACTERS if unicodedata2.category(c)[0] == "M"}


# ---- alignment


def random_steps(rng: random.Random) -> tuple[list[Any], Any]:
    """A sequence of steps, and the same for tokenizers."""
    pieces = ["a", " ", "", "\u0301", "e", "ss", "\u2581", "\u00e9", "abc", "  ", "\u1100", "xyx"]
    ours: list[Any] = []
    theirs: list[Any] = []
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        kind = rng.choice([*FORMS, "lowercase", "strip_accents", "strip", "replace", "replace", "prepend", "byte_level", "nmt", "bert"])
        if kind in FORMS:
            step, other = kind, getattr(normalizers, kind)()
        elif kind == "lowercase":
            step, other = kind, normalizers.Lowercase()
        elif kind == "strip_accents":
            step, other = kind, normalizers.StripAccents()
        elif kind == "strip":
            left, right = rng.random() < 0.7, rng.random() < 0.7
            step, other = (kind, left, right), normalizers.Strip(left, right)
        elif kind == "replace":
            old, new = rng.choice(pieces), rng.choice(pieces)
            step, other = (kind, old, new), normalizers.Replace(old, new)
        elif kind == "prepend":
            text = rng.choice(pieces)
            step, other = (kind, text), normalizers.Prepend(text)
        elif kind == "byte_level":
            step, other = kind, normalizers.ByteLevel()
        elif kind == "nmt":
            step, other = kind, normalizers.Nmt()
        else:
            flags = [rng.random() < 0.6 for _ in range(4)]
            step, other = ("bert", *flags), normalizers.BertNormalizer(*flags)
        ours.append(step)
        theirs.append(other)
    return ours, normalizers.Sequence(theirs)


def offsets_of(normalizer: Any) -> Any:
    """A tokenizer of which each character of the normalized text is a token."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    return lambda text: tokenizer.encode(text).offsets


def test_alignment(
    alphabet: dict[str, list[str]], rng: random.Random, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need_tokenizers()
    monkeypatch.setenv("RUST_BACKTRACE", "0")  # of the panics that follow
    mixed = {**alphabet, "plain": [*"abc exyxss  \t\n\u2581\u4e2d\u00e9E\u0130\u0301\u200b\ufb03"]}
    failed = 0
    for _ in range(1200 * SCALE):
        steps, theirs = random_steps(rng)
        ours = tokmill.Normalizer(steps, data="tokenizers")
        offsets = offsets_of(theirs)
        for _ in range(6):
            text = random_text(rng, mixed, 14)
            try:
                expected = theirs.normalize_str(text)
                spans = offsets(text)
            except BaseException as error:  # a panic of theirs
                if "Panic" not in type(error).__name__:
                    raise
                failed += 1
                with pytest.raises(tokmill.errors.ArgumentError):
                    ours.align(text)
                continue
            made, aligned = ours.align(text)
            assert made == expected, (steps, ascii(text))
            assert ours.normalize(text) == expected
            assert aligned.tolist() == [list(span) for span in spans], (steps, ascii(text))
            check_bytes(text, made, aligned, *ours.align(text, unit="byte"))
    assert failed > 0  # the configurations that they panic on are tried too


def check_bytes(text: str, made: str, characters: np.ndarray, same: str, in_bytes: np.ndarray) -> None:
    """Spans in bytes are those in characters, a row for each byte."""
    assert same == made
    starts = np.cumsum([0, *(len(c.encode()) for c in text.encode("utf-8", "replace").decode())])
    assert np.array_equal(np.repeat(starts[characters], [len(c.encode()) for c in made], axis=0).reshape(-1, 2), in_bytes)


def test_alignment_literals() -> None:
    def spans(steps: Any, text: str) -> list[list[int]]:
        return tokmill.Normalizer(steps).align(text)[1].tolist()

    assert spans("NFD", "a\u00e9b") == [[0, 1], [1, 2], [1, 2], [2, 3]]
    assert spans("NFC", "ae\u0301b") == [[0, 1], [1, 2], [3, 4]]  # the first of those composed
    assert spans(("prepend", "__"), "ab") == [[0, 1], [0, 1], [0, 1], [1, 2]]
    assert spans(("replace", "bc", "X"), "abcd") == [[0, 1], [2, 3], [3, 4]]  # the last of those replaced
    assert spans(("replace", "", "X"), "a") == [[0, 0], [0, 1], [0, 1]]
    assert spans("strip", "  a ") == [[2, 3]]
    assert spans([], "a\u00e9") == [[0, 1], [1, 2]]
    assert spans([], "") == []
    assert tokmill.Normalizer([]).align("\u00e9", unit="byte")[1].tolist() == [[0, 2], [0, 2]]


# ---- the rest


def test_text_that_stays() -> None:
    text = "plain text " * 1000
    assert tokmill.Normalizer(["NFC", "NFKD"]).normalize(text) is text
    assert tokmill.Normalizer([]).is_identity
    assert not tokmill.Normalizer("NFC").is_identity
    assert tokmill.normalize(b"caf\xc3\xa9") == "caf\u00e9"
    assert tokmill.normalize("") == tokmill.normalize("", [("prepend", "x"), ("replace", "", "y")]) == ""


def test_growth_is_bounded() -> None:
    bomb = tokmill.Normalizer([("replace", "a", "aaaaaaaaaa")] * 12)
    assert bomb.normalize("b" * 1000) == "b" * 1000
    with pytest.raises(tokmill.errors.ArgumentError, match="without bound"):
        bomb.normalize("a" * 1000)
    with pytest.raises(tokmill.errors.ArgumentError, match="without bound"):
        tokmill.normalize("a" * 100_000, [("replace", "", "x" * 1000)])
    assert len(tokmill.normalize("\ufdfa" * 100_000, "NFKC")) == 1_800_000  # the greatest expansion that Unicode has


def test_literal_search_is_linear() -> None:
    text, pattern = "a" * 2_000_000, "a" * 1_000_000 + "b"
    assert tokmill.normalize(text, [("replace", pattern, "")]) == text
    assert tokmill.normalize("abababac", [("replace", "ababac", "-")]) == "ab-"
    assert tokmill.normalize("aaaaa", [("replace", "aa", "b")]) == "bba"


def test_wrong_arguments() -> None:
    for steps in ("NFX", [("replace", "a")], [("replace", "a", 1)], ("strip", 1), ("prepend",), [()], ("lowercase", True), ("bert", None)):
        with pytest.raises(tokmill.errors.ArgumentError):
            tokmill.Normalizer(steps)
    with pytest.raises(tokmill.errors.ArgumentError):
        tokmill.Normalizer("NFC", data="15")
    with pytest.raises(tokmill.errors.ArgumentError):
        tokmill.Normalizer("NFC").align("a", unit="line")
    with pytest.raises(tokmill.errors.InvalidUtf8Error):
        tokmill.normalize(b"\xff")
    with pytest.raises(TypeError):
        tokmill.normalize(3)


def test_pickle_and_repr() -> None:
    normalizer = tokmill.Normalizer(["NFKC", ("replace", " ", "_"), "bert"], data="tokenizers")
    again = pickle.loads(pickle.dumps(normalizer))
    assert again.normalize("\ufb01 X") == normalizer.normalize("\ufb01 X") == "fi_x"
    assert repr(again) == repr(normalizer)
    assert "tokenizers" in repr(again)
