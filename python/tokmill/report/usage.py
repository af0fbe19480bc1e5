"""The section that the room training/ gives to a report: how a vocabulary is used by a counted text, and what more entries would bring."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..conversion import Parts
from ..signatures import Invalid
from ..tokenizer import Tokenizer
from ..training.counts import Counts
from ..training.vocabulary import emits_whole_words
from .document import Plot, Row, Section, Table, Value
from .scripts import script_of
from .tokens import escaped

__all__ = ["Usage", "comparison_section", "usage_section"]

RARE = 10
# Of Rényi's entropy; the order that went best with translation quality (Zouhar et al. 2023, "Tokenization and the noiseless channel").
RENYI_ORDER = 2.5
CURVE_STEP = 1000
SHOWN_DIFFERENCES = 20


class Usage(NamedTuple):
    """How often each token, by rank, occurs in the counted pretokens as the tokenizer encodes them."""

    parts: Parts
    counts: NDArray[np.int64]
    byte_count: int
    pretoken_count: int

    @classmethod
    def of(cls, tokenizer: Tokenizer, counts: Counts) -> Usage:
        byte_count = sum(len(word) * count for word, count in counts)
        sums = counts._core.count_symbols(tokenizer, whole_words=emits_whole_words(tokenizer))
        return cls(Parts.of(tokenizer), sums, byte_count, counts.total)

    @property
    def token_count(self) -> int:
        return int(self.counts.sum())

    def shares(self) -> NDArray[np.float64]:
        used = self.counts[self.counts > 0]
        shares: NDArray[np.float64] = used / max(self.token_count, 1)
        return shares

    def renyi_efficiency(self) -> float:
        """Rényi's entropy of the tokens over the logarithm of the number of entries: 1 if all were used alike."""
        shares = self.shares()
        if len(shares) == 0 or len(self.counts) < 2:
            return 0.0
        return float(np.log(np.sum(shares**RENYI_ORDER)) / (1 - RENYI_ORDER) / math.log(len(self.counts)))

    def unigram_bits_per_byte(self) -> float:
        """What a model that knows the frequencies of tokens and nothing else needs for a byte of the text."""
        shares = self.shares()
        return float(-np.sum(shares * np.log2(shares)) * self.token_count / max(self.byte_count, 1))

    def tokens_saved(self) -> NDArray[np.int64]:
        """By rank: how many tokens fewer there are because of a token, while it and those before it are the whole vocabulary.

        That is how often its merge was done: for its own sake, and for each token that it is a part of. Exact if parts come before
        wholes, as training makes them.
        """
        done: NDArray[np.int64] = self.counts.copy()
        for rank in sorted(range(len(done)), key=lambda rank: -len(self.parts.tokens[rank])):
            if self.parts.lefts[rank] >= 0:
                done[self.parts.lefts[rank]] += done[rank]
                done[self.parts.rights[rank]] += done[rank]
        for rank, token in enumerate(self.parts.tokens):
            done[rank] *= 1 if self.parts.lefts[rank] >= 0 else len(token) - 1  # an unreachable token saves all of its bytes but one
        return done

    def curve(self) -> list[tuple[int, float, float]]:
        """Entries, bytes a token with so many, and the part of all tokens that the last thousand saved; every thousand entries."""
        saved = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.tokens_saved())])
        sizes = [*range(CURVE_STEP, len(saved) - 1, CURVE_STEP), len(saved) - 1]
        points = []
        for size in sizes:
            tokens, before = self.byte_count - int(saved[size]), self.byte_count - int(saved[max(size - CURVE_STEP, 0)])
            points.append((size, self.byte_count / max(tokens, 1), (before - tokens) / max(before, 1)))
        return points


def usage_section(tokenizer: Tokenizer, counts: Counts, title: str = "", files: Mapping[str, Counts] | None = None) -> Section:
    """Compression, used and unused entries, scripts, the curve of merges; the files beside each other that ``counts`` is made of."""
    usage = Usage.of(tokenizer, counts)
    scripts = _parts_table("script", tokenizer, _by_script(counts))
    curve = usage.curve()
    # 1, 2, 4, 8 ... thousand, and the end
    doubled = [point for i, point in enumerate(curve, 1) if i & (i - 1) == 0 or i == len(curve)]
    tables = [Table(["entries", "bytes/token", f"tokens saved by the last {CURVE_STEP:,}"], doubled), scripts]
    if files is not None:
        tables.append(_parts_table("file", tokenizer, files))
    return Section(
        title or f"usage of {tokenizer.name}",
        _rows(usage, counts),
        tables=tables,
        plots=[
            Plot("Bytes a token by size of the vocabulary", "entries", "bytes/token", [point[:2] for point in curve]),
            Plot(
                "What a thousand more entries save",
                "entries",
                "% of tokens",
                [(size, 100 * part) for size, _, part in curve if size > 2 * CURVE_STEP],
            ),
        ],
    )


