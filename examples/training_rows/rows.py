"""Packs the documents of a jsonl file into rows of equal length."""

import argparse
from pathlib import Path

import numpy as np
import tokmill
from tokmill.documents import read_documents

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file", type=Path)
parser.add_argument("--field", default="text")
parser.add_argument("--length", type=int, default=64)
parser.add_argument("--vocab", default="tokmill-64k-v1")
parser.add_argument("--output", type=Path, default=Path("rows.npz"))
arguments = parser.parse_args()

tok = tokmill.load(arguments.vocab)
documents = [text for batch in read_documents(arguments.file, field=arguments.field) for text in batch]
rows = tok.encode_batch(documents).packed(arguments.length, eos=tok.eos_id, pad=tok.pad_id or 0)
np.savez_compressed(arguments.output, ids=rows.ids, documents=rows.documents, positions=rows.positions)
print(f"{arguments.output}: {len(documents):,} documents in {len(rows):,} rows of {arguments.length:,} ids ({rows.ids.dtype})")
