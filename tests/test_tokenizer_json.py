"""tokenizer.json: ids, pairs and decoded text equal to those of ``tokenizers``, hostile files refused, every way to load one."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokmill
from tokmill.errors import (
    ArgumentError,
    Error,
    MissingByteError,
    SpecialTokenError,
    UnknownIdError,
    UnsupportedModel,
    VocabularyError,
)
from tokmill.tokenizer import Tokenizer

from tests import tokenizer_files as files
from tests.conftest import corpus
from tests.texts import mixed_text

BYTE_LEVEL_FILES = [
    "cl100k_base",
    "clip",
    "falcon",
    "gpt-neox-20b",
    "gpt2",
    "llama3",
    "o200k_base",
    "olmo-1-test",
    "olmo-1.5",
    "phi-2",
    "qwen2",
    "roberta-base",
    "smollm",
    "starcoder2",
    "superbpe-200k",
    "whisper-large-v3",
    "whisper-tiny",
]
CORPORA = ["english-prose", "multilingual", "code", "udhr-many-languages", "tables-and-dna", "json", "markdown", "cjk", "html", "logs"]


def of(file: dict[str, Any] | bytes, **options: Any) -> Tokenizer:
    data = file if isinstance(file, bytes) else json.dumps(file).encode()
    return Tokenizer._from_tokenizer_json(data, name="test", **options)


def assert_same_ids(tok: Tokenizer, peer: Any, texts: list[str], where: str) -> None:
    """Ids without and with special tokens, and what they decode to."""
    for special, as_text in (("text", True), ("parse", False)):
        peer.encode_special_tokens = as_text
        expected = [encoding.ids for encoding in peer.encode_batch(texts, add_special_tokens=False)]
        got = tok.encode_batch(texts, special=special)
        for text, want, ids in zip(texts, expected, got.lists(), strict=True):
            assert ids == want, (where, special, text[:2000])
    for text, want, decoded in zip(texts, peer.decode_batch(expected, skip_special_tokens=False), tok.decode_batch(got), strict=True):
        assert decoded == want, (where, text[:2000])


def assert_equal(tok: Tokenizer, peer: Any, texts: list[str], where: str) -> None:
    """All of it: also pairs, what is added, single calls."""
    assert_same_ids(tok, peer, texts, where)
    framed = [peer.encode(text).ids for text in texts]
    assert tok.encode_batch(texts, special="parse", add_special_tokens=True).lists() == framed, where
    for text, ids in zip(texts[:40], framed, strict=False):
        assert tok.encode_list(text, special="parse", add_special_tokens=True) == ids, (where, text)
        assert tok.count(text, special="parse", add_special_tokens=True) == len(ids)
    for left, right in zip(texts[:20], reversed(texts[:20]), strict=True):
        for adds in (False, True):
            want = peer.encode(left, right, add_special_tokens=adds).ids
            assert tok.encode_list(left, pair=right, special="parse", add_special_tokens=adds) == want, (where, left, right)
    for ids in framed:
        for skip in (False, True):
            assert tok.decode(ids, skip_special_tokens=skip) == peer.decode(ids, skip_special_tokens=skip), (where, ids[:200])


# Without data


def test_a_small_file_by_hand() -> None:
    tok = of(files.small_file())
    the, space_the, space_a, digits = 257, 258, 260, 265
    # " a" comes before "an" in the list of merges, so " and" is never made.
    assert tok.encode_list("the the and 12") == [the, space_the, space_a, ord("n"), ord("d"), ord(" "), digits]
    assert tok.encode_list("") == []
    assert tok.decode([the, space_the, 0xC3, 0xA9]) == "the theé"
    assert tok.decode([0xC3]) == "\ufffd"
    with pytest.raises(UnknownIdError):
        tok.decode([5000])
    assert (tok.vocab_size, tok.special_tokens, tok.missing_bytes) == (266, {}, b"")


def test_special_tokens_are_text_and_added_tokens_are_not() -> None:
    tok = of(files.small_file(added_tokens=[files.added(266, "<s>"), files.added(267, "  ", special=False, normalized=True)]))
    text = [ord("<"), ord("s"), ord(">")]
    assert tok.encode_list("<s>  a") == [*text, 267, ord("a")]
    assert tok.encode_list("<s>  a", special="parse") == [266, 267, ord("a")]
    assert tok.encode_list("<s>  a", special={"<s>"}) == [266, 267, ord("a")]
    assert tok.special_tokens == {"<s>": 266}
    assert tok.decode([266, 267, ord("a")], skip_special_tokens=True) == "  a"
    with pytest.raises(SpecialTokenError) as caught:
        tok.encode("  é<s>", special="error")
    assert caught.value.where == 4
    with pytest.raises(ArgumentError):
        tok.encode("a", special={"  "})


def test_a_template_is_added_once_and_only_on_request() -> None:
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"Sequence": {"id": "B", "type_id": 0}},
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 1}},
        ],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [266], "tokens": ["<s>"]}},
    }
    tok = of(files.small_file(added_tokens=[files.added(266, "<s>")], post_processor=template))
    assert tok.encode_list("a") == [97]
    assert tok.encode_list("a", add_special_tokens=True) == [266, 97]
    # A chat template that already begins with the token does not get a second one.
    assert tok.encode_list("<s>a", special="parse") == [266, 97]
    assert tok.encode_list("a", pair="b") == [98, 97]
    assert tok.encode_list("a", pair="b", add_special_tokens=True) == [98, 266, 97]
    assert tok.encode_batch(["a", "", "b"], add_special_tokens=True).lists() == [[266, 97], [266], [266, 98]]
    assert tok.count_batch(["a", ""], add_special_tokens=True).tolist() == [2, 1]
    with pytest.raises(ArgumentError, match="out="):
        tok.encode("a", add_special_tokens=True, out=tok.encode("abc"))


def test_a_template_goes_around_a_file() -> None:
    around = {"type": "BertProcessing", "sep": ["</s>", 267], "cls": ["<s>", 266]}
    tok = of(files.small_file(added_tokens=[files.added(266, "<s>"), files.added(267, "</s>")], post_processor=around))
    assert tok.encode_file(io.BytesIO(b"a b")).tolist() == [97, 32, 98]
    assert tok.encode_file(io.BytesIO(b"a b"), add_special_tokens=True).tolist() == [266, 97, 32, 98, 267]
    assert tok.encode_file(io.BytesIO(), add_special_tokens=True, dtype="int64").tolist() == [266, 267]
    blocks = list(tok.encode_file_iter(io.BytesIO(b"a b"), add_special_tokens=True, dtype="uint16"))
    assert {block.dtype.name for block in blocks} == {"uint16"}
    assert [id for block in blocks for id in block.tolist()] == [266, 97, 32, 98, 267]
    ids, spans = tok.encode_file(io.BytesIO(b"a b"), add_special_tokens=True, spans="char")
    assert (ids.tolist(), spans.tolist()) == ([266, 97, 32, 98, 267], [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]])


def test_bytes_without_a_token_are_left_out_and_counted() -> None:
    file = files.small_file()
    del file["model"]["vocab"][files.ALPHABET[ord("!")]]
    file["model"]["vocab"]["ab"] = 300
    file["model"]["merges"].append(["a", "b"])
    tok = of(file)
    assert tok.missing_bytes == b"!"
    assert tok.encode_list("a!b !") == [97, 98, files.ALPHABET.index("Ġ")]
    assert tok._table_statistics()["missing_bytes"] == 2
    with pytest.raises(MissingByteError) as caught:
        of(file, refuse_missing_bytes=True).encode("aé !")
    assert caught.value.where == 4
    assert of(file, refuse_missing_bytes=True).encode_list("ab") == [300]


def test_what_is_left_of_a_pretoken_is_no_whole_one() -> None:
    """With ignore_merges a pretoken that is a token is that token; "q!" without the missing "!" is not the token "qz", made by no merge."""
    file = files.small_file()
    file["model"] |= {"ignore_merges": True, "vocab": file["model"]["vocab"] | {"qz": 300}}
    assert of(file).encode_list("qz") == [300]
    del file["model"]["vocab"][files.ALPHABET[ord("!")]]
    with pytest.raises(UnsupportedModel, match="ignore_merges"):
        of(file)
    file["model"]["ignore_merges"] = False
    assert of(file).encode_list("q!z") == [ord("q"), ord("z")]


def test_the_mark_of_a_word_is_a_merge_like_any_other() -> None:
    characters = {character: id for id, character in enumerate(files.ALPHABET)}
    ends = {character + "</w>": 256 + id for id, character in enumerate(files.ALPHABET)}
    file = files.file_of(
        characters | ends | {"ab": 600, "ab</w>": 601, "bab</w>": 602},
        [["a", "b</w>"], ["b", "ab</w>"], ["a", "b"]],
        model={"end_of_word_suffix": "</w>"},
        pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, files.MAPPED]},
    )
    tok = of(file)
    assert tok.encode_list("ab abab b") == [601, 97, 602, 256 + 98]
    assert tok.encode_list("bab abb") == [602, 600, 256 + 98]
    assert tok.decode([601, 98]) == "ab</w>b"


@pytest.mark.parametrize(
    ("steps", "text", "expected"),
    [
        # Each digit alone. The blanks end their piece, so both are one pretoken; the last one goes with the letter.
        ([{"type": "Digits", "individual_digits": True}], "ab  12 c's", ["ab", "  ", "1", "2", " c", "'s"]),
        # Runs of punctuation: no contraction is left to find, and no blank goes with a mark.
        ([{"type": "Punctuation", "behavior": "Contiguous"}], "it's so !? 12", ["it", "'", "s", " so", " ", "!?", " 12"]),
        # A Split that is one set is such a step too, whatever it is called.
        ([files.split({"Regex": "[st]+"}), files.split({"String": "é"})], "as té éé", ["a", "s", " ", "t", "é", " ", "é", "é"]),
    ],
)
def test_steps_of_kinds_of_characters_by_hand(steps: list[Any], text: str, expected: list[str]) -> None:
    file = decoy(expected, text)
    tok = of(file | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [*steps, files.BYTE_LEVEL]}})
    assert [tok.decode([id]) for id in tok.encode_list(text)] == expected
    assert tok.pretoken_count(text) == len(expected)
    # A byte without a token: the text goes the way of single steps.
    del file["model"]["vocab"][files.ALPHABET[ord("~")]]
    tok = of(file | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [*steps, files.BYTE_LEVEL]}})
    assert [tok.decode([id]) for id in tok.encode_list(text)] == expected
    assert tok._table_statistics()["missing_bytes"] == 0
    assert len(tok.encode_list("~" + text)) >= len(expected)
    assert tok._table_statistics()["missing_bytes"] == 1


def decoy(expected: list[str], text: str) -> dict[str, Any]:
    """A file in which every expected pretoken is a token, and every two neighbours are another: any other cut gives other ids."""
    assert "".join(expected) == text
    vocab = {character: id for id, character in enumerate(files.ALPHABET)}
    merges = []
    for word in [*expected, *map("".join, itertools.pairwise(expected))]:
        spelt = files.spelt(word.encode())
        for end in range(2, len(spelt) + 1):
            if spelt[:end] not in vocab:
                vocab[spelt[:end]] = len(vocab)
                merges.append([spelt[: end - 1], spelt[end - 1]])
    return files.file_of(vocab, merges)


def test_steps_behind_byte_level_see_bytes() -> None:
    """Digits behind ByteLevel: the second byte of ò is B2, which is spelt as a superscript two. Three digits at a time, from the left."""
    behind = [{"type": "Digits", "individual_digits": False}, files.split({"Regex": "[0-9][0-9][0-9]"})]
    tok = of(files.small_file(pre_tokenizer={"type": "Sequence", "pretokenizers": [files.BYTE_LEVEL, *behind]}))
    assert tok.pretoken_count("a \u00f2b 1234567 c") == len([b"a", b" \xc3", b"\xb2", b"b", b" ", b"123", b"456", b"7", b" c"])
    assert tok.encode_list("12 12") == [265, ord(" "), 265]
    long = "12 words and \u00f2 then 12345 " * 20_000
    assert tok.pretoken_count(long) == 20_000 * tok.pretoken_count(long[: len(long) // 20_000])


def test_info_says_what_a_file_is_made_of() -> None:
    file = files.small_file(
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}],
        },
        pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, files.BYTE_LEVEL]},
        post_processor={
            "type": "RobertaProcessing",
            "sep": ["</s>", 2],
            "cls": ["<s>", 0],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        truncation={"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0},
        padding={
            "strategy": {"Fixed": 8},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "x",
        },
    )
    del file["model"]["vocab"][files.ALPHABET[ord("!")]]
    info = of(file).info()
    assert info["normalizer"] == r"NFC, Replace(pattern.Regex '\\s+', content ' ')"
    assert info["pre_tokenizer"] == "Digits(individual_digits yes), ByteLevel(trim_offsets yes, use_regex yes)"
    assert info["post_processor"] == 'RobertaProcessing(sep ["</s>", 2], cls ["<s>", 0], trim_offsets yes)'
    assert info["truncation"] == "direction 'Right', max_length 512, strategy 'LongestFirst', stride 0"
    assert info["padding"].startswith("strategy.Fixed 8, ")
    assert info["missing_bytes"] == 1


# Against tokenizers


def stretches(rng: random.Random, count: int, size: int) -> list[str]:
    chosen = []
    for name in rng.choices(CORPORA, k=count):
        text = corpus(name).decode()
        begin = rng.randrange(max(1, len(text) - size))
        chosen.append(text[begin : begin + size])
    return chosen


@pytest.fixture(scope="session")
def adversarial(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Hostile texts of every kind, the same for the same seed."""
    folder = tmp_path_factory.mktemp("adversarial")
    subprocess.run([sys.executable, data / "corpora" / "make_adversarial.py", folder, "--size", "3000"], check=True, capture_output=True)
    texts = [path.read_bytes().decode() for path in sorted(folder.glob("*.txt"))]
    assert len(texts) > 10
    return texts


