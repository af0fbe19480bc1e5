"""Generate csrc/unicode/tables/normalization.inc and character_sets.inc.

Two sets of normalisation data: Unicode 16.0.0, from the PyPI package ``unicodedata2==16.0.0``, and the older data that Hugging Face
``tokenizers`` 0.23.3 works with, found by asking the package itself: the decompositions of every code point, the combining classes by
the order that pairs of marks come out in (every pair is then tried), the compositions by composing every possible pair. The character
sets and the lower-case map of its components come from the same package. Run from the root of the repository:

    python tools/make_normalization_tables.py            # writes the tables
    python tools/make_normalization_tables.py --check    # exit code 1 if a file on disk differs
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers  # type: ignore[import-not-found, import-untyped, unused-ignore]
import unicodedata2  # type: ignore[import-not-found, import-untyped, unused-ignore]
from generated import rows, write_or_check
from tokenizers import normalizers, pre_tokenizers

UNICODE_VERSION = "16.0.0"
TOKENIZERS_VERSION = "0.23.3"
CODE_POINTS = 0x110000
PAGE = 128
TABLES = Path(__file__).resolve().parents[1] / "csrc" / "unicode" / "tables"
CHARACTERS = [chr(point) for point in range(CODE_POINTS) if not 0xD800 <= point < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)

# The bits of unicode::NormalizationFlag.
DECOMPOSES, DECOMPOSES_COMPATIBLY, NOT_NFC, NOT_NFKC, MARK, SECOND, JOINS, JOINS_COMPATIBLY = (1 << bit for bit in range(8))
# The bits of unicode::CharacterSet, in its order.
SETS = ["punctuation", "numeric", "word", "white_space", "combining_mark", "bert_control", "bert_accent", "has_lower_case"]


@dataclass
class Data:
    """What one version of Unicode says about normalisation; Hangul syllables are left to arithmetic."""

    canonical: dict[str, str]  # full canonical decompositions
    compatible: dict[str, str]  # full compatibility decompositions
    combining: dict[str, int]  # combining classes other than 0
    composed: dict[str, str]  # primary composites by their two characters


def per_character(function: Callable[[str], str], characters: Sequence[str] = CHARACTERS) -> list[str]:
    """What `function` makes of each character alone; a line end between them changes nothing and saves a million calls."""
    others = [character for character in characters if character != "\n"]
    made = function("\n".join(others)).split("\n")
    if len(made) != len(others):
        raise SystemExit("a character that normalises to a line end")
    answers = dict(zip(others, made, strict=True))
    return [answers.get(character, "\n") for character in characters]


def find_compositions(canonical: dict[str, str], compose: Callable[[str], str]) -> dict[str, str]:
    """Every pair of characters that composes. A pair can only be a prefix of a full decomposition, composed, and its last character."""
    firsts = {compose(text[:-1]) for text in canonical.values() if len(text) > 1}
    firsts = {first for first in firsts if len(first) == 1}
    seconds = {text[-1] for text in canonical.values() if len(text) > 1}
    pairs = [first + second for first in sorted(firsts) for second in sorted(seconds)]
    return {pair: whole for pair, whole in zip(pairs, per_pair(compose, pairs), strict=True) if len(whole) == 1}


def per_pair(function: Callable[[str], str], pairs: Sequence[str]) -> list[str]:
    return function("\n".join(pairs)).split("\n")


def unicode_data() -> Data:
    """The data of unicodedata2."""
    if unicodedata2.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"unicodedata2 {unicodedata2.unidata_version} is installed, {UNICODE_VERSION} is needed")
    plain = [character for character in CHARACTERS if ord(character) not in HANGUL]

    def decompositions(form: str) -> dict[str, str]:
        made = ((character, unicodedata2.normalize(form, character)) for character in plain)
        return {character: text for character, text in made if text != character}

    canonical = decompositions("NFD")
    return Data(
        canonical,
        decompositions("NFKD"),
        {character: unicodedata2.combining(character) for character in plain if unicodedata2.combining(character)},
        find_compositions(canonical, lambda text: unicodedata2.normalize("NFC", text)),
    )


def tokenizers_data(reference: Data) -> Data:
    """The data of tokenizers, by asking it. `reference` names the combining classes, whose values do not show, only their order."""
    if tokenizers.__version__ != TOKENIZERS_VERSION:
        raise SystemExit(f"tokenizers {tokenizers.__version__} is installed, {TOKENIZERS_VERSION} is needed")
    plain = [character for character in CHARACTERS if ord(character) not in HANGUL]
    nfd = normalizers.NFD().normalize_str

    def decompositions(normalize: Callable[[str], str]) -> dict[str, str]:
        return {c: text for c, text in zip(plain, per_character(normalize, plain), strict=True) if text != c}

    canonical = decompositions(nfd)
    combining = find_combining_classes([c for c in plain if c not in canonical and c != "\n"], reference.combining, nfd)
    compose = normalizers.NFC().normalize_str
    return Data(canonical, decompositions(normalizers.NFKD().normalize_str), combining, find_compositions(canonical, compose))


def find_combining_classes(characters: list[str], named: dict[str, int], order: Callable[[str], str]) -> dict[str, int]:
    """Combining classes by what swaps with what: of two neighbours the higher goes behind, 0 never moves."""
    # U+0334 (overlay, the lowest class) and U+0345 (the highest) find every character that moves at all.
    low, high = "\u0334", "\u0345"
    moves = {c for c, text in zip(characters, per_pair(order, [c + low for c in characters]), strict=True) if text != c + low}
    moves |= {c for c, text in zip(characters, per_pair(order, [high + c for c in characters]), strict=True) if text != high + c}
    marks = sorted(moves)
    example_of_class: dict[int, str] = {}
    for mark in marks:
        if mark in named:
            example_of_class.setdefault(named[mark], mark)
    found: dict[str, int] = {}
    for mark in marks:
        pairs = [text for example in example_of_class.values() for text in (mark + example, example + mark)]
        stays = [a == b for a, b in zip(pairs, per_pair(order, pairs), strict=True)]
        equals = [kind for number, kind in enumerate(example_of_class) if stays[2 * number] and stays[2 * number + 1]]
        if len(equals) != 1:
            raise SystemExit(f"U+{ord(mark):04X} stands with the marks of the classes {equals}: exactly one was expected")
        found[mark] = equals[0]
    for first in marks:  # the proof: every pair
        pairs = [first + second for second in marks]
        expected = [second + first if found[first] > found[second] else first + second for second in marks]
        if per_pair(order, pairs) != expected:
            raise SystemExit(f"the classes found do not explain the pairs of U+{ord(first):04X}")
    return found


def flags_of(data: Data) -> bytes:
    """The ``unicode::NormalizationFlag`` bits of every code point."""
    seconds = {pair[1] for pair in data.composed} | {chr(point) for point in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    flags = bytearray(CODE_POINTS)

    def joins(text: str) -> bool:
        """Does text that starts so reach back to what stands before?"""
        return text[0] in data.combining or text[0] in seconds

    for point in HANGUL:
        flags[point] |= DECOMPOSES | DECOMPOSES_COMPATIBLY
    for character, text in data.canonical.items():
        flags[ord(character)] |= DECOMPOSES
        if compose(text, data) != character:
            flags[ord(character)] |= NOT_NFC
    for character, text in data.compatible.items():
        flags[ord(character)] |= DECOMPOSES_COMPATIBLY
        if compose(text, data) != character:
            flags[ord(character)] |= NOT_NFKC
    for character in {*data.combining, *seconds, *data.canonical, *data.compatible}:
        if character in data.combining:
            flags[ord(character)] |= MARK
        if character in seconds:
            flags[ord(character)] |= SECOND
        if joins(data.canonical.get(character, character)):
            flags[ord(character)] |= JOINS
        if joins(data.compatible.get(character, character)):
            flags[ord(character)] |= JOINS_COMPATIBLY
    return bytes(flags)


def compose(text: str, data: Data) -> str:
    """Canonical composition of one decomposed character."""
    out: list[str] = []
    starter, last_class = -1, 0
    for character in text:
        kind = data.combining.get(character, 0)
        adjacent = len(out) - 1 == starter
        whole = data.composed.get(out[starter] + character) if starter >= 0 and (adjacent or last_class < kind) else None
        if whole is not None:
            out[starter] = whole
            continue
        if kind == 0:
            starter = len(out)
        out.append(character)
        last_class = kind
    return "".join(out)


def character_sets() -> tuple[bytes, dict[str, str]]:
    """The bits of every code point in the sets of tokenizers' components, and its lower-case map."""
    bits = bytearray(CODE_POINTS)

    def add(name: str, members: Iterable[str]) -> None:
        for member in members:
            bits[ord(member)] |= 1 << SETS.index(name)

    # Each character stands between two letters: a piece of its own, glued to the letters, or dropped.
    text = "a" + "a".join(CHARACTERS) + "a"

    def pieces(splitter: pre_tokenizers.PreTokenizer) -> list[tuple[int, int]]:
        return [span for _, span in splitter.pre_tokenize_str(text)]

    def alone(splitter: pre_tokenizers.PreTokenizer) -> list[str]:
        return [text[begin] for begin, end in pieces(splitter) if end == begin + 1 and begin % 2 == 1]

    def dropped(splitter: pre_tokenizers.PreTokenizer) -> list[str]:
        ends = pieces(splitter)
        return [text[a[1]] for a, b in itertools.pairwise(ends) if a[1] != b[0]]

    add("punctuation", alone(pre_tokenizers.Punctuation("isolated")))
    add("numeric", alone(pre_tokenizers.Digits(individual_digits=True)))
    add("white_space", dropped(pre_tokenizers.WhitespaceSplit()))
    for begin, end in pieces(pre_tokenizers.Whitespace()):
        add("word", text[begin + 1 : end - 1 : 2] if text[begin] == "a" else ())

    def changed(normalizer: normalizers.Normalizer) -> dict[str, str]:
        return {c: made for c, made in zip(CHARACTERS, per_character(normalizer.normalize_str), strict=True) if made != c}

    def bert(**on: bool) -> dict[str, str]:
        off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
        return changed(normalizers.BertNormalizer(**{**off, **on}))

    add("combining_mark", changed(normalizers.StripAccents()))
    lower = changed(normalizers.Lowercase())
    add("has_lower_case", lower)
    # A line end would become a blank, so these go one at a time.
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    add("bert_control", (c for c in CHARACTERS if clean.normalize_str(c) == ""))
    add("bert_accent", (c for c, made in bert(strip_accents=True).items() if made == ""))
    return bytes(bits), lower


