"""How far the work is, on stderr, if that is a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

__all__ = ["Progress"]

SECONDS_BETWEEN_UPDATES = 0.2


class Progress:
    """Counts bytes; shows nothing at all unless stderr is a terminal. Leaves no trace on the screen when it ends."""

    def __init__(self, total_bytes: int | None = None) -> None:
        self._total = total_bytes
        self._done = 0
        self._began = self._shown = time.monotonic()
        self._enabled = sys.stderr is not None and sys.stderr.isatty()

    def add(self, byte_count: int) -> None:
        self._done += byte_count
        now = time.monotonic()
        if self._enabled and now - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = now
            of_total = f" of {self._total / 1e6:,.1f}" if self._total else ""
            speed = self._done / 1e6 / (now - self._began)
            sys.stderr.write(f"\r\x1b[K{self._done / 1e6:,.1f}{of_total} MB, {speed:,.1f} MB/s")
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._enabled and self._shown > self._began:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
