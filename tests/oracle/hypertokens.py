"""Hypertokens found slowly: phrases are tuples, the book is a dict, and every rule stands where it is applied.

``zip2zip`` follows what the package ``zip2zip_compression`` 0.3.4 does, ``lru`` is tokmill's own profile. Both read a document of base ids
in ``[0, vocab)`` and give ids of which those from ``vocab`` on are codes of the book. ``tests/test_hypertokens.py`` holds this file to the
package, and the core to this file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

Phrase = tuple[int, ...]


class ImpossibleCode(Exception):
    """A code that means nothing at its place; the argument is the place."""


@dataclass
class Rules:
    """What both sides have to agree on."""

    vocab: int
    book: int
    most: int
    disabled: Collection[int] = ()
    seed: Sequence[Phrase] = ()


@dataclass
class Encoded:
    """The ids, how many base ids each stands for, how many entries a reader has after each, and the writer's book at the end."""

    ids: list[int] = field(default_factory=list)
    base_counts: list[int] = field(default_factory=list)
    installed: list[int] = field(default_factory=list)
    book: dict[int, Phrase] = field(default_factory=dict)


# zip2zip


def zip2zip_encode(rules: Rules, ids: Sequence[int]) -> Encoded:
    """Grow the phrase while the book knows it; what stops it is a new entry."""
    codes: dict[Phrase, int] = {phrase: rules.vocab + i for i, phrase in enumerate(rules.seed)}
    out = Encoded()
    phrase: Phrase = ()

    def emit() -> None:
        nonlocal phrase
        if phrase:
            out.ids.append(phrase[0] if len(phrase) == 1 else codes[phrase])
            out.base_counts.append(len(phrase))
        phrase = ()

    for id in ids:
        if id in rules.disabled:
            emit()
            phrase = (id,)
            emit()
            continue
        if phrase and (*phrase, id) not in codes:
            if len(codes) < rules.book:
                codes[(*phrase, id)] = rules.vocab + len(codes)
            emit()
        phrase = (*phrase, id)
        if len(phrase) == rules.most:
            emit()
    emit()
    out.book = {code: phrase for phrase, code in codes.items()}
    return out


class Zip2zipReader:
    """Makes the encoder's book out of what the encoder wrote, one id late."""

    def __init__(self, rules: Rules, strict: bool = True) -> None:
        self.rules, self.strict = rules, strict
        self.codes: dict[Phrase, int] = {phrase: rules.vocab + i for i, phrase in enumerate(rules.seed)}
        self.phrases: dict[int, Phrase] = {code: phrase for phrase, code in self.codes.items()}
        self.next = rules.vocab + len(self.codes)
        self.before: Phrase = ()  # what may still grow into a new entry

    def install(self, phrase: Phrase, code: int) -> None:
        self.codes[phrase] = code
        self.phrases[code] = phrase
        self.next += 1

    def unknown(self, code: int, place: int) -> Phrase | None:
        """The phrase of a code that is not in the book yet; None if it has become an entry on the way."""
        before, rules = self.before, self.rules
        whole = len(before) == rules.most
        late = (*before, *before[:1])
        if not before or (self.strict and (whole or code != self.next or self.next >= rules.vocab + rules.book or late in self.codes)):
            raise ImpossibleCode(place)
        if whole:
            return before
        self.install(late, code)
        self.before = late
        return None

    def read(self, code: int, place: int = 0) -> Phrase:
        """The base ids of the next id of the stream."""
        rules = self.rules
        if code in rules.disabled:
            self.before = ()
            return (code,)
        if code < 0:
            raise ImpossibleCode(place)
        phrase = (code,) if code < rules.vocab else self.phrases.get(code)
        if phrase is None:
            phrase = self.unknown(code, place)
            if phrase is None:
                return self.before
        if self.next == rules.vocab + rules.book:
            self.before = ()
        elif not self.before or len(self.before) == rules.most:
            self.before = phrase
        else:
            self.grow(phrase)
        return phrase

    def grow(self, phrase: Phrase) -> None:
        """What came before grows by the phrase's ids, up to the first step that the book does not know: that is a new entry."""
        rest = phrase
        while rest:
            self.before = (*self.before, rest[0])
            if self.before not in self.codes:
                self.install(self.before, self.next)
                self.before = rest
                return
            rest = rest[1:]
            if len(self.before) == self.rules.most:
                self.before = rest
                return


def zip2zip_decode(rules: Rules, ids: Sequence[int], strict: bool = True) -> tuple[list[int], Zip2zipReader]:
    """The base ids, and the reader with its book."""
    reader = Zip2zipReader(rules, strict)
    out = [id for place, code in enumerate(ids) for id in reader.read(code, place)]
    return out, reader


