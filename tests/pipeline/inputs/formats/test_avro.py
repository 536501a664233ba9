"""Reading avro without Beam: every record once, as it stands in the file."""

import datetime as dt
import gzip
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ReadConfig, Record, ShardError
from schemas.records import DeadLetter, Document
from tests.builders import records_until_error

DEFAULT = ReadConfig()
INNER = {
    "type": "record",
    "name": "Inner",
    "fields": [
        {"name": "id", "type": ["null", "string", "long", "double", "boolean"]},
        {"name": "x", "type": {"type": "array", "items": ["null", "long", "string"]}},
    ],
}
FIELDS: list[object] = [
    {"name": "text", "type": ["null", "string", "long"]},
    {"name": "m", "type": ["null", INNER]},
    {"name": "k", "type": ["null", "boolean", "double", {"type": "map", "values": "string"}]},
]


def avro(rows: Sequence[Mapping[str, Any]], fields: Sequence[object], **options: Any) -> bytes:
    sink = io.BytesIO()
    schema = {"type": "record", "name": "Row", "namespace": "n", "fields": fields}
    fastavro.writer(sink, schema, rows, **options)
    return sink.getvalue()


def column(kind: object, *values: object, **options: Any) -> bytes:
    """A file of rows with this text alone."""
    return avro([{"text": value} for value in values], [{"name": "text", "type": kind}], **options)


def read_all(
    stream: BinaryIO, config: ReadConfig = DEFAULT, name: str = "avro"
) -> tuple[list[Record], Exception | None]:
    return records_until_error(stream, config, name)


def read(data: bytes, config: ReadConfig = DEFAULT) -> list[Record]:
    records, error = read_all(io.BytesIO(data), config)
    assert error is None
    return records


plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
longs = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(allow_nan=False)  # which equals nothing, not itself
rows = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | plain_text | longs,
            "m": st.none()
            | st.fixed_dictionaries(
                {
                    "id": st.none() | plain_text | longs | doubles | st.booleans(),
                    "x": st.lists(st.none() | longs | plain_text, max_size=3),
                }
            ),
            "k": st.none() | st.booleans() | doubles | st.dictionaries(plain_text, plain_text),
        }
    ),
    max_size=6,
)


@given(
    rows=rows,
    codec=st.sampled_from(["null", "deflate", "bzip2", "xz"]),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_any_records_give_what_jsonl_gives(
    rows: list[dict[str, Any]], codec: str, suffix: str
) -> None:
    """Ids and kept fields too, in any codec, and in an outer compression."""
    config = ReadConfig(id_field="m.id", keep_fields=("m.x", "k"))
    data = avro(rows, FIELDS, codec=codec, sync_interval=100)
    packed = gzip.compress(data) if suffix else data
    records, error = read_all(decompressed(io.BytesIO(packed), f"in.x{suffix}"), config)
    assert error is None
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    expected, _ = read_all(io.BytesIO(lines), config, "jsonl")
    assert len(records) == len(expected) == len(rows)
    for number, (record, wanted) in enumerate(zip(records, expected, strict=True)):
        assert record.record == number
        if isinstance(wanted, Document):
            assert isinstance(record, Document)
            made = wanted.doc_id == f"in.x#{wanted.record}"
            assert record.doc_id == (f"in.x#{number}" if made else wanted.doc_id)
            assert (record.text, record.fields) == (wanted.text, wanted.fields)
        else:
            assert isinstance(record, DeadLetter)
            assert (record.error, record.message) == (wanted.error, wanted.message)


def test_bytes_are_text_and_logical_types_what_python_writes_for_them() -> None:
    when = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
    key = uuid.UUID(int=7)
    fields: list[object] = [
        {"name": "text", "type": "bytes"},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {
            "name": "price",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
        },
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "code", "type": {"type": "fixed", "name": "Code", "size": 2}},
    ]
    row = {"text": "é".encode(), "id": key, "at": when, "day": when.date()}
    row |= {"price": Decimal("1.50"), "kind": "B", "code": b"ab"}
    config = ReadConfig(keep_fields=("at", "day", "price", "kind", "code"))
    expected = ("2026-11-26 12:00:00+00:00", "2026-11-26", "1.50", "B", "ab")
    assert read(avro([row], fields), config) == [Document(str(key), "in.x", 0, "é", expected)]


def test_bad_records_are_dead_letters_and_leave_their_neighbours_alone() -> None:
    """A string that is not UTF-8 too, though a writer should not have written it."""
    data = column(["null", "string", "bytes"], "abc", "good", None, b"b\xff", "last")
    records = read(data.replace(b"abc", b"a\xffc"))
    assert [record.record for record in records] == [0, 1, 2, 3, 4]
    assert [r.text for r in records if isinstance(r, Document)] == ["good", "last"]
    first, null, binary = [record for record in records if isinstance(record, DeadLetter)]
    assert first.message == "The record is not valid UTF-8: byte 0xff at offset 1."
    assert first.raw == b"a\xffc"
    assert null.message == "The text field 'text' is missing or null."
    assert null.raw == b'{"text": null, "id": null}'
    assert binary.raw == b"b\xff"


