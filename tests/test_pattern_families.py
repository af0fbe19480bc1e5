"""The split patterns of llama3, qwen2 and their kin: the oracle against tokenizers, every kernel against the oracle.

tokenizers is the owner of these patterns: its `Split`s, in their order, are what tokenizer.json files hold.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import tokmill
from tokmill.conversion import BYTE_CHARACTERS

from tests.compare import assert_rows, rows_of
from tests.conftest import corpus, ranks_of
from tests.oracle import classes, families
from tests.texts import class_string, mixed_text, short_strings
from tests.vocabularies import decoy_ranks, rank_file

ISAS: list[str] = tokmill.isa()["supported"]
PATTERNS = list(families.STEPS)
KEEP_GAPS = ("superbpe", "superwords")  # what lies between two matches: tiktoken would drop it, so no rank file has them
CORPORA = ("english-prose", "code", "multilingual", "cjk", "udhr-many-languages", "markdown", "html", "logs", "tables-and-dna")

# One character of each kind that the pattern can tell apart.
ALPHABET = {
    "llama3": "As1 \t\n'!",
    "qwen2": "As1 \t\n'!",
    "qwen3.5": "As1 \t\n'!\u0301",
    "tekken": "Aa中\u03011 \t\n/!",
    "kimi": "Aa中あ〇⺀\u03011 \n'!",
    "deepseek-v3": "aéあ1 \t\n!…\x00\u0301",
    "superbpe": "a1 \t\n!/…\u3000",
    "superwords": "a1 \t\n!/…\u3000",
}
# What stands between classes or in two of them: members of Han that are no letters, kana that are, borders of cjk, controls.
ODD = "〇々⺀〡〻㆐\U00016ff0\U00016fe2\U00016fe3鿿龥龦㐀゙゛・ーㇰ〿\x00\x01\x7f\x85\xad\u200b\u200c\u200d\ue000\U000e0001\u0378"


def random_string(rng: random.Random) -> str:
    text = class_string(rng)
    if rng.random() < 0.5:
        odd = rng.choices(ODD, k=rng.randint(1, 3))
        text = "".join(rng.choice(odd) if rng.random() < 0.3 else c for c in text)
    return text


def tokenizer(ranks: dict[bytes, int], pattern: str) -> tokmill.Tokenizer:
    if pattern in KEEP_GAPS:
        vocab = {"".join(BYTE_CHARACTERS[byte] for byte in token): id for token, id in ranks.items()}
        splits = [
            {"type": "Split", "pattern": {"Regex": step}, "behavior": "Isolated", "invert": False} for step in families.STEPS[pattern]
        ]
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        content = {
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits, byte_level]},
            "model": {"type": "BPE", "vocab": vocab, "merges": [], "ignore_merges": True},
        }
        return tokmill.Tokenizer._from_tokenizer_json(json.dumps(content).encode(), name="test")
    return tokmill.Tokenizer._from_ranks(rank_file(ranks), name="test", pattern=pattern, special_tokens={})


def owner(pattern: str) -> Callable[[str], list[str]]:
    """The pretokens by tokenizers."""
    pre_tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed").pre_tokenizers
    from tokenizers import Regex

    splits = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(step), "isolated") for step in families.STEPS[pattern]])
    return lambda text: [piece for piece, _ in splits.pre_tokenize_str(text)]


def assert_cuts(pattern: str, strings: Sequence[str], split: Callable[[str], list[str]] | None = None) -> None:
    """By every instruction set, each string as a row of a batch, and some of them joined as one long text."""
    texts = [*strings, "".join(strings[:4_000])]
    pieces = [split(text) if split else families.split(pattern, text) for text in texts]
    ranks = decoy_ranks(pieces)
    expected = rows_of([[ranks[piece.encode()] for piece in row] for row in pieces])
    tok = tokenizer(ranks, pattern)
    for isa in ISAS:
        assert_rows(tok._with_isa(isa).encode_batch(texts, threads=1), expected, texts, f"{pattern}, {isa}")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_oracle_is_tokenizers(pattern: str, rng: random.Random, scale: int) -> None:
    split = owner(pattern)
    for length in range(1, 5 if scale >= 10 else 4):
        for text in short_strings(length, ALPHABET[pattern]):
            assert families.split(pattern, text) == split(text), ascii(text)
    for _ in range(4_000 * scale):
        text = random_string(rng)
        assert families.split(pattern, text) == split(text), ascii(text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_character_between_letters_and_in_a_row(pattern: str, scale: int) -> None:
    # At scale 1 those where a class, the script or the cjk ranges change, with their neighbours.
    table = classes.read_fine()
    scalars = [*range(1, 0xD7FF), *range(0xE001, 0x10FFFF)]

    def kind(point: int) -> tuple[str, bool, bool]:
        return table[point], chr(point) in classes.HAN, families.cjk(chr(point), "", 0) == 1

    chosen = [chr(p) for p in scalars if scale >= 10 or (p < 0x33480 and len({kind(p - 1), kind(p), kind(p + 1)}) > 1)]
    assert len(chosen) > 4_000
    split = owner(pattern)
    assert_cuts(pattern, ["a".join(chosen[i : i + 64]) + "".join(chosen[i : i + 64]) for i in range(0, len(chosen), 64)], split)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_short_strings(pattern: str, scale: int) -> None:
    alphabet = ALPHABET[pattern]
    assert_cuts(pattern, [text for length in range(6 if scale >= 10 else 5) for text in short_strings(length, alphabet)])


@pytest.mark.parametrize(
    ("pattern", "alphabet"),
    [
        ("llama3", "\t\n 1"), ("qwen2", "1a '"), ("qwen3.5", "\u0301a!\n"), ("tekken", "Aa中\u0301"), ("tekken", "\u0301\n/!"),
        ("kimi", "中Aa'"), ("kimi", "⺀中! "), ("kimi", "〇中1a"), ("kimi", "\U00016ff0\u0301!a"), ("kimi", "\u0301\n!中"),
        ("deepseek-v3", "\x00a! "), ("deepseek-v3", "!aé\n"), ("deepseek-v3", " \n1中"), ("deepseek-v3", "\t\n 1"),
        ("deepseek-v3", "\x00\u0301中…"), ("superbpe", "!/\na"), ("superbpe", " a!\n"), ("superwords", "!/\n "),
        ("superwords", "\t\n a"), ("superwords", "\u3000\n …"),
    ],
)  # fmt: skip
def test_longer_strings_of_few_classes(pattern: str, alphabet: str, scale: int) -> None:
    # Classes whose rules meet: what goes wrong there can take several characters to show.
    for length in range(1, 9 if scale >= 10 else 7):
        assert_cuts(pattern, list(short_strings(length, alphabet)))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_random_strings(pattern: str, rng: random.Random, scale: int) -> None:
    for _ in range(scale):
        assert_cuts(pattern, [random_string(rng) for _ in range(6_000)])
        samples = ["Größe, 12345 naïve 漢字かな交じり文。 déjà-vu's"]
        assert_cuts(pattern, [mixed_text(rng, ["ing", " the", "'ll", "\n\n\n"], samples) for _ in range(1_000)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_strings_at_every_distance_from_a_border(pattern: str, rng: random.Random) -> None:
    # Kernels work in vectors and blocks: the same few characters have to give the same cuts wherever in a block they lie.
    strings = [random_string(rng)[:8] for _ in range(25)]
    fillers = ["a", " a", "中", "1", "!", "A", "\x00"]
    assert_cuts(pattern, [(rng.choice(fillers) * 140)[:distance] + text for text in strings for distance in range(1, 140)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_cut_of_a_stream(pattern: str, rng: random.Random, scale: int) -> None:
    hard = "Hello wörld's don'T  12345\n\n  x\t\r\n!!//\n/ 中文〇〇 é\u0301\x00\x00a"
    for text in [hard, *(random_string(rng) for _ in range(40 * scale))]:
        pieces = families.split(pattern, text)
        ranks = decoy_ranks([pieces])
        tok, content = tokenizer(ranks, pattern), text.encode()
        for cut in range(len(content) + 1):
            stream = tok._stream()
            parts = [stream.feed(content[:cut]), stream.feed(content[cut:]), stream.finish()]
            assert [token for part in parts for token in part.tolist()] == [ranks[piece.encode()] for piece in pieces], (text, cut)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_corpora_against_tokenizers(pattern: str, data: Path, rng: random.Random, scale: int) -> None:
    split = owner(pattern)
    for name in CORPORA:
        text = corpus(name).decode()
        length = len(text) if scale >= 10 else 40_000
        start = rng.randrange(max(1, len(text) - length))
        assert_cuts(pattern, [text[start : start + length]], split)


# (What lies between two matches may be cut otherwise when it is a text of its own: `in ` of `in 1984` is `in` and a blank then.)
@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern not in KEEP_GAPS])
def test_safe_cuts_do_not_show(pattern: str, load: Callable[..., tokmill.Tokenizer], data: Path, rng: random.Random) -> None:
    """A real vocabulary has tokens across borders: ids, with and without other text before, are those of the pretokens one by one."""
    ranks = ranks_of("cl100k_base")
    tok = tokenizer(ranks, pattern)
    text = "".join(mixed_text(rng, [], [corpus("cjk").decode()[:20_000], corpus("multilingual").decode()[:20_000]]) for _ in range(150))
    long_word = "".join(rng.choices("中文字あ語々", k=4_000)) + "".join(rng.choices("ДaBя中\u0301", k=4_000))
    for content in (text, long_word):
        expected = [token for row in tok.encode_batch(families.split(pattern, content)).lists() for token in row]
        for isa in ISAS:
            assert tok._with_isa(isa).encode_list(content) == expected, isa
            stream = tok._with_isa(isa)._stream()
            pieces = [stream.feed(content.encode()[i : i + 7_000]) for i in range(0, len(content.encode()), 7_000)]
            assert [token for part in [*pieces, stream.finish()] for token in part.tolist()] == expected, isa


def test_published_llama3_ids(data: Path) -> None:
    """llama.cpp's expectations for the released vocabulary."""
    lines = gzip.decompress((data / "vocab" / "llama3.tiktoken.gz").read_bytes()).splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    tok = tokenizer(ranks, "llama3")
    cases = [json.loads(line) for line in (data / "conformance" / "llama_cpp.llama3.jsonl").read_bytes().splitlines()]
    assert len(cases) > 30
    for line in cases:
        assert tok.encode_list(line["text"]) == line["ids"], line


