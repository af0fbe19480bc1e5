"""``tokmill condense --condense opcodes``: text to the packed file of opcodes, or to ids of their flat view, and the packed file back."""

from __future__ import annotations

import argparse

import numpy as np

from ..condensed import Opcodes, OpcodeShard, OpcodeStream, save_opcodes
from ..condensed.opcode_stream import Records, join
from ..documents import format_of, in_file
from ..errors import ArgumentError
from ..pipeline import Pipeline
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from .condensers import read_blocks_of
from .outputs import format_of_output, open_writer
from .progress import Progress

__all__ = ["ENDING", "condense_opcodes", "expand_opcodes"]

ENDING = ".opcodes"


def condense_opcodes(arguments: argparse.Namespace, tokenizer: Tokenizer, z: Opcodes) -> int:
    """Writes the records of all files, which are in memory until the end. Raises ArgumentError, and what reading and writing do."""
    path = arguments.output
    is_packed = arguments.format == "opcodes" or (arguments.format is None and path is not None and path.endswith(ENDING))
    if is_packed and path in (None, "-"):
        raise ArgumentError("the packed file of opcodes needs a name: give -o")
    for option in ("base_counts", *(("dtype", "offsets") if is_packed else ())):
        if getattr(arguments, option):
            raise ArgumentError(f"--{option.replace('_', '-')} is not for {'a packed file' if is_packed else 'the flat view'} of opcodes")
    if not is_packed:
        format_of_output(path, arguments.format)
    elif arguments.condense == "opcodes":
        z = Opcodes(tokenizer, "storage")
    stream = _stream_of(arguments, Pipeline(tokenizer, condensed=z))
    if is_packed:
        save_opcodes(path, z, stream)
        return 0
    flat = z.flat(stream).ragged
    with open_writer(path, format_of_output(path, arguments.format), arguments.dtype, z.flat_id_end, arguments.offsets) as writer:
        writer.write(flat.ids)
        writer.end_documents(flat.lengths)
    return 0


def _stream_of(arguments: argparse.Namespace, pipe: Pipeline) -> OpcodeStream:
    empty = np.empty(0, np.int32)
    pieces = [Records(np.empty(0, np.uint8), empty, empty, empty, empty)]
    lengths = [np.zeros((1, 3), np.int64)]  # records, literals and base ids of documents
    with Progress() as progress:
        for file in arguments.files:
            is_one_document = not arguments.lines and (arguments.input_format or format_of(file)) == "text"
            of_file = []
            with in_file(file):
                for block in read_blocks_of(pipe, file, arguments, progress):
                    assert block.opcodes is not None
                    made = block.opcodes
                    pieces.append(made.records)
                    bounds = (made.offsets, made.literal_offsets, made.base_offsets)
                    of_file.append(np.stack([np.diff(one) for one in bounds], axis=1))
            if is_one_document and of_file:
                of_file = [np.concatenate(of_file).sum(axis=0, keepdims=True)]
            lengths += of_file
    ends = np.cumsum(np.concatenate(lengths), axis=0)
    return OpcodeStream(*join(pieces), ends[:, 0], ends[:, 1], ends[:, 2])


def expand_opcodes(file: str, threads: int | None) -> tuple[Ragged, int]:
    """The documents of a packed file, and the size of their vocabulary. Raises InputError, SnapshotError, StreamError."""
    shard = OpcodeShard(file)
    return shard.expand(threads=threads), shard.z.vocab_size
