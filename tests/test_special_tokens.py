"""Special tokens: text stays text unless the caller says otherwise, and then they are what tiktoken makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import tokmill

from tests.oracle import bpe, specials, splitters
from tests.texts import mixed_text
from tests.vocabularies import BYTES, rank_file

SpecialTokenError = tokmill.errors.SpecialTokenError
MERGES = [b"en", b"end", b"<|", b"|>", b" a", b"\n\n", b"  "]
RANKS = {token: rank for rank, token in enumerate([*BYTES, *MERGES])}
# One is the beginning of another, one holds another, one is white space, one a single character, one a single byte, one is not ASCII.
SPECIALS = {
    "<|end|>": 300,
    "<|end": 301,
    "<|endoftext|>": 302,
    "d|>x": 303,
    "  \n": 304,
    "§": 305,
    "中文": 306,
    "<|a": 307,
    "a<|end": 308,
    "~": 309,
}


@pytest.fixture(scope="module", params=["gpt2", "cl100k", "o200k"])
def tok(request: pytest.FixtureRequest) -> tokmill.Tokenizer:
    return tokmill.Tokenizer._from_ranks(rank_file(RANKS), name=request.param, pattern=request.param, special_tokens=SPECIALS)


def expected(tok: tokmill.Tokenizer, text: str, parsed: dict[str, int]) -> list[int]:
    return specials.encode(text, parsed, lambda part: bpe.encode(splitters.split(tok.name, part), RANKS))


def hostile(rng: random.Random) -> str:
    atoms = [
        *SPECIALS,
        "<|",
        "|>",
        "<",
        "|",
        "end",
        "<|en",
        "<|endoftex",
        "a",
        " ",
        "\n",
        " \n",
        "  ",
        "中",
        "文",
        "x",
        "'s",
        "<|end|",
        "\xc2",
    ]
    return "".join(rng.choices(atoms, k=rng.randint(1, 9)))


def test_every_setting_against_the_oracle(tok: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
    for _ in range(1_200 * scale):
        text = hostile(rng)
        plain, parsed = expected(tok, text, {}), expected(tok, text, SPECIALS)
        assert tok.encode_list(text) == tok.encode_list(text, special="text") == plain, text
        assert tok.encode_list(text, special="parse") == parsed, text
        assert tok.encode(text.encode(), special="parse").tolist() == parsed, text
        assert tok.encode_list(text, special=set(SPECIALS)) == parsed, text
        assert tok.count(text, special="parse") == len(parsed), text
        names = {name for name in SPECIALS if rng.random() < 0.4}
        some = expected(tok, text, {name: SPECIALS[name] for name in names})
        for form in (names, frozenset(names), list(names), tuple(names)):
            assert tok.encode_list(text, special=form) == some, (text, names)
        assert tok.decode(parsed) == text


def test_error_names_the_first_one(tok: tokmill.Tokenizer, rng: random.Random, scale: int) -> None:
    for _ in range(300 * scale):
        text = hostile(rng)
        places = [text.find(name) for name in SPECIALS if name in text]
        if not places:
            assert tok.encode_list(text, special="error") == expected(tok, text, {})
            continue
        where = len(text[: min(places)].encode())
        for call in (tok.encode, tok.encode_list, tok.count):
            for form in (text, text.encode()):
                with pytest.raises(SpecialTokenError) as caught:
                    call(form, special="error")
                assert caught.value.where == where, text
                assert isinstance(caught.value, ValueError)


def test_batches_files_and_streams(tok: tokmill.Tokenizer, rng: random.Random, tmp_path: Any) -> None:
    texts = [hostile(rng) for _ in range(500)]
    for special in ("text", "parse", {"§", "<|end"}):
        rows = [tok.encode_list(text, special=special) for text in texts]
        assert tok.encode_batch(texts, special=special).lists() == rows
        assert tok.count_batch(texts, special=special).tolist() == [len(row) for row in rows]
        joined = "".join(texts)
        (tmp_path / "text").write_bytes(joined.encode())
        assert tok.encode_file(tmp_path / "text", special=special, block_bytes=100).tolist() == tok.encode_list(joined, special=special)
        assert tok.count_until(joined, 10**9, special=special) == len(tok.encode_list(joined, special=special))
    with pytest.raises(SpecialTokenError):
        tok.encode_batch(["fine", "not § fine"], special="error")


def test_truncate_does_not_cut_them(tok: tokmill.Tokenizer) -> None:
    text = "ab<|end|>cd"
    assert [tok.truncate(text, k, special="parse") for k in range(7)] == ["", "a", "ab", "ab<|end|>", "ab<|end|>c", "ab<|end|>cd", text]


@pytest.mark.parametrize("name", ["r50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony"])
def test_against_tiktoken(
    name: str, load: Callable[..., tokmill.Tokenizer], judge: Callable[[str], Any], rng: random.Random, scale: int
) -> None:
    tok, peer = load(name), judge(name)
    names = list(peer.special_tokens_set)
    few = rng.sample(names, min(len(names), 30))
    for _ in range(1_000 * scale):
        text = "".join(
            rng.choice([rng.choice(few), mixed_text(rng, [], []), rng.choice(few)[:-1], "<|", " "]) for _ in range(rng.randint(1, 6))
        )
        assert tok.encode_list(text, special="parse") == peer.encode(text, allowed_special="all"), text
        assert tok.encode_list(text) == peer.encode(text, disallowed_special=()), text
        allowed = set(rng.sample(names, rng.randint(0, min(3, len(names)))))
        assert tok.encode_list(text, special=allowed) == peer.encode(text, allowed_special=allowed, disallowed_special=()), text
        try:
            wanted: list[int] | None = peer.encode(text)
        except ValueError:
            wanted = None
        if wanted is None:
            with pytest.raises(SpecialTokenError):
                tok.encode_list(text, special="error")
        else:
            assert tok.encode_list(text, special="error") == wanted


def test_many_special_tokens(rng: random.Random) -> None:
    names = {
        f"<|{word}|>": 1_000 + i
        for i, word in enumerate(dict.fromkeys("".join(rng.choices("abc", k=rng.randint(1, 6))) for _ in range(900)))
    }
    tok = tokmill.Tokenizer._from_ranks(rank_file(RANKS), name="cl100k", pattern="cl100k", special_tokens=names)
    for _ in range(200):
        text = "".join(rng.choice(["<|", "|>", "a", "b", "c", " ", rng.choice(list(names))]) for _ in range(12))
        assert tok.encode_list(text, special="parse") == expected(tok, text, names), text


@pytest.mark.parametrize(
    ("special", "error"),
    [
        ("", ValueError),
        ("all", ValueError),
        ("Parse", ValueError),
        (3, TypeError),
        (b"parse", TypeError),
        ([1], TypeError),
        ([b"<|end|>"], TypeError),
    ],
)
def test_wrong_settings(tok: tokmill.Tokenizer, special: Any, error: type[Exception]) -> None:
    for call in (tok.encode, tok.encode_list, tok.count, lambda text, special: tok.encode_batch([text], special=special)):
        with pytest.raises(error):
            call("text", special=special)


def test_a_name_that_is_no_special_token(tok: tokmill.Tokenizer) -> None:
    with pytest.raises(ValueError, match="nosuch") as caught:
        tok.encode("text", special={"<|end|>", "<|nosuch|>"})
    assert isinstance(caught.value, tokmill.Error)


def test_nothing_is_added_unless_asked(embedded: tokmill.Tokenizer) -> None:
    ids = set(embedded.special_tokens.values())
    text = "".join(embedded.special_tokens)
    assert not ids & set(embedded.encode_list(text))
    assert embedded.encode_list(text, special="parse") == list(embedded.special_tokens.values())
    assert embedded.decode(embedded.encode(text)) == embedded.decode(embedded.encode(text, special="parse")) == text


class TestVocabulary:
    """What a vocabulary may say of its special tokens."""

    @pytest.mark.parametrize(
        "bad",
        [
            {"<|x|>": 0},
            {"<|x|>": 262},
            {"": 300},
            {"<|x|>": -1},
            {"<|x|>": 2**24},
            {"<|x|>": 2**32 + 300},
            {"<|x|>": 2**70},
            {"x" * 65_537: 300},
            {"\ud800": 300},
        ],
    )
    def test_refused(self, bad: dict[str, int]) -> None:
        with pytest.raises((tokmill.Error, OverflowError, ValueError)) as caught:
            tokmill.Tokenizer._from_ranks(rank_file(RANKS), name="x", pattern="gpt2", special_tokens=bad)
        assert not isinstance(caught.value, SystemError)

    @pytest.mark.parametrize(
        "bad", [{"<|x|>": "300"}, {"<|x|>": 1.5}, {"<|x|>": None}, {b"<|x|>": 300}, {1: 300}, [("<|x|>", 300)], "x", 7]
    )
    def test_wrong_types(self, bad: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            tokmill.Tokenizer._from_ranks(rank_file(RANKS), name="x", pattern="gpt2", special_tokens=bad)

    def test_two_may_share_an_id(self) -> None:
        # As in o200k_harmony; the first one given is the text of the id.
        tok = tokmill.Tokenizer._from_ranks(
            rank_file(RANKS), name="x", pattern="gpt2", special_tokens={"<|b|>": 300, "<|a|>": 300, "<|c|>": 301}
        )
        assert tok.encode_list("<|a|><|b|><|c|>", special="parse") == [300, 300, 301]
        assert tok.decode([300, 301]) == "<|b|><|c|>"

    def test_a_special_token_may_spell_a_mergeable_one(self) -> None:
        tok = tokmill.Tokenizer._from_ranks(rank_file(RANKS), name="x", pattern="gpt2", special_tokens={"end": 300})
        assert tok.encode_list("end") == [RANKS[b"end"]]
        assert tok.encode_list("end", special="parse") == [300]
        assert tok.decode([300, RANKS[b"end"]]) == "endend"