def two_stages(name: str, kind: str, values: Sequence[int]) -> str:
    """`values`, one a code point, as pages that are stored once and the number of each page."""
    number_of_page: dict[tuple[int, ...], int] = {}
    pages = [number_of_page.setdefault(tuple(values[i : i + PAGE]), len(number_of_page)) for i in range(0, CODE_POINTS, PAGE)]
    page_kind = "std::uint8_t" if len(number_of_page) <= 256 else "std::uint16_t"
    return (
        f"alignas(64) constexpr {page_kind} k{name}Pages[{len(pages)}] = {{\n"
        + rows(map(str, pages), 32)
        + f"}};\nalignas(64) constexpr {kind} k{name}[{len(number_of_page) * PAGE}] = {{\n"
        + rows((str(value) for page in number_of_page for value in page), 32)
        + "};\n"
    )


def render_data(name: str, data: Data, pool: dict[str, int]) -> str:
    """The tables of one set of data. `pool` gives each decomposition its place, see render_pool."""
    places = [0] * CODE_POINTS
    records: dict[tuple[int, int], int] = {(0, 0): 0}
    for character, text in data.compatible.items():
        record = (pool[data.canonical[character]] if character in data.canonical else 0, pool[text])
        places[ord(character)] = records.setdefault(record, len(records))
    classes = [0] * CODE_POINTS
    for character, kind in data.combining.items():
        classes[ord(character)] = kind
    pairs = sorted(data.composed.items())
    return (
        two_stages(f"{name}Flags", "std::uint8_t", flags_of(data))
        + two_stages(f"{name}Combining", "std::uint8_t", classes)
        + two_stages(f"{name}Decomposition", "std::uint16_t", places)
        + f"constexpr DecompositionPlaces k{name}Places[{len(records)}] = {{\n"
        + rows((f"{{{canonical}, {compatible}}}" for canonical, compatible in records), 12)
        + f"}};\nconstexpr Composition k{name}Compositions[{len(pairs)}] = {{\n"
        + rows((f"{{0x{ord(p[0]):x}, 0x{ord(p[1]):x}, 0x{ord(whole):x}}}" for p, whole in pairs), 5)
        + "};\n"
    )


