"""Parquet's types as ids and kept fields: as Python writes them, and beyond what Python has."""

import io
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.formats import (
    DoubledColumnError,
    ReadConfig,
    Record,
    ShardError,
    read_records,
)
from pipeline.inputs.formats.parquet.values import row_bytes
from schemas.records import DeadLetter, Document, Shard

KEPT = ReadConfig(keep_fields=("kept",))


def read(columns: dict[str, Any], config: ReadConfig = KEPT, **options: Any) -> list[Record]:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    shard = Shard("in.x", "parquet", 0, None, 0, "")
    return list(read_records(io.BytesIO(sink.getvalue()), shard, config))


def kept(column: pa.Array, **options: Any) -> list[str | None]:
    """What becomes of a column that is kept, none of whose rows is lost."""
    records = read({"text": ["x"] * len(column), "kept": column}, **options)
    return [record.fields[0] for record in records if isinstance(record, Document)]


def ids(column: pa.Array, **options: Any) -> list[str]:
    records = read({"text": ["x"] * len(column), "id": column}, ReadConfig(), **options)
    return [record.doc_id for record in records if isinstance(record, Document)]


def as_python_writes(value: object) -> str | None:
    """The spelling that kept fields have had from the first version on."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def in_unit(unit: str) -> st.SearchStrategy[int]:
    """Counts of a unit since 1970 that fall into Python's years, with one left for the zones."""
    least, most = (
        int(np.datetime64(f"{year}-01-01", unit).astype(int)) for year in ("0002", "9998")
    )
    return st.integers(least, most)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
LEAVES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): texts,
    pa.large_string(): texts,
    pa.string_view(): texts,
    pa.binary(): texts.map(str.encode),
    pa.binary(3): st.sampled_from([b"abc", "éx".encode()]),
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(),
    pa.float16(): st.sampled_from([0.5, -1.0, math.inf]),
    pa.bool_(): st.booleans(),
    pa.null(): st.none(),
    pa.date32(): st.dates(),
    pa.date64(): st.dates(),
    pa.time32("s"): st.integers(0, 86_399),
    pa.time32("ms"): st.integers(0, 86_399_999),
    pa.time64("us"): st.integers(0, 86_399_999_999),
    pa.timestamp("s"): in_unit("s"),
    pa.timestamp("ms", "UTC"): in_unit("ms"),
    pa.timestamp("us"): in_unit("us"),
    pa.timestamp("us", "Europe/Berlin"): in_unit("us"),
    pa.timestamp("ms", "-03:30"): in_unit("ms"),
    pa.timestamp("ns"): st.integers(-(2**63) + 1, 2**63 - 1),
    # From 1951 on: where an offset has seconds, pandas writes nanoseconds into it.
    pa.timestamp("ns", "Asia/Kolkata"): st.integers(-(2**59), 2**62),
    pa.duration("s"): st.integers(-(10**9), 10**9),
    pa.duration("us"): st.integers(-(10**17), 10**17),
    pa.decimal128(20, 10): st.integers(-(10**19), 10**19).map(lambda n: Decimal(n).scaleb(-10)),
    pa.decimal256(60, 2): st.integers(-(10**50), 10**50).map(lambda n: Decimal(n).scaleb(-2)),
    pa.uuid(): st.uuids().map(lambda value: value.bytes),
}


