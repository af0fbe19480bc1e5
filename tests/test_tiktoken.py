"""tokmill.compat.tiktoken beside tiktoken itself: the same results, the same kinds of error, the same surface."""

from __future__ import annotations

import copy
import gc
import inspect
import json
import pickle
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokmill
import tokmill.compat.tiktoken as ours

from tests.conftest import REPOSITORY
from tests.oracle import bpe, splitters
from tests.texts import mixed_text
from tests.vocabularies import BYTES

theirs = pytest.importorskip("tiktoken", reason="tiktoken is not installed")

NAMES = ["gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony"]
MERGES = [b"en", b"end", b"<|", b"|>", b" a", b"\n\n", b"  ", b"th", b"the", b" the", b"\n ", b"\xe4\xb8", b"\xe4\xb8\xad", b"don", b"do"]
RANKS = {token: rank for rank, token in enumerate([*BYTES, *MERGES])}
# No text begins with another: then it does not matter in which order tiktoken looks for them.
SPECIALS = {"<|endoftext|>": 300, "<|end|>": 301, "§": 302, "  \n": 303, "中文": 304}
SURROGATES = ["\ud800", "\udc00", "\ud83d\udc4d", "\udfff"]

Judge = Callable[[str], Any]


@pytest.fixture(scope="module", params=["gpt2", "cl100k", "o200k"])
def tiny(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A vocabulary of some tokens, in both libraries."""
    arguments = {"pat_str": tokmill.PATTERNS[request.param], "mergeable_ranks": RANKS, "special_tokens": SPECIALS}
    return theirs.Encoding(request.param, **arguments), ours.Encoding(request.param, **arguments)


@pytest.fixture
def both(judge: Judge, data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Any, Any]]:
    """The published encodings, in both libraries."""
    monkeypatch.setenv("TOKMILL_VOCAB", str(data / "vocab"))

    def get(name: str) -> tuple[Any, Any]:
        if name == "gpt2":  # tiktoken makes it of other files, the ranks are the same
            other = judge("r50k_base")
            other = theirs.Encoding(
                "gpt2", pat_str=other._pat_str, mergeable_ranks=other._mergeable_ranks, special_tokens=other._special_tokens
            )
            return other, ours.get_encoding(name)
        return judge(name), ours.get_encoding(name)

    return get


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def same(expected: Any, found: Any) -> bool:
    """Equal results, or an error of ours that is also tiktoken's."""
    if isinstance(expected, Exception):
        return isinstance(found, type(expected))
    if isinstance(expected, np.ndarray):
        return isinstance(found, np.ndarray) and found.dtype == expected.dtype and np.array_equal(found, expected)
    return type(found) is type(expected) and found == expected


def check(pair: tuple[Any, Any], method: str, *arguments: Any, **keywords: Any) -> Any:
    expected, found = (outcome(lambda one=one: getattr(one, method)(*arguments, **keywords)) for one in pair)
    assert same(expected, found), f"{pair[0].name}.{method}{arguments!r} {keywords!r}: {expected!r}, found {found!r}"
    return found


def text_of(rng: random.Random, specials: list[str], surrogates: float = 0.1) -> str:
    pieces = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.3 and specials:
            pieces.append(rng.choice(specials))
        elif kind < 0.3 + surrogates:
            pieces.append(rng.choice(SURROGATES))
        else:
            pieces.append(mixed_text(rng, [" the", "don't", "<|", "|>", " a", "\n", "  "], [])[: rng.randint(0, 60)])
    return "".join(pieces)


def chosen(rng: random.Random, specials: list[str]) -> dict[str, Any]:
    """Arguments for special tokens, of all shapes that people write."""
    arguments: dict[str, Any] = {}
    some = rng.sample(specials, min(len(specials), rng.randint(0, 3)))
    allowed = rng.choice([None, None, "all", set(), set(some), frozenset(some), {*some, "no token"}])
    disallowed = rng.choice([None, None, "all", (), [], set(), set(some), tuple(some), ["en"], ["no such text"], "xyz", {"\ud83d"}])
    if allowed is not None:
        arguments["allowed_special"] = allowed
    if disallowed is not None:
        arguments["disallowed_special"] = disallowed
    return arguments


def check_encoding(pair: tuple[Any, Any], rng: random.Random, rounds: int, unstable: int) -> None:
    specials = sorted(pair[0].special_tokens_set)
    for i in range(rounds):
        text, arguments = text_of(rng, specials), chosen(rng, specials)
        check(pair, "encode_ordinary", text)
        check(pair, "encode", text)
        check(pair, "encode", text, disallowed_special=())
        ids = check(pair, "encode", text, allowed_special="all")
        check(pair, "encode", text, **arguments)
        check(pair, "encode_to_numpy", text, **arguments)
        check(pair, "decode_bytes", ids)
        check(pair, "decode", ids[: rng.randint(0, 9)])
        check(pair, "decode", ids[1:4], errors=rng.choice(["strict", "ignore", "backslashreplace"]))
        check(pair, "decode_tokens_bytes", ids)
        check(pair, "decode_with_offsets", ids[rng.randint(0, 2) :])
        data = text.encode("utf-8", "surrogatepass")
        check(pair, "_encode_bytes", data[: rng.randint(0, len(data))])
        if data:
            check(pair, "_encode_single_piece", data[:200])
        if i < unstable:
            check_unstable(pair, text[: rng.randint(0, 30)], arguments)


def check_unstable(pair: tuple[Any, Any], text: str, arguments: dict[str, Any]) -> None:
    expected, found = (outcome(lambda one=one: one.encode_with_unstable(text, **arguments)) for one in pair)
    if isinstance(expected, tuple):
        assert type(found) is tuple
        assert found[0] == expected[0], text
        assert sorted(found[1]) == sorted(expected[1]), text  # a set in tiktoken: its order means nothing
    else:
        assert same(expected, found), (text, arguments, expected, found)


# Results


def test_a_tiny_vocabulary(tiny: tuple[Any, Any], rng: random.Random, scale: int) -> None:
    check_encoding(tiny, rng, 300 * scale, 300 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_published_encodings(name: str, both: Callable[[str], tuple[Any, Any]], rng: random.Random, scale: int) -> None:
    pair = both(name)
    check_encoding(pair, rng, 120 * scale, 12 * scale)
    assert vars(pair[0]).keys() - vars(pair[1]).keys() <= {"_core_bpe", "_mergeable_ranks", "special_tokens_set"}
    for attribute in ("name", "_pat_str", "_special_tokens", "_mergeable_ranks", "max_token_value", "n_vocab", "eot_token"):
        assert getattr(pair[0], attribute) == getattr(pair[1], attribute), attribute
    assert pair[0].special_tokens_set == pair[1].special_tokens_set
    assert repr(pair[0]) == repr(pair[1])
    assert pair[0].token_byte_values() == pair[1].token_byte_values()
    for token in [*rng.sample(range(pair[0].n_vocab), 500), *pair[0]._special_tokens.values(), pair[0].n_vocab, -1, 1 << 31, 1 << 40]:
        assert pair[0].is_special_token(token) == pair[1].is_special_token(token)
        if list(pair[0]._special_tokens.values()).count(token) < 2:  # of two texts with one id, tiktoken takes either
            check(pair, "decode_single_token_bytes", token)
            check(pair, "decode", [token])
    for token in [
        *rng.sample(list(pair[0]._mergeable_ranks), 200),
        *pair[0]._special_tokens,
        "hello",
        "no such token",
        b"\xff\xfe\xfd",
        "\ud800",
    ]:
        check(pair, "encode_single_token", token)


def test_literals(data: Path, both: Callable[[str], tuple[Any, Any]]) -> None:
    checked = 0
    for path in sorted((data / "conformance").glob("*.jsonl")):
        for line in path.read_text("utf8").split("\n")[:-1]:
            row = json.loads(line)
            if row["tokenizer"] not in NAMES:
                continue
            encoding = both(row["tokenizer"])[1]
            if "bytes_hex" in row:
                assert encoding._encode_bytes(bytes.fromhex(row["bytes_hex"])) == row["ids"], row
            else:
                text = "".join(map(chr, row["text_surrogates"])) if "text_surrogates" in row else row["text"]
                allowed = row.get("allowed_special", ())
                allowed = allowed if allowed == "all" else set(allowed)
                assert encoding.encode(text, allowed_special=allowed, disallowed_special=()) == row["ids"], row
            checked += 1
    assert checked > 100


def test_hostile_texts(both: Callable[[str], tuple[Any, Any]]) -> None:
    for name in ("r50k_base", "o200k_base"):
        pair = both(name)
        for unit in ("^", "0", "a", "'s", " ", "\n", "中", "é", "\x00", "<|endoftext", "\ud83d"):
            for text in (unit * 3_000, " " + unit * 3_000 + "\n"):
                check(pair, "encode", text)
        check_unstable(pair, "x" * 40, {})


def test_batches(tiny: tuple[Any, Any], rng: random.Random, scale: int) -> None:
    specials = list(SPECIALS)
    for _ in range(25 * scale):
        texts = [text_of(rng, specials) for _ in range(rng.randint(0, 6))]
        check(tiny, "encode_ordinary_batch", texts, num_threads=rng.randint(1, 9))
        check(tiny, "encode_batch", texts)
        check(tiny, "encode_batch", texts, **chosen(rng, specials))
        rows = check(tiny, "encode_batch", texts, allowed_special="all")
        check(tiny, "decode_batch", rows, num_threads=2)
        check(tiny, "decode_batch", rows, errors="ignore")
        check(tiny, "decode_bytes_batch", rows)
        check(tiny, "decode_batch", [*rows, [99_999]])
    check(tiny, "encode_batch", ["a"], num_threads=0)
    assert tiny[1].encode_batch(iter(["a", "b c"])) == tiny[0].encode_batch(["a", "b c"])


def test_a_batch_leaves_the_garbage_collector_as_it_was(tiny: tuple[Any, Any]) -> None:
    was = gc.isenabled()
    try:
        for enabled in (False, True):
            (gc.enable if enabled else gc.disable)()
            tiny[1].encode_batch(["a b", "c"])
            assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_without_tiktoken_as_judge(rng: random.Random) -> None:
    encoding = ours.Encoding("x", pat_str=tokmill.PATTERNS["cl100k"], mergeable_ranks=RANKS, special_tokens={})
    for _ in range(200):
        text = mixed_text(rng, ["the", " end"], [])
        assert encoding.encode(text) == bpe.encode(splitters.split("cl100k", text), RANKS)


# Errors


@pytest.mark.parametrize("text", [None, 3, b"abc", bytearray(b"abc"), ["a"], np.str_("ok"), object()], ids=repr)
def test_texts_of_other_types(tiny: tuple[Any, Any], text: Any) -> None:
    for method in ("encode", "encode_ordinary", "encode_to_numpy", "encode_with_unstable"):
        assert same(*(outcome(lambda one=one, method=method: getattr(one, method)(text)) for one in tiny)), method
    assert same(*(outcome(lambda one=one: one.encode_batch([text])) for one in tiny))
    assert same(*(outcome(lambda one=one: one.encode_ordinary_batch([text])) for one in tiny))


@pytest.mark.parametrize(
    "ids",
    [[], (1, 2), [True], [-1], [1 << 32], [1 << 70], [1.0], ["a"], [None], [299], [1, 2, 299, -1], "abc", 5, None, range(3), [np.int64(7)]],
    ids=repr,
)
def test_ids_of_other_types(tiny: tuple[Any, Any], ids: Any) -> None:
    for method in ("decode", "decode_bytes", "decode_tokens_bytes", "decode_with_offsets"):
        check(tiny, method, ids)
    if isinstance(ids, list) and len(ids) == 1:
        check(tiny, "decode_single_token_bytes", ids[0])
        check(tiny, "is_special_token", ids[0])


def test_calls_that_no_method_takes(tiny: tuple[Any, Any]) -> None:
    for call in (
        lambda one: one.encode(),
        lambda one: one.encode("a", {"b"}),
        lambda one: one.encode("a", special="all"),
        lambda one: one.encode("a", allowed_special=["<|end|>"]),
        lambda one: one.encode("a", allowed_special=None),
        lambda one: one.encode("a", allowed_special=3),
        lambda one: one.encode("a", disallowed_special=3),
        lambda one: one.encode("a", disallowed_special=[3]),
        lambda one: one.encode_ordinary("a", "b"),
        lambda one: one.encode_single_token(3),
        lambda one: one.encode("a", disallowed_special={""}),
        lambda one: one.encode("a", disallowed_special=None),
        lambda one: one.decode([1], errors="no such handler"),
        lambda one: one.decode([200], errors="no such handler"),
    ):
        assert same(*(outcome(lambda one=one, call=call: call(one)) for one in tiny)), inspect.getsource(call)


def test_the_message_names_the_token(tiny: tuple[Any, Any]) -> None:
    for one in tiny:
        with pytest.raises(ValueError, match=r"disallowed special token '<\|end\|>'"):
            one.encode("x <|end|> <|endoftext|>")
        with pytest.raises(ValueError, match=r"disallowed special token 'o w'"):
            one.encode("hello world", disallowed_special={"o w", "ld"})


def test_wrong_vocabularies() -> None:
    good = {"pat_str": tokmill.PATTERNS["gpt2"], "mergeable_ranks": RANKS, "special_tokens": {}}
    count = len(RANKS)
    assert ours.Encoding("x", **good, explicit_n_vocab=count).n_vocab == count
    for change in (
        {"explicit_n_vocab": count + 1},
        {"special_tokens": {"<|a|>": count + 1}, "explicit_n_vocab": count + 1},
        {"pat_str": "(unclosed"},
        {"mergeable_ranks": {}},
    ):
        assert same(
            *(outcome(lambda library=library, change=change: library.Encoding("x", **(good | change))) for library in (theirs, ours))
        ), change
    with pytest.raises(TypeError):
        ours.Encoding("x", tokmill.PATTERNS["gpt2"], RANKS, {})
    with pytest.raises(ValueError, match="initialised"):
        ours.Encoding.__new__(ours.Encoding).encode("a")


# Surface


def test_the_surface_is_tiktokens() -> None:
    public = {one for one in dir(theirs.Encoding) if not one.startswith("__")} - {"_core_bpe"}
    assert public <= set(dir(ours.Encoding))
    for one in public:
        their, our = getattr(theirs.Encoding, one), getattr(ours.Encoding, one)
        if inspect.isfunction(their):
            assert list(inspect.signature(their).parameters) == list(inspect.signature(our).parameters), one
            kinds = [[each.kind for each in inspect.signature(method).parameters.values()][1:] for method in (their, our)]
            assert kinds[0] == kinds[1], one
        assert inspect.getdoc(our), f"{one} has no docstring"
    for module in ("core", "load", "model", "registry"):
        __import__(f"tiktoken.{module}")
        their_module, our_module = sys.modules[f"tiktoken.{module}"], sys.modules[f"tokmill.compat.tiktoken.{module}"]
        for one, value in vars(their_module).items():
            if inspect.isfunction(value) and value.__module__ == their_module.__name__ and not one.startswith("_"):
                assert list(inspect.signature(value).parameters) == list(inspect.signature(getattr(our_module, one)).parameters), one
    assert {one for one in vars(theirs) if not one.startswith("_")} <= set(dir(ours))
    assert ours.__version__ == theirs.__version__


def test_models() -> None:
    from tiktoken import model as their_model
    from tokmill.compat.tiktoken import model as our_model

    assert our_model.MODEL_TO_ENCODING == their_model.MODEL_TO_ENCODING
    assert our_model.MODEL_PREFIX_TO_ENCODING == their_model.MODEL_PREFIX_TO_ENCODING
    names = [*their_model.MODEL_TO_ENCODING, *their_model.MODEL_PREFIX_TO_ENCODING, "", "gpt", "GPT-4", "llama"]
    for name in [one + end for one in names for end in ("", "-", "-2024-05-13", "x", ":org")]:
        assert same(*(outcome(lambda library=library, name=name: library.encoding_name_for_model(name)) for library in (theirs, ours))), (
            name
        )
    assert ours.list_encoding_names()[: len(NAMES)] == NAMES
    with pytest.raises(KeyError, match="llama"):
        ours.encoding_for_model("llama")


@pytest.mark.parametrize("name", ["no_such_encoding", "", 3, None])
def test_unknown_names(name: Any) -> None:
    with pytest.raises(ValueError):
        ours.get_encoding(name)


def test_one_object_a_name(both: Callable[[str], tuple[Any, Any]]) -> None:
    _, encoding = both("r50k_base")
    assert ours.get_encoding("r50k_base") is encoding
    assert ours.encoding_for_model("davinci") is encoding
    assert encoding.special_tokens_set is encoding.special_tokens_set
    constructor = ours.registry.ENCODING_CONSTRUCTORS["r50k_base"]
    again = ours.Encoding(**constructor())
    assert again.encode("hello world") == [31373, 995]


def test_pickles_and_copies(tiny: tuple[Any, Any], both: Callable[[str], tuple[Any, Any]]) -> None:
    _, known = both("r50k_base")
    for one in (known, copy.copy(known), pickle.loads(pickle.dumps(known))):
        assert len(pickle.dumps(one)) < 200
    for encoding in (tiny[1], known):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(encoding, protocol))
            assert again.encode("hello the world") == encoding.encode("hello the world")
            assert again.name == encoding.name
            assert again.special_tokens_set == encoding.special_tokens_set
        for again in (copy.copy(encoding), copy.deepcopy(encoding)):
            assert again.encode("don't <|", disallowed_special=()) == encoding.encode("don't <|")


def test_subclasses(tiny: tuple[Any, Any]) -> None:
    class Mine(ours.Encoding):
        def __init__(self) -> None:
            super().__init__("mine", pat_str=tokmill.PATTERNS["gpt2"], mergeable_ranks=RANKS, special_tokens=SPECIALS)

        def encode(self, text: str, **keywords: Any) -> list[int]:  # type: ignore[override]
            return [0, *super().encode(text, **keywords)]

    mine = Mine()
    assert mine.encode("the end") == [0, *mine.encode_ordinary("the end")]
    assert mine.encode("<|end|>", allowed_special={"<|end|>"}) == [0, 301]


def test_over_any_tokenizer(embedded: tokmill.Tokenizer) -> None:
    encoding = ours.Encoding.from_tokenizer(embedded)
    assert encoding.tokenizer is embedded
    assert encoding.name == embedded.name
    text = "Hello, <|endoftext|> wörld"
    assert encoding.encode(text, disallowed_special=()) == embedded.encode_list(text)
    assert encoding.encode_to_numpy("Hello").dtype == np.uint32


def test_threads(tiny: tuple[Any, Any], rng: random.Random) -> None:
    encoding = tiny[1]
    texts = [text_of(rng, list(SPECIALS)) for _ in range(200)]
    expected = [outcome(lambda text=text: encoding.encode(text)) for text in texts]
    failures: list[str] = []

    def work() -> None:
        for text, result in zip(texts * 3, expected * 3, strict=True):
            if not same(result, outcome(lambda text=text: encoding.encode(text))):
                failures.append(text)
        encoding.encode_with_unstable("the end")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# Plug-ins and files

PLUGIN = """
def small():
    return {"name": "small", "pat_str": %r, "mergeable_ranks": {bytes([b]): b for b in range(256)}, "special_tokens": {"<|x|>": 256}}

ENCODING_CONSTRUCTORS = {"small": small}
"""


@pytest.fixture
def plugin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "tiktoken_ext"
    package.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in [one for one in sys.modules if one.startswith("tiktoken_ext")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(ours.registry, "ENCODING_CONSTRUCTORS", None)
    monkeypatch.setattr(ours.registry, "ENCODINGS", {})
    return package


def test_plugins(plugin_folder: Path) -> None:
    (plugin_folder / "tokmill_test_plugin.py").write_text(PLUGIN % tokmill.PATTERNS["gpt2"])
    assert ours.list_encoding_names() == [*NAMES, "small"]
    encoding = ours.get_encoding("small")
    assert encoding.encode("ab<|x|>", allowed_special="all") == [97, 98, 256]
    assert pickle.loads(pickle.dumps(encoding)).encode("c") == [99]


@pytest.mark.parametrize(("source", "message"), [("x = 1\n", "does not define"), ('ENCODING_CONSTRUCTORS = {"gpt2": None}\n', "Duplicate")])
def test_plugins_that_are_none(plugin_folder: Path, source: str, message: str) -> None:
    (plugin_folder / "tokmill_test_plugin.py").write_text(source)
    for _ in range(2):  # told every time
        with pytest.raises(ValueError, match=message):
            ours.list_encoding_names()


def test_rank_files(tmp_path: Path) -> None:
    path = str(tmp_path / "ranks.tiktoken")
    ours.load.dump_tiktoken_bpe(RANKS, path)
    assert ours.load.load_tiktoken_bpe(path) == RANKS == theirs.load.load_tiktoken_bpe(path)
    with pytest.raises(ValueError, match="SHA-256"):
        ours.load.load_tiktoken_bpe(path, "0" * 64)
    (tmp_path / "ranks.tiktoken").write_text("YQ== 0\nYg== one\n")
    with pytest.raises(ValueError, match="one"):
        ours.load.load_tiktoken_bpe(path)
    with pytest.raises(ValueError, match="expected_hash"):
        ours.load.load_tiktoken_bpe("https://example.invalid/ranks")
    with pytest.raises(OSError, match="nowhere"):
        ours.load.load_tiktoken_bpe(str(tmp_path / "nowhere"))


def test_gpt2s_two_files(tmp_path: Path) -> None:
    visible = {byte: chr(byte) for byte in range(256) if chr(byte).isprintable() and chr(byte) != " "}
    visible |= {byte: chr(256 + i) for i, byte in enumerate(byte for byte in range(256) if byte not in visible)}
    encoder = {character: rank for rank, character in enumerate(sorted(visible.values()))} | {"Ġt": 256, "Ġth": 257, "<|endoftext|>": 258}
    (tmp_path / "encoder.json").write_text(json.dumps(encoder))
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\nĠ t\nĠt h\n")
    files = str(tmp_path / "vocab.bpe"), str(tmp_path / "encoder.json")
    found = ours.load.data_gym_to_mergeable_bpe_ranks(*files, clobber_one_byte_tokens=True)
    assert found == theirs.load.data_gym_to_mergeable_bpe_ranks(*files, clobber_one_byte_tokens=True)
    assert found[b" th"] == 257
    (tmp_path / "encoder.json").write_text(json.dumps(encoder | {"Ġth": 299}))
    with pytest.raises(ValueError, match="belong together"):
        ours.load.data_gym_to_mergeable_bpe_ranks(*files, clobber_one_byte_tokens=True)


def test_the_command_for_tiktokens_own_tests_unpacks_nothing_else(tmp_path: Path) -> None:
    import io
    import runpy
    import tarfile

    archive = tmp_path / "tiktoken.tar.gz"
    with tarfile.open(archive, "w:gz") as out:
        for name in ("tiktoken-0/tests/test_a.py", "tiktoken-0/tiktoken/core.py", "tiktoken-0/tests/../../escape.py"):
            member = tarfile.TarInfo(name)
            member.size = 1
            out.addfile(member, io.BytesIO(b"#"))
    command = runpy.run_path(str(REPOSITORY / "tools" / "run_tiktoken_tests.py"))
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    assert command["unpack_tests"](archive, folder) == folder / "tests"
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")} == {
        "deep/folder/tests/test_a.py",
        "deep/folder/tests/escape.py",
    }
