"""What is no text is told by its beginning; what is text, is never."""

import bz2
import gzip
import io
import lzma
import sqlite3
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.contents import HEAD, archive_named, full_of_controls, no_text, wide_text
from pipeline.inputs.files import InputFile
from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from pipeline.inputs.shards import plan_shards
from schemas.records import DeadLetter, Document, Shard
from tests.builders import parquet_of, tar_of, zip_of

TEXT = b"Maria left Lisbon on Tuesday.\n" * 20
LETTERS = [b"BZh", b"PAR1", b"ORC", b"RIFF", b"OggS", b"ID3", b"MZ", b"GIF89a", b"PK", b"Rar!"]


def read(data: bytes, name: str = "lines", source: str = "in.x", **config: str) -> list[Record]:
    shard = Shard(source, name, 0, None, len(data), "")
    return list(read_records(io.BytesIO(data), shard, ReadConfig(**config)))  # type: ignore[arg-type]  # by name


def avro() -> bytes:
    sink = io.BytesIO()
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    fastavro.writer(sink, schema, [{"text": "Maria"}])
    return sink.getvalue()


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE a (text)")
    return connection.serialize()


def png() -> bytes:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 1, 1, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum


def arrow() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"text": ["Maria"]})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gzip.compress(TEXT), "The file is gzip: call it .gz."),
        (lambda: bz2.compress(TEXT), "The file is bzip2: call it .bz2."),
        (lambda: zstandard.compress(TEXT), "The file is Zstandard: call it .zst."),
        (lambda: lzma.compress(TEXT), "The file is xz: call it .xz."),
        (lambda: lzma.compress(TEXT, lzma.FORMAT_ALONE), "The file is lzma: call it .lzma."),
        (partial(tar_of, "a.txt", TEXT), "The file is a tar archive: unpack it."),
        (
            partial(zip_of, "a.txt", TEXT),
            "The file is a zip archive (or what is one inside, as .docx and .xlsx are): unpa",
        ),
        (
            partial(parquet_of, text=["Maria"]),
            "The file is Parquet: name it .parquet, or give --input_format parquet.",
        ),
        (avro, "The file is Avro: name it .avro, or give --input_format avro."),
        (arrow, "The file is Arrow: convert it to Parquet."),
        (database, "The file is an SQLite database: export its table as csv."),
        (png, "The file is a PNG image: it holds no text to read."),
        (lambda: b"%PDF-1.7\n%ascii only\n", "The file is PDF: convert it to text."),
        (lambda: b"MZ" + bytes(100) + b"PE", "The file is an executable: it holds no text"),
        (lambda: b"\x7fELF\x02\x01\x01", "The file is an executable: it holds no text"),
        (lambda: bytes(5000), "The file is full of NUL characters: it is no text."),
        (
            lambda: b"name" + bytes(96) + b"0000644",
            "The file is full of NUL characters: it is no text",
        ),
    ],
)
@pytest.mark.parametrize("name", ["lines", "jsonl", "text", "csv", "json"])
def test_what_tools_write_that_is_no_text_breaks_its_file(
    make: Callable[[], bytes], message: str, name: str
) -> None:
    with pytest.raises(ShardError) as caught:
        read(make(), name)
    assert str(caught.value).startswith(message)


def test_a_later_range_of_a_file_that_is_no_text_is_not_read_either() -> None:
    """All look at its beginning, past the buffer, and none loses its place."""
    for data, is_text in ((gzip.compress(TEXT) + TEXT, False), (TEXT, True)):
        stream = io.BufferedReader(io.BytesIO(data))
        records = read_records(stream, Shard("a", "lines", 31, None, 9, ""), ReadConfig())
        if is_text:
            assert len(list(records)) == 18
        else:
            with pytest.raises(ShardError, match="is gzip"):
                list(records)