@pytest.mark.parametrize("name", BYTE_LEVEL_FILES)
def test_real_files_against_tokenizers(name: str, data: Path, adversarial: list[str], rng: random.Random, scale: int) -> None:
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    source = gzip.decompress((data / "vocab" / f"{name}.tokenizer.json.gz").read_bytes())
    tok, peer = of(source), files.peer_of(source.decode())
    entries = [token.decode() for token in tok.token_bytes if token and token.decode("utf-8", "ignore").encode() == token]
    contents = [token["content"] for token in json.loads(source)["added_tokens"]]
    samples = [corpus("multilingual").decode()[:100_000], corpus("code").decode()[:100_000]]
    texts = [mixed_text(rng, entries + contents, samples) for _ in range(250)]
    texts += [*stretches(rng, 10, 8_000), *adversarial]
    texts += [
        "",
        " ",
        "\n",
        "a" * 3000,
        "\u0301" * 300,
        " " * 500,
        "中" * 300,
        "\x00\x01!\x7f",
        "e\u0301",
        "\ufb01 ﬁ Å",
        "<mask> <mask>",
        "Ġ</w>",
    ]
    assert_equal(tok, peer, texts, name)
    for _ in range(scale - 1):
        assert_same_ids(tok, peer, [mixed_text(rng, entries + contents, samples) for _ in range(250)], name)