def zip2zip_condense(rules: Rules, ids: Sequence[int], barriers: Collection[int] = ()) -> Encoded:
    """The same as ``zip2zip_encode`` seen from the reader's side, which also says what to do where no phrase may cross.

    A phrase is whatever the reader knows, or will know by the first id of that very phrase.
    """
    reader, out, at = Zip2zipReader(rules), Encoded(), 0
    while at < len(ids):
        phrase: Phrase = (ids[at],)
        if ids[at] not in rules.disabled:
            late = (*reader.before, ids[at])
            room = 1 < len(late) <= rules.most and reader.next < rules.vocab + rules.book
            known = {*reader.codes, late} if room else reader.codes
            while len(phrase) < rules.most and at + len(phrase) < len(ids) and at + len(phrase) not in barriers:
                longer = (*phrase, ids[at + len(phrase)])
                if longer[-1] in rules.disabled or longer not in known:
                    break
                phrase = longer
        code = phrase[0] if len(phrase) == 1 else reader.codes.get(phrase, reader.next)
        assert reader.read(code) == phrase
        out.ids.append(code)
        out.base_counts.append(len(phrase))
        out.installed.append(len(reader.phrases))
        at += len(phrase)
    return out


# lru


class LruReader:
    """A full book gives the row of the phrase that was not used for longest to the next entry."""

    def __init__(self, rules: Rules, strict: bool = True) -> None:
        self.rules, self.strict = rules, strict
        self.phrases: dict[int, Phrase] = {rules.vocab + i: phrase for i, phrase in enumerate(rules.seed)}
        self.used: list[int] = []  # codes that are not of the seed, the last used first
        self.before: Phrase = ()

    def code_of(self, phrase: Phrase) -> int | None:
        return next((code for code, known in self.phrases.items() if known == phrase), None)

    def use(self, code: int, place: int = 0) -> None:
        if code in self.used:
            self.used.remove(code)
        self.used.insert(place, code)

    def read(self, code: int, place: int = 0) -> Phrase:
        """The base ids of the next id of the stream."""
        rules = self.rules
        if code in rules.disabled:
            self.before = ()
            return (code,)
        phrase = (code,) if 0 <= code < rules.vocab else self.phrases.get(code)
        if phrase is None:
            if self.strict or code < 0 or not 0 < len(self.before) < rules.most:
                raise ImpossibleCode(place)
            return (*self.before, self.before[0])
        for length in range(len(phrase), 1, -1):
            used = self.code_of(phrase[:length])
            if used is not None and used >= rules.vocab + len(rules.seed):
                self.use(used)
        entry = (*self.before, phrase[0])
        if self.before and len(entry) <= rules.most and self.code_of(entry) is None:
            self.install(entry, phrase)
        self.before = phrase
        return phrase

    def install(self, entry: Phrase, phrase: Phrase) -> None:
        """Its place in the order is behind the phrase that it grew from; else, if that has none, before all."""
        row = self.rules.vocab + len(self.phrases)
        if len(self.phrases) >= self.rules.book:
            if not self.used or self.phrases[self.used[-1]] in (self.before, phrase):
                return
            row = self.used.pop()
        self.phrases[row] = entry
        parent = self.code_of(self.before)
        self.use(row, self.used.index(parent) + 1 if parent in self.used else 0)


def lru_condense(rules: Rules, ids: Sequence[int], barriers: Collection[int] = ()) -> Encoded:
    """Always the longest phrase that the reader has, grown id by id."""
    reader, out, at = LruReader(rules), Encoded(), 0
    while at < len(ids):
        phrase: Phrase = (ids[at],)
        while len(phrase) < rules.most and at + len(phrase) < len(ids) and at + len(phrase) not in barriers:
            longer = (*phrase, ids[at + len(phrase)])
            if ids[at] in rules.disabled or reader.code_of(longer) is None:
                break
            phrase = longer
        code = phrase[0] if len(phrase) == 1 else reader.code_of(phrase)
        assert code is not None
        assert reader.read(code) == phrase
        out.ids.append(code)
        out.base_counts.append(len(phrase))
        out.installed.append(len(reader.phrases))
        at += len(phrase)
    return out


def decode(rules: Rules, ids: Sequence[int], profile: str, strict: bool = True) -> list[int]:
    """The base ids of condensed ids. Raises ImpossibleCode with the place."""
    reader = LruReader(rules, strict) if profile == "lru" else Zip2zipReader(rules, strict)
    return [id for place, code in enumerate(ids) for id in reader.read(code, place)]


def condense(rules: Rules, ids: Sequence[int], profile: str, barriers: Collection[int] = ()) -> Encoded:
    """Condensed ids of base ids."""
    return lru_condense(rules, ids, barriers) if profile == "lru" else zip2zip_condense(rules, ids, barriers)
