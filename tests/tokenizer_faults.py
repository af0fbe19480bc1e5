"""Hostile tokenizer.json files, by what is wrong with them, and what each has to end in.

Each fault is a file and an outcome: the class of the error that loading it raises, with a word of its message; or ``FINE``, where the file
is odd and yet right: it loads, and using it ends in ids or in an error of ours. All of them are variations of one small file that is fine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tokmill.errors import Error, UnsupportedModel, VocabularyError

from tests import tokenizer_files as files
from tests.tokenizer_files import MAPPED, added, changed, split

__all__ = ["FAULTS", "FINE", "Fault"]

FINE = None
FREE = 266  # the first id that the small file leaves free
GOOD = files.small_file(added_tokens=[added(FREE, "<s>")])
PLAIN = files.small_file()
TEXT = json.dumps(GOOD, ensure_ascii=False)
BYTES = TEXT.encode()
THE = '"the": 257'
GREATEST_ID = 4 * (266 + 1) + 65_536  # of so many entries


class Fault(NamedTuple):
    """A file, the error that it has to end in (``FINE`` if none), and a word of the message."""

    file: bytes
    error: type[Error] | None
    word: str = ""


Faults = Iterator[tuple[str, Fault]]


def refused(file: dict[str, Any] | bytes | str, word: str = "", error: type[Error] = VocabularyError) -> Fault:
    data = file if isinstance(file, bytes) else file.encode() if isinstance(file, str) else json.dumps(file).encode()
    return Fault(data, error, word)


def unsupported(file: dict[str, Any] | str, word: str) -> Fault:
    return refused(file, word, UnsupportedModel)


def fine(file: dict[str, Any] | bytes | str) -> Fault:
    return refused(file)._replace(error=FINE)


def spelt(old: str, new: str) -> str:
    """The text of the file with one place spelt otherwise."""
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def before_byte_level(*steps: dict[str, Any]) -> dict[str, Any]:
    return changed(GOOD, "pre_tokenizer", {"type": "Sequence", "pretokenizers": [*steps, MAPPED]})


def regex(pattern: str) -> dict[str, Any]:
    return before_byte_level(split({"Regex": pattern}))


def replace(pattern: Any, content: Any) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(member: str, items: list[Any]) -> dict[str, Any]:
    lists = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "post_processor": "processors", "decoder": "decoders"}
    return {"type": "Sequence", lists[member]: items}


def nested(value: dict[str, Any], member: str, depth: int) -> dict[str, Any]:
    for _ in range(depth):
        value = sequence(member, [value])
    return value


# The bytes and the syntax


def of_bytes() -> Faults:
    yield "nothing", refused(b"", "")
    yield "blanks", refused(b" \n\t\r ")
    yield "NUL bytes", refused(bytes(5_000))
    yield "a byte order mark is fine", fine(b"\xef\xbb\xbf" + BYTES)
    yield "UTF-16", refused(TEXT.encode("utf-16"))
    yield "UTF-32", refused(TEXT.encode("utf-32"))
    yield "NUL behind the end", refused(BYTES + b"\x00")
    yield "a pointer of Git LFS", refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n")
    yield "a web page", refused(b"<!DOCTYPE html>\n<html><body>404</body></html>\n")
    yield "gzip", refused(b"\x1f\x8b\x08\x00\x00\x00\x00\x00" + BYTES)
    yield "a rank file", refused(b"IQ== 0\nIg== 1\n")
    bad = {
        "a byte that begins nothing": b"\xff",
        "a continuation alone": b"\x80",
        "an overlong blank": b"\xc0\xa0",
        "an overlong NUL": b"\xe0\x80\x80",
        "half a surrogate pair": b"\xed\xa0\x80",
        "U+110000": b"\xf4\x90\x80\x80",
        "a cut character": b"\xe4\xb8",
    }
    for what, sequence_ in bad.items():
        yield f"{what} in a key", refused(BYTES.replace(b'"the"', b'"t' + sequence_ + b'he"', 1), "UTF-8")
        yield f"{what} outside of strings", refused(BYTES.replace(b'"the": 257', b'"the":' + sequence_ + b" 257", 1), "UTF-8")
    for share in range(1, 25):
        yield f"cut after {share}/25", refused(BYTES[: len(BYTES) * share // 25])
    yield "cut before the last brace", refused(BYTES[:-1])
    yield "cut inside of a character", refused(BYTES[: BYTES.index("Ġ".encode()) + 1], "UTF-8")


def of_syntax() -> Faults:
    numbers = [
        "0257",
        "+257",
        "257.",
        ".5",
        "257e",
        "257e+",
        "0x101",
        "NaN",
        "Infinity",
        "-",
        "--1",
        "2 57",
        "2_57",
        "٢٥٧",
        "257f",
        "'257'",
    ]
    for number in numbers:
        yield f"the number {number}", refused(spelt(THE, f'"the": {number}'))
    for word in ["True", "nul", "nulll", "undefined", "FALSE", "none", "fals"]:
        yield f"the word {word}", refused(spelt('"padding": null', f'"padding": {word}'))
    for escape in [r"\x41", r"\u12", r"\u12g4", r"\U00000041", r"\'", r"\0", r"\a", r"\u", "\\", r"\u{41}"]:
        yield f"the escape {escape}", refused(spelt(THE, f'"t{escape}he": 257'))
    for surrogates in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x", r"\udc00\ud800", r"\ud800\n", r"\ud83d\u0041"]:
        yield f"the surrogates {surrogates}", refused(spelt(THE, f'"{surrogates}": 257'))
    for control in (0x00, 0x01, 0x08, 0x09, 0x0A, 0x0D, 0x1F):
        yield f"the control character {control:#04x} in a string", refused(spelt(THE, f'"t{chr(control)}he": 257'))
    yield "U+007F and U+2028 in a string are fine", fine(spelt(THE, THE + ', "\x7f\u2028": 270'))
    yield "a string without an end", refused(spelt(THE, '"the: 257'))
    yield "a comma at the end of an object", refused(TEXT[:-1] + ",}")
    yield "a comma at the end of an array", refused(spelt('["1", "2"]', '["1", "2",]'))
    yield "two commas", refused(spelt('["1", "2"]', '["1",, "2"]'))
    yield "a comma first", refused("{," + TEXT[1:])
    yield "no comma", refused(spelt('["1", "2"]', '["1" "2"]'))
    yield "no colon", refused(spelt(THE, '"the" 257'))
    yield "two colons", refused(spelt(THE, '"the":: 257'))
    yield "a key that is no string", refused(spelt(THE, "the: 257"))
    yield "a key in single quotes", refused(spelt(THE, "'the': 257"))
    yield "a number as key", refused(spelt(THE, "5: 257"))
    yield "a comment", refused(spelt(THE, THE + " /* the */"))
    yield "a line comment", refused("// a file\n" + TEXT)
    yield "something behind the end", refused(TEXT + "x")
    yield "a second value", refused(TEXT + TEXT)
    yield "a brace too many", refused(TEXT + "}")
    yield "an array closed by a brace", refused(spelt('["1", "2"]', '["1", "2"}'))
    yield "blanks of other kinds", refused(spelt(THE, '"the":\u00a0257'))
    yield "a form feed", refused(spelt(THE, '"the":\x0c257'))
    yield "blanks wherever they may be", fine(json.dumps(GOOD, indent=7))
    yield "no blanks", fine(json.dumps(GOOD, separators=(",", ":")))
    yield "all as escapes", fine(json.dumps(GOOD, ensure_ascii=True).replace('"the"', r'"\u0074\u0068\u0065"'))
    for value in ["null", "true", "5", '"text"', "[]", "{}", "[1]", '{"model": null}']:
        yield f"the file is {value}", refused(value)


def of_depth() -> Faults:
    for name, deep in {
        "arrays": "[" * 100_000,
        "objects": '{"a":' * 100_000,
        "both": '[{"a":' * 50_000,
        "closed arrays": "[" * 100_000 + "]" * 100_000,
        "arrays with something in them": "[1," * 100_000,
    }.items():
        yield f"100,000 {name}", refused(deep)
        yield f"100,000 {name} in an unknown member", refused(TEXT[:-1] + f', "more": {deep}' + "}")
    for member in ("truncation", "padding", "normalizer", "post_processor"):
        yield f"70 arrays as {member}", refused(spelt(f'"{member}": null', f'"{member}": ' + "[" * 70 + "]" * 70), "deep")
    yield "an array in an id", refused(spelt(THE, '"the": ' + "[" * 70 + "]" * 70))
    yield "an array in a merge", refused(spelt('["1", "2"]', "[" * 70 + "]" * 70))
    yield "a deep setting of the model", refused(spelt('"dropout": null', '"dropout": ' + "[" * 70 + "]" * 70), "deep")
    for member, component in {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": files.BYTE_LEVEL,
        "post_processor": {"type": "ByteLevel"},
        "decoder": files.DECODER,
    }.items():
        yield f"{member}: 20 sequences in each other are fine", fine(changed(GOOD, member, nested(component, member, 20)))
        yield f"{member}: 40 sequences in each other", refused(changed(GOOD, member, nested(component, member, 40)), "deep")


def of_duplicate_keys() -> Faults:
    for key in GOOD:
        yield f"{key} twice", refused(TEXT[:-1] + f', "{key}": {json.dumps(GOOD[key])}' + "}", "twice")
    for key, value in GOOD["model"].items():
        yield f"model.{key} twice", refused(spelt('"dropout": null', f'"dropout": null, "{key}": {json.dumps(value)}'), "twice")
    yield "an unknown key twice", refused(TEXT[:-1] + ', "x": 1, "x": 1}', "twice")
    yield "a key twice, once in escapes", refused(TEXT[:-1] + r', "\u0070adding": null}', "twice")
    for key in ("id", "content", "special"):
        yield f"an added token with two {key}", refused(spelt('"content": "<s>"', f'"content": "<s>", "{key}": 1'), "twice")
    yield "a component with two types", refused(spelt('"type": "BPE"', '"type": "BPE", "type": "BPE"'), "twice")
    yield (
        "a needle with two strings",
        refused(
            json.dumps(changed(GOOD, "normalizer", replace({"String": "a"}, "b"))).replace('"String": "a"', '"String": "a", "String": "b"'),
            "twice",
        ),
    )


def of_kinds() -> Faults:
    """Every member as something that it cannot be."""
    wrong: dict[str, list[Any]] = {
        "version": [3, [], None, "2.0", "", True],
        "model": [None, 3, "x", [], {}],
        "model.vocab": [..., None, 3, "x", [], {}, [["a", 0.5]]],
        "model.merges": [
            ...,
            None,
            3,
            "x",
            {},
            [3],
            [None],
            [[]],
            [{}],
            [["t"]],
            [["t", "h", "e"]],
            [["t", 5]],
            [[None, "h"]],
            ["th"],
            [""],
        ],
        "model.type": [3, [], "Nonsense", "bpe", ""],
        "model.unk_token": [3, [], {}, True],
        "model.fuse_unk": [3, "x", []],
        "model.ignore_merges": [3, "true", []],
        "model.byte_fallback": [True, 3, "x"],
        "model.continuing_subword_prefix": [3, []],
        "model.end_of_word_suffix": [3, {}],
        "model.dropout": [0.1, 1, -1, "x", [], True, 1e-300],
        "added_tokens": [3, "x", {}, [3], [None], ["<s>"], [[]], [{}]],
        "pre_tokenizer": [..., None, 3, "x", [], {}],
        "normalizer": [3, "x", [], {}, True],
        "post_processor": [3, "x", [], {}],
        "decoder": [3, "x", [], {}],
    }
    for path, values in wrong.items():
        for value in values:
            error = VocabularyError
            if path in ("model.type", "model.byte_fallback", "model.dropout", "pre_tokenizer"):
                error = Error  # which of the two depends on how wrong it is
            if path in ("model.vocab", "model.merges", "model"):
                error = Error
            shown = "missing" if value is ... else json.dumps(value)
            yield f"{path} is {shown}", refused(changed(GOOD, path, value), "", error)
    for key in ("id", "content", "special", "normalized", "lstrip", "rstrip", "single_word"):
        for value in (..., None, [], {}, "x" if key == "id" else 3):
            token = changed({"t": added(FREE, "<s>")}, f"t.{key}", value)["t"]
            yield (
                f"an added token's {key} is {'missing' if value is ... else json.dumps(value)}",
                refused(changed(GOOD, "added_tokens", [token])),
            )


# What the file says


def of_ids() -> Faults:
    for id in (-1, 1.5, "x", True, None, [], {}, 2**24, 2**31, 2**32, 2**32 + 257, 2**63, 2**64, 2**64 + 257, 1e3, 257.0):
        yield f"the id {json.dumps(id)}", refused(changed(GOOD, "model.vocab.the", id))
    for id in ("9" * 5_000, "1e9", "257e0", "-0", "1e400", "257.5"):
        yield f"the id {id[:20]}", refused(spelt(THE, f'"the": {id}'))
    yield "the greatest id", fine(changed(GOOD, "model.vocab.the", GREATEST_ID))
    yield "an id out of proportion", refused(changed(GOOD, "model.vocab.the", GREATEST_ID + 5), "proportion")
    yield "2^24 - 1", refused(changed(GOOD, "model.vocab.the", 2**24 - 1), "proportion")
    yield "an id twice", refused(changed(GOOD, "model.vocab.the", 256), "two tokens")
    yield "an id of a byte twice", refused(changed(GOOD, "model.vocab.the", 0), "two tokens")
    yield "all ids alike", refused(changed(GOOD, "model.vocab", dict.fromkeys(GOOD["model"]["vocab"], 7)), "two tokens")
    for id in (-1, 1.5, "266", None, 2**32 + FREE, 2**64, 5, 257):
        yield f"the id {json.dumps(id)} of an added token", refused(changed(GOOD, "added_tokens", [added(id, "<s>")]))
    yield "an added token of a token's spelling and another id", refused(changed(GOOD, "added_tokens", [added(FREE, "the")]))
    yield "an added token twice", refused(changed(GOOD, "added_tokens", [added(FREE, "<s>"), added(FREE, "<s>")]))
    yield "two added tokens of one id", refused(changed(GOOD, "added_tokens", [added(FREE, "<s>"), added(FREE, "<t>")]), "two added tokens")
    yield "one added token under two ids", refused(changed(GOOD, "added_tokens", [added(FREE, "<s>"), added(FREE + 1, "<s>")]), "twice")
    yield "1,000 added tokens of one id", refused(changed(GOOD, "added_tokens", [added(FREE, f"<{i}>") for i in range(1_000)]))


def of_vocabulary() -> Faults:
    vocabulary = '"vocab": {'
    yield "a token twice", refused(spelt(THE, THE + ', "the": 280'), "twice")
    yield "a token twice under one id", refused(spelt(THE, THE + ", " + THE), "twice")
    yield "a token twice, once in escapes", refused(spelt(THE, THE + r', "t\u0068e": 280'), "twice")
    yield "a byte twice", refused(spelt(vocabulary, vocabulary + '"!": 300, '), "twice")
    yield "an empty token is fine", fine(changed(GOOD, "model.vocab", GOOD["model"]["vocab"] | {"": 270}))
    yield "a token that no text can become is fine", fine(changed(GOOD, "model.vocab", GOOD["model"]["vocab"] | {"中 文": 270}))
    yield "a token of 64 KiB is fine", fine(changed(GOOD, "model.vocab", GOOD["model"]["vocab"] | {"q" * 65_536: 270}))
    yield "a token of 64 KiB and a byte", refused(changed(GOOD, "model.vocab", GOOD["model"]["vocab"] | {"q" * 65_537: 270}))
    yield "a token of 3 MB", refused(changed(GOOD, "model.vocab", GOOD["model"]["vocab"] | {"q" * 3_000_000: 270}))
    yield "a NUL in a token is fine", fine(spelt(THE, THE + r', "a\u0000b": 270'))
    yield "no bytes to merge", refused(changed(GOOD, "model.vocab", {"the": 0}), "no token")
    few = {character: id for id, character in enumerate(files.ALPHABET[:10])}
    yield "few bytes are fine", fine(changed(changed(PLAIN, "model.vocab", few), "model.merges", []))
    many = {f"{i:x}": i for i in range(300_000)}
    yield "300,000 tokens and no merges are fine", fine(changed(changed(PLAIN, "model.vocab", many), "model.merges", []))
    yield "only one token is fine", fine(changed(changed(PLAIN, "model.vocab", {"a": 0}), "model.merges", []))


def of_merges() -> Faults:
    def merges(*pairs: Any, **tokens: int) -> dict[str, Any]:
        file = changed(PLAIN, "model.vocab", GOOD["model"]["vocab"] | tokens)
        return changed(file, "model.merges", list(pairs))

    yield "a dangling left part", refused(merges(["nothing", "h"]), "no token")
    yield "a dangling right part", refused(merges(["t", "nothing"]), "no token")
    yield "a dangling result", refused(merges(["t", "x"]), "no token")
    yield "a dangling line of the old notation", refused(merges("t nothing"), "no token")
    yield "an empty left part", refused(merges(["", "t"]))
    yield "an empty right part", refused(merges(["t", ""]))
    yield "two blanks", refused(merges("t  h"))
    yield "three parts", refused(merges("t h e"))
    yield "a blank at the end", refused(merges("t h "))
    yield "a blank only", refused(merges(" "))
    yield "a comment that is not the first line", refused(merges("t h", "#version: 0.2"))
    yield "a first line of comment is fine", fine(merges("#version: 0.2", "t h"))
    yield "both notations are fine", fine(merges("t h", ["th", "e"]))
    yield "a part in another case", refused(merges(["T", "h"]), "no token")
    yield "a part with the blank itself", refused(merges([" ", "the"]), "no token")
    yield "a merge of itself", refused(merges(["th", "th"]), "no token")
    yield "a merge twice is fine", fine(merges(["t", "h"], ["t", "h"]))
    yield "a part that is made later is fine", fine(merges(["th", "e"], ["t", "h"]))
    yield "parts that make each other", fine(merges(["a", "ba"], ["ab", "a"], ["a", "b"], aba=270, ba=271, ab=272))
    yield "a token made in two ways is fine", fine(merges(["a", "b"], ["ab", "c"], ["b", "c"], ["a", "bc"], ab=270, bc=271, abc=272))
    yield "the last merge is cut", refused(TEXT.replace('["1", "2"]', '["1", "'))
    yield "100,000 equal merges are fine", fine(merges(*[["t", "h"]] * 100_000))
    yield "100,000 empty merges", refused(merges(*[["", ""]] * 100_000))
    ladder = {"a" * n: 268 + n for n in range(2, 3_000)}
    yield "a ladder of 3,000 is fine", fine(merges(*[["a", "a" * (n - 1)] for n in range(2, 3_000)], **ladder))
    doubled = {"a" * 2**n: 268 + n for n in range(1, 17)}
    yield "doubling to 64 KiB is fine", fine(merges(*[["a" * 2**n] * 2 for n in range(16)], **doubled))
    yield "doubling beyond 64 KiB", refused(merges(*[["a" * 2**n] * 2 for n in range(17)], **doubled, **{"a" * 2**17: 290}))
    suffix = changed(GOOD, "model.end_of_word_suffix", "</w>")
    yield "a suffix that no token has is fine", fine(suffix)
    yield "a prefix that merges do not have", refused(changed(GOOD, "model.continuing_subword_prefix", "##"), "prefix")
    yield "prefix and suffix", unsupported(changed(suffix, "model.continuing_subword_prefix", "##"), "together")
    yield "suffix and ignore_merges", unsupported(changed(suffix, "model.ignore_merges", True), "together")
    yield "a suffix of 100 kB is fine", fine(changed(GOOD, "model.end_of_word_suffix", "w" * 100_000))
    yield "an unknown token that is none and that no text needs", fine(changed(GOOD, "model.unk_token", "<nothing>"))
    short = changed(changed(PLAIN, f"model.vocab.{files.ALPHABET[ord('!')]}", ...), "model.unk_token", "<nothing>")
    yield "an unknown token that is none, and a byte that is missing", refused(short, "unk")
    for kind in ("Unigram", "WordPiece", "WordLevel"):
        yield f"model {kind}", unsupported(changed(GOOD, "model.type", kind), kind)


def of_added_tokens() -> Faults:
    def tokens(*items: dict[str, Any]) -> dict[str, Any]:
        return changed(GOOD, "added_tokens", list(items))

    yield "empty", refused(tokens(added(FREE, "")), "empty")
    yield "64 KiB are fine", fine(tokens(added(FREE, "q" * 65_536)))
    yield "64 KiB and a byte", refused(tokens(added(FREE, "q" * 65_537)))
    yield "a NUL is fine", fine(tokens(added(FREE, "\0")))
    yield "white space that strips is fine", fine(tokens(added(FREE, " ", lstrip=True, rstrip=True)))
    yield "10,000 that begin alike are fine", fine(tokens(*[added(FREE + i, "<" * 50 + f"{i}>") for i in range(10_000)]))
    yield "prefixes of each other are fine", fine(tokens(*[added(FREE + i, "a" * (i + 2)) for i in range(1_000)]))
    vanishing = changed(tokens(added(FREE, "<s>", normalized=True)), "normalizer", replace({"Regex": "."}, ""))
    yield "one that the normalizer makes vanish", fine(vanishing)
    growing = changed(tokens(added(FREE, "aaaa", normalized=True)), "normalizer", replace({"String": "a"}, "b" * 100_000))
    yield "one that the normalizer makes long", fine(growing)


def of_normalizers() -> Faults:
    def normalizer(value: Any) -> dict[str, Any]:
        return changed(GOOD, "normalizer", value)

    for kind in ("Precompiled", "BertNormalizer", "Nmt", "Nonsense", "nfc", ""):
        yield f"type {kind!r}", unsupported(normalizer({"type": kind}), kind)
    for value in ({}, {"type": None}, {"type": ["NFC"]}, {"type": "Sequence"}, {"type": "Sequence", "normalizers": None}):
        yield json.dumps(value), refused(normalizer(value))
    yield "a sequence of numbers", refused(normalizer(sequence("normalizer", [1])))
    yield "257 steps", refused(normalizer(sequence("normalizer", [{"type": "NFC"}] * 257)), "256")
    yield "256 steps are fine", fine(normalizer(sequence("normalizer", [{"type": "NFC"}] * 256)))
    for key in ("strip_left", "strip_right"):
        yield (
            f"Strip without {key}",
            refused(normalizer(changed({"type": "Strip", "strip_left": True, "strip_right": True}, key, ...)), key),
        )
    yield "Prepend without its text", refused(normalizer({"type": "Prepend"}), "prepend")
    yield "Prepend of 10 MB", fine(normalizer({"type": "Prepend", "prepend": "x" * 10_000_000}))
    for pattern in (None, 5, "a", [], {}, {"String": 5}, {"Regex": None}, {"Nonsense": "a"}, {"String": "a", "Regex": "a"}):
        yield f"Replace of {json.dumps(pattern)}", refused(normalizer(replace(pattern, "b")))
    yield "Replace without content", refused(normalizer({"type": "Replace", "pattern": {"String": "a"}}), "content")
    yield "Replace of a bad regex", refused(normalizer(replace({"Regex": "(a"}, "")), "", Error)
    yield "Replace of a back reference", refused(normalizer(replace({"Regex": r"(a|b)*\1"}, "")), "", Error)
    yield "Replace of nothing is fine", fine(normalizer(replace({"String": ""}, "b")))
    yield "Replace of an empty match is fine", fine(normalizer(replace({"Regex": "x*"}, "b")))
    grows = replace({"String": "a"}, "a" * 100_000)
    yield "a letter becomes 100 kB", fine(normalizer(grows))
    yield "a letter becomes 100 kB, twice", fine(normalizer(sequence("normalizer", [grows, grows])))
    doubles = replace({"String": "a"}, "aa")
    yield "a letter doubles 40 times", fine(normalizer(sequence("normalizer", [doubles] * 40)))
    yield "a letter doubles 256 times", fine(normalizer(sequence("normalizer", [doubles] * 256)))
    yield (
        "decompositions, composed and decomposed 128 times, are fine",
        fine(normalizer(sequence("normalizer", [{"type": "NFKD"}, {"type": "NFKC"}] * 128))),
    )
    yield "a regex that backtracks for ever is fine", fine(normalizer(replace({"Regex": "(a+)+$"}, "b")))


def of_pretokenizers() -> Faults:
    for kind in ("Metaspace", "BertPreTokenizer", "UnicodeScripts", "CharDelimiterSplit", "Nonsense", ""):
        yield f"type {kind!r}", unsupported(changed(GOOD, "pre_tokenizer", {"type": kind}), kind)
    yield "no ByteLevel", unsupported(changed(GOOD, "pre_tokenizer", {"type": "Whitespace"}), "ByteLevel")
    yield "an empty sequence", unsupported(changed(GOOD, "pre_tokenizer", sequence("pre_tokenizer", [])), "ByteLevel")
    yield "two ByteLevel", unsupported(before_byte_level(MAPPED), "ByteLevel")
    yield "ByteLevel without add_prefix_space", refused(changed(GOOD, "pre_tokenizer.add_prefix_space", ...), "add_prefix_space")
    for key in ("add_prefix_space", "use_regex"):
        yield f"ByteLevel.{key} is a number", refused(changed(GOOD, f"pre_tokenizer.{key}", 1), key)
    for behavior in ("Sideways", "isolated", "", 5, None):
        yield f"the behaviour {behavior!r}", refused(before_byte_level(split({"String": "a"}, behavior)), "behavior")
        yield (
            f"the behaviour {behavior!r} of Punctuation",
            refused(before_byte_level({"type": "Punctuation", "behavior": behavior}), "behavior"),
        )
    for pattern in (None, 5, "a", {}, {"String": 5}, {"String": "a", "Regex": "a"}):
        yield f"Split at {json.dumps(pattern)}", refused(before_byte_level(split(pattern)))
    for key in ("pattern", "behavior", "invert"):
        yield f"Split without {key}", refused(before_byte_level(changed(split({"String": "a"}), key, ...)), key)
    yield "Split.invert is a text", refused(before_byte_level(split({"String": "a"}, invert="no")), "invert")
    yield "Split at nothing is fine", fine(before_byte_level(split({"String": ""})))
    yield "Digits without individual_digits", refused(before_byte_level({"type": "Digits"}), "individual_digits")
    yield "256 steps are fine", fine(before_byte_level(*[split({"String": "a"})] * 255))
    yield "257 steps", refused(before_byte_level(*[split({"String": "a"})] * 256), "256")
    yield "a split that removes all is fine", fine(before_byte_level(split({"Regex": r"[\s\S]"}, "Removed")))


# Each would need a time exponential, or a power, in the text for an engine that backtracks; ours takes them or says that it does not.
CATASTROPHIC = [
    "(a+)+$",
    "(a*)*$",
    "(a|a)*b",
    "(a|aa)+$",
    "(.*)*x",
    "(?:a|ab){50}b{50}",
    "(x+x+)+y",
    "a*a*a*a*a*a*a*a*c",
    "(?:a|b|ab)*c",
    r"(\s*\w+\s*)*!",
    "(a+)+(b+)+c",
    "(?=(a+)+b)a",
    "(?<!a)(a+)+b",
    "([a-z]+)*\\d",
    "(.+.+)+x",
    "(?:(?:a*)*)*b",
    r"^(\w+\s?)*$",
    "(a{1,20}){1,20}b",
]
# What no automaton of a size that we take does.
TOO_MUCH = {
    "a repeat of 10^9": "a{1000000000}",
    "repeats of repeats": "(((a{100}){100}){100}){100}",
    "a repeat of 2^64": "a{18446744073709551616}",
    "unlike repeats": "(?:a{500}b{500}|b{500}a{500}){500}",
    "a counted repeat of what may be empty": "(a?){50}a{50}",
    "20,000 branches": "|".join(f"a{i}" for i in range(20_000)),
    "100,000 letters": "ab" * 50_000,
    "far look-behind": "(?<=a{5000}b{5000}c{5000})d{5000}",
    "groups 100,000 deep": "(" * 100_000 + ")" * 100_000,
    "classes 100,000 deep": "[" * 100_000 + "]" * 100_000,
    "half of that": "(?:" * 50_000,
    "counts over all characters": r"(?:.{1,400}x){1,400}",
}
BAD_REGEXES = {
    "an open group": "(a",
    "a closed group": "a)",
    "an open class": "[a",
    "an empty class": "[]",
    "a quantifier first": "*a",
    "bounds out of order": "a{5,2}",
    "a range out of order": "[z-a]",
    "a backslash last": "a\\",
    "an unknown property": r"\p{Nonsense}",
    "an open property": r"\p{L",
    "a code point too high": r"\x{110000}",
    "a back reference": r"(a+)b\1",
    "a named back reference": r"(?<x>a+)b\k<x>",
    "a group without an end": "(?<x",
    "a recursion": r"(?<x>a\g<x>?b)",
    "an unknown flag": "(?q:a)",
    "a conditional": "(a)?(?(1)b|c)",
    "an absent operator": "(?~a)",
    "an unknown escape": r"\y",
    "a comment without an end": "(?#a",
}


def of_regexes() -> Faults:
    for pattern in CATASTROPHIC:
        yield f"{pattern} is done or refused", fine(regex(pattern))
        yield (
            f"{pattern} behind ByteLevel",
            fine(changed(GOOD, "pre_tokenizer", sequence("pre_tokenizer", [MAPPED, split({"Regex": pattern})]))),
        )
    for what, pattern in TOO_MUCH.items():
        yield what, refused(regex(pattern), "", Error)
    for what, pattern in BAD_REGEXES.items():
        yield what, refused(regex(pattern), "", Error)
    yield "a NUL is fine", fine(regex("\0"))


def of_post_processors() -> Faults:
    def post(value: Any) -> dict[str, Any]:
        return changed(GOOD, "post_processor", value)

    a, b = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    s = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    specials = {"<s>": {"id": "<s>", "ids": [FREE], "tokens": ["<s>"]}}

    def template(single: Any = (s, a), pair: Any = (a, b), tokens: Any = specials) -> dict[str, Any]:
        return post({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})

    def ids(value: Any) -> dict[str, Any]:
        return template(tokens={"<s>": {"id": "<s>", "ids": value, "tokens": ["<s>"]}})

    yield "as it should be", fine(template())
    for kind in ("Nonsense", "Template", ""):
        yield f"type {kind!r}", unsupported(post({"type": kind}), kind)
    for key in ("single", "pair", "special_tokens"):
        value = changed(template(), f"post_processor.{key}", ...)
        yield f"a template without {key}", refused(value, key)
    for value in (None, 5, "$A", {}):
        yield f"a template of {json.dumps(value)}", refused(template(single=value))
    for value in (5, [], {}, {"Nonsense": {}}, {"Sequence": {}}, {"Sequence": {"id": "C"}}, {"SpecialToken": {"id": "<t>"}}, s | a):
        yield f"a piece {json.dumps(value)}", refused(template(single=[a, value]))
    yield "no text", unsupported(template(single=[s]), "text")
    yield "the text twice", unsupported(template(single=[a, a]), "text")
    yield "the second text of one", unsupported(template(single=[b]), "text")
    yield "one text of two", unsupported(template(pair=[a]), "text")
    for value in (None, 5, [-1], [2**24], [2**64], ["x"], [1.5], [[]]):
        yield f"the ids {json.dumps(value)}", refused(ids(value))
    yield "no ids are fine", fine(ids([]))
    yield "100,000 ids are fine", fine(ids([FREE] * 100_000))
    yield "an id that is none is fine", fine(ids([5_000]))
    yield "100,000 pieces are fine", fine(template(single=[a, *[s] * 100_000]))
    for kind in ("RobertaProcessing", "BertProcessing"):
        good = {"type": kind, "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": True}
        yield f"{kind} is fine", fine(post(good))
        for value in (..., None, "x", [], ["<s>"], ["<s>", -1], ["<s>", 2**24], [0, "<s>"], ["<s>", 0, 0]):
            yield f"{kind}.cls is {'missing' if value is ... else json.dumps(value)}", refused(post(changed(good, "cls", value)))
        yield f"two {kind}", unsupported(post(sequence("post_processor", [good, good])), "behind")


def of_decoders() -> Faults:
    def decoder(value: Any) -> dict[str, Any]:
        return changed(GOOD, "decoder", value)

    for kind in ("Metaspace", "WordPiece", "CTC", "ByteFallback", "Nonsense", ""):
        yield f"type {kind!r}", unsupported(decoder({"type": kind}), kind)
    strip = {"type": "Strip", "content": "a", "start": 1, "stop": 0}
    for key, values in {"content": [..., "", "ab", 5], "start": [..., -1, 2**64, "x", 1.5, 10**9], "stop": [..., -1, 2**17]}.items():
        for value in values:
            yield f"Strip.{key} is {'missing' if value is ... else json.dumps(value)}", refused(decoder(changed(strip, key, value)), key)
    yield "BPEDecoder without suffix", refused(decoder({"type": "BPEDecoder"}), "suffix")
    yield "Replace without content", refused(decoder({"type": "Replace", "pattern": {"String": "a"}}), "content")
    yield "Replace of a bad regex", refused(decoder(replace({"Regex": "(a"}, "")), "", Error)
    doubles = replace({"String": "a"}, "aa")
    yield "a letter doubles 40 times", fine(decoder(sequence("decoder", [{"type": "Fuse"}, *[doubles] * 40])))
    yield "a letter becomes 1 MB", fine(decoder(sequence("decoder", [replace({"String": "a"}, "a" * 1_000_000)] * 3)))
    yield "257 steps", refused(decoder(sequence("decoder", [{"type": "Fuse"}] * 257)), "256")


def of_truncation_and_padding() -> Faults:
    """They are shown and never applied, whatever they say."""
    padding = {
        "strategy": "BatchLongest",
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<s>",
    }
    truncation = {"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0}
    for value in (10**9, 2**63, 2**64, 0):
        yield f"a padding of {value}", fine(changed(GOOD, "padding", padding | {"strategy": {"Fixed": value}}))
        yield f"a padding to multiples of {value}", fine(changed(GOOD, "padding", padding | {"pad_to_multiple_of": value}))
        yield f"a truncation to {value}", fine(changed(GOOD, "truncation", truncation | {"max_length": value}))
        yield f"a stride of {value}", fine(changed(GOOD, "truncation", truncation | {"stride": value}))
    yield "a padding with an id that is none", fine(changed(GOOD, "padding", padding | {"pad_id": 2**32 - 1}))
    yield "a padding of 2 million values", refused(spelt('"padding": null', '"padding": [' + "1," * 2_000_000 + "1]"), "values")


GROUPS = {
    "bytes": of_bytes,
    "syntax": of_syntax,
    "depth": of_depth,
    "duplicate keys": of_duplicate_keys,
    "kinds": of_kinds,
    "ids": of_ids,
    "vocabulary": of_vocabulary,
    "merges": of_merges,
    "added tokens": of_added_tokens,
    "normalizer": of_normalizers,
    "pre_tokenizer": of_pretokenizers,
    "regex": of_regexes,
    "post_processor": of_post_processors,
    "decoder": of_decoders,
    "truncation and padding": of_truncation_and_padding,
}
FAULTS = {f"{group}: {name}": fault for group, faults in GROUPS.items() for name, fault in faults()}
