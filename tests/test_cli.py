"""The command line: every command on small real input, its files byte for byte, its exit codes and messages."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import tokmill
from tokmill.cli import main
from tokmill.report import escaped

TEXT = "Grüße, 世界! Tokens <|endoftext|>\r\n  and\ta second line\n"
DOCUMENTS = ["one", "", "zwei\n", "三 <|endoftext|>"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    return path


@pytest.fixture
def jsonl(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text, "body": text + "!"}) + "\n" for text in DOCUMENTS), encoding="utf-8")
    return path


@pytest.fixture
def run(capfdbinary):
    """Runs a command in this process: (exit code, standard output, standard error)."""

    def run_command(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as leaving:  # argparse leaves so
            code = leaving.code
        output, errors = capfdbinary.readouterr()
        return code, output, errors.decode()

    return run_command


def in_a_process(*words, **options):
    return subprocess.run([sys.executable, "-m", "tokmill", *map(str, words)], capture_output=True, check=False, timeout=60, **options)


# report


def test_report(run, file, embedded):
    code, output, errors = run("report", file)
    assert (code, errors) == (0, "")
    text = output.decode()
    for part in ("bytes", "pretokens", "tokens", "bytes/token", "distinct ids", "MB/s", "core-hours/TB", "round trip", "exact"):
        assert part in text
    assert "\x1b" not in text
    assert "|" in text


def test_report_as_json(run, file, embedded):
    code, output, _ = run("report", "--json", "--tokens", 3, file, file)
    report = json.loads(output)
    assert code == 0
    assert len(report["sections"]) == 2
    section = report["sections"][0]
    ids = embedded.encode_list(TEXT)
    assert section["bytes"] == len(TEXT.encode())
    assert section["tokens"] == len(ids)
    assert section["distinct_ids"] == len(set(ids))
    assert section["pretokens"] == embedded.pretoken_count(TEXT)
    assert section["round_trip"] == "exact"
    assert [piece["id"] for piece in section["preview"]] == ids[:3]


def test_report_color_and_standard_input(file):
    result = in_a_process("report", "--color=always", "-", input=TEXT.encode())
    assert result.returncode == 0
    assert b"standard input" in result.stdout
    assert b"\x1b[48;5;" in result.stdout


def test_report_html_is_one_whole_page(run, tmp_path):
    class Checker(HTMLParser):
        def __init__(self):
            super().__init__()
            self.opened, self.outside = [], []

        def handle_starttag(self, tag, attributes):
            if tag not in ("meta",):
                self.opened.append(tag)
            self.outside += [value for name, value in attributes if name in ("src", "href")]

        def handle_endtag(self, tag):
            assert self.opened.pop() == tag

    source = tmp_path / ("plain" if os.name == "nt" else "<script>.txt")
    source.write_text("<b>&\x1b[31m\u202e</b>", encoding="utf-8")
    code, _, errors = run("report", source, "--html", tmp_path / "r.html")
    assert (code, errors) == (0, "")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(page)
    assert checker.opened == []
    assert checker.outside == []
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_report_of_nothing_and_of_gzip(run, tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    code, output, _ = run("report", "--json", empty, packed)
    assert code == 0
    assert [section["bytes"] for section in json.loads(output)["sections"]] == [0, len(TEXT.encode())]


def test_preview_is_safe_on_a_terminal():
    assert escaped(b" a\n\x1b[0m\xe2\x80") == " a\\n\\x1b[0m\\xe2\\x80"
    assert escaped("é\u202e\u0007".encode()) == "é\\u202e\\x07"


# encode


def test_encode_to_numbers_and_back(run, file, embedded):
    code, output, _ = run("encode", file)
    assert code == 0
    assert list(map(int, output.split())) == embedded.encode_list(TEXT)
    (file.parent / "numbers").write_bytes(output)
    assert run("decode", file.parent / "numbers")[1] == TEXT.encode()


def test_encode_lines(run, file, embedded):
    _, output, _ = run("encode", "--lines", file)
    expected = [embedded.encode_list(line) for line in TEXT.splitlines(keepends=True)]
    assert [list(map(int, line.split())) for line in output.splitlines()] == expected


@pytest.mark.parametrize("special", ["text", "parse"])
def test_encode_npy_with_offsets(run, jsonl, tmp_path, embedded, special):
    out, offsets = tmp_path / "ids.npy", tmp_path / "offsets.npy"
    code, output, _ = run("encode", jsonl, "-o", out, "--offsets", offsets, "--append-eos", "--special", special)
    assert (code, output) == (0, b"")
    ids = np.load(out)
    assert ids.dtype == np.int32
    bounds = np.load(offsets)
    assert bounds.dtype == np.int64
    rows = [ids[a:b].tolist() for a, b in pairwise(bounds)]
    assert rows == [[*embedded.encode_list(text, special=special), embedded.eos_id] for text in DOCUMENTS]
    assert run("decode", out, "--skip-special-tokens")[0] == 0


@pytest.mark.parametrize("dtype", ["uint16", "int32", "int64"])
def test_encode_raw_and_back(run, jsonl, tmp_path, embedded, dtype):
    out = tmp_path / "ids.bin"
    assert run("encode", jsonl, "--field", "body", "-o", out, "--dtype", dtype)[0] == 0
    expected = [id for text in DOCUMENTS for id in embedded.encode_list(text + "!")]
    assert np.fromfile(out, dtype).tolist() == expected
    assert run("decode", out, "--dtype", dtype)[1].decode() == "".join(text + "!" for text in DOCUMENTS)


@pytest.mark.parametrize(("dtype", "code_of_dtype", "kind"), [(None, 4, "int32"), ("uint16", 8, "uint16")])
def test_encode_for_megatron(run, jsonl, tmp_path, embedded, dtype, code_of_dtype, kind):
    prefix = tmp_path / "corpus"
    assert run("encode", jsonl, "--format", "megatron", "-o", prefix, *(["--dtype", dtype] if dtype else []))[0] == 0
    index = io.BytesIO((tmp_path / "corpus.idx").read_bytes())
    assert index.read(9) == b"MMIDIDX\x00\x00"
    version, dtype_code, sequences, documents = struct.unpack("<QBQQ", index.read(25))
    assert (version, dtype_code, sequences, documents) == (1, code_of_dtype, len(DOCUMENTS), len(DOCUMENTS) + 1)
    lengths = np.frombuffer(index.read(4 * sequences), "<i4")
    pointers = np.frombuffer(index.read(8 * sequences), "<i8")
    assert np.frombuffer(index.read(8 * documents), "<i8").tolist() == list(range(documents))
    assert index.read() == b""
    data = (tmp_path / "corpus.bin").read_bytes()
    for text, length, pointer in zip(DOCUMENTS, lengths, pointers, strict=True):
        assert np.frombuffer(data, kind, length, pointer).tolist() == embedded.encode_list(text)
    assert len(data) == lengths.sum() * np.dtype(kind).itemsize


def test_several_files_are_several_documents(run, file, jsonl, tmp_path, embedded):
    packed = tmp_path / "more.txt.gz"
    packed.write_bytes(gzip.compress(TEXT.encode() * 3))
    _, output, _ = run("encode", file, jsonl, packed)
    rows = [list(map(int, line.split())) for line in output.split(b"\n")[:-1]]
    assert rows == [embedded.encode_list(text) for text in (TEXT, *DOCUMENTS, TEXT * 3)]


def test_encode_standard_input(embedded):
    result = in_a_process("encode", "--format", "raw", input=TEXT.encode())
    assert result.returncode == 0
    assert np.frombuffer(result.stdout, "<i4").tolist() == embedded.encode_list(TEXT)


# count, info, version


def test_count(run, file, jsonl, embedded):
    lengths = [embedded.count(TEXT), sum(map(embedded.count, DOCUMENTS))]
    code, output, _ = run("count", file, jsonl)
    assert code == 0
    assert [line.split()[0] for line in output.decode().splitlines()] == [str(n) for n in (*lengths, sum(lengths))]
    rows = [json.loads(line) for line in run("count", "--json", file, jsonl)[1].splitlines()]
    assert [(row["tokens"], row["documents"]) for row in rows] == [(lengths[0], 1), (lengths[1], 4)]


def test_info(run, embedded, tmp_path):
    code, output, _ = run("info")
    assert code == 0
    for part in (embedded.digest, "65,536", "cl100k_base", tokmill.isa()["active"], "embedded"):
        assert part in output.decode()
    assert json.loads(run("info", "--json")[1])["sections"][0]["digest"] == embedded.digest


def test_vocabulary_options(run, tmp_path, file):
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(b"".join(b"%b %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256)))
    words = ("encode", file, "-v", path)
    code, _, errors = run(*words)
    assert code == 1
    assert "pattern" in errors
    code, output, _ = run(*words, "--pattern", "gpt2", "--special-token", "<|endoftext|>=300", "--special", "parse")
    assert code == 0
    assert b" 300 " in output
    assert run(*words, "--special-token", "nonsense")[0] == 2


def test_version_and_help(run):
    assert run("--version")[1].startswith(b"tokmill ")
    code, output, _ = run()
    assert code == 2
    for command in (b"report", b"encode", b"decode", b"count", b"info", b"verify", b"bench"):
        assert command in output
        assert run(command.decode(), "--help")[0] == 0


# What goes wrong


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["count", "no-such-file"], 1, "cannot read no-such-file: No such file"),
        (["encode", "FILE", "-o", "x.what"], 2, "cannot tell the format"),
        (["encode", "FILE", "--format", "npy"], 2, "needs a file"),
        (["encode", "FILE", "-v", "nothing"], 1, "no vocabulary is called 'nothing'"),
        (["encode", "FILE", "-o", "no/folder.npy"], 1, "cannot write"),
        (["encode", "FILE", "--format", "megatron", "-o", "x", "--dtype", "uint32"], 2, "Megatron's index knows no uint32"),
        (["encode", "FILE", "--threads", "0"], 2, "1 or more"),
        (["encode", "FILE", "--special", "error"], 1, "<|endoftext|>"),
        (["count", "JSONL", "--field", "nothing"], 1, "rows.jsonl, line 1: no field 'nothing'"),
        (["count", "JSONL", "--lines"], 2, "lines=True"),
        (["decode", "FILE"], 1, "is not an id"),
        (["decode", "FILE", "--format", "npy"], 1, "not a .npy file"),
        (["decode", "FILE", "--format", "raw", "--dtype", "int64"], 1, ""),
        (["nonsense"], 2, "invalid choice"),
        (["report"], 2, "required"),
    ],
)
def test_failures_have_a_code_and_a_message(run, file, jsonl, tmp_path, monkeypatch, words, code, part):
    monkeypatch.chdir(tmp_path)
    places = {"FILE": file, "JSONL": jsonl}
    before = sorted(os.listdir(tmp_path))
    found, output, errors = run(*(places.get(word, word) for word in words))
    assert found == code
    assert part in errors
    assert "Traceback" not in errors
    assert errors.count("\n") < 12
    assert output == b""
    assert sorted(os.listdir(tmp_path)) == before


def test_input_that_is_not_utf8(run, tmp_path):
    path = tmp_path / "latin1"
    path.write_bytes(b"abc \xff def")
    for command in (("report", path), ("encode", path), ("count", path), ("encode", "--lines", path)):
        code, _, errors = run(*command)
        assert code == 1
        assert f"{path}: " in errors
        assert "4" in errors.replace(str(path), "")
    code, output, _ = run("report", "--json", "--invalid", "replace", path)
    assert code == 0
    assert json.loads(output)["sections"][0]["round_trip"] == "exact after replacement"


def test_a_failure_leaves_the_old_output(run, tmp_path, jsonl):
    out = tmp_path / "ids.npy"
    out.write_bytes(b"before")
    jsonl.write_bytes(jsonl.read_bytes() * 1000 + b"{")
    code, _, errors = run("encode", jsonl, "-o", out)
    assert code == 1
    assert "line 4001" in errors
    assert out.read_bytes() == b"before"
    assert sorted(os.listdir(tmp_path)) == ["ids.npy", "rows.jsonl"]


def test_unknown_ids(run, tmp_path):
    path = tmp_path / "ids.npy"
    np.save(path, np.array([1, 2, 70_000], np.int64))
    code, _, errors = run("decode", path)
    assert code == 1
    assert "70000" in errors.replace(",", "")
    assert run("decode", path, "--unknown", "skip")[0] == 0
    np.save(path, np.zeros((2, 2)))
    assert "1-D array of integers" in run("decode", path)[2]


def test_hints_name_options(run, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"ab\xff")
    code, _, errors = run("count", bad)
    assert (code, errors) == (
        1,
        f"tokmill: error: {bad}: document 0: byte 0xFF at position 2 is not UTF-8; pass --invalid replace to read such bytes as U+FFFD\n",
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this platform")
def test_full_disk(file):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([sys.executable, "-m", "tokmill", "encode", str(file)], stdout=full, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 1
    assert b"No space left" in result.stderr
    assert b"Traceback" not in result.stderr
    result = in_a_process("encode", file, "-o", "/dev/full", "--format", "raw")
    assert result.returncode == 1
    assert b"cannot write /dev/full" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes that break are Unix")
def test_broken_pipe_is_quiet(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(TEXT.encode() * 20_000)
    command = [sys.executable, "-m", "tokmill", "encode", "--lines", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals are Unix")
def test_interrupt_leaves_nothing(tmp_path):
    out = tmp_path / "ids.npy"
    command = [sys.executable, "-m", "tokmill", "encode", "-", "-o", str(out)]
    heeded = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell has what it starts in the background ignore it
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heeded) as process:
        assert process.stdin is not None
        process.stdin.write(TEXT.encode())
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not os.listdir(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"tokmill: interrupted\n"
    assert os.listdir(tmp_path) == []
