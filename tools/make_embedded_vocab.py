"""Makes the embedded vocabulary ``tokmill-64k-v1``: python/tokmill/data/tokmill-64k-v1.merges.

    python tools/make_embedded_vocab.py --corpora ../shared/corpora [--check]

Comes in: the texts named in ``TEXTS``, gzipped, each checked against its SHA-256; a text is one document. Goes out: the merges of a
byte-level BPE with 65,520 mergeable tokens, learnt by ``tokmill.training`` from the pretokens of cl100k's split, in the layout that
``CoreTokenizer._from_merges`` reads (csrc/formats/merge_list.cpp). The file is not compressed: it is 277 kB, and inflating it would cost
more than reading it.

Training is deterministic, so every run gives the same bytes; ``--check`` says whether they are those of the committed file, which never
changes: ids that were written with this vocabulary stay what they are. Another vocabulary gets another name.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
import time
from pathlib import Path

from tokmill.files import write_file
from tokmill.training import Counts, train

# Weight and SHA-256 of each. Most of what is at hand is technical, so prose and the languages of people weigh more. Beside equal weights
# that gives held-out parts of those 2-3 % more bytes a token, other texts in a dozen languages 0-3 %, code and manuals 1 % fewer.
TEXTS = {
    "cjk.txt": (2, "67533a693f4fd58a89371b4b9f39d659c564eec894bd79597ecd2391835bf1e0"),
    "code.txt": (1, "0a6c8f031f5b8033462e76aabb1549b59d5f9b87129b9cd0cdaef81845e981d5"),
    "english-prose.txt": (3, "ceecbc7d45909d542a4f9d4256b157e0207cdff8442cfe0b1e2cf7f745076d68"),
    "english-pydoc.txt": (1, "67df263c04c2105b703d5da74b53f83206628d4e5b7882eada60454d40455414"),
    "english-wikitext2.txt": (3, "ee8e179331812a9025fac9f2602faeb12e773d051d55ee6e50ce15da3bc784c1"),
    "html.txt": (1, "8e70eaee84335096783962e55aea002168b5342e89cc85476c642c04e75cb827"),
    "json.txt": (1, "6a62c495850411b8fcd907eab386d6f3c2b5f6cc37551516266378d6d51fc048"),
    "kernel-rst.txt": (1, "f459de39fb53f9a6a4e1411f8be8e5a15a145371333fb339dceeef34e44fda99"),
    "markdown.txt": (2, "27f650776e8797f97e9c3e1c36577570e89270bff1ab83a1ff5e217d34cc2368"),
    "multilingual.txt": (2, "3bcce43dd96d92ecd89c4b36377081b054b2006e67c12c4da67b5dfc98f04ac3"),
    "tables-and-dna.txt": (1, "54bd4eb943d8d7cf2d24bee64d774c67588999e995cbe0a99118df1718746a9f"),
    "udhr-many-languages.txt": (1, "43eae2601b494d8228b5a40a360dd31de51e2e3ae643c872f080c8c14c84de1f"),
}

MERGEABLE_TOKENS = 65_520  # and the 16 special tokens of tokmill.embedded make 65,536

# A token longer than this would be a line of dashes or a licence's boilerplate, not language.
MAX_TOKEN_BYTES = 32

OUTPUT = Path(__file__).resolve().parent.parent / "python" / "tokmill" / "data" / "tokmill-64k-v1.merges"


def make(folder: Path) -> bytes:
    """The file, out of the texts in ``folder``."""
    counts = Counts("cl100k")
    for name, (weight, sha256) in TEXTS.items():
        data = gzip.decompress((folder / f"{name}.gz").read_bytes())
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise SystemExit(f"{folder / name}.gz: SHA-256 is {found}, expected {sha256}: the vocabulary is made of other texts")
        counts.add_texts([data], weight=weight)
    tokenizer = train(counts, MERGEABLE_TOKENS, min_frequency=2, max_token_length=MAX_TOKEN_BYTES + 1, parity="tiktoken")
    if tokenizer.vocab_size != MERGEABLE_TOKENS:
        raise SystemExit(f"training gave {tokenizer.vocab_size:,} tokens, expected {MERGEABLE_TOKENS:,}")
    return tokenizer._merge_list()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the texts, NAME.txt.gz")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file would be another one")
    arguments = parser.parse_args()
    began = time.monotonic()
    data = make(arguments.corpora)
    digest = hashlib.sha256(data).hexdigest()
    if arguments.check:
        same = arguments.output.read_bytes() == data
        print(f"{arguments.output}: {'made again, byte for byte' if same else f'differs from what these texts give, SHA-256 {digest}'}")
        return 0 if same else 1
    write_file(arguments.output, data)
    print(f"{arguments.output}: {len(data):,} bytes, SHA-256 {digest}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