def render_pool(sets: Sequence[Data]) -> tuple[str, dict[str, int]]:
    """All decompositions of all data in one array: a length, then that many code points."""
    texts = sorted({text for data in sets for table in (data.canonical, data.compatible) for text in table.values()})
    places: dict[str, int] = {}
    values = [0]
    for text in texts:
        places[text] = len(values)
        values += [len(text), *map(ord, text)]
    return f"constexpr std::uint32_t kDecompositions[{len(values)}] = {{\n" + rows((hex(v) for v in values), 16) + "};\n", places


def render_sets(bits: bytes, lower: dict[str, str]) -> str:
    """The sets as one table of bits and as ranges, and the lower-case map (but for U+0130, the one that becomes two characters)."""
    text = two_stages("SetBits", "std::uint8_t", bits)
    for index, name in enumerate(SETS):
        ranges: list[list[int]] = []
        for point in range(CODE_POINTS):
            if bits[point] >> index & 1:
                if ranges and ranges[-1][1] == point - 1:
                    ranges[-1][1] = point
                else:
                    ranges.append([point, point])
        title = "".join(word.capitalize() for word in name.split("_"))
        text += f"constexpr CodePointRange k{title}Ranges[{len(ranges)}] = {{\n"
        text += rows((f"{{0x{first:x}, 0x{last:x}}}" for first, last in ranges), 8) + "};\n"
    if [c for c, made in lower.items() if len(made) != 1] != ["\u0130"]:
        raise SystemExit("a lower case of several characters other than that of U+0130")
    simple = sorted((ord(c), ord(made)) for c, made in lower.items() if len(made) == 1)
    text += f"constexpr LowerCase kLowerCase[{len(simple)}] = {{\n"
    return text + rows((f"{{0x{upper:x}, 0x{small:x}}}" for upper, small in simple), 8) + "};\n"


def render() -> dict[str, str]:
    """The text of each table file."""
    head = (
        "// Generated by tools/make_normalization_tables.py from {}; do not edit.\n"
        f"// Page of a code point: its number >> {PAGE.bit_length() - 1}; pages of {PAGE} values follow each other.\n"
    )
    current = unicode_data()
    older = tokenizers_data(current)
    pool, places = render_pool([current, older])
    sources = f"unicodedata2 {UNICODE_VERSION} and tokenizers {TOKENIZERS_VERSION}"
    tables = pool + render_data("Unicode", current, places) + render_data("Tokenizers", older, places)
    return {
        "normalization.inc": head.format(sources) + tables,
        "character_sets.inc": head.format(f"tokenizers {TOKENIZERS_VERSION}") + render_sets(*character_sets()),
    }


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, lambda: {TABLES / name: text for name, text in render().items()}))