@given(data=st.text(st.characters(exclude_categories=["Cs", "Cc"])), start=st.sampled_from(LETTERS))
def test_text_is_text_whatever_letters_it_begins_with(data: str, start: bytes) -> None:
    for text in (data, start.decode() + data):
        head = text.encode()[:HEAD]
        assert no_text(head) is None
        assert wide_text(head) is None


@pytest.mark.parametrize("sign", [b"\0", b"\x01", b"\x1b", b"\x7f", b"\xc2\x85", b"\x0c"])
def test_a_stray_control_character_stays_in_its_record(sign: bytes) -> None:
    text = b"Maria " + sign + b" left Lisbon."
    assert read(text) == [Document("in.x#0", "in.x", 0, text.decode())]


LATIN, CHINESE, CYRILLIC = (
    "Maria left Oslo.\n",
    "马丽亚在星期二离开了里斯本，\n",
    "Мария в Осло. \n",
)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [LATIN, CHINESE, CYRILLIC])
@pytest.mark.parametrize("repeated", [3, 400])
def test_wide_text_without_a_mark_is_named_and_read_with_the_flag(
    text: str, encoding: str, repeated: int
) -> None:
    """Of Chinese in UTF-16 the line breaks alone have NUL bytes; Cyrillic is all ASCII in bytes."""
    data = (text * repeated).encode(encoding)
    for name in ("lines", "text", "csv"):
        with pytest.raises(ShardError) as caught:
            read(data, name)
        title = encoding.upper()
        assert str(caught.value) == (
            f"The file looks like {title} without a byte order mark: --encoding {encoding}."
        )
    records = read(data, encoding=encoding)
    assert [r.text for r in records if isinstance(r, Document)] == [text[:-1]] * repeated


def test_text_in_a_wide_encoding_may_begin_with_the_bytes_of_another_kind() -> None:
    """A `]` in UTF-32 is what lzma begins with; the encoding that was named decides."""
    texts = {"utf-32-le": "]Oslo", "utf-16-le": "\u8b1f\u0908 Oslo", "utf-16-be": "\u4d5a Oslo"}
    for encoding, text in texts.items():
        assert no_text(text.encode(encoding))
        (record,) = read(text.encode(encoding), encoding=encoding)
        assert isinstance(record, Document)
        assert record.text == text
    packed = gzip.compress(b"Maria left Oslo.\n" * 100)
    assert "gzip" in (no_text(packed, wide="utf-16-le") or "")


@given(
    text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=4),
    encoding=st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
)
def test_any_ascii_in_a_wide_encoding_is_told(text: str, encoding: str) -> None:
    assert f"--encoding {encoding}." in (wide_text(text.encode(encoding)) or "")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("lines", b"fine, fine\n" * 500 + CYRILLIC.encode("utf-16-le")[:-2] + b"\n"),
        ("lines", b"fine, fine\n" * 500 + "Maria".encode("utf-16-le") + b"\n"),
        ("csv", b"id,text\n" + b"1,fine\n" * 900 + b"2," + bytes(9) + b"\n"),
        ("jsonl", b'{"text": "fine"}\n' * 300 + b'{"text": "' + b"\\u0000a" * 4 + b'"}\n'),
    ],
)
def test_a_text_full_of_nul_characters_further_on_is_a_dead_letter(name: str, data: bytes) -> None:
    """As where a program appended UTF-16 to a file in UTF-8."""
    *fine, letter = read(data, name)
    assert {r.text for r in fine if isinstance(r, Document)} <= {"fine, fine", "fine"}
    assert isinstance(letter, DeadLetter)
    assert letter.message == "The text is full of NUL characters: it looks like UTF-16."


def test_full_of_controls_is_two_and_a_quarter() -> None:
    assert [full_of_controls(*pair) for pair in ((1, 1), (2, 8), (2, 9), (0, 0))] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("first", ["MZ", "BZh ", "RIFF"])