def _rows(usage: Usage, counts: Counts) -> list[Row]:
    tokens, token_count = usage.parts.tokens, usage.token_count

    def share_of(kind: Sequence[bool]) -> float:
        return float(usage.counts[np.array(kind, bool)].sum()) / max(token_count, 1)

    texts = [_text(token) for token in tokens]
    unused = int((usage.counts == 0).sum())
    rare = int(((usage.counts > 0) & (usage.counts < RARE)).sum())
    return [
        Row("bytes", "bytes", usage.byte_count),
        Row("pretokens", "pretokens", usage.pretoken_count, remark=f"{len(counts):,} distinct"),
        Row("tokens", "tokens", token_count),
        Row("bytes_per_token", "bytes/token", usage.byte_count / max(token_count, 1)),
        Row("tokens_per_pretoken", "tokens/pretoken", token_count / max(usage.pretoken_count, 1)),
        Row("entries", "entries", len(tokens), remark="special tokens not counted"),
        Row("used_entries", "used", len(tokens) - unused),
        Row("unused_entries", "never used", unused, remark=_some(tokens, usage.counts == 0)),
        Row("rare_entries", f"used less than {RARE} times", rare),
        Row("not_utf8", "not valid UTF-8", sum(text is None for text in texts)),
        Row("unreachable", "unreachable by merges", len(usage.parts.unreachable)),
        Row(
            "whitespace_share",
            "white space alone",
            share_of([text is not None and text.isspace() for text in texts]),
            remark="of tokens",
        ),
        Row(
            "digit_share",
            "digits alone",
            share_of([text is not None and text.strip(" ").isdigit() for text in texts]),
            remark="of tokens",
        ),
        Row("renyi_efficiency", f"Rényi efficiency {RENYI_ORDER}", usage.renyi_efficiency()),
        Row("unigram_bits_per_byte", "unigram bits/byte", usage.unigram_bits_per_byte()),
    ]


def _by_script(counts: Counts) -> dict[str, Counts]:
    """Scripts by their bytes, the most first."""
    words: dict[str, list[tuple[bytes, int]]] = {}
    sizes: Counter[str] = Counter()
    for word, count in counts:
        script = script_of(word)
        words.setdefault(script, []).append((word, count))
        sizes[script] += len(word) * count
    return {script: Counts.from_pairs(words[script], pattern=counts.pattern) for script, _ in sizes.most_common()}


def _parts_table(heading: str, tokenizer: Tokenizer, parts: Mapping[str, Counts]) -> Table:
    """How parts of a text use the vocabulary, a row each."""
    rows: list[list[Value]] = []
    for name, counts in parts.items():
        usage = Usage.of(tokenizer, counts)
        tokens, pretokens = usage.token_count, usage.pretoken_count
        used = int((usage.counts > 0).sum())
        rows.append([name, usage.byte_count, tokens, usage.byte_count / max(tokens, 1), tokens / max(pretokens, 1), used])
    return Table([heading, "bytes", "tokens", "bytes/token", "tokens/pretoken", "entries used"], rows)


def comparison_section(tokenizers: Sequence[Tokenizer], texts: Any, title: str = "", *, invalid: Invalid = None) -> Section:
    """Several vocabularies beside each other on the same texts, and the most frequent pretokens of the first that they do not cut alike."""
    names = [tokenizer.name for tokenizer in tokenizers]
    counts = [Counts.for_tokenizer(tokenizer, texts, invalid=invalid) for tokenizer in tokenizers]
    columns = [_rows(Usage.of(*pair), pair[1]) for pair in zip(tokenizers, counts, strict=True)]
    rows: list[list[Value]] = [[row.label, *(column[i].value for column in columns)] for i, row in enumerate(columns[0])]
    differences: list[list[Value]] = []
    for word, count in sorted(counts[0], key=lambda item: (-item[1], item[0])):
        if len(differences) == SHOWN_DIFFERENCES:
            break
        cuts = [_cut(tokenizer, word) for tokenizer in tokenizers]
        if len(set(cuts)) > 1:
            differences.append([escaped(word), count, *cuts])
    return Section(
        title or " beside ".join(names),
        tables=[Table(["", *names], rows), Table(["pretoken", "count", *names], differences)],
    )


def _cut(tokenizer: Tokenizer, word: bytes) -> str:
    return "|".join(escaped(tokenizer.bytes_of(id)) for id in tokenizer.encode_list(word, invalid="replace"))


def _text(token: bytes) -> str | None:
    try:
        return token.decode()
    except UnicodeDecodeError:
        return None


def _some(tokens: Sequence[bytes], chosen: NDArray[np.bool_], most: int = 4) -> str:
    ranks = np.flatnonzero(chosen)
    shown = ", ".join(escaped(tokens[rank]) for rank in ranks[:most])
    return shown + (", ..." if len(ranks) > most else "")
