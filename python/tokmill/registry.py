"""``load``: a name, a file or a directory becomes a Tokenizer.

A name is looked for in ``TOKMILL_VOCAB`` (read at each call), our cache, tiktoken's cache; download comes last. Every byte that is
used was compared with the SHA-256 that we hold or the caller gave; what a cache holds wrongly is passed over, what the caller's own
directory holds wrongly is an error. The last few tokenizers are kept, so that loading the same unchanged file again costs a look at it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import mmap
import os
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import _core, cache, embedded, huggingface, plugins, snapshot
from .encodings import ENCODINGS, KnownEncoding, encoding_of_ranks
from .errors import (
    ArgumentError,
    DigestError,
    DownloadError,
    Error,
    InputNotFoundError,
    PatternError,
    UnknownVocabularyError,
    UnsupportedModel,
    VocabularyError,
)
from .files import input_error, read_file
from .tokenizer import Origin, Tokenizer

if TYPE_CHECKING:
    from .huggingface import LiveJson, LiveRanks

__all__ = ["load", "load_named", "vocabulary_names"]

RANK_SUFFIX = ".tiktoken"
JSON_NAME = "tokenizer.json"
JSON_SUFFIX = ".tokenizer.json"
SNAPSHOT_SUFFIX = ".tokmill"
GZIP_MAGIC = b"\x1f\x8b"
# No vocabulary comes near; a small .gz that swells beyond is meant to hurt.
MAX_UNPACKED_BYTES = 256 << 20

# The last tokenizers that load() made. No lock: a child forked while another thread held it would wait for ever. Each step below is
# atomic, and of two threads that make the same one at once both go on with the first.
KEPT_TOKENIZERS = 4
_kept: OrderedDict[Hashable, Tokenizer] = OrderedDict()


def vocabulary_names() -> list[str]:
    """The names that ``load`` knows without being told more: the embedded vocabulary and the encodings of tiktoken."""
    return [embedded.NAME, *ENCODINGS]


def load(
    source: str | os.PathLike[str] | Any,
    *,
    pattern: str | None = None,
    special_tokens: Mapping[str, int] | None = None,
    sha256: str | None = None,
    missing_bytes: Literal["drop", "error"] = "drop",
) -> Tokenizer:
    """The tokenizer of a vocabulary.

    ``source`` is a name (see ``vocabulary_names``, or one that a file in ``TOKMILL_VOCAB`` or a tiktoken plug-in provides), a rank file
    (``.tiktoken``), a ``tokenizer.json`` or a snapshot (``.tokmill``), each plain or gzipped, a directory that holds exactly one of these,
    a model id that is in the local cache of Hugging Face (nothing is fetched), or a live ``tokenizers.Tokenizer``, fast tokenizer of
    ``transformers`` or ``tiktoken.Encoding``.

    A rank file says nothing of its split pattern and special tokens. Those of tiktoken's encodings are known by their SHA-256; for any
    other give ``pattern`` (a name in ``tokmill.PATTERNS`` or a regex) and ``special_tokens`` (text to id; ``{}`` if there are none).
    A ``tokenizer.json`` may lack tokens for some bytes (``Tokenizer.missing_bytes``): by default text loses them, as in ``tokenizers``;
    with ``missing_bytes="error"`` a text that holds one raises MissingByteError.
    ``sha256`` (hex) is compared with the file's content, unpacked if it is gzipped.

    Raises UnknownVocabularyError (with the places tried), InputError, PatternError, VocabularyError, UnsupportedModel (a component of a
    ``tokenizer.json`` that is not done exactly), SnapshotError, DigestError, DownloadError.
    """
    if missing_bytes not in ("drop", "error"):
        raise ArgumentError(f'missing_bytes= takes "drop" or "error", not {missing_bytes!r}')
    specials = None if special_tokens is None else dict(special_tokens)
    wanted = _Wanted(pattern, specials, sha256.lower() if sha256 else None, missing_bytes == "error")
    if not isinstance(source, (str, os.PathLike)):
        live = huggingface.live_source(source)
        if live is None:
            raise ArgumentError(f"load takes a name, a path or a live tokenizer, not {type(source).__name__}")
        return _from_live(live, wanted)
    text = os.fspath(source)
    if not isinstance(text, str):
        raise ArgumentError("load takes a path as str, not bytes")
    if not text or "\0" in text:
        raise ArgumentError(f"{text!r} is neither a name nor a path")
    is_name = isinstance(source, str) and (text == embedded.NAME or text in ENCODINGS)
    if not is_name and (isinstance(source, os.PathLike) or _looks_like_path(text) or os.path.exists(text)):
        cached = None if os.path.exists(text) else huggingface.find_in_cache(text, [])
        return _load_path(cached or Path(text), wanted, name=text if cached else None)
    return load_named(text, wanted=wanted)


class _Wanted:
    """What the caller said about the vocabulary besides its name or path."""

    def __init__(
        self,
        pattern: str | None = None,
        special_tokens: dict[str, int] | None = None,
        sha256: str | None = None,
        refuse_missing_bytes: bool = False,
    ) -> None:
        self.pattern = pattern
        self.special_tokens = special_tokens
        self.sha256 = sha256
        self.refuse_missing_bytes = refuse_missing_bytes

    def key(self) -> Hashable:
        specials = None if self.special_tokens is None else tuple(self.special_tokens.items())
        return self.pattern, specials, self.sha256, self.refuse_missing_bytes

    def check(self, data: bytes | memoryview, place: str) -> None:
        if self.sha256 is not None:
            found = hashlib.sha256(data).hexdigest()
            if found != self.sha256:
                raise DigestError(f"{place}: SHA-256 is {found}, expected {self.sha256}")

    def refuse_for(self, place: str) -> None:
        """For sources that say everything themselves."""
        if self.pattern is not None or self.special_tokens is not None:
            raise ArgumentError(f"{place} has its own split pattern and special tokens; pattern= and special_tokens= are for rank files")


def load_named(name: str, *, wanted: _Wanted | None = None, path_hint: str | None = None) -> Tokenizer:
    """The tokenizer of a name; ``path_hint`` is one more file to look at before downloading. Raises what ``load`` does."""
    wanted = wanted or _Wanted()
    if name == embedded.NAME:
        wanted.refuse_for(name)
        if wanted.sha256 not in (None, embedded.SHA256):
            raise DigestError(f"{name}: the embedded vocabulary has SHA-256 {embedded.SHA256}, expected {wanted.sha256}")
        return _keep((name,), lambda: _with_origin(embedded.load(Tokenizer), Origin("embedded in the package", name)))
    known = ENCODINGS.get(name)
    tried: list[str] = []
    found = _find_in_directory(name, known, wanted, tried)
    if found is not None:
        return found
    if known is not None:
        return _load_known(known, wanted, path_hint, tried)
    plugin = plugins.find(name, tried)
    if plugin is not None:
        wanted.refuse_for(f"plug-in {plugin.module}")
        wanted.check(plugin.ranks, f"plug-in {plugin.module}")
        tokenizer = Tokenizer._from_ranks(plugin.ranks, name=name, pattern=plugin.pattern, special_tokens=plugin.special_tokens)
        return _with_origin(tokenizer, Origin(f"plug-in {plugin.module}"))
    cached = huggingface.find_in_cache(name, tried)
    if cached is not None:
        return _load_path(cached, wanted, name=name)
    if name in embedded.FORMER_NAMES:
        raise UnknownVocabularyError(f"{name!r} is no longer in the package: {embedded.FORMER_NAMES[name]}")
    raise UnknownVocabularyError(
        f"no vocabulary is called {name!r}. Tried:\n{_listed(tried)}"
        f"Known names: {', '.join(vocabulary_names())}. Otherwise give the path of a rank file or snapshot, or put "
        f"{name}{RANK_SUFFIX} or {name}{SNAPSHOT_SUFFIX} into a directory and set TOKMILL_VOCAB to it."
    )


def _find_in_directory(name: str, known: KnownEncoding | None, wanted: _Wanted, tried: list[str]) -> Tokenizer | None:
    directory = os.environ.get("TOKMILL_VOCAB")
    if not directory:
        tried.append("TOKMILL_VOCAB: not set")
        return None
    stems = [name] if known is None or known.ranks == name else [name, known.ranks]
    candidates = [f"{stem}{suffix}" for stem in stems for suffix in (RANK_SUFFIX, SNAPSHOT_SUFFIX) if stem == name or suffix == RANK_SUFFIX]
    for candidate in candidates:
        for path in (Path(directory, candidate), Path(directory, candidate + ".gz")):
            if path.is_file():
                return _load_path(path, wanted, name=name, known=known)
    for path in (Path(directory, name + JSON_SUFFIX), Path(directory, name + JSON_SUFFIX + ".gz")):
        if path.is_file():
            if known is None:
                return _load_path(path, wanted, name=name)
            tried.append(f"{path}: passed over; the name stands for tiktoken's encoding, give the path to load this file")
    tried.append(f"{directory} (TOKMILL_VOCAB): has none of {', '.join(candidates)}, plain or .gz")
    return None


def _load_known(known: KnownEncoding, wanted: _Wanted, path_hint: str | None, tried: list[str]) -> Tokenizer:
    if wanted.sha256 not in (None, known.sha256):
        raise DigestError(f"{known.name}: its ranks have SHA-256 {known.sha256}, expected {wanted.sha256}")
    paths = [cache.rank_file_path(known.sha256)]
    tiktoken_path = cache.tiktoken_cache_path(known.url)
    if tiktoken_path is None:
        tried.append("tiktoken's cache: switched off")
    else:
        paths.append(tiktoken_path)
    if path_hint is not None:
        paths.append(Path(path_hint))
    for path in paths:
        if not path.is_file():
            tried.append(f"{path}: not there")
            continue
        try:
            return _load_path(path, wanted, name=known.name, known=known)
        except Error as error:
            tried.append(str(error))
    try:
        data = cache.download(known.url)
    except DownloadError as error:
        tried.append(str(error))
        raise DownloadError(
            f"the ranks of {known.name!r} are not on this machine and could not be downloaded. Tried:\n{_listed(tried)}"
            f"To supply them: put {known.ranks}{RANK_SUFFIX} (from {known.url}, SHA-256 {known.sha256}) into a directory and set "
            f"TOKMILL_VOCAB to it. The embedded {embedded.NAME!r} needs no file."
        ) from error
    _check_known(data, known, known.url)
    kept = cache.store(known.sha256, data)
    place = f"downloaded from {known.url}"
    origin = Origin(place, known.name, str(cache.rank_file_path(known.sha256)) if kept else None)
    return _from_ranks(data, wanted, known.name, known, origin, known.url)


def _load_path(path: Path, wanted: _Wanted, *, name: str | None = None, known: KnownEncoding | None = None) -> Tokenizer:
    if path.is_dir():
        return _load_path(_only_vocabulary_in(path), wanted)
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputNotFoundError(
            f"{path}: no such file. A path has to be that of a rank file, a snapshot or a directory; "
            f"known names: {', '.join(vocabulary_names())}"
        ) from error
    except OSError as error:
        raise input_error(error, path) from error
    key = (os.path.realpath(path), status.st_ino, status.st_size, status.st_mtime_ns, name, wanted.key())
    return _keep(key, lambda: _read_path(path, wanted, name, known))


def _read_path(path: Path, wanted: _Wanted, name: str | None, known: KnownEncoding | None) -> Tokenizer:
    place = str(path)
    mapped = snapshot.map_file(path)
    if mapped[: len(snapshot.MAGIC)] == snapshot.MAGIC:
        return _from_snapshot(mapped, wanted, known, place)
    data = _gunzipped(mapped, place) if mapped[:2] == GZIP_MAGIC else read_file(path)
    if data[: len(snapshot.MAGIC)] == snapshot.MAGIC:
        return _from_snapshot(data, wanted, known, place)
    if known is not None:
        _check_known(data, known, place)
    elif data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        wanted.refuse_for(place)
        wanted.check(data, place)
        return _from_json(data, name or _stem(path), wanted, Origin(place, path=os.path.abspath(path)))
    else:
        known = encoding_of_ranks(hashlib.sha256(data).hexdigest(), path)
    if known is not None and name is None:
        name = known.name
    encoding = known.name if known is not None else None
    return _from_ranks(data, wanted, name or _stem(path), known, Origin(place, encoding, os.path.abspath(path)), place)


def _from_json(data: bytes, name: str, wanted: _Wanted, origin: Origin) -> Tokenizer:
    try:
        return _with_origin(Tokenizer._from_tokenizer_json(data, name=name, refuse_missing_bytes=wanted.refuse_missing_bytes), origin)
    except (UnsupportedModel, VocabularyError) as error:
        raise type(error)(f"{origin.place}: {error}", error.where) from error


def _from_live(live: LiveJson | LiveRanks, wanted: _Wanted) -> Tokenizer:
    wanted.refuse_for(live.place)
    wanted.check(live.data, live.place)
    if isinstance(live, huggingface.LiveJson):
        return _from_json(live.data, "", wanted, Origin(live.place))
    tokenizer = Tokenizer._from_ranks(live.data, name=live.name, pattern=live.pattern, special_tokens=live.special_tokens)
    return _with_origin(tokenizer, Origin(live.place))


def _from_ranks(data: bytes, wanted: _Wanted, name: str, known: KnownEncoding | None, origin: Origin, place: str) -> Tokenizer:
    wanted.check(data, place)
    pattern, special_tokens = wanted.pattern, wanted.special_tokens
    if pattern is not None or special_tokens is not None:
        origin = Origin(origin.place)  # the caller's own variant: it cannot travel by the encoding's name
    if known is not None:
        pattern = known.pattern if pattern is None else pattern
        special_tokens = known.special_tokens if special_tokens is None else special_tokens
    if pattern is None or special_tokens is None:
        missing = " and ".join(text for text, value in (("pattern=", pattern), ("special_tokens=", special_tokens)) if value is None)
        raise PatternError(
            f"{place}: a rank file says nothing of its split pattern and special tokens, and this one is not known; "
            f"give {missing} to load. Known patterns: {', '.join(_core.PATTERNS)} (or a regex); special_tokens={{}} if there are none"
        )
    return _with_origin(Tokenizer._from_ranks(data, name=name, pattern=pattern, special_tokens=special_tokens), origin)


def _from_snapshot(data: bytes | mmap.mmap, wanted: _Wanted, known: KnownEncoding | None, place: str) -> Tokenizer:
    wanted.refuse_for(place)
    container = snapshot.check(data, place)
    wanted.check(memoryview(data), place)
    tokenizer = Tokenizer._from_snapshot(container)
    if known is not None and known.digest and tokenizer.digest != known.digest:
        raise DigestError(f"{place}: this is not {known.name}: its digest is {tokenizer.digest}, expected {known.digest}")
    return _with_origin(tokenizer, Origin(place, path=os.path.abspath(place)))


def _check_known(data: bytes, known: KnownEncoding, place: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != known.sha256:
        raise DigestError(f"{place}: these are not the ranks of {known.name}: SHA-256 is {found}, expected {known.sha256}")


def _gunzipped(packed: bytes | mmap.mmap, place: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            data = file.read(MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise VocabularyError(f"{place}: the gzip file is damaged: {error}") from error
    if len(data) > MAX_UNPACKED_BYTES:
        raise VocabularyError(f"{place}: unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB, no vocabulary is that large")
    return data


def _only_vocabulary_in(directory: Path) -> Path:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise input_error(error, directory) from error
    for suffix in (SNAPSHOT_SUFFIX, RANK_SUFFIX, JSON_NAME):
        found = [name for name in names if name.endswith((suffix, suffix + ".gz")) and not name.startswith(".")]
        if len(found) == 1:
            return directory / found[0]
        if found:
            raise UnknownVocabularyError(f"{directory} holds several vocabularies ({', '.join(found)}): give the path of one")
    raise UnknownVocabularyError(
        f"{directory} holds no vocabulary: looked for *{SNAPSHOT_SUFFIX}, *{RANK_SUFFIX} and {JSON_NAME}, plain or .gz"
    )


def _looks_like_path(text: str) -> bool:
    if os.sep in text or (os.altsep is not None and os.altsep in text):
        return True
    return text.removesuffix(".gz").endswith((RANK_SUFFIX, SNAPSHOT_SUFFIX, ".json"))


def _stem(path: Path) -> str:
    stem = path.name.removesuffix(".gz").removesuffix(RANK_SUFFIX)
    if stem == JSON_NAME:
        return path.absolute().parent.name
    return stem.removesuffix(JSON_SUFFIX)


def _listed(places: list[str]) -> str:
    return "".join(f"  - {place}\n" for place in places)


def _with_origin(tokenizer: Tokenizer, origin: Origin) -> Tokenizer:
    tokenizer._origin = origin
    return tokenizer


def _keep(key: Hashable, make: Callable[[], Tokenizer]) -> Tokenizer:
    tokenizer = _kept.get(key)
    if tokenizer is None:
        tokenizer = _kept.setdefault(key, make())
    with contextlib.suppress(KeyError):  # another thread may have been faster
        _kept.move_to_end(key)
        while len(_kept) > KEPT_TOKENIZERS:
            _kept.popitem(last=False)
    return tokenizer