# The pipelines of patterns.json whose Splits mean one of the known patterns; normalisers are another matter.
PUBLISHED = {
    "gpt2-original-release": "gpt2", "r50k-p50k-tiktoken": "gpt2", "cl100k-removed-invert": "llama3", "llama3": "llama3", "glm4": "llama3",
    "midm-2.0": "llama3", "qwen2": "qwen2", "hunyuan-moe": "qwen2", "stablelm2-arcade100k": "qwen2", "grok-2": "qwen2",
    "bailing-ling-llada": "qwen2", "qwen3.5": "qwen3.5", "o200k": "o200k", "o200k-removed-invert": "o200k",
    "granite-embedding-multi-97m": "o200k", "tekken-nemotron3": "tekken", "kimi-k2": "kimi", "deepseek-v3": "deepseek-v3",
    "cl100k-tiktoken": "cl100k", "cl100k-older-spelling": "cl100k",
}  # fmt: skip


def test_published_spellings_are_known(data: Path) -> None:
    ranks = {bytes([value]): value for value in range(256)}
    for entry in json.loads((data / "vocab" / "patterns.json").read_text("utf8")):
        steps = entry["steps"]
        if not all(step["type"] == "Split" and "regex" in step for step in steps[:-1]) or not steps[:-1]:
            continue
        joined = "\n".join(step["regex"].replace("\r", "\\r").replace("\n", "\\n") for step in steps[:-1])
        if entry["name"] in PUBLISHED:
            assert tokenizer(ranks, joined).pattern == tokmill.PATTERNS[PUBLISHED[entry["name"]]], entry["name"]
        else:
            try:
                found = tokenizer(ranks, joined).pattern  # by the general engine
            except tokmill.errors.PatternError:
                continue
            assert found not in tokmill.PATTERNS.values(), entry["name"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_names(pattern: str) -> None:
    assert tokmill.PATTERNS.get(pattern) == (None if pattern in KEEP_GAPS else "\n".join(families.STEPS[pattern]))


@pytest.mark.parametrize(
    ("pattern", "text", "pieces"),
    [
        ("llama3", "x12345'Sa\n  ", ["x", "123", "45", "'S", "a", "\n", "  "]),
        ("qwen2", "x123 \n y", ["x", "1", "2", "3", " \n", " y"]),
        ("qwen3.5", "e\u0301 !\u0301a", ["e\u0301", " !", "\u0301a"]),
        ("tekken", "isn't 12 ./\n/", ["isn", "'t", " ", "1", "2", " ./\n/"]),
        ("kimi", "AB中文cd's中 ⺀〇1〇中", ["AB", "中文", "cd's", "中", " ⺀", "〇", "1〇", "中"]),
        ("deepseek-v3", "x  1中文.abé \x00\x00a!\n", ["x", "  ", "1", "中文", ".ab", "é", " ", "\x00", "\x00a", "!\n"]),
        ("superbpe", 'in 1984: "no"  way \n!!\n/ x', ["in ", "198", "4", ': "no"', " ", " way", " ", "\n", "!!\n/", " x"]),
        ("superwords", 'in 1984: "no"  way \n\t!! x', ["in ", "198", "4", ': "no"', " ", " way", " \n", "\t", "!!", " x"]),
    ],
)
def test_literals(pattern: str, text: str, pieces: list[str]) -> None:
    assert families.split(pattern, text) == pieces
    assert_cuts(pattern, [text])
