"""The questions: what is asked of every peer, on which text, in which way.

`measures.py` holds the ways, `bars.py` what the answers must be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .texts import CORPORA, HOSTILE


@dataclass(frozen=True)
class Case:
    """One question.

    `text` names a cutting of texts.py; `form` the call that is asked and compared ("array", "listed", "message", "batch", "count",
    "decode", "stream", "drop_in", "drop_in_batch", or "" where nothing is compared); `measure` the way of timing. `own` cases are asked of
    tokmill alone, `leaders` ones only of the peers that get every round, `drop_in` ones of those that have tiktoken's interface.
    """

    name: str
    title: str
    text: str
    form: str
    measure: str
    unit: str = "MB/s"
    vocabulary: str = "cl100k_base"
    threads: int = 1
    own: bool = False
    leaders: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def drop_in(self) -> bool:
        """Whether this is a row of tiktoken's interface."""
        return self.form.startswith("drop_in")

    @property
    def hostile(self) -> bool:
        """Whether this is a row of the adversarial table, where every peer counts in full."""
        return self.text.startswith("hostile/")

    @property
    def english(self) -> bool:
        """Whether a peer that is asked on English only is asked this."""
        return self.text.startswith(("english", "file")) and not self.environment


TITLES = {"english": "English", "code": "code", "kernel": "kernel docs", "multilingual": "multilingual", "cjk": "CJK", "file": "the file"}


def _speeds_of(text: str, vocabulary: str = "cl100k_base") -> list[Case]:
    """Everything that is asked of one text about speed."""
    title = TITLES[text]

    def case(name: str, words: str, cut: str, form: str, measure: str, threads: int = 1) -> Case:
        return Case(f"{text}-{name}", f"{title}, {words}", f"{text}/{cut}", form, measure, vocabulary=vocabulary, threads=threads)

    return [
        case("steady", "steady", "slices", "array", "steady"),
        case("warm", "warm", "whole", "array", "warm"),
        case("cold", "first call, cold", "whole", "array", "cold"),
        case("list", "list of int", "whole", "listed", "warm"),
        case("messages", "80-byte messages, call by call, as lists", "messages", "message", "messages"),
        case("batch", "batch of documents, 1 thread", "documents", "batch", "batch"),
        case("batch-2", "batch of documents, 2 threads", "documents", "batch", "batch", threads=2),
        case("count", "count", "whole", "count", "warm"),
        case("decode", "decode", "whole", "decode", "decode"),
    ]


def suite() -> list[Case]:
    """The whole committed benchmark."""
    cases = _speeds_of("english")
    for text in [text for text in CORPORA if text != "english"]:
        cases += _speeds_of(text)[:2]
    cases.append(Case("mixed", "mixed text whole, one pass", "mixed/all", "array", "cold"))
    cases.append(Case("stream", "streaming decode, a step of 256 sequences", "english/whole", "stream", "stream", unit="µs"))
    cases += [Case(f"hostile-{row}", f"hostile: {row}, first call", f"hostile/{row}", "array", "cold") for row in HOSTILE]
    cases += [
        Case("load", "load a rank file or tokenizer.json", "english/10mb", "", "load", unit="ms"),
        Case("load-snapshot", "load a snapshot", "english/10mb", "", "load_snapshot", unit="ms", own=True),
        Case("memory", "memory after load and 10 MB", "english/10mb", "", "memory", unit="MB"),
        Case(
            "memory-threads",
            "more memory with 64 calling threads",
            "english/slices",
            "",
            "memory_threads",
            unit="MB",
            threads=2,
            leaders=True,
        ),
        Case("memory-words", "growth from 1e5 to 1e6 distinct words", "distinct/words", "", "memory_words", unit="MB", leaders=True),
        Case("o200k-steady", "English, steady, o200k", "english/slices", "array", "steady", vocabulary="o200k_base", leaders=True),
        Case("o200k-warm", "English, warm, o200k", "english/whole", "array", "warm", vocabulary="o200k_base", leaders=True),
    ]
    cases += [
        Case("drop-in-messages", "as tiktoken: encode of 80-byte messages", "english/messages", "drop_in", "drop_in"),
        Case("drop-in-documents", "as tiktoken: encode of documents of 1 MB", "english/megabytes", "drop_in", "drop_in"),
        Case("drop-in-batch", "as tiktoken: encode_batch, 2 threads", "english/documents", "drop_in_batch", "drop_in_batch", threads=2),
    ]
    for tier in ("haswell", "scalar"):
        forced = {"TOKMILL_ISA": tier}
        cases.append(
            Case(f"{tier}-steady", f"English, steady, {tier} forced", "english/slices", "array", "steady", own=True, environment=forced)
        )
        cases.append(Case(f"{tier}-warm", f"English, warm, {tier} forced", "english/whole", "array", "warm", own=True, environment=forced))
    return cases


def of_a_file(vocabulary: str) -> list[Case]:
    """What `tokmill bench` asks of the user's own text."""
    load = Case("load", "load", "file/whole", "", "load", unit="ms", vocabulary=vocabulary)
    memory = Case("memory", "memory after load and the text", "file/10mb", "", "memory", unit="MB", vocabulary=vocabulary)
    return [*_speeds_of("file", vocabulary), load, memory]
