"""Whether a peer is exact: each call that will be timed is first compared with tiktoken's ids, part by part, in a process of its own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .measures import SEQUENCES, stream_rows
from .peers import Gap, Peer
from .texts import Cutting


def reference_path(work: Path, cutting: Cutting, vocabulary: str, judge: str) -> Path:
    """Where the right ids of a cutting lie; the boundaries of its rows lie beside, as `.offsets.npy`."""
    return work / "reference" / Path(cutting.folder).name / f"{cutting.name.replace('/', '.')}.{vocabulary}.{judge}.npy"


def write_reference(peer: Peer, cutting: Cutting, path: Path) -> None:
    """Encode `cutting` with `peer` and store ids and row boundaries, the ids last, so that an unfinished one is not taken for whole."""
    call = peer.array()
    rows = [peer.numbers(call(peer.given(part))) for part in cutting.parts()]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path.with_suffix(".offsets.npy"), offsets)
    beside = path.with_suffix(".part.npy")
    np.save(beside, np.concatenate(rows))
    beside.replace(path)


def difference(peer: Peer, cutting: Cutting, form: str, threads: int, path: Path) -> str | None:
    """None when the call `form` of `peer` answers rightly for every part of `cutting`, else a sentence that says where it does not."""
    ids = np.load(path, mmap_mode="r")
    offsets = np.load(path.with_suffix(".offsets.npy")).tolist()
    right = [ids[begin:end] for begin, end in pairwise(offsets)]
    parts = cutting.parts()
    try:
        if form == "stream":
            return _stream_difference(peer, np.asarray(ids))
        if form == "batch":
            rows = peer.rows(peer.batch(threads)([peer.given(part) for part in parts]))
            if len(rows) != len(parts):
                return f"{len(rows)} rows for {len(parts)} documents"
            return _first(_ids_difference(peer.numbers(row), expected) for row, expected in zip(rows, right, strict=True))
        if form.startswith("drop_in"):
            texts, encoding = [part.decode() for part in parts], peer.drop_in()
            found = encoding.encode_batch(texts, num_threads=threads) if form == "drop_in_batch" else map(encoding.encode, texts)
            return _first(_ids_difference(row, expected) for row, expected in zip(found, right, strict=True))
        call = getattr(peer, form)()
        if form == "count":
            return _first(_count_difference(call(peer.given(part)), len(ids)) for part, ids in zip(parts, right, strict=True))
        if form == "decode":
            return _first(_text_difference(call(peer.ids_given(np.asarray(ids))), part) for part, ids in zip(parts, right, strict=True))
        given = [part.decode() if form == "message" else peer.given(part) for part in parts]
        return _first(_ids_difference(peer.numbers(call(text)), ids) for text, ids in zip(given, right, strict=True))
    except Gap:
        raise
    except Exception as error:  # a rival may raise anything at all, and that is an answer too
        return f"raises {type(error).__name__}: {str(error)[:120]}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"panics: {str(error)[:120]}"


def _first(differences: Any) -> str | None:
    for number, found in enumerate(differences):
        if found is not None:
            return f"{found} (part {number})"
    return None


def _ids_difference(got: Any, expected: Any) -> str | None:
    if len(got) == len(expected) and np.array_equal(got, expected):
        return None
    length = min(len(got), len(expected))
    unequal = np.flatnonzero(np.asarray(got[:length]) != expected[:length])
    return f"wrong ids from token {int(unequal[0]) if len(unequal) else length} on"


def _count_difference(got: int, expected: int) -> str | None:
    return None if got == expected else f"counts {got} of {expected} tokens"


def _text_difference(got: bytes | str, expected: bytes) -> str | None:
    return None if (got.encode() if isinstance(got, str) else got) == expected else "decodes to another text"


def _stream_difference(peer: Peer, ids: Any) -> str | None:
    """The pieces of each sequence, joined, must be what decoding it whole gives, apart from an unfinished character at its end."""
    rows = stream_rows(ids, 200)
    step, form = peer.stream(SEQUENCES)
    pieces = [step(form(row)) for row in rows]
    decode = peer.decode()
    for sequence in range(SEQUENCES):
        joined = "".join(row[sequence] or "" for row in pieces)
        whole = decode(peer.ids_given(np.ascontiguousarray(rows[:, sequence])))
        expected = (whole if isinstance(whole, bytes) else whole.encode()).decode(errors="replace")
        if not expected.rstrip("\ufffd").startswith(joined.rstrip("\ufffd")) or len(expected) - len(joined) > 3:
            return f"sequence {sequence} decodes to another text"
    return None
