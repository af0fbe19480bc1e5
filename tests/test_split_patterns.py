"""The general split-pattern engine against the two owners of split regexes, hand-written cases, and the laws of streaming."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest
import tokmill
from tokmill import Splitter

from tests.conftest import SCALE, corpus, ranks_of
from tests.oracle.splitting import tiktoken_pieces, tokenizers_spans

needs_tokenizers = pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="tokenizers is not installed")
needs_tiktoken = pytest.mark.skipif(importlib.util.find_spec("tiktoken") is None, reason="tiktoken is not installed")

BEHAVIOURS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
# Characters that the published patterns, the dialects and their case folds treat in ways of their own.
SCRAPS = [
    *"abBstSlLdDmxXzZ''’129!/_-$([|:;.éÉЖжßſK½²٣中国あア한ǅʰ।😀",
    *"\u200d\u200c\u0301\u00a0\u3000\u2028\u0085\U0001d7ce\U00020000",
    *("12345", "...", "qu'", "ll", "'ve", "'S", "IMG", "<|endoftext|>", "<sentinel:3>", "http"),
    *(" ", " ", " ", "  ", "\n", "\n\n", "\r", "\r\n", "\t"),
]


def random_texts(rng: random.Random, count: int, most: int = 14) -> list[str]:
    return ["".join(rng.choice(SCRAPS) for _ in range(rng.randrange(1, most))) for _ in range(count)]


def spans(splitter: Splitter, text: str) -> list[tuple[int, int]]:
    return [(begin, end) for begin, end in splitter.split(text, unit="char").tolist()]


def pieces(splitter: Splitter, text: str) -> list[str]:
    return [text[begin:end] for begin, end in spans(splitter, text)]


def published(data: Path) -> list[dict[str, Any]]:
    pipelines: list[dict[str, Any]] = json.loads((data / "vocab" / "patterns.json").read_text("utf8"))
    return pipelines


def published_regexes(data: Path) -> dict[str, list[str]]:
    steps = [step["regex"] for one in published(data) for step in one["steps"] if step["type"] == "Split" and step.get("regex")]
    return {
        "tokenizers": list(dict.fromkeys(steps)),
        "tiktoken": list(dict.fromkeys(one["tiktoken_regex"] for one in published(data) if one.get("tiktoken_regex"))),
    }


# By hand: no data, no peer


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [
        (r"\p{L}+", "ab1c", ["ab", "1", "c"]),
        (r"a|ab", "abab", ["a", "b", "a", "b"]),  # the first alternative wins, not the longest
        (r"ab|a", "abaab", ["ab", "a", "ab"]),
        (r"a+?", "aaa", ["a", "a", "a"]),
        (r"a{2,3}", "aaaaaaa", ["aaa", "aaa", "a"]),
        (r"x(?=y)", "xyxx", ["x", "yxx"]),
        (r"(?<=a)b", "abbb", ["a", "b", "bb"]),
        (r"(?<!a)b", "abbb", ["ab", "b", "b"]),
        (r"\s+(?!\S)|\s+", "a   b", ["a", "  ", " ", "b"]),
        (r"(?i:TRA)", "xtraTRA", ["x", "tra", "TRA"]),
        (r"[\p{L}&&[^a-c]]+", "abcdef", ["abc", "def"]),
        (r"(?>a|ab)c", "abcac", ["abc", "ac"]),
        (r"a++b|a", "aaab a", ["aaab", " ", "a"]),
        (r"\bfoo\b", "foo food", ["foo", " food"]),
        (r"[中-国]+", "x中国y", ["x", "中国", "y"]),
        (r"([ab])\1", "abba", ["a", "bb", "a"]),
        (r"(?=b)", "abb", ["a", "b", "b"]),
        (r"\G\d", "12a3", ["1", "2", "a3"]),
    ],
)
def test_by_hand(regex: str, text: str, expected: list[str]) -> None:
    assert pieces(Splitter(regex), text) == expected


@pytest.mark.parametrize(
    ("regex", "text", "tokenizers", "tiktoken"),
    [
        (r"\d{1,2}+", "12345", ["12345"], ["12", "34", "5"]),
        (r"x$", "x\nx", ["x", "\n", "x"], ["x\n", "x"]),
        (r"^x", "x\nx", ["x", "\n", "x"], ["x", "\nx"]),
        (r"\w", "²", ["²"], ["²"]),
        (r"a\Z", "a\n\n", ["a\n\n"], ["a", "\n\n"]),
        (r"(?i:\p{Lu})", "aB", ["a", "B"], ["a", "B"]),
        (r"a(?i)b|c", "aC", ["aC"], ["a", "C"]),
    ],
)
def test_the_owners_differ(regex: str, text: str, tokenizers: list[str], tiktoken: list[str]) -> None:
    assert pieces(Splitter(regex, dialect="tokenizers"), text) == tokenizers
    assert pieces(Splitter(regex, dialect="tiktoken"), text) == tiktoken


@pytest.mark.parametrize(
    ("regex", "dialect", "byte", "names"),
    [
        ("a(b", "tokenizers", 1, "without its )"),
        ("ab)", "tokenizers", 2, "without its ("),
        ("é[a", "tokenizers", 2, "without its ]"),
        (r"(ab)\1", "tokenizers", 4, "back reference"),
        (r"\p{Klingon}", "tiktoken", 0, "Klingon"),
        (r"中\K", "tokenizers", 3, r"\K"),
        ("a**", "tokenizers", 2, "quantifier on a quantifier"),
        ("a{2000}", "tiktoken", 1, "1000"),
        ("(?x)a", "tiktoken", 2, "flag"),
        ("[a--b]", "tiktoken", 2, "difference"),
        (r"\07", "tokenizers", 0, "octal"),
        (r"a\Gb", "tokenizers", 1, r"\G"),
        ("(?<=a(?=b))c", "tokenizers", 5, "look-behind"),
        ("(?i:ss)", "tokenizers", 4, "fold"),
        ("(?~ab)", "tokenizers", 2, "group"),
        ("b{2,1}", "tokenizers", 1, "order"),
        ("+", "tiktoken", 0, "nothing before it"),
        ("(?:a*){3}", "tiktoken", 0, "counted repeat"),
    ],
)
def test_what_is_refused_says_where(regex: str, dialect: str, byte: int, names: str) -> None:
    with pytest.raises(tokmill.errors.PatternError) as caught:
        Splitter(regex, dialect=dialect)
    assert names in str(caught.value)
    assert f"at byte {byte}" in str(caught.value)


# Against the owners


@needs_tokenizers
def test_published_regexes_as_tokenizers(data: Path, rng: random.Random) -> None:
    texts = random_texts(rng, 150 * SCALE)
    for regex in published_regexes(data)["tokenizers"]:
        splitter = Splitter(regex)
        assert not splitter.statistics["tabulated"]
        for text, expected in zip(texts, tokenizers_spans(regex, texts), strict=True):
            assert spans(splitter, text) == expected, (regex, text)


@needs_tiktoken
def test_published_regexes_as_tiktoken(data: Path, rng: random.Random) -> None:
    texts = random_texts(rng, 24 * SCALE, 9)
    regexes = published_regexes(data)
    for regex in dict.fromkeys(regexes["tiktoken"] + regexes["tokenizers"]):
        splitter = Splitter(regex, dialect="tiktoken", behaviour="removed", invert=True)
        for text, expected in zip(texts, tiktoken_pieces(regex, texts), strict=True):
            if expected is None:  # it panics on empty matches
                assert splitter.statistics["has_empty_matches"], (regex, text)
                continue
            encoded = text.encode()
            assert [encoded[begin:end] for begin, end in splitter.split(text).tolist()] == expected, (regex, text)


def random_regex(rng: random.Random, depth: int = 3) -> str:
    """A regex of the syntax that both owners read alike or that the docs list as read differently."""
    if depth == 0 or rng.random() < 0.25:
        return rng.choice(
            [
                *"abs1",
                *(" ", r"\s", r"\S", r"\d", r"\w", r"\W", r"\p{L}", r"\p{N}", r"\P{Lu}", r"\p{Han}", "[a-s]", "[^a ]", r"[^\s\p{L}]"),
                *(r"[\p{L}&&[^s]]", r"[\w&&\S]", ".", r"\n", "é", "中", "(?i:a)", "(?i:[a-d])", r"(?i:\p{Lu})", r"[\r\n]", r"\p{Ll}"),
            ]
        )
    kind = rng.randrange(10)
    inner = random_regex(rng, depth - 1)
    if kind < 3:
        return inner + random_regex(rng, depth - 1)
    if kind < 5:
        return "(?:" + "|".join([inner, *(random_regex(rng, depth - 1) for _ in range(rng.randrange(1, 3)))]) + ")"
    if kind < 8:
        return f"(?:{inner})" + rng.choice(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "*+", "++", "?+"])
    if kind == 8:
        return rng.choice(["(?=", "(?!", "(?<=", "(?<!", "(?>"]) + inner + ")"
    return inner + rng.choice([r"\b", r"\B", "^", "$", r"\z", r"\A"]) + random_regex(rng, depth - 1)


@needs_tokenizers
def test_random_patterns_as_tokenizers(rng: random.Random) -> None:
    compared = 0
    while compared < 200 * SCALE:
        regex = random_regex(rng)
        behaviour, invert = rng.choice(BEHAVIOURS), rng.random() < 0.5
        try:
            splitter = Splitter(regex, behaviour=behaviour, invert=invert)
        except tokmill.errors.PatternError:
            continue
        texts = ["".join(rng.choice("aabBss1 2 \n中é") for _ in range(rng.randrange(1, 16))) for _ in range(12)]
        try:
            answers = tokenizers_spans(regex, texts, behaviour, invert)
        except BaseException as error:  # it does not take the regex, or panics at its limit of retries
            if isinstance(error, KeyboardInterrupt):
                raise
            continue
        compared += 1
        tabulated = Splitter(regex, behaviour=behaviour, invert=invert, _tabulate=True)
        for text, expected in zip(texts, answers, strict=True):
            assert spans(splitter, text) == expected, (regex, behaviour, invert, text)
            assert spans(tabulated, text) == expected, (regex, behaviour, invert, text)


@needs_tiktoken
def test_random_patterns_as_tiktoken(rng: random.Random) -> None:
    compared = 0
    while compared < 200 * SCALE:
        regex = random_regex(rng)
        try:
            splitter = Splitter(regex, dialect="tiktoken", behaviour="removed", invert=True)
        except tokmill.errors.PatternError:
            continue
        if splitter.statistics["has_empty_matches"]:
            continue
        texts = ["".join(rng.choice("aabBss1 2 \n中é") for _ in range(rng.randrange(1, 16))) for _ in range(12)]
        try:
            answers = tiktoken_pieces(regex, texts)
        except ValueError:
            continue
        compared += 1
        for text, expected in zip(texts, answers, strict=True):
            if expected is not None:
                encoded = text.encode()
                assert [encoded[begin:end] for begin, end in splitter.split(text).tolist()] == expected, (regex, text)


@needs_tokenizers
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_behaviours(behaviour: str, rng: random.Random) -> None:
    texts = random_texts(rng, 40 * SCALE)
    texts.append("".join(random_texts(rng, 12_000)))  # found and folded in several stretches
    assert len(texts[-1].encode()) > 150_000
    for regex in (r"\p{L}+", r"\d", r"(?=\d)", r" ?\w", "s|t", r"\s+$"):
        for invert in (False, True):
            splitter = Splitter(regex, behaviour=behaviour, invert=invert)
            for text, expected in zip(texts, tokenizers_spans(regex, texts, behaviour, invert), strict=True):
                assert spans(splitter, text) == expected, (regex, invert, text)
    for literal in (" ", "12", "'s", "中"):
        splitter = Splitter(literal, behaviour=behaviour, literal=True)
        for text, expected in zip(texts, tokenizers_spans(literal, texts, behaviour, literal=True), strict=True):
            assert spans(splitter, text) == expected, (literal, text)


@needs_tokenizers
def test_published_pipelines(data: Path, rng: random.Random) -> None:
    from tokenizers import Regex, pre_tokenizers

    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    texts = random_texts(rng, 15 * SCALE)
    checked = 0
    for pipeline in published(data):
        ours: Splitter | None = None
        theirs: list[Any] = []
        for step in pipeline["steps"]:
            if step["type"] == "Split" and (step.get("regex") is not None or step.get("string") is not None):
                literal = step.get("regex") is None
                pattern = step["string"] if literal else step["regex"]
                behaviour = "".join("_" + c.lower() if c.isupper() else c for c in step["behavior"]).lstrip("_")
                invert = step.get("invert", False)
                next_step = Splitter(pattern, behaviour=behaviour, invert=invert, literal=literal)
                theirs.append(pre_tokenizers.Split(pattern if literal else Regex(pattern), behaviour, invert))
            elif step["type"] == "ByteLevel" and not step.get("add_prefix_space"):
                theirs.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=step["use_regex"]))
                if not step["use_regex"]:
                    continue
                next_step = Splitter(gpt2)
            else:
                break
            ours = next_step if ours is None else ours.then(next_step)
        else:
            if ours is None:
                continue
            checked += 1
            judge = pre_tokenizers.Sequence(theirs)
            for text in texts:
                assert spans(ours, text) == [span for _, span in judge.pre_tokenize_str(text)], (pipeline["name"], text)
    assert checked >= 40


# Every code point

CLASSES = [
    r"\w",
    r"[\w]",
    r"\s",
    r"\d",
    r"\p{L}",
    r"\p{M}",
    r"\p{N}",
    r"\p{P}",
    r"\p{S}",
    r"\p{Lu}",
    r"\p{Ll}",
    r"\p{Lt}",
    r"\p{Lm}",
    r"\p{Lo}",
]
CLASSES += [r"\p{Nd}", r"\p{Han}", r"\p{Latin}", r"\p{Cyrillic}", r"\p{Z}", r"\p{C}", r"\h", r"[[:alpha:]]", r"[[:alnum:]]", r"[[:space:]]"]
CLASSES += [
    r"(?i:s)",
    r"(?i:k)",
    r"(?i:[a-z])",
    r"(?i:[à-ÿ&&[^ß]])",
    r"(?i:[α-ω])",
    r"(?i:[а-я])",
    r"(?i:[Ა-Ჿ])",
    r"(?i:[\x{10D50}-\x{10D65}])",
    r".",
]


def every_character() -> str:
    return "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


@needs_tiktoken
def test_classes_over_every_code_point_as_tiktoken() -> None:
    """tiktoken drops what a regex does not match; with bytes for tokens, what is left are the members of the class."""
    from tiktoken import _tiktoken  # type: ignore[attr-defined]

    text = every_character()
    encoded = text.encode()
    ranks = {bytes([byte]): byte for byte in range(256)}
    for regex in CLASSES if SCALE > 1 else (r"\w", r"(?i:[α-ω])"):
        kept = bytes(_tiktoken.CoreBPE(ranks, {}, regex).encode_ordinary(text))
        ours = Splitter(regex, dialect="tiktoken", behaviour="removed", invert=True).split(text).tolist()
        assert b"".join(encoded[begin:end] for begin, end in ours) == kept, regex


@needs_tokenizers
def test_classes_over_every_code_point_as_tokenizers() -> None:
    text = every_character()
    for regex in CLASSES if SCALE > 1 else (r"\w",):
        runs = f"(?:{regex})+"
        assert spans(Splitter(runs), text) == tokenizers_spans(runs, [text])[0], regex


# Long texts, streams, hostile regexes: laws that need no peer

LONG_PATTERNS = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"\p{L}+(?: \p{L}+)*|[\s\S]",
    r"(?<=\p{L})\d+|\b\s+|\w+",
    r"a(?=[^.]*\.)|[^a]+",
    r"(?=(\d{3})+(?!\d))",
    r"\d{1,40}(?=\D)|\s+",
]


@pytest.mark.parametrize("regex", LONG_PATTERNS)
def test_long_texts_and_any_cuts(regex: str, rng: random.Random) -> None:
    splitter = Splitter(regex)
    text = " ".join(random_texts(rng, 8000, 6))
    text += "a" * 5000 + "1" * 5000 + " " * 5000 + "".join(random_texts(rng, 50))
    expected = splitter.split(text)
    assert (Splitter(regex, _tabulate=True).split(text) == expected).all()
    size = len(text.encode())
    starts = expected[:, 0].tolist()
    for _ in range(3 * SCALE):
        characters = sorted(rng.sample(range(len(text)), 40))
        ends = [len(text[:end].encode()) for end in characters]
        assert splitter._starts_in_parts(text, [*ends, size]) == starts


@pytest.mark.parametrize("regex", LONG_PATTERNS)
def test_cuts_at_every_character(regex: str, rng: random.Random) -> None:
    splitter = Splitter(regex)
    for text in random_texts(rng, 30 * SCALE, 20):
        ends = [len(text[:end].encode()) for end in range(1, len(text) + 1)]
        assert splitter._starts_in_parts(text, ends) == splitter.split(text)[:, 0].tolist(), text


@pytest.mark.parametrize("regex", [r"(a+)+b", r"(a|a)*b", r"(?:a|aa)+$b", r"a*a*a*a*a*a*b", r"(.*)(.*)(.*)(.*)x", r"(?:(?:a+)+)+b"])
def test_regexes_that_explode_elsewhere(regex: str) -> None:
    text = "a" * 200_000
    assert pieces(Splitter(regex), text) == [text]


def test_texts_of_every_kind() -> None:
    splitter = Splitter(r"\w+")
    assert splitter.split("").shape == (0, 2)
    assert splitter.split("é1 ü").tolist() == [[0, 3], [3, 4], [4, 6]]
    assert splitter.split("é1 ü", unit="char").tolist() == [[0, 2], [2, 3], [3, 4]]
    assert splitter.split("é1 ü".encode()).tolist() == [[0, 3], [3, 4], [4, 6]]
    with pytest.raises(tokmill.errors.InvalidUtf8Error):
        splitter.split(b"a\xff")
    for arguments in ({"dialect": "pcre"}, {"behaviour": "kept"}):
        with pytest.raises(tokmill.Error):
            Splitter("a", **arguments)
    with pytest.raises(tokmill.Error):
        splitter.split("a", unit="line")


def test_steps() -> None:
    words = Splitter(" ", behaviour="removed", literal=True)
    digits = Splitter(r"\d", behaviour="isolated")
    assert pieces(words.then(digits), "ab12 3 x") == ["ab", "1", "2", "3", "x"]
    # What stands at the ends of a piece is all that a later step sees.
    assert pieces(words.then(Splitter(r"^a|b$")), "ab ab") == ["a", "b", "a", "b"]


# Tokenizers whose pattern has no scanner of its own


@needs_tiktoken
@pytest.mark.parametrize("regex", [*LONG_PATTERNS[:2], LONG_PATTERNS[2] + r"|[\s\S]"])
def test_tokenizers_with_any_pattern(regex: str, data: Path, rng: random.Random) -> None:
    import tiktoken

    ranks = ranks_of("cl100k_base")
    lines = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    judge = tiktoken.Encoding("any", pat_str=regex, mergeable_ranks=ranks, special_tokens={})
    tokenizer = tokmill.Tokenizer._from_ranks(lines, name="any", pattern=regex, special_tokens={"<|x|>": 100_300})
    texts = [*random_texts(rng, 100 * SCALE, 60), corpus("multilingual")[:300_000].decode("utf8", "ignore")]
    for isa in tokmill.isa()["supported"]:
        forced = tokenizer._with_isa(isa)
        for text in texts:
            assert forced.encode_list(text) == judge.encode_ordinary(text), (isa, text[:100])
    restored = tokmill.Tokenizer._from_snapshot(tokenizer._snapshot())
    assert restored.encode_list(texts[-1]) == judge.encode_ordinary(texts[-1])
    stream = tokmill.StreamEncoder(tokenizer)
    encoded = texts[-1].encode()
    parts = [stream.feed(encoded[at : at + 777]).tolist() for at in range(0, len(encoded), 777)]
    assert [token for part in [*parts, stream.finish().tolist()] for token in part] == judge.encode_ordinary(texts[-1])


# Safe cuts part pretokens where no token of the vocabulary lies across; nobody may see them but the clock.

CUT_PATTERNS = [
    LONG_PATTERNS[0],
    LONG_PATTERNS[1],
    r"(?<=\p{L})\d+|\b\s+|\w+|[\s\S]",
    r"\p{Han}{2,}?(?=\p{Han}|$)|[^\n]+|\n",
]


@needs_tiktoken
@pytest.mark.parametrize("regex", CUT_PATTERNS)
def test_safe_cuts_do_not_show(regex: str, data: Path, rng: random.Random) -> None:
    import tiktoken

    ranks = ranks_of("cl100k_base")
    lines = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    judge = tiktoken.Encoding("any", pat_str=regex, mergeable_ranks=ranks, special_tokens={})
    tokenizer = tokmill.Tokenizer._from_ranks(lines, name="any", pattern=regex, special_tokens={"<|x|>": 100_300})
    texts = []
    for name in ("cjk", "multilingual"):
        whole = corpus(name).decode("utf8", "ignore")
        for length in (10, 200, 4_000, 60_000 * SCALE):
            start = rng.randrange(max(1, len(whole) - length))
            texts.append(whole[start : start + length])
    texts += ["".join(rng.choices("中文字あ語々。ー", k=9_000)), "".join(rng.choices("ДaБя中\u0301é 한ไทย\U00020000,", k=9_000))]
    without_cuts = Splitter(regex, dialect="tiktoken")
    for text in texts:
        expected = judge.encode_ordinary(text)
        for isa in tokmill.isa()["supported"]:
            forced = tokenizer._with_isa(isa)
            assert forced.encode_list(text) == expected, (isa, text[:100])
            assert forced.pretoken_count(text) == len(without_cuts.split(text)), (isa, text[:100])
        stream = tokmill.StreamEncoder(tokenizer)
        encoded = text.encode()
        step = 1 if len(text) <= 4_000 else 997
        parts = [stream.feed(encoded[at : at + step]).tolist() for at in range(0, len(encoded), step)]
        assert [token for part in [*parts, stream.finish().tolist()] for token in part] == expected, text[:100]
        special = tokenizer.encode(text[:300] + "<|x|>" + text[300:], special="parse").tolist()
        assert special == [*judge.encode_ordinary(text[:300]), 100_300, *judge.encode_ordinary(text[300:])]


def assert_parts_behind_letters(splitter: Splitter, text: str) -> int:
    """The pieces of a text are those of its two parts, wherever it is cut in front of a blank or newline behind a letter."""
    whole, cuts = spans(splitter, text), 0
    for at in range(1, len(text)):
        if text[at] in " \n" and text[at - 1].isalpha():
            right = [(begin + at, end + at) for begin, end in spans(splitter, text[at:])]
            assert spans(splitter, text[:at]) + right == whole, (text, at)
            cuts += 1
    return cuts


def test_texts_are_parted_behind_letters_only_where_it_does_not_show(rng: random.Random) -> None:
    parts = [Splitter(regex).statistics["parts_behind_letters"] for regex in LONG_PATTERNS]
    assert parts == [True, False, False, False, False, False]
    for regex, expected in [
        (r"\w+|\W", True),
        (r"\p{L}+|\s+|[^\p{L}\s]+", True),
        (r"\w+\s?|\W", False),  # the blank belongs to the word
        (r"\w+(?= )|[\s\S]", False),  # the blank decides about the word
        (r"\w+$|[\s\S]", False),  # the end of a text does
        (r"(?<=a) +|[\s\S]", False),
        (r"\p{Lu} .|\p{L}|[\s\S]", False),  # some letters differ
        (r"\w+|^ |\W+", False),
    ]:
        assert Splitter(regex).statistics["parts_behind_letters"] == expected, regex
    found = cuts = 0
    for _ in range(300 * SCALE):
        regex = random_regex(rng) + rng.choice([r"|[\s\S]", r"|\w+|\W", r"|\p{L}+|\s+|[\s\S]"])
        dialect = rng.choice(["tokenizers", "tiktoken"])
        try:
            splitter = Splitter(regex, dialect=dialect)
        except tokmill.errors.PatternError:
            continue
        if splitter.statistics["parts_behind_letters"]:
            found += 1
            cuts += sum(assert_parts_behind_letters(splitter, "".join(rng.choices("aabBss1 2  \n中é", k=14))) for _ in range(6))
    assert found > 10
    assert cuts > 100


def test_published_regexes_part_texts_behind_letters(data: Path, rng: random.Random) -> None:
    found = 0
    for dialect, regexes in published_regexes(data).items():
        for regex in regexes:
            splitter = Splitter(regex, dialect=dialect)
            if splitter.statistics["parts_behind_letters"]:
                found += 1
                for text in random_texts(rng, 15 * SCALE, 12):
                    assert_parts_behind_letters(splitter, text)
    assert found >= 10


@pytest.mark.parametrize("regex", [LONG_PATTERNS[0], LONG_PATTERNS[1]])
def test_threads_do_not_show(regex: str, data: Path) -> None:
    ranks = gzip.decompress((data / "vocab" / "cl100k_base.tiktoken.gz").read_bytes())
    tokenizer = tokmill.Tokenizer._from_ranks(ranks, name="any", pattern=regex, special_tokens={})
    text = (corpus("multilingual") + corpus("code") + corpus("cjk"))[: 6_000_000 * SCALE]
    one = tokenizer.encode(text, threads=1)
    for threads in (2, 3):
        assert (tokenizer.encode(text, threads=threads) == one).all()


@needs_tiktoken
def test_no_safe_cuts_where_a_token_cannot_be_merged() -> None:
    """No two tokens make 文: it is looked up where it is a whole pretoken, never where it is a part of one."""
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)} | {"文".encode(): 256}
    lines = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    regex = r"[^\n]{1,3}|\n"
    judge = tiktoken.Encoding("any", pat_str=regex, mergeable_ranks=ranks, special_tokens={})
    tokenizer = tokmill.Tokenizer._from_ranks(lines, name="any", pattern=regex, special_tokens={})
    assert tokenizer.encode_list("文") == [256]
    for text in ("中文中", "中文中文中文", "文中文中", "x中文中\n文\n中文"):
        for isa in tokmill.isa()["supported"]:
            assert tokenizer._with_isa(isa).encode_list(text) == judge.encode_ordinary(text), (isa, text)


def test_a_tokenizer_refuses_patterns_that_drop_text() -> None:
    lines = b"".join(base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256))
    for regex, reason in ((r"\p{L}+", "every character"), (r"(?=a)|[\s\S]", "every character"), (r"a(", r"without its \)")):
        with pytest.raises(tokmill.errors.PatternError, match=reason):
            tokmill.Tokenizer._from_ranks(lines, name="x", pattern=regex, special_tokens={})