def test_letters_of_other_encodings_are_no_signatures(first: str) -> None:
    """As UTF-16, these bytes are Chinese characters."""
    (chinese,) = read(first.encode() + b"\n\0", encoding="utf-16-le")
    assert isinstance(chinese, Document)
    (latin,) = read(first.encode() + b" caf\xe9\n", encoding="cp1252")
    assert isinstance(latin, Document)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *((f"a{end}", "a tar archive") for end in (".tar", ".TGZ", ".tar.gz", ".tar.zst", ".txz")),
        *(
            ("/x/a.zip", "a zip archive"),
            ("s3://b/a.7z", "a 7z archive"),
            ("a.rar", "a rar archive"),
        ),
        *((end, None) for end in ("a.gz", "zip", "a.jsonl", "tar.gz/a.txt", "a.zip.txt", "star")),
    ],
)
def test_archives_are_known_by_name(path: str, kind: str | None) -> None:
    assert archive_named(path) == kind


def test_an_archive_below_a_folder_breaks_itself_alone(tmp_path: Path) -> None:
    shards = plan_shards([InputFile("/d/a.zip", 9, ""), InputFile("/d/a.txt", 9, "")], ReadConfig())
    assert [shard.source for shard in shards] == ["/d/a.zip", "/d/a.txt"]
    with pytest.raises(ShardError, match=r"^The file is a zip archive by its name: unpack it\.$"):
        read(b"whatever it holds", "text", "/d/a.zip")


DOCUMENT = r"^The file is one JSON document, not one object a line: --input_format json reads it"
OBJECTS = r"^The file has JSON objects of several lines, not one object a line: jq -c \. writes it"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[\n{"text": "a"},\n{"text": "b"}\n]\n', DOCUMENT),
        (b'\xef\xbb\xbf\n [\n  {\n    "text": "a"\n  }\n]', DOCUMENT),
        (b'[{"text": "a"},\r\n{"text": "b"}]', DOCUMENT),
        (b'{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n', OBJECTS),
    ],
)
def test_a_json_document_that_is_read_as_lines_says_what_it_is(data: bytes, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        read(data, "jsonl")


@pytest.mark.parametrize(
    "first", [b"[", b"{", b'[{"text": ', b"[1, 2]", b'{"text": "cut', b'[{"text": "a"}]', b"]"]
)
def test_a_first_line_that_is_broken_costs_itself_alone(first: bytes) -> None:
    letter, document = read(first + b'\n{"text": "b"}\n', "jsonl")
    assert isinstance(letter, DeadLetter)
    assert isinstance(document, Document)
    is_array = first == b'[{"text": "a"}]'
    assert letter.message.endswith("takes --input_format json.") == is_array


def test_a_mark_where_files_were_joined() -> None:
    """Before an object it can be nothing else; elsewhere it is told, or part of the text."""
    mark = b"\xef\xbb\xbf"
    lines = [
        b'{"text": "a"}\n',
        mark + b'{"text": "b"}\n',
        b'{"text": "c"}' + mark + b'{"text": "d"}\n',
    ]
    first, second, third = read(b"".join(lines), "jsonl")
    assert [r.text for r in (first, second) if isinstance(r, Document)] == ["a", "b"]
    assert second.record == len(lines[0])
    assert isinstance(third, DeadLetter)
    assert third.message == (
        "A byte order mark stands behind the object, at character 13: files were joined there "
        "without a line break."
    )
    one, two = read(b"a\n" + mark + b"b\n", "lines")
    assert isinstance(two, Document)
    assert two.text == "\ufeffb"
    table = b"id,text\n1,a\n" + mark + b"id,text\n2,b\n" + b'3,"' + mark + b'c"\n'
    rows = read(table, "csv")
    assert [r.text for r in rows if isinstance(r, Document)] == ["a", "b", "\ufeffc"]
    assert isinstance(rows[1], DeadLetter)
    assert rows[1].message == "The row begins with a byte order mark: files were joined there."
    assert one.record == 0
