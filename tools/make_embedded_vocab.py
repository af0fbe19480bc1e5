"""Makes the embedded vocabulary ``tokmill-64k-preview``: python/tokmill/data/tokmill-64k-preview.merges.

    python tools/make_embedded_vocab.py --corpora ../shared/corpora

Comes in: the texts named in ``TEXTS``, gzipped, each checked against its SHA-256. Goes out: the merges of a byte-level BPE with
65,520 mergeable tokens, trained with Hugging Face ``tokenizers`` (a development tool only) on cl100k's split. The layout is what
``CoreTokenizer._from_merges`` reads: u32 count, then one (u16 left, u16 right) a merge, little-endian; symbols 0-255 are the bytes by
value, 256 + i is merge i. The file is not compressed: it is 261 kB, and inflating it would cost more than reading it.

Two runs with the same ``tokenizers`` give the same file: counts are sums, and ties go to the smaller pair.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TEXTS = {
    "cjk.txt": "67533a693f4fd58a89371b4b9f39d659c564eec894bd79597ecd2391835bf1e0",
    "code.txt": "0a6c8f031f5b8033462e76aabb1549b59d5f9b87129b9cd0cdaef81845e981d5",
    "english-prose.txt": "ceecbc7d45909d542a4f9d4256b157e0207cdff8442cfe0b1e2cf7f745076d68",
    "english-pydoc.txt": "67df263c04c2105b703d5da74b53f83206628d4e5b7882eada60454d40455414",
    "english-wikitext2.txt": "ee8e179331812a9025fac9f2602faeb12e773d051d55ee6e50ce15da3bc784c1",
    "html.txt": "8e70eaee84335096783962e55aea002168b5342e89cc85476c642c04e75cb827",
    "json.txt": "6a62c495850411b8fcd907eab386d6f3c2b5f6cc37551516266378d6d51fc048",
    "kernel-rst.txt": "f459de39fb53f9a6a4e1411f8be8e5a15a145371333fb339dceeef34e44fda99",
    "markdown.txt": "27f650776e8797f97e9c3e1c36577570e89270bff1ab83a1ff5e217d34cc2368",
    "multilingual.txt": "3bcce43dd96d92ecd89c4b36377081b054b2006e67c12c4da67b5dfc98f04ac3",
    "tables-and-dna.txt": "54bd4eb943d8d7cf2d24bee64d774c67588999e995cbe0a99118df1718746a9f",
    "udhr-many-languages.txt": "43eae2601b494d8228b5a40a360dd31de51e2e3ae643c872f080c8c14c84de1f",
}

MERGEABLE_TOKENS = 65_520  # and the 16 special tokens of tokmill.embedded make 65,536

# A token longer than this would be a line of dashes or a licence's boilerplate, not language.
MAX_TOKEN_BYTES = 32

# cl100k's split as Oniguruma has to spell it: there `{1,3}+` would repeat the interval instead of making it possessive.
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"

OUTPUT = Path(__file__).resolve().parent.parent / "python" / "tokmill" / "data" / "tokmill-64k-preview.merges"


def read_texts(folder: Path) -> Iterator[str]:
    """Every text, in pieces of about 64 kB cut before a line that begins with a letter or digit (never inside a pretoken)."""
    for name, sha256 in TEXTS.items():
        data = gzip.decompress((folder / f"{name}.gz").read_bytes())
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise SystemExit(f"{folder / name}.gz: SHA-256 is {found}, expected {sha256}: the vocabulary is made of other texts")
        text = data.decode("utf-8")
        start = 0
        while start < len(text):
            end = text.find("\n", start + 65_536) + 1
            while end and end < len(text) and not text[end].isalnum():
                end = text.find("\n", end) + 1
            if not end:
                end = len(text)
            yield text[start:end]
            start = end


def byte_of_letter() -> dict[str, int]:
    """The ByteLevel alphabet: printable bytes stand for themselves, the others for the letters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


def train(folder: Path) -> list[tuple[str, str]]:
    """The merges in order, as pairs of ByteLevel spellings."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    letters = byte_of_letter()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=MERGEABLE_TOKENS,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(letters),
        max_token_length=MAX_TOKEN_BYTES,
    )
    tokenizer.train_from_iterator(read_texts(folder), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return [(left, right) for left, right in (pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"])]


def pack(merges: list[tuple[str, str]]) -> bytes:
    """The merges as symbol numbers. A second way to make a token that is there already is dropped: a token has one rank."""
    symbol_of = byte_of_letter()
    rows = []
    for left, right in merges:
        if left + right not in symbol_of:
            rows.append((symbol_of[left], symbol_of[right]))
            symbol_of[left + right] = len(symbol_of)
    if len(symbol_of) != MERGEABLE_TOKENS:
        raise SystemExit(f"training gave {len(symbol_of):,} tokens, expected {MERGEABLE_TOKENS:,}")
    return struct.pack("<I", len(rows)) + b"".join(struct.pack("<HH", *row) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the texts, NAME.txt.gz")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    began = time.monotonic()
    data = pack(train(arguments.corpora))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    beside = arguments.output.with_suffix(".part")
    beside.write_bytes(data)
    os.replace(beside, arguments.output)
    seconds = time.monotonic() - began
    print(f"{arguments.output}: {len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}, {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
