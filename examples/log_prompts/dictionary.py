"""A log as a shorter prompt: a dictionary that a reader, or a model, can look up, and the log with names in place of what repeats.

    python dictionary.py LOG [--limit-bytes 65536] [--vocab cl100k_base]

Prints what it saves, in tokens of the prompt as it is sent, and checks that the prompt gives the log back.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import tokmill
from tokmill.condensed import Opcodes, OpcodeStream
from tokmill.condensed.opcode_stream import COPY, HYPER, LIT

HEAD = "Each {mark}n~ in the log stands for the text that the dictionary gives for n, a JSON string:\n"


def phrases_of(stream: OpcodeStream, ids: np.ndarray, op: int) -> Counter[tuple[int, ...]]:
    """How often which ids came about by an opcode."""
    found: Counter[tuple[int, ...]] = Counter()
    for r in np.flatnonzero(stream.op == op).tolist():
        end = int(stream.base_ends[r])
        found[tuple(ids[end - int(stream.base_counts[r]) : end].tolist())] += 1
    return found


def dictionary(tok: tokmill.Tokenizer, ids: np.ndarray, name_tokens: int, most: int = 400) -> list[tuple[int, ...]]:
    """The phrases that pay for their line of the dictionary: first what COPY found, then what is left of it once all are used."""
    copies = phrases_of(Opcodes(tok, slots=0).condense(ids), ids, COPY)
    chosen = [phrase for phrase, _ in sorted(copies.items(), key=lambda one: -one[1] * len(one[0])) if is_text(tok, phrase)][: 4 * most]
    for _ in range(4):
        uses = phrases_of(Opcodes(tok, window=0, slots=0, phrases=chosen).condense(ids), ids, HYPER)
        saved = {phrase: n * (len(phrase) - name_tokens) - len(phrase) - name_tokens - 4 for phrase, n in uses.items()}
        chosen = sorted((phrase for phrase in saved if saved[phrase] > 0), key=lambda phrase: -saved[phrase])[:most]
    return chosen


def is_text(tok: tokmill.Tokenizer, phrase: tuple[int, ...]) -> bool:
    try:
        return bool(tok.decode_bytes(phrase).decode("utf-8"))
    except UnicodeDecodeError:
        return False


def prompt(tok: tokmill.Tokenizer, log: str, mark: str) -> str:
    """The dictionary and the log with names."""
    ids = tok.encode(log)
    phrases = dictionary(tok, ids, tok.count(f"{mark}12~"))
    z = Opcodes(tok, window=0, slots=0, phrases=phrases)
    stream = z.condense(ids)
    texts = [tok.decode_bytes(phrase).decode("utf-8") for phrase in phrases]
    lines = [f"{n}={json.dumps(text, ensure_ascii=False)}" for n, text in enumerate(texts)]
    body, at = b"", 0
    for op, a, b in zip(stream.op.tolist(), stream.a.tolist(), stream.b.tolist(), strict=True):
        if op == LIT:
            body += tok.decode_bytes(stream.literals[at : at + b])
            at += b
        elif op == HYPER:
            body += f"{mark}{a}~".encode()
    return HEAD.format(mark=mark) + "\n".join(lines) + "\n\n" + body.decode("utf-8")


def log_of(text: str, mark: str) -> str:
    """The way back."""
    _, _, rest = text.partition("\n")
    entries, _, body = rest.partition("\n\n") if not rest.startswith("\n") else ("", "", rest[1:])
    texts = dict(line.split("=", 1) for line in entries.split("\n") if line)
    first, *pieces = body.split(mark)
    return first + "".join(json.loads(texts[n]) + more for n, more in (piece.split("~", 1) for piece in pieces))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--limit-bytes", type=int, default=1 << 16)
    parser.add_argument("--vocab", default="tokmill-64k-v1")
    parser.add_argument("--output", type=Path, help="write the prompt")
    options = parser.parse_args()
    tok = tokmill.load(options.vocab)
    data = options.log.read_bytes()[: options.limit_bytes]
    log = data[: data.rfind(b"\n") + 1].decode("utf-8", "replace")
    mark = next(mark for mark in ("§", "¤", "¦", "\u2020") if mark not in log)
    text = prompt(tok, log, mark)
    if log_of(text, mark) != log:
        raise SystemExit("the prompt does not give the log back")
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")
    entries = text.partition("\n\n")[0].splitlines()[1:]
    before, after = tok.count(log), tok.count(text)
    print(f"{options.log.name}: {len(log.encode()):,} bytes, {before:,} tokens")
    share = tok.count("\n".join(entries))
    print(f"with a dictionary: {after:,} tokens ({after / before - 1:+.1%}), {share:,} of them the dictionary")
    print(f"{len(entries)} entries; the first: {entries[0] if entries else 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
