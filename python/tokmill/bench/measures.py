"""The ways of timing. Each takes a loaded peer and a question and returns its figure as "value", with what else it saw.

MB is 1e6 bytes of UTF-8. The garbage collector is off while timing, and inputs are made before; outputs are dropped at once, as a pipeline
would that has written them out.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .peers import Peer
from .texts import Cutting
from .vocabulary import Vocabulary

Answer = dict[str, Any]
SEQUENCES = 256
CALLERS = 64


@dataclass(frozen=True)
class Question:
    """A case as a child process sees it. `reference` is the file of the right ids, of which decoding makes its input."""

    cutting: Cutting
    form: str
    vocabulary: Vocabulary
    threads: int
    repeats: int
    reference: str | None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _seconds(call: Callable[[Any], object], argument: object) -> float:
    begin = time.perf_counter()
    call(argument)
    return time.perf_counter() - begin


def _call(peer: Peer, question: Question) -> Callable[[Any], Any]:
    call: Callable[[Any], Any] = getattr(peer, question.form)()
    return call


def _median_rate(call: Callable[[Any], object], argument: object, size: int, repeats: int) -> Answer:
    """One call to warm up, then the median over `repeats`."""
    with _undisturbed():
        call(argument)
        rates = [size / _seconds(call, argument) / 1e6 for _ in range(repeats)]
    return {"value": statistics.median(rates), "repeats": rates}


def steady(peer: Peer, question: Question) -> Answer:
    """Every slice once; the figure is that of the second half, whose text was never seen, with tables warmed by the first."""
    call = _call(peer, question)
    parts = question.cutting.parts()
    given = [peer.given(part) for part in parts]
    with _undisturbed():
        seconds = [_seconds(call, part) for part in given]
    half = len(parts) // 2
    return {
        "value": sum(map(len, parts[half:])) / sum(seconds[half:]) / 1e6,
        "first half": sum(map(len, parts[:half])) / sum(seconds[:half]) / 1e6,
    }


def warm(peer: Peer, question: Question) -> Answer:
    """The same document again and again."""
    return _median_rate(_call(peer, question), peer.given(question.cutting.parts()[0]), question.cutting.size, question.repeats)


@contextlib.contextmanager
def _memory_provided(text_bytes: int) -> Iterator[None]:
    """Touches more memory than any peer needs for a text, and gives it back at the end, just before the call.

    On a virtual machine, memory that its host has never provided, or has taken back, costs ten times as much to touch as other memory: one
    pass over 322 MB went at 223 or at 443 MB/s, whatever happened to be free. Who pays for that is chance, so nobody does.
    """
    most = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if hasattr(os, "sysconf") else 0
    size = min(8 * text_bytes, most)
    if size < mmap.PAGESIZE or not hasattr(mmap, "MAP_PRIVATE"):
        yield
        return
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        for page in range(0, size, mmap.PAGESIZE):
            memory[page] = 1
        yield


def cold(peer: Peer, question: Question) -> Answer:
    """The first call of a fresh process."""
    call = _call(peer, question)
    with _memory_provided(question.cutting.size):
        given = peer.given(question.cutting.parts()[0])
    with _undisturbed():
        seconds = _seconds(call, given)
    return {"value": question.cutting.size / seconds / 1e6, "seconds": seconds, "table": peer.table_statistics()}


def messages(peer: Peer, question: Question) -> Answer:
    """One call a message, over all of them; always `str`, as services hold them."""
    call = peer.message()
    given = [part.decode() for part in question.cutting.parts()]

    def all_of_them(texts: list[str]) -> None:
        for text in texts:
            call(text)

    answer = _median_rate(all_of_them, given, question.cutting.size, question.repeats)
    return {**answer, "µs a call": question.cutting.size / len(given) / answer["value"]}


def drop_in(peer: Peer, question: Question) -> Answer:
    """`encode(text)` as written for tiktoken, special tokens refused, over all parts one by one."""
    encode = peer.drop_in().encode

    def all_of_them(texts: list[str]) -> None:
        for text in texts:
            encode(text)

    return _median_rate(all_of_them, [part.decode() for part in question.cutting.parts()], question.cutting.size, question.repeats)


def drop_in_batch(peer: Peer, question: Question) -> Answer:
    """`encode_batch(texts, num_threads=...)` as written for tiktoken."""
    encode_batch = peer.drop_in().encode_batch
    given = [part.decode() for part in question.cutting.parts()]
    return _median_rate(lambda texts: encode_batch(texts, num_threads=question.threads), given, question.cutting.size, question.repeats)


def batch(peer: Peer, question: Question) -> Answer:
    """All documents in one call."""
    given = [peer.given(part) for part in question.cutting.parts()]
    return _median_rate(peer.batch(question.threads), given, question.cutting.size, question.repeats)


def decode(peer: Peer, question: Question) -> Answer:
    """The right ids of the text, as an array or a list, whichever the peer is faster with; MB of the text that comes out."""
    given = peer.ids_given(np.load(str(question.reference)))
    return _median_rate(peer.decode(), given, question.cutting.size, question.repeats)


def stream(peer: Peer, question: Question) -> Answer:
    """Microseconds of one step over 256 sequences, each at its own place of the text; median over 2000 steps."""
    ids = np.load(str(question.reference))
    step, form = peer.stream(SEQUENCES)
    inputs = [form(row) for row in stream_rows(ids, 2000)]
    with _undisturbed():
        seconds = [_seconds(step, row) for row in inputs]
    return {"value": 1e6 * statistics.median(seconds), "worst": 1e6 * max(seconds)}


def stream_rows(ids: Any, steps: int) -> Any:
    """The ids of each step, shape [steps, 256]: sequence s reads the text from the (s/256)-th part of it on."""
    starts = np.arange(SEQUENCES) * ((len(ids) - steps) // SEQUENCES)
    return np.ascontiguousarray(ids[starts[None, :] + np.arange(steps)[:, None]])


def load(peer: Peer, question: Question) -> Answer:
    """Milliseconds of the first load of a fresh process, and until one word has been encoded (some put work off until then)."""
    with _undisturbed():
        seconds = _seconds(peer.load, question.vocabulary)
        first = _seconds(peer.array(), peer.given(b"word"))
    return {"value": 1e3 * seconds, "until one word is encoded": 1e3 * (seconds + first)}


def load_snapshot(peer: Peer, question: Question) -> Answer:
    """Milliseconds of the first load of the peer's own quick form."""
    call = peer.snapshot(question.vocabulary)
    with _undisturbed():
        begin = time.perf_counter()
        call()
        seconds = time.perf_counter() - begin
    return {"value": 1e3 * seconds}


