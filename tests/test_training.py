"""Training: merges equal to Hugging Face's and to an oracle's, whatever the order and cutting of the text; counts; bad input."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tokmill
from tokmill.conversion import BYTE_CHARACTERS
from tokmill.training import Counts, train

from tests.conftest import SCALE, SEED
from tests.oracle import training as oracle
from tests.texts import class_string

WORDS = ["low", "lower", "lowest", "new", "newer", "wider", "the", "there", "aaa", "aaaa", "abab", "ababab", "日本", "語日本", "\n\n", "  "]


def random_text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) + rng.choice(["", "", "s", "er", ".", "aa"]) for _ in range(words))


def learnt(counts: Counts, **options: Any) -> dict[str, Any]:
    defaults = {
        "vocab_size": 400,
        "min_frequency": 0,
        "max_token_length": 0,
        "limit_alphabet": 256,
        "initial_alphabet": list(range(256)),
        "byte_values": False,
        "first_tokens": [],
        "progress": None,
    }
    return counts._core.train(**{**defaults, **options})


def merges_in(trained: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    tokens = trained["tokens"]
    return [(tokens[left], tokens[right]) for left, right in zip(trained["lefts"], trained["rights"], strict=True)]


def test_the_textbook_example() -> None:
    # Sennrich et al. 2016: low 5, lower 2, newest 6, widest 3. "es" 9 times, "est" 9, then ties by id.
    counts = Counts.from_pairs([("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)])
    trained = learnt(counts, vocab_size=260)
    assert merges_in(trained) == [(b"e", b"s"), (b"es", b"t"), (b"l", b"o"), (b"lo", b"w")]
    assert trained["pair_counts"].tolist() == [9, 9, 7, 7]


@pytest.mark.parametrize("seed", range(12 * SCALE))
@pytest.mark.parametrize("by_value", [False, True])
def test_against_the_oracle(seed: int, by_value: bool) -> None:
    rng = random.Random(f"{SEED} training {seed}")
    words = {"".join(rng.choices("abcd ", k=rng.randint(1, 12))).encode(): rng.randint(1, 9) for _ in range(rng.randint(1, 60))}
    if seed % 3 == 0:  # so long that its end is far from its header
        words["".join(rng.choices("abc", k=300)).encode()] = 2
    options: dict[str, Any] = {"min_frequency": rng.choice([0, 0, 2, 5]), "max_token_length": rng.choice([0, 0, 3, 5])}
    trained = learnt(Counts.from_pairs(words.items()), vocab_size=256 + 60, byte_values=by_value, **options)
    assert merges_in(trained) == oracle.train(words, 256 + 60, by_value=by_value, **options)


def test_counts_of_pretokens() -> None:
    rng = random.Random(f"{SEED} counts")
    texts = [random_text(rng, 200), *(class_string(rng) for _ in range(200 * SCALE))]
    splitter = tokmill.Splitter(Counts().pattern)
    wanted: Counter[bytes] = Counter()
    for text in texts:
        data = text.encode()
        wanted.update(data[begin:end] for begin, end in splitter.split(text).tolist())
    counts = Counts.from_texts(texts, threads=1)
    assert dict(counts) == wanted
    assert counts.total == wanted.total()
    for threads in (2, 3):
        assert dict(Counts.from_texts(texts, threads=threads)) == wanted
    halves = Counts.from_texts(iter(texts[:20])) + Counts.from_texts(texts[20:])
    assert dict(halves) == wanted
    assert counts.top(3) == sorted(wanted.items(), key=lambda item: (-item[1], item[0]))[:3]


def test_long_text_in_parts() -> None:
    rng = random.Random(f"{SEED} long")
    text = random_text(rng, 400_000)
    one = Counts.from_texts([text], threads=1)
    assert dict(one) == dict(Counts.from_texts([text], threads=3)) == dict(Counts.from_texts([text.encode()], threads=2))
    assert sum(len(word) * count for word, count in one) == len(text.encode())


def test_weights_and_pairs() -> None:
    once, thrice = Counts.from_texts(["one two two"]), Counts.from_texts(["one two two"], weight=3)
    assert {word: 3 * count for word, count in once} == dict(thrice)
    assert dict(Counts.from_pairs(dict(once).items())) == dict(once)
    assert dict(thrice.prune(6)) == {b" two": 6}
    assert dict(Counts.from_pairs([("a\0", 1), ("a", 2), (b"a\0\0", 3), ("x" * 17, 4), ("x" * 16, 5)])) == {
        b"a": 2, b"a\0": 1, b"a\0\0": 3, b"x" * 16: 5, b"x" * 17: 4,
    }  # fmt: skip


def test_saved_counts(tmp_path: Path) -> None:
    counts = Counts.from_texts(["some words, some more words\n" * 3], pattern="llama3")
    counts.save(tmp_path / "counts")
    again = Counts.load(tmp_path / "counts")
    assert dict(again) == dict(counts)
    assert again.pattern == counts.pattern == tokmill.PATTERNS["llama3"]
    damaged = bytearray((tmp_path / "counts").read_bytes())
    damaged[200] ^= 1
    (tmp_path / "counts").write_bytes(damaged)
    with pytest.raises(tokmill.errors.SnapshotError, match="SHA-256"):
        Counts.load(tmp_path / "counts")


def hugging_face(words: dict[str, int], vocab_size: int, **options: Any) -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(tokenizers.Regex("\uffff"), "removed"),  # parts the words given, which hold none
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False, **options)
    tok.train_from_iterator((word for word, count in words.items() for _ in range(count)), trainer)
    return json.loads(tok.to_str())


@pytest.mark.parametrize("seed", range(200 * SCALE))
def test_against_hugging_face(seed: int) -> None:
    rng = random.Random(f"{SEED} hugging face {seed}")
    letters = rng.choice(["ab", "abcd", "abcdefgh ", "añ日 b", "a\n\t 'x"])
    lengths = [rng.randint(1, rng.choice([4, 12, 90, 400])) for _ in range(rng.randint(1, 40))]
    words = {"".join(rng.choices(letters, k=length)): rng.randint(1, 6) for length in lengths}
    specials = rng.choice([[], ["<s>", "</s>"], ["ab", "<s>", "a"], ["abc", "ba"]])
    options: dict[str, Any] = {"min_frequency": rng.choice([0, 0, 2, 4])}
    if rng.random() < 0.4:
        options["max_token_length"] = rng.randint(2, 7)
    alphabet = rng.choice([(), BYTE_CHARACTERS, BYTE_CHARACTERS[97:110]])
    vocab_size = len(specials) + 256 + rng.randint(0, 80) if rng.random() < 0.8 else len(specials) + 20 + rng.randint(0, 80)
    theirs = hugging_face(words, vocab_size, special_tokens=specials, initial_alphabet=list(alphabet), **options)
    counts = Counts.from_pairs(words.items())
    byte_of = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}
    try:
        trained = learnt(
            counts,
            vocab_size=vocab_size,
            initial_alphabet=[byte_of[c] for c in alphabet],
            first_tokens=[bytes(byte_of[c] for c in special) if set(special) <= set(byte_of) else b"" for special in specials],
            **options,
        )
    except tokmill.errors.ArgumentError:
        assert len(theirs["model"]["vocab"]) > vocab_size  # Hugging Face goes over the size that was asked for
        return
    names = ["".join(BYTE_CHARACTERS[byte] for byte in token) for token in trained["tokens"]]
    names[: len(specials)] = specials
    assert {name: i for i, name in enumerate(names)} == theirs["model"]["vocab"]
    merges = [[names[left], names[right]] for left, right in zip(trained["lefts"], trained["rights"], strict=True)]
    assert merges == [merge.split(" ") if isinstance(merge, str) else merge for merge in theirs["model"]["merges"]]


def test_rare_bytes_are_dropped() -> None:
    counts = Counts.from_pairs([("abcab", 5), ("zab", 1)])
    trained = learnt(counts, vocab_size=10, limit_alphabet=3, initial_alphabet=[])
    assert trained["tokens"][:3] == [b"a", b"b", b"c"]
    assert merges_in(trained)[0] == (b"a", b"b")


def test_bad_arguments() -> None:
    counts = Counts.from_texts(["some text"])
    for options, message in [
        ({"vocab_size": 0}, "vocab_size"),
        ({"vocab_size": 100}, "below the 256"),
        ({"vocab_size": 300, "parity": "sp"}, "parity"),
        ({"vocab_size": 300, "special_tokens": [""]}, "empty"),
        ({"vocab_size": 300, "initial_alphabet": [256]}, "initial_alphabet"),
        ({"vocab_size": 300, "initial_alphabet": ["日"]}, "initial_alphabet"),
    ]:
        with pytest.raises(tokmill.errors.ArgumentError, match=message):
            train(counts, **options)
    with pytest.raises(tokmill.errors.ArgumentError, match="nothing"):
        train(Counts(), 300)
    with pytest.raises(tokmill.errors.ArgumentError, match="different split patterns"):
        counts + Counts("gpt2")
    with pytest.raises(tokmill.errors.ArgumentError, match="word 1 is 0"):
        Counts.from_pairs([("a", 1), ("b", 0)])
    with pytest.raises(tokmill.errors.ArgumentError, match="2\\^63"):
        Counts.from_pairs([("a", 2**62), ("b", 2**62)])
    with pytest.raises(tokmill.errors.ArgumentError, match="weight"):
        Counts.from_texts(["a"], weight=0)


def test_who_is_told_of_progress_may_ask_the_counts() -> None:
    counts = Counts.from_texts(["".join(f"word{i} other{i * 7} " for i in range(4000))])
    seen: list[int] = []
    train(counts, 3000, progress=lambda done, total: seen.append(len(counts)))
    assert seen
    assert set(seen) == {len(counts)}


def test_refused_text_adds_nothing(tmp_path: Path) -> None:
    counts = Counts.from_texts(["fine"])
    with pytest.raises(tokmill.errors.InvalidUtf8Error, match="text 1"):
        counts.add_texts(["more", b"bad \xff"])
    assert dict(counts) == {b"fine": 1}
    (tmp_path / "a.txt").write_bytes(b"good\n")
    (tmp_path / "b.txt").write_bytes(b"bad \xff")
    with pytest.raises(tokmill.errors.InvalidUtf8Error, match=r"b\.txt"):
        Counts.from_files([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert dict(Counts.from_files([tmp_path / "b.txt"], invalid="replace")) == {b"bad": 1, " \ufffd".encode(): 1}
    with pytest.raises(tokmill.errors.InputError):
        Counts.from_files(tmp_path)
    with pytest.raises(tokmill.errors.ArgumentError, match="weights"):
        Counts.from_files([tmp_path / "a.txt"], weights=[1, 2])


def test_files_by_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two\n\nthree\n", encoding="utf8")
    assert dict(Counts.from_files(tmp_path / "a.txt", lines=True)) == {b"one": 1, b" two": 1, b"\n": 3, b"three": 1}
    assert dict(Counts.from_files(tmp_path / "a.txt", weights=[2])) == {b"one": 2, b" two": 2, b"\n\n": 2, b"three": 2, b"\n": 2}


def test_bounded_memory(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} bounded")
    texts = ["".join(rng.choices("abcdefgh 1", k=rng.choice([5, 60, 400]))) + "x" * rng.choice([0, 0, 30]) for _ in range(9000)]
    free = Counts.from_texts(texts)
    bounded = Counts.from_texts(texts, memory="1 MB", spill_directory=tmp_path)
    assert bounded.spilled_bytes > free.nbytes / 8
    assert bounded.nbytes <= 1_000_000
    assert list(tmp_path.iterdir()) == []  # the file has no name
    assert (len(bounded), bounded.total, dict(bounded)) == (len(free), free.total, dict(free))
    assert learnt(bounded)["tokens"] == learnt(free)["tokens"]
    assert dict(bounded + free) == {word: 2 * count for word, count in free}
    assert dict(bounded.prune(3)) == dict(free.prune(3))
    bounded.save(tmp_path / "counts")
    assert dict(Counts.load(tmp_path / "counts")) == dict(free)
    bounded.add_texts(["one more"])
    assert len(bounded) == len(free) + 2


def test_a_text_that_does_not_fit_into_the_bound(tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} one text")
    text = " ".join("".join(rng.choices("abcdefgh", k=rng.choice([6, 20]))) for _ in range(60_000)).encode()
    known = ["known before " * 3]
    bounded = Counts.from_texts(known, memory="1 MB", spill_directory=tmp_path)
    with pytest.raises(tokmill.errors.InvalidUtf8Error, match="text 0"):  # nothing of it stays, though runs of it were written
        bounded.add_texts([text + b"\xff"])
    assert bounded.spilled_bytes > 1_000_000
    assert dict(bounded) == dict(Counts.from_texts(known))
    bounded.add_texts([text])
    assert bounded.nbytes <= 1_000_000
    assert dict(bounded) == dict(Counts.from_texts([*known, text]))
    assert len(bounded) == len(set(text.split())) + 4  # "known", " before", " known" and the space at the end


def test_memory_that_cannot_be_bounded(tmp_path: Path) -> None:
    with pytest.raises(tokmill.errors.ArgumentError, match="not a size"):
        Counts(memory="much")
    texts = ["".join(chr(97 + (i * j) % 26) for j in range(40)) + str(i * i) for i in range(5000)]
    with pytest.raises(tokmill.errors.OutputError, match="cannot make a file for word counts"):
        Counts.from_texts(texts, memory=3000, spill_directory=tmp_path / "none")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_full_disk(tmp_path: Path) -> None:
    # A tmpfs would need rights; a limit on the size of files does the same to the file that counts are spilled to.
    script = """
import resource, signal, sys
import tokmill
from tokmill.training import Counts
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
counts = Counts(memory=100_000, spill_directory=sys.argv[1])
texts = [" ".join(str(i * k) + "abc" * (k % 9) for k in range(100)) for i in range(1000)]
for i, text in enumerate(texts):
    try:
        counts.add_texts([text])
    except tokmill.errors.OutputError as error:
        print(error)
        break
assert counts.spilled_bytes > 0
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert dict(counts) == dict(Counts.from_texts(texts[:i]))  # what was counted before is still there
counts.add_texts(texts[i:])
assert dict(counts) == dict(Counts.from_texts(texts))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot write word counts" in done.stdout
    assert list(tmp_path.iterdir()) == []
