"""Spans, slowly: places in a text added up token by token, in characters and in bytes."""

from __future__ import annotations

Spans = list[tuple[int, int]]


def exact_bytes(pieces: list[bytes]) -> Spans:
    """Where each token's bytes stand, if the tokens are all of the text."""
    spans, place = [], 0
    for piece in pieces:
        spans.append((place, place + len(piece)))
        place += len(piece)
    return spans


def whole_characters(pieces: list[bytes]) -> Spans:
    """The characters of which each token holds a byte."""
    character_of_byte = [number for number, character in enumerate(b"".join(pieces).decode()) for _ in character.encode()]
    return [(character_of_byte[begin], character_of_byte[end - 1] + 1) for begin, end in exact_bytes(pieces)]


def in_bytes(text: str, spans: Spans) -> Spans:
    """Spans in characters as spans in UTF-8, where a lone surrogate takes three bytes."""
    begins = [0]
    for character in text:
        begins.append(begins[-1] + len(character.encode("utf-8", "surrogatepass")))
    return [(begins[begin], begins[end]) for begin, end in spans]


def replaced(data: bytes, spans: Spans) -> Spans:
    """Spans in the bytes of ``data.decode(errors="replace")`` as spans in ``data``: what was replaced counts as a whole."""
    places: list[tuple[int, int]] = []  # of each byte of the replaced text: the bytes of data that it may be
    at = 0
    while at < len(data):
        try:
            data[at:].decode()
            bad = len(data)
        except UnicodeDecodeError as error:
            bad, end = at + error.start, at + error.end
        places += [(i, i + 1) for i in range(at, bad)]
        at = bad
        if bad < len(data):
            places += [(bad, end)] * 3
            at = end
    return [(places[begin][0], places[end - 1][1]) for begin, end in spans]
