"""The section that the room condensed/ gives to a report: how much fewer ids are, by which phrases, and what leaving ids alone costs.

Entropies are of the ids as they are counted: H = -sum p log2 p, and the efficiency of Rényi's of order 2.5, log2(sum p^2.5) / (1 - 2.5) /
log2(distinct ids) (arXiv 2306.16842). Both rise with any condenser, also with one that makes the stream harder to predict: they are never
to be read alone. Beside them stand the bits that an adaptive model spends on a byte of the text (``ppm_bits``), which may go either way.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..condensed import BASE, Chain, Hypertokens, Supertokens, ppm_bits
from ..condensed.result import token_lengths
from ..ragged import Ragged
from ..tokenizer import Tokenizer
from ..training import Counts
from .document import Row, Section, Table

__all__ = ["condensed_section", "growth_table", "hypertokens_section", "supertokens_section"]

RENYI_ORDER = 2.5
TOP_PHRASES = 10
PPM_BASE_IDS = 1 << 19


def hypertokens_section(z: Hypertokens, title: str, ids: Ragged, byte_count: int, seed_from: tuple[str, Ragged] | None = None) -> Section:
    """What hypertokens make of documents of base ids that stand for so many bytes.

    ``seed_from`` is the name and the documents of another text, whose phrases the book may begin with. Raises UnknownIdError.
    """
    about = [
        Row("profile", "profile", z.profile, remark=f"book of {z.book_size:,}, phrases of up to {z.max_subtokens}"),
        _without_disabled(z, ids),
    ]
    section = condensed_section(z, title, ids, byte_count, about)
    return section if seed_from is None else dataclasses.replace(section, tables=[*section.tables, _shift_table(z, ids, *seed_from)])


def supertokens_section(z: Supertokens | Chain, title: str, ids: Ragged, byte_count: int) -> Section:
    """What trained phrases, or hypertokens over them, make of documents of base ids that stand for so many bytes. Raises UnknownIdError."""
    phrases = z.first if isinstance(z, Chain) else z
    about = [Row("phrases", "supertokens", phrases.size, remark=f"of up to {phrases.max_len} base ids, mode {phrases.mode}")]
    if isinstance(z, Chain):
        alone = phrases.condense(ids).reduction
        about.append(Row("first_reduction", "by supertokens", round(alone, 4), shown=f"{alone:.1%}"))
        about.append(Row("profile", "profile", z.second.profile, remark=f"of the hypertokens over them, book of {z.second.book_size:,}"))
    section = condensed_section(z, title, ids, byte_count, about)
    used = np.unique(phrases.condense(ids).ids)
    row = Row("used", "supertokens used", int((used >= phrases.vocab_size).sum()), remark=f"of {phrases.size:,}")
    return dataclasses.replace(section, rows=[*section.rows, row])


def condensed_section(
    z: Hypertokens | Supertokens | Chain, title: str, ids: Ragged, byte_count: int, about: list[Row] | None = None
) -> Section:
    """What any condenser makes of documents of base ids that stand for so many bytes; ``about`` are rows about the condenser."""
    c = z.condense(ids)
    codes = c.ids[c.kind != BASE]
    rows = [
        *(about or ()),
        Row("base_ids", "base ids", len(ids.ids)),
        Row("condensed_ids", "condensed ids", len(c.ids)),
        Row("reduction", "reduction", round(c.reduction, 4), shown=f"{c.reduction:.1%}"),
        Row("round_trip", "round trip", "exact" if z.expand(c) == ids else "DIFFERS"),
    ]
    if len(ids) > 1:
        shorter = 1 - np.diff(c.offsets) / np.maximum(np.diff(c.base_offsets), 1)
        low, middle, high = np.quantile(shorter[np.diff(c.base_offsets) > 0], (0.1, 0.5, 0.9)) if len(ids.ids) else (0.0, 0.0, 0.0)
        rows.append(
            Row("reduction_median", "reduction, median", round(float(middle), 4), f"{middle:.1%}", f"10 % to 90 %: {low:.1%} to {high:.1%}")
        )
    if len(ids.ids):
        kept = len(c.ids) / len(ids.ids)
        rows += [
            Row("ids_per_byte", "ids/byte", round(len(c.ids) / byte_count, 4) if byte_count else 0.0),
            Row("attention", "attention pairs left", round(kept**2, 4), shown=f"{kept**2:.1%}", remark="kept ids squared"),
            Row("distinct_codes", "distinct codes", len(np.unique(codes)), remark=f"{len(codes):,} times"),
            Row("entropy", "bits/id", round(_entropy(c.ids), 3), remark=f"of base ids {_entropy(ids.ids):.3f}; not a measure of quality"),
            Row("renyi", "Rényi 2.5", round(_renyi(c.ids), 4), shown=f"{_renyi(c.ids):.3f}", remark=f"of base ids {_renyi(ids.ids):.3f}"),
        ]
    lengths, counts = np.unique(c.base_counts, return_counts=True)
    tables = [Table(["base ids of an id", "ids"], [[int(n), int(count)] for n, count in zip(lengths, counts, strict=True)])]
    top = z.explain(c).top_phrases(TOP_PHRASES)
    if top:
        tables.append(Table(["phrase", "times", "ids saved"], [[ascii(phrase.text)[1:-1], phrase.count, phrase.saved] for phrase in top]))
    if len(ids.ids) and byte_count:
        tables.append(_ppm_table(z, ids, byte_count))
    return Section(title, rows, tables=tables)


def growth_table(tokenizer: Tokenizer, learn_from: bytes, measure_on: bytes, size: int, **options: Any) -> Table:
    """``size`` more ids, learnt from one text and measured on another: as supertokens, by the pattern's own rules, and both kinds in one.

    Plain BPE goes on inside of pretokens (``tokenizer.extend``), supertokens join tokens (``options`` are those of
    ``Supertokens.train``). Bits a byte are those of order 2 of :func:`ppm_bits`, on the first ids. Raises ArgumentError.
    """
    z = Supertokens.train(tokenizer, tokenizer.encode(learn_from), size, **options)
    grown = tokenizer.extend(Counts.for_tokenizer(tokenizer, [learn_from]), tokenizer.vocab_size + size)
    base = tokenizer.encode(measure_on)
    streams: list[tuple[str, NDArray[Any], int]] = [
        ("base vocabulary", base, tokenizer.vocab_size),
        (f"+ {z.size:,} supertokens", z.condense(base).ids, z.id_end),
        (f"+ {grown.vocab_size - tokenizer.vocab_size:,} tokens of plain BPE", grown.encode(measure_on), grown.vocab_size),
    ]
    lines: list[list[str | int | float]] = []
    for name, ids, alphabet in streams:
        sample = ids[:PPM_BASE_IDS]
        share = len(sample) / max(len(ids), 1)
        bits = ppm_bits(sample, alphabet)[2] / max(share * len(measure_on), 1)
        lines.append([name, len(ids), f"{1 - len(ids) / max(len(base), 1):.1%}", f"{bits:.3f}"])
    return Table(
        [f"learnt from {len(learn_from):,} bytes, on {len(measure_on):,} more", "ids", "reduction", "PPM of order 2, bits/byte"], lines
    )


def _ppm_table(z: Hypertokens | Supertokens | Chain, ids: Ragged, byte_count: int) -> Table:
    """Of the first ids, as many as the model has room for."""
    end = min(len(ids.ids), PPM_BASE_IDS)
    sample = Ragged(ids.ids[:end], np.minimum(ids.offsets, end))
    sample_bytes = byte_count if z.tokenizer is None else int(token_lengths(z.tokenizer, sample.ids).sum())
    base = ppm_bits(sample, z.vocab_size) / sample_bytes
    condensed = ppm_bits(z.condense(sample).ragged, z.id_end) / sample_bytes
    lines: list[list[str | int | float]] = [
        [order, f"{a:.3f}", f"{b:.3f}", f"{b / a - 1:+.1%}" if a else ""]
        for order, (a, b) in enumerate(zip(base.tolist(), condensed.tolist(), strict=True))
    ]
    return Table(["PPM of order", "base bits/byte", "condensed bits/byte", "change"], lines)


def _shift_table(z: Hypertokens, ids: Ragged, name: str, other: Ragged) -> Table:
    """How well phrases of another text, and the text's own, serve as a beginning of its book."""
    lines: list[list[str | int | float]] = [
        [what, len(one.seed), f"{one.condense(ids).reduction:.1%}"]
        for what, one in (("nothing", z), (f"phrases of {name}", z.seeded(other)), ("phrases of this text", z.seeded(ids)))
    ]
    return Table(["the book begins with", "entries", "reduction"], lines)


def _without_disabled(z: Hypertokens, ids: Ragged) -> Row:
    """The choice of disabled ids and its cost."""
    free = Hypertokens(z.vocab_size, z.profile, book_size=z.book_size, max_subtokens=z.max_subtokens, seed=z.seed.lists())
    reduction = free.condense(ids).reduction
    return Row("disabled", "disabled ids", len(z.disabled), remark=f"reduction with none disabled: {reduction:.1%}")


def _shares(ids: NDArray[Any]) -> NDArray[np.float64]:
    counts = np.unique(ids, return_counts=True)[1]
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def _entropy(ids: NDArray[Any]) -> float:
    shares = _shares(ids)
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def _renyi(ids: NDArray[Any]) -> float:
    shares = _shares(ids)
    if len(shares) < 2:
        return 1.0
    return float(np.log2((shares**RENYI_ORDER).sum()) / (1 - RENYI_ORDER) / np.log2(len(shares)))
