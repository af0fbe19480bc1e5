"""Which ids at the end of a text may change when the text goes on, and into what: tiktoken's ``encode_with_unstable``.

tiktoken's answer is a brute-force one, with heuristics where split patterns look ahead; it is followed step by step, since equal results
are the point. The texts that it tries one by one are encoded here in one native call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

import numpy as np

from ...ragged import Ragged
from ...tokenizer import Tokenizer

__all__ = ["UnstableText"]

_SPACES = frozenset(b" \n\t")
# Unicode's White_Space, which Python's str.isspace exceeds by U+001C to U+001F.
_WHITE_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | frozenset(map(chr, range(0x2000, 0x200B)))


class UnstableText:
    """The tables of one vocabulary. ``sorted_tokens`` are the bytes of all tokens but the special ones, in order."""

    def __init__(self, tokenizer: Tokenizer, ranks: Mapping[bytes, int]) -> None:
        self._tokenizer = tokenizer
        self.sorted_tokens = sorted(ranks)
        self._sorted_ids = [ranks[token] for token in self.sorted_tokens]
        self._byte_count = np.zeros(tokenizer.vocab_size, np.int64)
        for token, id in ranks.items():
            self._byte_count[id] = len(token)
        self._cut_tokens = {token for token in ranks if not _is_utf8(token)}
        self._blank = {id for token, id in ranks.items() if _SPACES.issuperset(token)}

    def last_piece_ids(self, ids: list[int], last_piece: str | bytes) -> int:
        """How many of the last ids may change: those of the text's last pretoken, and before a blank one all that are blank too.

        A blank pretoken may merge with those before it: "\\n" and " " become "\\n \\n".
        """
        if not last_piece:
            return 0
        data = last_piece.encode("utf-8") if isinstance(last_piece, str) else last_piece
        size = self._tokenizer._last_pretoken_bytes(data)
        count = len(self._tokenizer._encode_piece(data[len(data) - size :]))
        if count and ids[len(ids) - count] in self._blank:
            while count < len(ids) and ids[len(ids) - count - 1] in self._blank:
                count += 1
        return count

    def split(self, ids: list[int], last_segment: str) -> tuple[list[int], list[list[int]]]:
        """The ids of a text that are stable, and the rows of ids that may stand for the rest of it; see ``encode_with_unstable``.

        ``last_segment`` is the text behind the last special token that was parsed.
        """
        count = self.last_piece_ids(ids, last_segment)
        if count == 0:
            return ids, []
        stable, unstable = ids[: len(ids) - count], self._tokenizer.decode_bytes(ids[len(ids) - count :])
        # Every token that begins with the unstable bytes stands for them.
        single = [[id] for id in self._sorted_ids[self._beginning_with(unstable)]]
        # And so does every token that straddles their end, behind what comes before it. Different ones may give equal rows.
        rows: set[tuple[int, ...]] = set()
        texts = []
        for i in range(1, len(unstable)):
            prefix = unstable[:i]
            prefix_is_text = _is_utf8(prefix)
            for token in self.sorted_tokens[self._beginning_with(unstable[i:])]:
                # Behind whole characters it is the token that makes the difference.
                is_text = token not in self._cut_tokens if prefix_is_text else _is_utf8(prefix + token)
                if is_text:
                    texts.append(prefix + token)
                else:
                    rows.add(self._covering(self._merged(prefix + token), len(unstable)))
        rows |= self._encoded(texts, len(unstable))
        # A split may appear where there is none yet: in "\n\n" once "0" follows.
        last = _last_character_bytes(unstable)
        if 0 < last < len(unstable) and unstable[-last:].decode("utf-8") in _WHITE_SPACE:
            rows.add(tuple(self._merged(unstable[:-last]) + self._merged(unstable[-last:])))
        # A row of one id is a token that begins with the unstable bytes, which is there already.
        return stable, single + [list(row) for row in rows if len(row) != 1]

    def _beginning_with(self, prefix: bytes) -> slice:
        """Which of the sorted tokens begin with a prefix."""
        first = bisect_left(self.sorted_tokens, prefix)
        bare = prefix.rstrip(b"\xff")  # what comes after all that begins with the prefix: its last byte that can, raised by one
        beyond = bare[:-1] + bytes([bare[-1] + 1]) if bare else None
        return slice(first, len(self.sorted_tokens) if beyond is None else bisect_left(self.sorted_tokens, beyond, first))

    def _merged(self, piece: bytes) -> list[int]:
        return self._tokenizer._encode_piece(piece, whole_first=False)

    def _covering(self, ids: list[int], size: int) -> tuple[int, ...]:
        """The first ids, as many as it takes to stand for ``size`` bytes."""
        ends = np.cumsum(self._byte_count[ids])
        return tuple(ids[: int(np.searchsorted(ends, size)) + 1])

    def _encoded(self, texts: list[bytes], size: int) -> set[tuple[int, ...]]:
        """The ids of each text, as many as it takes to stand for ``size`` bytes."""
        encoded: Ragged = self._tokenizer.encode_batch(texts)
        ends = np.cumsum(self._byte_count[encoded.ids])
        starts = np.concatenate([[0], ends])[encoded.offsets[:-1]]
        stops = np.searchsorted(ends, starts + size) + 1
        ids = encoded.ids.tolist()
        return {tuple(ids[start:stop]) for start, stop in zip(encoded.offsets[:-1].tolist(), stops.tolist(), strict=True)}


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _last_character_bytes(data: bytes) -> int:
    """The size of the last character; 0 if the bytes do not end with a whole one."""
    size = 1
    while size < min(4, len(data)) and 0x80 <= data[-size] < 0xC0:
        size += 1
    return size if _is_utf8(data[-size:]) else 0