@pytest.mark.parametrize("name", ["falcon", "gpt2", "llama3", "qwen2", "roberta-base"])
def test_conformance_lines(name: str, data: Path) -> None:
    tok = of(gzip.decompress((data / "vocab" / f"{name}.tokenizer.json.gz").read_bytes()))
    lines = [json.loads(line) for line in (data / "conformance" / f"llama_cpp.{name}.jsonl").read_text("utf8").splitlines()]
    assert len(lines) > 10
    for line in lines:
        assert tok.encode_list(line["text"]) == line["ids"], line["text"]


def random_file(rng: random.Random) -> dict[str, Any]:
    symbols = [files.ALPHABET[byte] for byte in rng.choice(["ab ", "abc1 ", "aé!", "ab\n ", "x中 ."]).encode()]
    vocab, merges = files.random_merges(rng, symbols, rng.randint(1, 25))
    model: dict[str, Any] = {"ignore_merges": rng.random() < 0.3}
    if rng.random() < 0.3:
        for character in rng.sample(symbols, rng.randint(1, 2)):
            gone = {token for token in vocab if character in token}
            vocab = {token: id for token, id in vocab.items() if token not in gone}
            merges = [pair for pair in merges if not {*pair, pair[0] + pair[1]} & gone]
        if rng.random() < 0.6:
            vocab["<unk>"] = max(vocab.values()) + 1
            model |= {"unk_token": "<unk>", "fuse_unk": rng.random() < 0.5, "ignore_merges": False}
    steps: list[dict[str, Any]] = []
    if rng.random() < 0.5:
        pool = [
            {"type": "Digits", "individual_digits": rng.random() < 0.5},
            {"type": "Punctuation", "behavior": rng.choice(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"])},
            {"type": "Whitespace"},
            {"type": "WhitespaceSplit"},
            {
                "type": "Split",
                "pattern": rng.choice([{"String": "a"}, {"Regex": r"\s+"}, {"Regex": "b|1+"}, {"String": " "}]),
                "behavior": rng.choice(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]),
                "invert": rng.random() < 0.3,
            },
        ]
        steps = rng.sample(pool, rng.randint(1, 3))
    byte_level = files.BYTE_LEVEL | {"add_prefix_space": rng.random() < 0.3, "use_regex": rng.random() < 0.7}
    steps.insert(rng.randint(0, len(steps)), byte_level)
    normalizers = [
        {"type": rng.choice(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"])},
        {"type": "Replace", "pattern": rng.choice([{"String": "a"}, {"Regex": "[ b]+"}]), "content": rng.choice(["", "b", "ab"])},
        {"type": "Strip", "strip_left": rng.random() < 0.5, "strip_right": True},
        {"type": "Prepend", "prepend": "b"},
    ]
    chosen = rng.sample(normalizers, rng.choice([0, 0, 1, 2]))
    contents = rng.sample(["<x>", "ab", "a b", "é", " b", "b1", "A"], rng.randint(0, 3))
    free = len(vocab)
    tokens = []
    for content in contents:
        known = vocab.get(content)
        id = free if known is None else known
        free = max(free, id + 1) if known is None else free
        flags = {flag: rng.random() < 0.3 for flag in ("lstrip", "rstrip", "single_word", "normalized", "special")}
        tokens.append(files.added(id, content, **flags))
    decoder = rng.choice(
        [
            files.DECODER,
            None,
            {"type": "BPEDecoder", "suffix": "a"},
            {"type": "Sequence", "decoders": [files.DECODER, {"type": "Fuse"}, {"type": "Strip", "content": "a", "start": 1, "stop": 0}]},
            {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "Ġ"}, "content": "_"}, {"type": "Fuse"}]},
        ]
    )
    return files.file_of(
        vocab,
        merges,
        model=model,
        added_tokens=tokens,
        normalizer={"type": "Sequence", "normalizers": chosen} if chosen else None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": steps},
        decoder=decoder,
    )


