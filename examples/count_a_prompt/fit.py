"""Tells whether a file fits into a number of tokens, and prints what fits if it does not."""

import argparse
from pathlib import Path

import tokmill

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file", type=Path)
parser.add_argument("--limit", type=int, default=200)
parser.add_argument("--vocab", default="tokmill-64k-v1")
arguments = parser.parse_args()

tok = tokmill.load(arguments.vocab)
text = arguments.file.read_text(encoding="utf-8")
count = tok.count_until(text, arguments.limit)
if count <= arguments.limit:
    print(f"fits: {count:,} of {arguments.limit:,} tokens")
else:
    kept = tok.truncate(text, arguments.limit)
    print(f"too long; the first {len(kept):,} of {len(text):,} characters are {arguments.limit:,} tokens:\n\n{kept}")