def test_a_path_leads_through_unions_maps_and_types_named_before() -> None:
    other = {"name": "other", "type": ["null", "n.Inner"]}
    rows = [{"text": "a", "m": None, "k": {"a": "b"}, "other": {"id": 7, "x": []}}]
    data = avro(rows, [*FIELDS, other])
    config = ReadConfig(id_field="other.id", keep_fields=("k.a", "k.c", "m.id"))
    assert read(data, config) == [Document("7", "in.x", 0, "a", ("b", None, None))]
    for path in ("other.nothing", "m.x.id", "text.a", "k.a.b"):
        records, error = read_all(io.BytesIO(data), ReadConfig(text_field=path))
        assert records == []
        assert str(error).startswith(f"There is no column {path!r}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The header cannot be read: cannot read header - is it an avro file?."),
        (b"no avro at all", "The header cannot be read: cannot read header - is it an avro file?."),
        (
            avro([], [{"name": "id", "type": "long"}, {"name": "texts", "type": "string"}]),
            "There is no column 'text', did you mean texts? The columns are id, texts.",
        ),
    ],
)
def test_an_avro_file_that_cannot_be_read_raises_a_shard_error(data: bytes, message: str) -> None:
    records, error = read_all(io.BytesIO(data))
    assert records == []
    assert isinstance(error, ShardError)
    assert str(error) == message


def test_a_schema_that_is_no_record_raises_a_shard_error() -> None:
    sink = io.BytesIO()
    fastavro.writer(sink, "string", ["text"])
    _, error = read_all(io.BytesIO(sink.getvalue()))
    assert str(error) == "The schema on top is not that of a record."


@pytest.mark.parametrize("kind", ["Row", ["null", "n.Row"], {"type": "array", "items": "n.Row"}])
def test_a_type_that_holds_itself_is_refused(kind: object) -> None:
    """Else fastavro 1.13 ends the process where such a value is nested a million deep."""
    fields = [{"name": "text", "type": "string"}, {"name": "next", "type": kind}]
    _, error = read_all(io.BytesIO(avro([], fields)))
    assert str(error) == "The type n.Row holds itself, which cannot be read."


def test_an_empty_avro_file_has_no_records() -> None:
    assert read(column("string")) == []


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_block_that_is_damaged_or_cut_off_leaves_those_before(suffix: str) -> None:
    texts = [f"text {number}" for number in range(1000)]
    data = column("string", *texts, sync_interval=500)
    middle = data.index(b"text 700") + 2
    sync = data.index(data[-16:], middle)  # the mark behind each block
    for piece in (data[:middle], data[:-1], data[:sync] + b"x" + data[sync + 1 :]):
        packed = gzip.compress(piece) if suffix else piece
        records, error = read_all(decompressed(io.BytesIO(packed), f"in.x{suffix}"))
        assert len(records) >= 600
        assert isinstance(error, ShardError)
        assert str(error).startswith("A block is damaged or cut off: ")
        seen = [record.text for record in records if isinstance(record, Document)]
        assert seen[:600] == texts[:600]


def test_a_block_with_more_records_than_it_promises_is_damaged() -> None:
    """The number stands before the block's bytes, both as Avro writes them: doubled."""
    data = column("string", *("text" for _ in range(9)))
    block = bytes([2 * 9, 2 * 9 * 5])
    for promised in (b"\x10", b"\x01"):
        records, error = read_all(io.BytesIO(data.replace(block, promised + block[1:])))
        assert len(records) == (8 if promised == b"\x10" else 0)
        assert isinstance(error, ShardError)
        assert "A block holds more than its " in str(error)


def test_what_a_broken_compression_says_is_passed_on() -> None:
    packed = gzip.compress(column("string", *("text " * 100 for _ in range(1000))))
    stream = decompressed(io.BytesIO(packed[: len(packed) // 2]), "in.gz")
    _, error = read_all(stream)
    assert "the compressed stream ends too early: the file is truncated" in str(error)


def test_a_large_value_is_a_dead_letter() -> None:
    large = "é" * 500_000 + "x"
    first, letter, last = read(column("string", "a", large, "b"), ReadConfig(max_record_mb=1))
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert isinstance(letter, DeadLetter)
    assert (letter.record, letter.error, letter.raw_size) == (1, "RecordSizeError", 1_000_001)
    assert letter.raw == large.encode()[: 2**16]