# Read as tiktoken would read them, each of the first four would cut elsewhere; the last two leave gaps between matches.
SPLIT_REGEXES = [r"\d{1,2}+|\D", r"x$|[^x]+|x", r"^\w|\w+|\W", r"a(?i)b|c|[^abc]+", r"\p{Han}{2}|\s", r"(?<=a)b+|(?=1)"]


@pytest.mark.parametrize("regex", SPLIT_REGEXES)
def test_a_split_is_read_as_tokenizers_reads_it(regex: str, rng: random.Random, scale: int) -> None:
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    symbols = [files.ALPHABET[byte] for byte in "x1aB 中".encode()]
    vocab, merges = files.random_merges(rng, symbols, 40)
    split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    for normalizer in (None, {"type": "NFC"}):
        pretokenizer = {"type": "Sequence", "pretokenizers": [split, files.MAPPED]}
        tokens = [files.added(len(vocab), "<x>")] if normalizer is None else []
        file = files.file_of(vocab, merges, added_tokens=tokens, normalizer=normalizer, pre_tokenizer=pretokenizer)
        tok, peer = of(file), files.peer_of(file)
        texts = ["".join(rng.choices("x1a aBbc\n中文é", k=rng.randint(0, 40))) for _ in range(60 * scale)]
        texts += ["".join(rng.choices(["12345", "x\n", "中文", "<x>", "aC", "a\u0301"], k=2_000))]
        assert_equal(tok, peer, texts, regex)
        normalized = [peer.normalizer.normalize_str(text) if normalizer else text for text in texts]
        pieces = [len(peer.pre_tokenizer.pre_tokenize_str(text)) for text in normalized]
        assert [tok.pretoken_count(text) for text in texts] == pieces
        restored = pickle.loads(pickle.dumps(tok))
        assert restored.encode_batch(texts).lists() == tok.encode_batch(texts).lists()


