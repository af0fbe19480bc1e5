"""What the split patterns know of a character: one letter for each of the 1,114,112 code points.

    u  uppercase or titlecase letter (Lu, Lt)      m  mark (M)            r  carriage return, line feed
    l  lowercase letter (Ll)                       n  number (N)          b  the blank, U+0020
    c  letter without case (Lm, Lo)                s  white space that is neither r nor b (the 22 others of White_Space)
    o  everything else: punctuation, symbols, controls, surrogates, unassigned

Two patterns know more: `read_fine` gives x to what is neither punctuation (P) nor symbol (S) of the last kind, and HAN has
the members of the script Han, whatever their class.

`classes_16_0.txt` holds the fine ones for Unicode 16.0.0 as runs, a word each: the first code point in hex, a colon, the class.
To make it anew:  python -m tests.oracle.classes > tests/oracle/classes_16_0.txt   (needs unicodedata2 16.0.0)
"""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

TABLE = Path(__file__).with_name("classes_16_0.txt")
CODE_POINTS = 0x110000

# The property White_Space, which is \s of the engines. Not str.isspace(), which also takes U+001C to U+001F.
WHITE_SPACE = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
CLASS_OF_CATEGORY = {
    "Lu": "u",
    "Lt": "u",
    "Ll": "l",
    "Lm": "c",
    "Lo": "c",
    "Mn": "m",
    "Mc": "m",
    "Me": "m",
    "Nd": "n",
    "Nl": "n",
    "No": "n",
}


HAN_RANGES = (  # Script=Han in Scripts.txt of Unicode 16.0.0
    "2E80-2E99 2E9B-2EF3 2F00-2FD5 3005-3005 3007-3007 3021-3029 3038-303B 3400-4DBF 4E00-9FFF F900-FA6D FA70-FAD9 16FE2-16FE3"
    " 16FF0-16FF1 20000-2A6DF 2A700-2B739 2B740-2B81D 2B820-2CEA1 2CEB0-2EBE0 2EBF0-2EE5D 2F800-2FA1D 30000-3134A 31350-323AF"
)
HAN = frozenset(chr(point) for word in HAN_RANGES.split() for point in range(int(word.split("-")[0], 16), int(word.split("-")[1], 16) + 1))


def read() -> str:
    """The classes of all code points as one string."""
    return read_fine().replace("x", "o")


def read_fine() -> str:
    """The same with x for what is neither punctuation nor symbol."""
    runs = [word.split(":") for word in TABLE.read_text("ascii").split()]
    starts = [int(start, 16) for start, _ in runs]
    return "".join(letter * (end - start) for start, end, (_, letter) in zip(starts, [*starts[1:], CODE_POINTS], runs, strict=True))


def derive() -> str:
    """What `read_fine` gives, from the general categories and the property above."""
    import unicodedata2

    if unicodedata2.unidata_version != "16.0.0":
        raise RuntimeError(f"unicodedata2 16.0.0 is needed, this is {unicodedata2.unidata_version}")
    categories = [unicodedata2.category(chr(point)) for point in range(CODE_POINTS)]
    letters = [CLASS_OF_CATEGORY.get(category, "o" if category[0] in "PS" else "x") for category in categories]
    for point in WHITE_SPACE:
        letters[point] = "s"
    letters[0x0A] = letters[0x0D] = "r"
    letters[0x20] = "b"
    return "".join(letters)


def main() -> None:
    start, words = 0, []
    for letter, run in itertools.groupby(derive()):
        words.append(f"{start:X}:{letter}")
        start += len(list(run))
    print(textwrap.fill(" ".join(words), 140))


if __name__ == "__main__":
    main()
