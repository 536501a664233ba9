"""Reading json without Beam: every element of the array once, with the values that jsonl gives."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from schemas.records import DeadLetter, Document, Shard
from tests.builders import records_until_error

BOM = b"\xef\xbb\xbf"
DEFAULT = ReadConfig()
FIELDS = ReadConfig(id_field="m.id", keep_fields=("k", "m.x"))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": partial(lzma.compress, preset=0),
}


def read(data: bytes, config: ReadConfig = DEFAULT, name: str = "json") -> list[Record]:
    records, error = read_all(buffered(data), config, name)
    assert error is None
    return records


def buffered(data: bytes) -> BinaryIO:
    return io.BufferedReader(io.BytesIO(data), 2**18)


def read_all(
    stream: BinaryIO, config: ReadConfig = DEFAULT, name: str = "json"
) -> tuple[list[Record], Exception | None]:
    return records_until_error(stream, config, name)


def texts(records: list[Record]) -> list[str]:
    return [record.text for record in records if isinstance(record, Document)]


@contextmanager
def small_pieces(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.inputs.formats.json_array.PIECE", size)
        yield


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(['"', "\\", '\\"', "\n", "]", "},{", "\ud800", "é😀", "1" * 30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
rows = st.lists(
    st.fixed_dictionaries({}, optional={"text": values, "m": values, "k": values})
    | st.fixed_dictionaries({"text": st.text(), "m": st.fixed_dictionaries({"id": values})})
    | values.filter(lambda value: not isinstance(value, dict)),
    max_size=5,
)


@given(
    rows=rows,
    indent=st.sampled_from([None, 0, 2]),
    escape=st.booleans(),
    wrap=st.booleans(),
    piece=st.sampled_from([1, 2, 7, 2**20]),
)
def test_any_array_gives_what_jsonl_gives(
    rows: list[Any], indent: int | None, escape: bool, wrap: bool, piece: int
) -> None:
    """Ids and kept fields too; `record` is where the element begins, its raw bytes are its own."""
    if wrap:
        rows = [{"text": "first"}, *rows]
    whole = {"a": {"b": [1]}, "n": [], "s": 'x"[', "rows": rows, "z": [{}]} if wrap else rows
    data = json.dumps(whole, ensure_ascii=escape, indent=indent).encode("utf-8", "surrogatepass")
    lines = [json.dumps(row, ensure_ascii=escape) for row in rows]
    expected = read("\n".join(lines).encode("utf-8", "surrogatepass"), FIELDS, "jsonl")
    with small_pieces(piece):
        records = read(data, FIELDS)
    assert len(records) == len(expected) == len(rows)
    for record, wanted, row in zip(records, expected, rows, strict=True):
        assert record.record is not None
        element = data[record.record :]
        if isinstance(wanted, Document):
            assert isinstance(record, Document)
            assert (record.text, record.fields) == (wanted.text, wanted.fields)
            made = f"in.x#{wanted.record}"
            assert record.doc_id == (
                f"in.x#{record.record}" if wanted.doc_id == made else wanted.doc_id
            )
        else:
            assert isinstance(record, DeadLetter)
            assert record.error == wanted.error
            assert record.raw is not None
            assert element.startswith(record.raw)
            try:
                again = json.dumps(json.loads(record.raw))
            except UnicodeDecodeError:
                continue
            assert again == json.dumps(row)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (BOM, []),
        (b" \n\t\r\n", []),
        (b"[]", []),
        (BOM + b"[ ]\n", []),
        (b'{"rows": []}', []),
        (b'{"errors": [], "rows": [{"text": "a"}]}', ["a"]),
        (b'{"tags": ["x", {"text": "no"}], "rows": [{"text": "a"}]}', ["a"]),
        (b'{"rows": [{"text": "a"}], "more": [{"word": "no"}], "x": [[{"text": "no"}]]}', ["a"]),
        (BOM + b'[{"text": "a"},\n{"text": "b"}]\n', ["a", "b"]),
        (b'[{"text": "a"},{"text": "b"},]', ["a", "b"]),
        (b'{\n "text": "of the object",\n "rows": [{"text": "a"}]\n}', ["a"]),
    ],
)
def test_the_array_is_the_file_or_the_first_of_objects_in_it(
    data: bytes, expected: list[str]
) -> None:
    for piece in (1, 3, 2**20):
        with small_pieces(piece):
            records = read(data)
        assert texts(records) == expected
        assert len(records) == len(expected)


@pytest.mark.parametrize(
    ("data", "expected", "message"),
    [
        (b'[{"text": "a"}, {"te', ["a"], "The JSON breaks off at byte 20."),
        (b'[{"text": "a"}, ', ["a"], "The JSON breaks off at byte 16."),
        (b'[{"text": "a"}', ["a"], "The JSON breaks off at byte 14."),
        (b'[{"text": "a"}, {"text": "b}]', ["a"], "The JSON breaks off at byte 29."),
        (b'[{"text": "a"}}', ["a"], "The JSON breaks off at byte 14."),
        (b'{"rows": [{"text": "a"}]', ["a"], "The JSON breaks off at byte 24."),
        (b'{"rows": ', [], "The JSON breaks off at byte 9."),
        (b'{"rows"', [], "The JSON breaks off at byte 7."),
        (b'[{"text": "a"}] []', ["a"], "More stands behind the JSON, at byte 16."),
        (
            b'{"rows": [{"text": "a"}], "n": {}, "more": [{"id": 1, "text": "b"}]}',
            ["a"],
            "The object has a further array of objects with the field 'text', \"more\", and",
        ),
        (b'{"rows": [{"text": "a"}], "more": [{"id": 1', ["a"], "The JSON breaks off at byte 43."),
        (b'"text"', [], "The file holds neither an array nor an object."),
        (b"Maria left Lisbon.", [], "The file holds neither an array nor an object."),
        (
            b'{"id": 1, "body": ["a"]}',
            [],
            'The object holds no array of objects; its keys are "id", "body".',
        ),
        (
            b'{\n "id": 1,\n "text": "a",\n "tags": []\n}',
            [],
            'The object holds no array of objects; its keys are "id", "text", "tags".',
        ),
        (b'{"id": 1, "body": "a", "tags": []}', [], 'its keys are "id", "body", "tags".'),
        (b"{}", [], "The object holds no array of objects; its keys are none."),
        (
            b"{%s}" % b", ".join(b'"k%d": 0' % number for number in range(25)),
            [],
            '"k19" and 5 more.',
        ),
    ],
)
def test_json_that_cannot_be_read_on_raises_a_shard_error(
    data: bytes, expected: list[str], message: str
) -> None:
    for piece in (1, 2**20):
        with small_pieces(piece):
            records, error = read_all(buffered(data))
        assert texts(records) == expected
        assert isinstance(error, ShardError)
        assert message in str(error)


@pytest.mark.parametrize(
    ("element", "error", "message"),
    [
        (b"7", "RecordError", "The record is a number, not a JSON object."),
        (b'"a, b]"', "RecordError", "The record is a string, not a JSON object."),
        (b'{"text": oops}', "JSONDecodeError", "The record is not valid JSON: Expecting value at"),
        (b'{"text": null}', "RecordError", "The text field 'text' is missing or null."),
        (b'{"text": "a\xff"}', "UnicodeDecodeError", "not valid UTF-8: byte 0xff at offset 11."),
        (b'{"text": "a\\ud800"}', "UnicodeEncodeError", "a lone surrogate, U+D800, which UTF-8"),
        (b'{"text": ' + b"1" * 9999 + b"}", "ValueError", "The record cannot be read: Exceeds the"),
        (
            b'{"text": ' + b"[" * 99999 + b"]" * 99999 + b"}",
            "RecursionError",
            "The record is JSON nested too deeply",
        ),
    ],
)
def test_a_bad_element_is_one_dead_letter_and_leaves_its_neighbours_alone(
    element: bytes, error: str, message: str
) -> None:
    first, letter, last = read(b'[{"text": "a"}, ' + element + b' , {"text": "b"}]')
    assert texts([first, last]) == ["a", "b"]
    assert isinstance(letter, DeadLetter)
    assert (letter.record, letter.error) == (16, error)
    assert message in letter.message
    assert letter.raw == element[: 2**16] or letter.raw == element + b" "


@pytest.mark.parametrize(
    "data",
    [
        b'{"text": "a"}\n{"text": "b"}\n',
        BOM + b'\n {"id": 1}\n\n{"text": "b"}',
        b'{"text": "a"}\n{broken\n{"text": "b"}\n',
        b'{"rows": [{"text": "a"}]}\n{"text": "b"}\n',
        b'{"text": "a", "entities": [{"text": "no"}]}',
        b'{"text": "a"}',
        b'{"text": "' + b"x" * 100_000 + b'"}\n{"text": "b"}\n',
        b'{"id": 1, "tags": [], "text": "' + b"x" * 300_000 + b'"}',
        b'{"id": 1, "parts": [{"text": "no"}], "text": "' + b"x" * 300_000 + b'"}',
        b'{"text": "a"\n{"text": "b"}\n',
        b'{"text": "\xff"}\n{"text": "b"}\n',
        b'null\n{"text": "b"}\n',
        b'[1]\n{"text": "b"}\n',
        b'{"text": ' + b"1" * 5000 + b'}\n{"text": "b"}\n',
    ],
)
@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_json_lines_are_read_as_such_in_spite_of_their_name(data: bytes, suffix: str) -> None:
    """Files that end in .json hold them more often than not."""
    packed = COMPRESS[suffix](data) if suffix else data
    records = read_all(decompressed(buffered(packed), f"in.x{suffix}"))
    assert records == (read(data, name="jsonl"), None)


def test_a_long_line_that_may_be_a_document_or_hold_some_is_told() -> None:
    """Which of both it is cannot be seen before the array has been read."""
    rows = b",".join([b'{"text": "a"}'] * 30_000)
    records, error = read_all(buffered(b'{"rows": [%s], "text": "b"}' % rows))
    assert texts(records) == ["a"] * 30_000
    assert isinstance(error, ShardError)
    assert "has the field 'text' behind its array: if it is a document, it takes" in str(error)


def test_an_array_on_one_line_and_an_object_of_one_are_json() -> None:
    assert texts(read(b'[{"text": "a"}]\n')) == ["a"]
    assert texts(read(b'{"rows": [{"text": "a"}]}\n\n')) == ["a"]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_what_stands_before_a_break_of_the_compression_comes_out(suffix: str) -> None:
    expected = [str(number * 7919 % 1_000_003) * 50 for number in range(20_000)]
    elements = [json.dumps({"text": text}) for text in expected]
    packed = COMPRESS[suffix](f"[{', '.join(elements)}]".encode())
    stream = decompressed(io.BytesIO(packed[: len(packed) * 3 // 4]), f"in.x{suffix}")
    records, error = read_all(stream)
    assert isinstance(error, EOFError)
    assert 20_000 * 0.5 < len(records) < 20_000
    assert texts(records) == expected[: len(records)]


def test_a_large_element_is_one_dead_letter_and_the_others_as_without_a_limit() -> None:
    """Its size is that of its bytes, wherever pieces end."""
    large = json.dumps({"text": '\\"' * 100}).encode()
    data = b'[{"text": "a"}, ' + large + b'  , {"text": "b"}]'
    for piece in (1, 2, 3, 1000):
        for longest, kinds in ((len(large) - 1, [0, 1, 0]), (len(large), [0, 0, 0])):
            with pytest.MonkeyPatch.context() as patch, small_pieces(piece):
                patch.setattr("pipeline.inputs.formats._MB", 1)
                records = read(data, ReadConfig(max_record_mb=longest))
            assert [isinstance(record, DeadLetter) for record in records] == kinds
            if 1 in kinds:
                letter = records[1]
                assert isinstance(letter, DeadLetter)
                assert (letter.error, letter.record) == ("RecordSizeError", 16)
                assert (letter.raw, letter.raw_size) == (large, len(large))


class _Generated(io.RawIOBase):
    """An array as large as is wanted, made as it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        self._rest = self._rest or next(self._parts, b"")
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)


