"""How far the work is, on stderr, if that is a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

__all__ = ["Progress"]

SECONDS_BETWEEN_UPDATES = 0.2


class Progress:
    """Counts bytes, or something else; shows nothing at all unless stderr is a terminal. Leaves no trace on the screen when it ends."""

    def __init__(self, total: int | None = None, unit: str = "MB", scale: float = 1e6) -> None:
        self._total = total
        self._unit, self._scale = unit, scale
        self._done = 0
        self._began = self._shown = time.monotonic()
        self._enabled = sys.stderr is not None and sys.stderr.isatty()

    def add(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if self._enabled and now - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = now
            of_total = f" of {self._shown_count(self._total)}" if self._total else ""
            speed = self._done / (now - self._began)
            left = f", {(self._total - self._done) / speed:,.0f} s left" if self._total and self._total > self._done > 0 else ""
            text = f"{self._shown_count(self._done)}{of_total} {self._unit}, {self._shown_count(speed)} {self._unit}/s{left}"
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def _shown_count(self, count: float) -> str:
        return f"{count / self._scale:,.1f}" if self._scale != 1 else f"{count:,.0f}"

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._enabled and self._shown > self._began:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