def nested(column: pa.Array) -> dict[str, pa.Array]:
    """A column alone, and its values in lists, structs and maps, of as many rows and a null."""
    rows = len(column)
    offsets = pa.array([*range(rows), None, rows][: rows + 2], pa.int32())
    lists = pa.ListArray.from_arrays(pa.array([*range(rows + 1)], pa.int32()), column)
    null = pa.array([row == 0 for row in range(rows)])
    keys = pa.array(["é"] * rows)
    return {
        "alone": column,
        "lists": lists,
        "gaps": pa.ListArray.from_arrays(offsets, column).slice(0, rows),
        "structs": pa.StructArray.from_arrays([column, lists], ["a", "b"], mask=null),
        "maps": pa.MapArray.from_arrays(pa.array([*range(rows + 1)], pa.int32()), keys, column),
    }


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
@given(data=st.data())
def test_what_python_can_hold_is_spelled_as_python_writes_it(
    leaf: pa.DataType, data: st.DataObject
) -> None:
    """People join by these fields: no version may write them otherwise."""
    values = data.draw(st.lists(st.none() | LEAVES[leaf], min_size=1, max_size=4))
    columns = nested(pa.array(values, leaf))
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    stored = pq.read_table(sink)  # the format has milliseconds for seconds
    config = ReadConfig(keep_fields=tuple(columns))
    records = read({"text": ["x"] * len(values), **columns}, config)
    for position, name in enumerate(columns):
        expected = [as_python_writes(value) for value in stored[name].to_pylist()]
        assert [r.fields[position] for r in records if isinstance(r, Document)] == expected


def parts(moment: str) -> tuple[int, str, int]:
    """Year, the rest to the second, and nanoseconds."""
    whole, _, fraction = moment.partition(".")
    rest = len("-01-01 00:00:00")
    return int(whole[:-rest]), whole[-rest:], int(fraction.ljust(9, "0"))


@given(count=st.integers(-(2**63) + 1, 2**63 - 1), unit=st.sampled_from(["ms", "us", "ns"]))
def test_any_time_of_arrow_is_written(count: int, unit: str) -> None:
    """Against NumPy, whose calendar has all years."""
    expected = str(np.datetime64(count, unit)).replace("T", " ")
    for zone, offset in ((None, ""), ("UTC", "+00:00")):
        (text,) = kept(pa.array([count], pa.timestamp(unit, zone)))
        assert text is not None
        assert text.endswith(offset)
        assert parts(text.removesuffix(offset)) == parts(expected)


@given(days=st.integers(-(2**31), 2**31 - 1))
def test_any_date_of_arrow_is_written(days: int) -> None:
    (text,) = kept(pa.array([days], pa.date32()))
    assert text is not None
    assert parts(f"{text} 00:00:00") == parts(f"{np.datetime64(days, 'D')} 00:00:00")
    assert ids(pa.array([days], pa.date32())) == [text]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([253402300800], pa.timestamp("s")), "10000-01-01 00:00:00"),
        (pa.array([-62135596801], pa.timestamp("s", "UTC")), "0000-12-31 23:59:59+00:00"),
        (pa.array([-62167219201], pa.timestamp("s")), "-0001-12-31 23:59:59"),
        # In a zone whose time is beyond Python's, and in one that no machine knows: in UTC.
        (pa.array([253402300799], pa.timestamp("s", "Asia/Tokyo")), "9999-12-31 23:59:59+00:00"),
        (pa.array([0], pa.timestamp("s", "Mars/Phobos")), "1970-01-01 00:00:00+00:00"),
        (pa.array([1], pa.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
        (pa.array([1_000], pa.timestamp("ns")), "1970-01-01 00:00:00.000001"),
        (pa.array([1], pa.time64("ns")), "00:00:00.000000001"),
        (pa.array([1], pa.duration("ns")), "0:00:00.000000001"),
        (pa.array([-(10**18)], pa.duration("s")), "-11574074074075 days, 22:13:20"),
        (pa.array([Decimal("1.50")], pa.decimal128(9, 2)), "1.50"),
        (pa.array([uuid.UUID(int=5).bytes], pa.uuid()), str(uuid.UUID(int=5))),
        (pa.array([uuid.UUID(int=5).bytes], pa.binary(16)), str(uuid.UUID(int=5))),
        (pa.array([b"\xff" * 16], pa.binary(16)), str(uuid.UUID(int=2**128 - 1))),
        (pa.array([b"ABCDEFGH-1234567"], pa.binary(16)), "ABCDEFGH-1234567"),
        (pa.array(["a"]).dictionary_encode(), "a"),
        (pa.array([7], pa.uint64()), "7"),
        (pa.array([b"a"], pa.binary_view()), "a"),
    ],
)
def test_every_type_that_says_one_thing_may_be_an_id_or_kept(
    column: pa.Array, expected: str
) -> None:
    assert (kept(column), ids(column)) == ([expected], [expected])