def read_generated(parts: Iterator[bytes], megabytes: int) -> Iterator[Record]:
    stream = io.BufferedReader(_Generated(parts))
    shard = Shard("in.x", "json", 0, None, 0, "")
    return read_records(stream, shard, ReadConfig(max_record_mb=megabytes))


@pytest.mark.parametrize("start", [b'[{"text": "a"}, {"text": "', b'{"t": {"u": "v"}, "x": "'])
def test_a_large_element_or_member_is_never_held_whole(start: bytes) -> None:
    def parts() -> Iterator[bytes]:
        yield start
        for _ in range(48):
            yield b"x" * 2**20
        yield b'"}, {"text": "b"}]' if start.startswith(b"[") else b'", "r": [{"text": "b"}]}'

    tracemalloc.start()
    records = list(read_generated(parts(), 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12_000_000
    assert texts(records)[-1] == "b"
    letters = [record for record in records if isinstance(record, DeadLetter)]
    assert [letter.raw_size for letter in letters] == [48 * 2**20 + 12][: start.startswith(b"[")]


READ_MUCH = """
import io, resource, sys
from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ReadConfig, read_records
from schemas.records import Shard

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with decompressed(open(sys.argv[1], "rb"), sys.argv[1]) as stream:
    shard = Shard("in.x", "json", 0, None, 0, "")
    records = sum(1 for _ in read_records(stream, shard, ReadConfig()))
print(records, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_array_of_300_mb_is_read_in_flat_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.json{suffix}"
    element = json.dumps({"text": "Maria left Lisbon. " * 1500, "m": {"x": [1, 2.5]}}).encode()
    count = 300_000_000 // len(element)
    with gzip.open(path, "wb", 1) if suffix else path.open("wb") as file:
        file.write(b"[" + element)
        for _ in range(count - 1):
            file.write(b",\n" + element)
        file.write(b"]")
    command = [sys.executable, "-c", READ_MUCH, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    records, grown = map(int, done.stdout.split())
    path.unlink()
    assert records == count
    assert grown < 50_000  # KB