def memory(peer: Peer, question: Question) -> Answer:
    """Resident MB beyond the imports, once 10 MB have been encoded and their input and output released."""
    imported = resident()
    peer.load(question.vocabulary)
    loaded = resident()
    peer.array()(peer.given(question.cutting.parts()[0]))
    gc.collect()
    used = resident()
    return {"value": used - imported, "after load": loaded - imported, "after malloc_trim": trimmed() - imported}


def memory_threads(peer: Peer, question: Question) -> Answer:
    """Resident MB that 64 threads add which all call at the same time, measured while they live, over one calling thread.

    "idle" is what the threads themselves cost before any of them has called.
    """
    call = peer.array()
    given = [peer.given(part) for part in question.cutting.parts()]
    for part in given:
        call(part)
    gc.collect()
    alone = resident()
    started, finished, leave = threading.Barrier(CALLERS + 1), threading.Barrier(CALLERS + 1), threading.Event()

    def caller(number: int) -> None:
        started.wait()
        for turn in range(4):
            call(given[(number + turn) % len(given)])
        finished.wait()
        leave.wait()

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    idle = resident()
    started.wait()
    finished.wait()
    gc.collect()
    value = resident() - alone
    after_trim = trimmed() - alone
    leave.set()
    for thread in threads:
        thread.join()
    return {"value": value, "idle": idle - alone, "after malloc_trim": after_trim}


def memory_words(peer: Peer, question: Question) -> Answer:
    """Resident MB that nine times as many new words add to the first 1e5."""
    call = peer.array()
    parts = question.cutting.parts()
    call(peer.given(parts[0]))
    gc.collect()
    before = resident()
    for part in parts[1:]:
        call(peer.given(part))
    gc.collect()
    return {"value": resident() - before, "after malloc_trim": trimmed() - before}


def resident() -> float:
    """Resident memory of this process in MB. `smaps_rollup` is exact; `statm` may lag by some pages a thread."""
    try:
        with open("/proc/self/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Rss:")) * 1024 / 1e6
    except (FileNotFoundError, StopIteration):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def trimmed() -> float:
    """The same once glibc has given free memory back to the system."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return resident()


# those that time the load themselves get a peer with no vocabulary loaded
LOADS_ITSELF = {"load", "load_snapshot", "memory"}
MEASURES: dict[str, Callable[[Peer, Question], Answer]] = {
    "steady": steady,
    "warm": warm,
    "cold": cold,
    "messages": messages,
    "batch": batch,
    "drop_in": drop_in,
    "drop_in_batch": drop_in_batch,
    "decode": decode,
    "stream": stream,
    "load": load,
    "load_snapshot": load_snapshot,
    "memory": memory,
    "memory_threads": memory_threads,
    "memory_words": memory_words,
}
