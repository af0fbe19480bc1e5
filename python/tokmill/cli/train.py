"""``tokmill train``: files to a vocabulary. Ctrl-C, and a file that cannot be read, leave a checkpoint that ``--resume`` takes up."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..documents import in_file, read_documents
from ..errors import ArgumentError, Error
from ..registry import load
from ..training import Counts, Stage2, train
from ..training.checkpoint import Checkpoint, sizes_of
from ..training.stage2 import BARRIERS, check_stages
from .options import add_documents, add_threads, positive, total_size
from .progress import Progress

__all__ = ["add_parser", "run"]

ENDINGS = (".json", ".tiktoken", ".tokmill")


def add_parser(parser: argparse.ArgumentParser) -> None:
    add_documents(parser)
    parser.add_argument("--vocab-size", type=positive, required=True, metavar="N", help="tokens, special ones included")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="ends in .json (tokenizer.json), .tiktoken or .tokmill")
    parser.add_argument("--pattern", default="cl100k", help="split pattern: a name or a regex (%(default)s)")
    parser.add_argument("--special-token", action="append", default=[], metavar="TEXT", help="may be repeated")
    parser.add_argument("--min-frequency", type=int, default=0, metavar="N", help="end at pairs that occur less often (%(default)s)")
    parser.add_argument("--max-token-length", type=positive, metavar="N", help="tokens have fewer bytes than this")
    parser.add_argument("--parity", choices=("hf", "tiktoken"), default="hf", help="whose rules break ties and order ids (%(default)s)")
    parser.add_argument("--stage2", type=positive, metavar="N", help="go on to N tokens with superwords: merges across spaces")
    parser.add_argument("--max-words", type=positive, default=4, metavar="N", help="in a superword (%(default)s)")
    parser.add_argument(
        "--barrier", action="append", metavar="NAME", help=f"superwords end there: {', '.join(BARRIERS)} (all of them), or a regex"
    )
    parser.add_argument("--init", metavar="VOCAB", help="go on from this vocabulary: its ids keep their meaning")
    parser.add_argument("--invalid", choices=("error", "replace"), help="what bytes that are not UTF-8 become (error)")
    add_threads(parser)
    parser.add_argument("--memory", metavar="SIZE", help='bound on the tables while counting, such as "1 GB" (none)')
    parser.add_argument("--spill-directory", metavar="DIRECTORY", help="for what does not fit (the system's directory for such files)")
    parser.add_argument("--checkpoint", metavar="FILE", help="where Ctrl-C leaves what was counted (OUTPUT.checkpoint)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")


def run(arguments: argparse.Namespace) -> int:
    if not arguments.output.endswith(ENDINGS):
        raise ArgumentError(f"{arguments.output}: the output has to end in one of {', '.join(ENDINGS)}")
    path = arguments.checkpoint or arguments.output + ".checkpoint"
    init = load(arguments.init) if arguments.init else None
    stage2 = None
    if arguments.stage2 is not None:
        stage2 = Stage2(arguments.stage2, arguments.max_words, tuple(arguments.barrier or BARRIERS))
        check_stages(arguments.vocab_size, stage2, arguments.init is not None)
    barriers = stage2.barriers if stage2 is not None else ()
    sources = {
        "files": sizes_of(arguments.files),
        "pattern": arguments.pattern,
        "format": arguments.input_format,
        "field": arguments.field,
        "lines": arguments.lines,
        **({"barriers": list(barriers)} if barriers else {}),
    }
    bounds = {"memory": arguments.memory, "spill_directory": arguments.spill_directory}
    if arguments.resume:
        checkpoint = Checkpoint.load(path, sources, **bounds)
    else:
        pattern = init.pattern if init is not None and arguments.pattern == "cl100k" and init.pattern else arguments.pattern
        checkpoint = Checkpoint(Counts(pattern, barriers=barriers, **bounds), 0, 0, sources)
    try:
        checkpoint = _count(checkpoint, arguments)
        counts = checkpoint.counts
        with Progress(arguments.stage2 or arguments.vocab_size, "tokens", 1) as progress:
            done = 0

            def show(tokens: int, _all: int) -> None:
                nonlocal done
                progress.add(tokens - done)
                done = tokens

            tokenizer = train(
                counts,
                arguments.vocab_size,
                special_tokens=arguments.special_token,
                min_frequency=arguments.min_frequency,
                max_token_length=arguments.max_token_length,
                init=init,
                stage2=stage2,
                parity=arguments.parity,
                progress=show,
            )
        notes = tokenizer.save(arguments.output)
    except _Interrupted as interrupted:
        return _leave(interrupted.checkpoint, path, interrupted.reason)
    except KeyboardInterrupt:
        return _leave(checkpoint, path)
    if arguments.resume:
        os.remove(path)
    for note in notes:
        print(f"tokmill: {arguments.output}: {note}", file=sys.stderr)
    print(f"{arguments.output}: {tokenizer.vocab_size:,} tokens of {counts.total:,} pretokens, {len(counts):,} distinct")
    return 0


class _Interrupted(Exception):
    def __init__(self, checkpoint: Checkpoint, reason: Error | None = None) -> None:
        self.checkpoint = checkpoint
        self.reason = reason


def _count(start: Checkpoint, arguments: argparse.Namespace) -> Checkpoint:
    """Counts the files from where ``start`` is.

    Raises _Interrupted between two batches after Ctrl-C (a second one ends at once), or where a batch is refused and others were counted.
    """
    counts = start.counts
    with Progress(total_size(arguments.files)) as progress, _noticing_interrupts() as interrupts:
        for number, file in enumerate(arguments.files):
            if number < start.file:
                continue
            known = start.documents if number == start.file else 0
            documents = 0
            try:
                for batch in read_documents(file, format=arguments.input_format, field=arguments.field, lines=arguments.lines):
                    progress.add(sum(map(len, batch)))
                    new = batch[max(0, known - documents) :]
                    with in_file(file, documents + len(batch) - len(new)):
                        counts.add_texts(new, threads=arguments.threads, invalid=arguments.invalid)
                    documents += len(batch)
                    if interrupts:
                        raise _Interrupted(start._replace(file=number, documents=max(documents, known)))
            except Error as error:
                if not counts.total:
                    raise
                raise _Interrupted(start._replace(file=number, documents=max(documents, known)), error) from None
    return start._replace(file=len(arguments.files), documents=0)


@contextmanager
def _noticing_interrupts() -> Iterator[list[int]]:
    """Within, the first Ctrl-C is put on the list instead of raised: so what was counted is known to the document."""
    noticed: list[int] = []

    def notice(number: int, _frame: FrameType | None) -> None:
        if noticed:
            raise KeyboardInterrupt
        noticed.append(number)

    before = signal.signal(signal.SIGINT, notice)
    try:
        yield noticed
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(checkpoint: Checkpoint, path: str, reason: Error | None = None) -> int:
    if "-" in (name for name, _ in checkpoint.sources["files"]) and checkpoint.file < len(checkpoint.sources["files"]):
        raise reason or KeyboardInterrupt  # standard input cannot be read again
    checkpoint.save(path)
    print(
        f"tokmill: interrupted; {checkpoint.counts.total:,} pretokens are kept in {path}: the same command with --resume goes on",
        file=sys.stderr,
    )
    if reason is not None:
        raise reason
    return 130
