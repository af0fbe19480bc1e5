"""The room documents: text, lines, jsonl, gz, zst, Arrow and Parquet, and every way in which they can be broken."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from tokmill.documents import format_of, read_blocks, read_documents
from tokmill.errors import ArgumentError, DocumentError, InputError, InputNotFoundError

TEXT = "Grüße, 世界\r\nline two\n\nno end".encode()


def flat(batches):
    return [document for batch in batches for document in batch]


@pytest.mark.parametrize("block_bytes", [1, 3, 7, 1 << 20])
def test_blocks_join_to_the_file(tmp_path, block_bytes):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    blocks = list(read_blocks(path, block_bytes=block_bytes))
    assert b"".join(blocks) == TEXT
    assert all(0 < len(block) <= block_bytes for block in blocks)


def test_empty_file_has_no_blocks_but_is_one_document(tmp_path):
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert list(read_blocks(path)) == []
    assert flat(read_documents(path)) == [b""]
    assert flat(read_documents(path, lines=True)) == []


def test_lines_keep_their_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    assert flat(read_documents(path, lines=True)) == ["Grüße, 世界\r\n".encode(), b"line two\n", b"\n", b"no end"]
    assert len(list(read_documents(path, lines=True, batch_bytes=1))) == 3  # readlines() stops beyond the hint


def test_jsonl(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "one", "id": 1}, {"text": "zwei\n", "id": 2}, {"text": "\ud800", "id": 3}]
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    assert format_of(path) == "jsonl"
    assert flat(read_documents(path)) == ["one", "zwei\n", "\ud800"]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("{", "not JSON"),
        ("[1]", "holds list"),
        ('{"body": "x"}', "no field 'text'; there are 'body'"),
        ('{"text": 3}', "holds int"),
        ("[" * 100_000, "not JSON"),
        ("\xff", "not UTF-8"),
    ],
)
def test_broken_jsonl_names_path_and_line(tmp_path, line, part):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "fine"}\n' + line.encode("latin-1") + b"\n")
    with pytest.raises(DocumentError, match="line 2") as caught:
        flat(read_documents(path))
    assert caught.value.where == 2
    assert caught.value.path == str(path)
    assert part in str(caught.value)


def test_gzip_is_known_by_its_first_bytes(tmp_path):
    path = tmp_path / "no-ending"
    path.write_bytes(gzip.compress(TEXT) + gzip.compress(b"second member"))
    assert b"".join(read_blocks(path)) == TEXT + b"second member"
    assert flat(read_documents(path, lines=True))[1] == b"line two\n"


def test_every_cut_of_a_gzip_file_is_noticed(tmp_path):
    whole = gzip.compress(TEXT * 50)
    path = tmp_path / "cut.gz"
    for size in range(2, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DocumentError):
            list(read_blocks(path))


def test_gzip_with_a_wrong_byte(tmp_path):
    whole = bytearray(gzip.compress(TEXT * 50))
    whole[-6] ^= 1
    path = tmp_path / "bad.gz"
    path.write_bytes(whole)
    with pytest.raises(DocumentError, match="damaged") as caught:
        list(read_blocks(path))
    assert caught.value.path == str(path)


def test_zst(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    compress = zstandard.ZstdCompressor().compress
    path = tmp_path / "a.txt.zst"
    text = TEXT * 10_000
    path.write_bytes(compress(text) + compress(b"second frame"))
    assert b"".join(read_blocks(path)) == text + b"second frame"
    whole = compress(TEXT * 50)
    for size in range(4, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DocumentError, match="cut short"):
            list(read_blocks(path))
    path.write_bytes(whole[:8] + b"\xff\xff\xff\xff" + whole[12:])
    with pytest.raises(DocumentError):
        list(read_blocks(path))


def test_zst_without_zstandard_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = tmp_path / "a.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(DocumentError, match="pip install"):
        list(read_blocks(path))


@pytest.mark.parametrize("form", ["file", "stream", "parquet"])
def test_arrow_and_parquet(tmp_path, form):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["one", "zwei", "三"], "n": [1, 2, 3]})
    path = tmp_path / ("a.parquet" if form == "parquet" else "a.arrow")
    if form == "parquet":
        parquet.write_table(table, path)
    else:
        make = pyarrow.ipc.new_file if form == "file" else pyarrow.ipc.new_stream
        with make(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    assert flat(read_documents(path)) == ["one", "zwei", "三"]
    with pytest.raises(DocumentError, match="no column 'body'; there are 'text', 'n'"):
        flat(read_documents(path, field="body"))
    with pytest.raises(DocumentError, match="row 0"):
        flat(read_documents(path, field="n"))
    path.write_bytes(path.read_bytes()[:-20])
    if form != "stream":
        with pytest.raises(DocumentError):
            flat(read_documents(path))


def test_open_files_are_left_open(tmp_path):
    for make in (io.BytesIO, lambda data: io.BufferedReader(io.BytesIO(data))):
        file = make(gzip.compress(TEXT))
        assert b"".join(read_blocks(file)) == TEXT
        assert not file.closed


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(TEXT))

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert b"".join(read_blocks("-")) == TEXT


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(InputNotFoundError, match="cannot read") as caught:
        list(read_blocks(tmp_path / "nothing"))
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(InputError):
        list(read_blocks(tmp_path))


def test_wrong_arguments(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    with pytest.raises(ArgumentError, match="lines=True"):
        flat(read_documents(path, lines=True))
    with pytest.raises(ArgumentError, match="format"):
        flat(read_documents(path, format="csv"))
    with pytest.raises(ArgumentError, match="block_bytes"):
        list(read_blocks(path, block_bytes=0))
    with pytest.raises(ArgumentError, match="source"):
        list(read_blocks(3))


def test_formats_by_ending():
    assert format_of(Path("x.ndjson.gz")) == "jsonl"
    assert format_of("x.jsonl.zst") == "jsonl"
    assert format_of("x.parquet") == "parquet"
    assert format_of("x.py") == "text"
    assert format_of("-") == "text"
