"""Reading avro without Beam: every record once, and each value as it stands in the file."""

import datetime as dt
import gzip
import io
import json
import uuid
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ReadConfig, Record
from schemas.records import DeadLetter, Document
from tests.pipeline.inputs.formats.avro.files import DEFAULT, avro, column, header, read_all

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


def test_an_empty_avro_file_has_no_records() -> None:
    assert read(column("string")) == []


def test_a_large_value_is_a_dead_letter() -> None:
    large = "é" * 500_000 + "x"
    first, letter, last = read(column("string", "a", large, "b"), ReadConfig(max_record_mb=1))
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert isinstance(letter, DeadLetter)
    assert (letter.record, letter.error, letter.raw_size) == (1, "RecordSizeError", 1_000_001)
    assert letter.raw == large.encode()[: 2**16]


def logical(kind: object, logical_type: str, **more: object) -> dict[str, object]:
    return {"type": kind, "logicalType": logical_type, **more}


def to_millis(time: dt.time) -> dt.time:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


DECIMAL = logical("bytes", "decimal", precision=20, scale=3)
LOGICAL: dict[str, tuple[object, st.SearchStrategy[Any]]] = {
    "date": (logical("int", "date"), st.dates()),
    "time": (logical("int", "time-millis"), st.times().map(to_millis)),
    "clock": (logical("long", "time-micros"), st.times()),
    "at": (logical("long", "timestamp-millis"), st.datetimes(timezones=st.just(dt.UTC))),
    "exact": (logical("long", "timestamp-micros"), st.datetimes(timezones=st.just(dt.UTC))),
    "here": (logical("long", "local-timestamp-micros"), st.datetimes()),
    "price": (DECIMAL, st.decimals(-(10**9), 10**9, places=3)),
    "key": (logical("string", "uuid"), st.uuids()),
    "list": (
        {"type": "array", "items": ["null", logical("int", "date")]},
        st.lists(st.none() | st.dates(), max_size=3),
    ),
    "inner": (
        {"type": "record", "name": "D", "fields": [{"name": "d", "type": DECIMAL}]},
        st.fixed_dictionaries({"d": st.decimals(-9, 9, places=3)}),
    ),
}


@given(
    row=st.fixed_dictionaries({name: values for name, (_, values) in LOGICAL.items()}),
)
def test_logical_types_are_spelled_as_fastavro_and_python_do(row: dict[str, Any]) -> None:
    fields = [{"name": name, "type": kind} for name, (kind, _) in LOGICAL.items()]
    data = avro([{"text": "x", **row}], [{"name": "text", "type": "string"}, *fields])
    (stored,) = fastavro.reader(io.BytesIO(data))
    assert isinstance(stored, dict)
    expected = [
        json.dumps(stored[name], default=str) if name in {"list", "inner"} else str(stored[name])
        for name in LOGICAL
    ]
    (record,) = read(data, ReadConfig(keep_fields=tuple(LOGICAL)))
    assert isinstance(record, Document)
    assert list(record.fields) == expected
    for name in ("date", "at", "price", "key"):
        assert read(data, ReadConfig(id_field=name))[0].doc_id == str(stored[name])


def without_logical(kind: object) -> object:
    if not isinstance(kind, dict):
        return kind
    return {key: without_logical(part) for key, part in kind.items() if key != "logicalType"}


def raw_column(kind: dict[str, Any], *values: object) -> bytes:
    """Values of a logical type as the file stores them: fastavro writes none that it could not."""
    plain = without_logical(kind)
    rows = [{"text": "x", "kept": value} for value in values]
    text = {"name": "text", "type": "string"}
    data = avro(rows, [text, {"name": "kept", "type": plain}])
    schema = {"type": "record", "name": "n.Row", "fields": [text, {"name": "kept", "type": kind}]}
    sync = data[-16:]
    return header(schema, sync) + data[data.index(sync) + 16 :]


@pytest.mark.parametrize(
    ("kind", "odd", "expected"),
    [
        (logical("long", "timestamp-millis"), 253402300800000, "10000-01-01 00:00:00+00:00"),
        (logical("long", "local-timestamp-micros"), -(10**17), "-1199-02-15 14:13:20"),
        (logical("int", "date"), 2932897, "10000-01-01"),
        (logical("int", "date"), -719163, "0000-12-31"),
        (logical("bytes", "decimal", precision=4, scale=2), b"\x01\xe2\x40", "1234.56"),
        (logical("string", "uuid"), "no uuid", "no uuid"),
        (
            logical("fixed", "uuid", name="U", size=16),
            uuid.UUID(int=5).bytes,
            str(uuid.UUID(int=5)),
        ),
    ],
)
def test_a_value_that_python_lacks_is_written_too(
    kind: dict[str, Any], odd: object, expected: str
) -> None:
    data = raw_column(kind, odd, odd)
    for config in (ReadConfig(keep_fields=("kept",)), ReadConfig(id_field="kept")):
        for record in read(data, config):
            assert isinstance(record, Document)
            assert (record.fields or (record.doc_id,)) == (expected,)


def test_a_value_that_cannot_be_written_is_one_dead_letter_that_names_its_field() -> None:
    time = logical("int", "time-millis")
    for kind, values in (
        (time, (0, -1, 86_400_000, 1000)),
        ({"type": "array", "items": time}, ([0], [-1], [0, 86_400_000], [1000])),
    ):
        data = raw_column(kind, *values)
        first, *bad, last = read(data, ReadConfig(keep_fields=("kept",)))
        assert isinstance(first, Document)
        assert isinstance(last, Document)
        for letter in bad:
            assert isinstance(letter, DeadLetter)
            assert letter.message.startswith("The field 'kept' cannot be read: no day has the time")


def test_a_date_is_no_text() -> None:
    (letter,) = read(column(logical("int", "date"), dt.date(2026, 11, 26)))
    assert isinstance(letter, DeadLetter)
    assert letter.message == "The text field 'text' holds a date, not a string."
