"""The section that the room tokens/ gives to a report: a text's sizes, its speed, its first tokens, and the proof of its round trip."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np

from ..signatures import Invalid, Special
from ..tokenizer import Tokenizer
from .document import Piece, Preview, Row, Section

__all__ = ["core_hours_per_terabyte", "escaped", "lost_bytes", "lost_rows", "tokens_section"]

PREVIEW_TOKENS = 48
# Passes are repeated until the clock's grain and the scheduler no longer matter.
MIN_PASSES = 5
MAX_PASSES = 1000
MIN_SECONDS = 0.2


def core_hours_per_terabyte(megabytes_per_second: float) -> float:
    """Hours that one core needs for 1e12 bytes at this speed."""
    return 1e6 / megabytes_per_second / 3600 if megabytes_per_second > 0 else float("inf")


def lost_bytes(tokenizer: Tokenizer) -> int:
    """How many bytes of text the vocabulary had no token for, of all that was encoded so far; exact while nobody encodes."""
    return int(tokenizer._table_statistics()["missing_bytes"])


def lost_rows(tokenizer: Tokenizer, count: int) -> list[Row]:
    """What a vocabulary without tokens for some bytes lost of a text; nothing for all others."""
    return [Row("lost_bytes", "bytes lost", count, remark="they have no token; info says which")] if tokenizer.missing_bytes else []


def tokens_section(
    tokenizer: Tokenizer,
    title: str,
    data: bytes,
    *,
    special: Special = "text",
    invalid: Invalid = None,
    preview_tokens: int = PREVIEW_TOKENS,
) -> Section:
    """Measures one text on one core. Raises InvalidUtf8Error, SpecialTokenError."""
    lost_before = lost_bytes(tokenizer)
    began = time.perf_counter()
    ids = tokenizer.encode(data, special=special, invalid=invalid, threads=1)
    seconds = [time.perf_counter() - began]
    lost = lost_bytes(tokenizer) - lost_before
    while data and len(seconds) < MAX_PASSES and (len(seconds) <= MIN_PASSES or sum(seconds) < MIN_SECONDS):
        if len(seconds) > 1 and sum(seconds) > 10 * MIN_SECONDS:
            break  # of a long text a few passes are enough
        began = time.perf_counter()
        tokenizer.encode(data, special=special, invalid=invalid, threads=1)
        seconds.append(time.perf_counter() - began)
    token_count = len(ids)
    rows = [
        Row("bytes", "bytes", len(data)),
        Row("pretokens", "pretokens", tokenizer.pretoken_count(data, invalid=invalid)),
        Row("tokens", "tokens", token_count),
        *lost_rows(tokenizer, lost),
        Row("bytes_per_token", "bytes/token", round(len(data) / token_count, 3) if token_count else 0.0),
        Row("distinct_ids", "distinct ids", int(np.count_nonzero(np.bincount(ids, minlength=1))) if token_count else 0),
    ]
    if data:
        first = len(data) / seconds[0] / 1e6
        passes = max(1, len(seconds) - 1)
        speed = len(data) / statistics.median(seconds[1:] or seconds) / 1e6
        times = f"median of {passes} more passes over the same text" if passes > 1 else "one pass"
        remark = f"{times}; the first took {seconds[0] * 1e3:,.2f} ms: {first:,.1f} MB/s"
        rows += [
            Row("megabytes_per_second", "MB/s, one core", round(speed, 1), shown=f"{speed:,.1f}", remark=remark),
            Row("core_hours_per_terabyte", "core-hours/TB", round(core_hours_per_terabyte(speed), 3), remark="at that speed"),
        ]
    rows.append(_round_trip(tokenizer, data, ids, invalid))
    return Section(title, rows, _preview(tokenizer, ids, preview_tokens) if preview_tokens and token_count else None)


def _round_trip(tokenizer: Tokenizer, data: bytes, ids: np.ndarray, invalid: Invalid) -> Row:
    decoded = tokenizer.decode_bytes(ids)
    if decoded == data:
        return Row("round_trip", "round trip", "exact")
    if decoded == data.translate(None, tokenizer.missing_bytes):
        return Row("round_trip", "round trip", "exact but for the bytes lost")
    if invalid == "replace" and decoded == data.decode("utf-8", "replace").encode():
        return Row("round_trip", "round trip", "exact after replacement", remark="the input is not UTF-8: U+FFFD stands where it is not")
    place = next((i for i, (a, b) in enumerate(zip(decoded, data, strict=False)) if a != b), min(len(decoded), len(data)))
    return Row("round_trip", "round trip", f"DIFFERS at byte {place:,}")


def _preview(tokenizer: Tokenizer, ids: np.ndarray, count: int) -> Preview:
    first: Sequence[int] = ids[:count].tolist()
    return Preview([Piece(escaped(tokenizer.bytes_of(id)), id) for id in first], len(ids) - len(first))


def escaped(token: bytes) -> str:
    """A token's bytes as text that is safe on a terminal: no control or format character, no half character, stays as it is."""
    text = token.decode("utf-8", "backslashreplace")
    return "".join(letter if letter == " " or letter.isprintable() else ascii(letter)[1:-1] for letter in text)
