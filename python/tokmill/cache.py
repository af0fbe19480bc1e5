"""The private cache of downloaded vocabularies, tiktoken's cache, and the download itself.

Nothing that comes from here is trusted: callers compare the SHA-256 of whatever they read with the one they hold.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

from .errors import DownloadError, OutputError
from .files import write_file

__all__ = ["cache_directory", "download", "rank_file_path", "store", "tiktoken_cache_path"]

# The greatest rank file known (o200k_base) has 3.6 MB.
MAX_DOWNLOAD_BYTES = 64 << 20
SOCKET_TIMEOUT_SECONDS = 20.0
DOWNLOAD_DEADLINE_SECONDS = 300.0


def cache_directory() -> Path:
    """``TOKMILL_CACHE``, else the platform's folder for caches, followed by ``tokmill``."""
    chosen = os.environ.get("TOKMILL_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base or Path.home() / "AppData" / "Local") / "tokmill" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tokmill"
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base if base and os.path.isabs(base) else Path.home() / ".cache") / "tokmill"


def rank_file_path(sha256: str) -> Path:
    """Where the cache keeps the rank file with this SHA-256."""
    return cache_directory() / f"{sha256}.tiktoken"


def tiktoken_cache_path(url: str) -> Path | None:
    """Where tiktoken keeps what it downloaded from ``url``; None when its cache is switched off (set to an empty string)."""
    directory = os.environ.get("TIKTOKEN_CACHE_DIR")
    if directory is None:
        directory = os.environ.get("DATA_GYM_CACHE_DIR")
    if directory is None:
        import tempfile

        directory = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    if not directory:
        return None
    return Path(directory) / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()


def store(sha256: str, data: bytes) -> bool:
    """Puts checked data into the cache; False where it cannot be written (the vocabulary is usable all the same)."""
    path = rank_file_path(sha256)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, data)
    except (OSError, OutputError):
        return False
    return True


def download(url: str) -> bytes:
    """The bytes behind ``url``, unchecked. Raises DownloadError, also when ``TOKMILL_OFFLINE`` is set."""
    if os.environ.get("TOKMILL_OFFLINE", "0") not in ("", "0"):
        raise DownloadError(f"{url}: TOKMILL_OFFLINE is set, nothing is downloaded")
    import http.client
    import urllib.error
    import urllib.request

    deadline = time.monotonic() + DOWNLOAD_DEADLINE_SECONDS
    received = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=SOCKET_TIMEOUT_SECONDS) as response:
            announced = response.headers.get("Content-Length")
            while block := response.read(1 << 16):
                received += block
                if len(received) > MAX_DOWNLOAD_BYTES:
                    raise DownloadError(f"{url}: more than {MAX_DOWNLOAD_BYTES >> 20} MiB came, no vocabulary is that large")
                if time.monotonic() > deadline:
                    raise DownloadError(f"{url}: not whole after {DOWNLOAD_DEADLINE_SECONDS:.0f} s")
        if announced is not None and announced.isdigit() and len(received) != int(announced):
            raise DownloadError(f"{url}: the connection broke after {len(received):,} of {int(announced):,} bytes; try again")
    except urllib.error.URLError as error:
        raise DownloadError(f"{url}: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"{url}: {error or type(error).__name__}") from error
    return bytes(received)
