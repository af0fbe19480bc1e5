"""Rank files as dicts, as in ``tiktoken.load``.

One difference: what comes from an address needs ``expected_hash``; tokmill fetches nothing that it cannot check.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping

from ... import cache
from ...errors import DigestError
from ...files import write_file

__all__ = [
    "check_hash",
    "data_gym_to_mergeable_bpe_ranks",
    "dump_tiktoken_bpe",
    "load_tiktoken_bpe",
    "read_file",
    "read_file_cached",
]


def read_file(blobpath: str) -> bytes:
    """The bytes of a local file. Raises OSError; ValueError for an address, whose content nothing would vouch for."""
    if "://" in blobpath:
        raise ValueError(f"{blobpath}: an address is read by read_file_cached with expected_hash, so that what comes can be checked")
    with open(blobpath, "rb") as file:
        return file.read()


def check_hash(data: bytes, expected_hash: str) -> bool:
    """Whether the SHA-256 (hex) of ``data`` is the expected one."""
    return hashlib.sha256(data).hexdigest() == expected_hash


def read_file_cached(blobpath: str, expected_hash: str | None = None) -> bytes:
    """The bytes of a local file, or of an http(s) address through tiktoken's cache.

    Raises OSError, DownloadError (an OSError); ValueError for an address without ``expected_hash``, or content that has another hash.
    """
    if "://" not in blobpath:
        return _checked(read_file(blobpath), expected_hash, blobpath)
    if expected_hash is None:
        raise ValueError(f"{blobpath}: give expected_hash (SHA-256, hex); nothing is fetched that cannot be checked")
    if not blobpath.startswith(("http://", "https://")):
        raise ValueError(f"{blobpath}: only http and https addresses are fetched")
    path = cache.tiktoken_cache_path(blobpath)
    if path is not None and path.is_file():
        data = path.read_bytes()
        if check_hash(data, expected_hash):
            return data
    data = _checked(cache.download(blobpath), expected_hash, blobpath)
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, data)
        except OSError:
            # The cache in the temporary folder may belong to somebody else; one that the user chose has to work.
            if "TIKTOKEN_CACHE_DIR" in os.environ or "DATA_GYM_CACHE_DIR" in os.environ:
                raise
    return data


def _checked(data: bytes, expected_hash: str | None, place: str) -> bytes:
    if expected_hash is not None and not check_hash(data, expected_hash):
        raise DigestError(f"Hash mismatch for data from {place}: SHA-256 is {hashlib.sha256(data).hexdigest()}, expected {expected_hash}")
    return data


def load_tiktoken_bpe(tiktoken_bpe_file: str, expected_hash: str | None = None) -> dict[bytes, int]:
    """Token bytes to rank, from a rank file. Raises ValueError with the line that is none, and what read_file_cached does."""
    ranks: dict[bytes, int] = {}
    for line in read_file_cached(tiktoken_bpe_file, expected_hash).splitlines():
        if not line:
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
        except ValueError as error:
            raise ValueError(f"Error parsing line {line!r} in {tiktoken_bpe_file}") from error
    return ranks


def dump_tiktoken_bpe(bpe_ranks: Mapping[bytes, int], tiktoken_bpe_file: str) -> None:
    """Writes a rank file, by rank. Raises OutputError (an OSError)."""
    rows = sorted(bpe_ranks.items(), key=lambda row: row[1])
    write_file(tiktoken_bpe_file, b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for token, rank in rows))


def data_gym_to_mergeable_bpe_ranks(
    vocab_bpe_file: str,
    encoder_json_file: str,
    vocab_bpe_hash: str | None = None,
    encoder_json_hash: str | None = None,
    clobber_one_byte_tokens: bool = False,
) -> dict[bytes, int]:
    """Token bytes to rank from GPT-2's two files, ``vocab.bpe`` (merges) and ``encoder.json`` (ids), which have to agree.

    Raises ValueError if they do not, and what read_file_cached does.
    """
    # GPT-2 writes each byte as one visible character: printable Latin-1 as itself, the others from U+0100 on.
    visible = [byte for byte in range(256) if chr(byte).isprintable() and chr(byte) != " "]
    hidden = [byte for byte in range(256) if byte not in set(visible)]
    byte_of = {chr(byte): byte for byte in visible} | {chr(256 + i): byte for i, byte in enumerate(hidden)}

    def token(text: str) -> bytes:
        return bytes(byte_of[character] for character in text)

    encoder = json.loads(read_file_cached(encoder_json_file, encoder_json_hash))
    ids = {token(text): id for text, id in encoder.items() if text not in ("<|endoftext|>", "<|startoftext|>")}
    ranks = {bytes([byte]): rank for rank, byte in enumerate(visible + hidden)}
    if clobber_one_byte_tokens:
        ranks |= {one: id for one, id in ids.items() if len(one) == 1}
    merges = read_file_cached(vocab_bpe_file, vocab_bpe_hash).decode().split("\n")[1:-1]
    for rank, merge in enumerate(merges, len(visible) + len(hidden)):
        left, right = merge.split()
        ranks[token(left) + token(right)] = rank
    if ranks != ids:
        raise ValueError(f"{vocab_bpe_file} and {encoder_json_file} do not belong together: their ids differ")
    return ranks