def test_random_configurations_against_tokenizers(rng: random.Random, scale: int) -> None:
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    made = 0
    for _ in range(120 * scale):
        file = random_file(rng)
        try:
            tok = of(file)
        except (UnsupportedModel, VocabularyError):
            continue
        made += 1
        peer = files.peer_of(file)
        texts = ["".join(rng.choices("ab ab1! \né中A<x>\u0301", k=rng.randint(0, 30))) for _ in range(25)]
        try:
            assert_equal(tok, peer, texts, json.dumps(file))
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
    assert made > 60


# Ways to load


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("TOKMILL_VOCAB", "HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOKMILL_OFFLINE", "1")
    monkeypatch.setenv("TOKMILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


def test_files_directories_and_the_local_cache(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.dumps(files.small_file(added_tokens=[files.added(266, "<s>")])).encode()
    snapshot = nowhere / "hf" / "hub" / "models--someone--small" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").write_bytes(data)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    (nowhere / "one.tokenizer.json.gz").write_bytes(gzip.compress(data))
    monkeypatch.chdir(nowhere)
    loaded = [tokmill.load(snapshot), tokmill.load(snapshot / "tokenizer.json"), tokmill.load("someone/small")]
    loaded.append(tokmill.load(nowhere / "one.tokenizer.json.gz"))
    assert [tok.name for tok in loaded] == ["abc", "abc", "someone/small", "one"]
    assert len(set(loaded)) == 1
    monkeypatch.setenv("TOKMILL_VOCAB", str(nowhere))
    assert tokmill.load("one") == loaded[0]
    with pytest.raises(Error):
        tokmill.load("someone/else")


def test_snapshots_and_pickles(nowhere: Path) -> None:
    file = files.small_file(added_tokens=[files.added(266, "<s>", lstrip=True)], normalizer={"type": "NFC"})
    tok = of(file, refuse_missing_bytes=True)
    tok.save(nowhere / "small.tokmill")
    for other in (tokmill.load(nowhere / "small.tokmill"), pickle.loads(pickle.dumps(tok)), tok._with_isa("scalar")):
        assert other == tok
        assert (
            other.encode_list("a <s>e\u0301", special="parse") == tok.encode_list("a <s>e\u0301", special="parse") == [97, 266, 0xC3, 0xA9]
        )
    with pytest.raises(ArgumentError, match="snapshot"):
        tok.save(nowhere / "small.tiktoken")


def test_live_tokenizers(judge: Callable[[str], Any]) -> None:
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    file = files.small_file(added_tokens=[files.added(266, "<s>")])
    peer = files.peer_of(file)
    assert tokmill.load(peer).encode_list("the<s>", special="parse") == peer.encode("the<s>").ids

    class Fast:
        backend_tokenizer = peer

    assert tokmill.load(Fast()) == tokmill.load(peer)
    encoding = judge("cl100k_base")
    assert tokmill.load(encoding).encode_list("Hello, world") == encoding.encode("Hello, world")
    with pytest.raises(ArgumentError):
        tokmill.load(3)