def test_times_in_nested_types_are_written_too() -> None:
    moment = pa.timestamp("us")
    (text,) = kept(pa.array([[{"at": 253402300800000000}]], pa.list_(pa.struct([("at", moment)]))))
    assert text == '[{"at": "10000-01-01 00:00:00"}]'


def test_times_of_96_bits_are_read_beyond_the_years_of_nanoseconds() -> None:
    """By default pyarrow makes 1816 of 9999, since nanoseconds end in 2262."""
    moments = [
        "9999-12-31 00:00:00",
        "0001-01-01 00:00:00",
        "2026-11-26 12:00:00.000007",
    ]
    column = pa.array(moments).cast(pa.timestamp("us"))
    options = {"use_deprecated_int96_timestamps": True}
    assert kept(column, **options) == moments
    assert ids(column, **options) == moments


DAY_MSEC = 86_400_000
BAD = pa.array([b"b\xff"], pa.binary())


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([DAY_MSEC], pa.time32("ms")), "cannot be read: no day has the time that it "),
        (pa.array([-1], pa.time64("us")), "cannot be read: no day has the time that it "),
        (BAD, "is not valid UTF-8: byte 0xff at offset 1."),
        (BAD.view(pa.string()).dictionary_encode(), "is not valid UTF-8: byte 0xff at offset 1."),
    ],
)
def test_what_cannot_be_written_is_one_dead_letter_that_names_its_field(
    column: pa.Array, message: str
) -> None:
    rows = pa.chunked_array([pa.nulls(1, column.type), column, pa.nulls(1, column.type)])
    for field, config in (("kept", KEPT), ("id", ReadConfig())):
        first, letter, last = read({"text": ["a", "b", "c"], field: rows.combine_chunks()}, config)
        assert isinstance(first, Document)
        assert isinstance(last, Document)
        assert isinstance(letter, DeadLetter)
        assert letter.record == 1
        assert letter.message.startswith(f"The field {field!r} {message}")


@pytest.mark.parametrize("column", [pa.array([True]), pa.array([[1]]), pa.array([1.5])])
def test_what_is_no_name_of_a_record_is_no_id(column: pa.Array) -> None:
    (letter,) = read({"text": ["a"], "id": column}, ReadConfig())
    assert isinstance(letter, DeadLetter)
    assert letter.message.startswith("The id field 'id' holds ")


def test_a_date_is_no_text() -> None:
    (letter,) = read({"text": pa.array([0], pa.date32())}, ReadConfig())
    assert isinstance(letter, DeadLetter)
    assert letter.message == "The text field 'text' holds a date32[day], not a string."


@pytest.mark.parametrize("path", ["text", "id", "kept", "m.text"])
def test_a_column_that_is_there_twice_is_refused(path: str) -> None:
    names = ["text", "id", "kept", "m", path.rpartition(".")[2]]
    inner = pa.StructArray.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"])
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"]), inner, pa.array(["d"])]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names), sink)
    config = ReadConfig(text_field=path if "." in path else "text", keep_fields=("kept",))
    shard = Shard("in.x", "parquet", 0, None, 0, "")
    message = f"^The header names the column '{path}' 2 times\\.$"
    with pytest.raises(DoubledColumnError, match=message):
        list(read_records(io.BytesIO(sink.getvalue()), shard, config))


@pytest.mark.parametrize("index", [2, 110, -1])
def test_a_row_whose_value_its_dictionary_lacks_is_damage(index: int) -> None:
    """As Arrow gives them for pages of which a few bytes are others."""
    words = pa.array(["Oslo", "Bonn"])
    indices = pa.array([0, None, 1, index], pa.int32())
    good = pa.DictionaryArray.from_arrays(indices[:3], words)
    assert row_bytes(good).tolist() == [4, 0, 4]
    damaged = pa.DictionaryArray.from_arrays(indices, words, safe=False)
    with pytest.raises(ShardError, match="values that its dictionary lacks"):
        row_bytes(damaged)
