"""Of what takes few bytes in a file and many in memory, no more is held than fits: it is told."""

import gc
import io
import json
import re

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from schemas.records import DeadLetter, Document, Shard

MB = 1_000_000


def read(name: str, data: bytes, keep: tuple[str, ...] = ()) -> list[Record]:
    shard = Shard(f"in.{name}", name, 0, None, len(data), "")
    stream = io.BufferedReader(io.BytesIO(data))
    return list(read_records(stream, shard, ReadConfig(keep_fields=keep)))


def test_a_record_of_too_many_objects_is_a_dead_letter_and_its_neighbours_are_none() -> None:
    many = b'{"text":"a","k":[' + b"{}," * (5 * MB) + b"0]}\n"
    good = b'{"text":"b"}\n'
    first, dead, last = read("jsonl", good + many + good)
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert isinstance(dead, DeadLetter)
    assert re.fullmatch(
        r"The record holds more objects and arrays than can be held at once, up to its byte 12,6.*",
        dead.message,
    )


def test_brackets_within_a_text_are_no_objects() -> None:
    text = '{"' * (5 * MB)
    (record,) = read("jsonl", json.dumps({"text": text}).encode())
    assert isinstance(record, Document)
    assert record.text == text


def test_a_row_of_too_many_fields_is_a_dead_letter_and_a_quoted_text_of_commas_is_none() -> None:
    commas = "a," * (5 * MB)
    dead, good = read("csv", f'text,id\n{commas}\n"{commas}",7\n'.encode())
    assert isinstance(dead, DeadLetter)
    assert dead.message == "The row has more than 4,000,000 fields."
    assert isinstance(good, Document)
    assert good.text == commas
    with pytest.raises(ShardError, match=r"^The header has more than 4,000,000 fields\.$"):
        read("csv", f"text,id,{commas}\n".encode())


def test_a_row_of_too_many_lines_is_a_dead_letter() -> None:
    dead, good = read("csv", b'text,id\n"' + b"\n" * (4 * MB + 10) + b'",7\nb,8\n')
    assert isinstance(dead, DeadLetter)
    assert (dead.message, dead.raw_size) == (
        "The row has more than 4,000,000 lines.",
        4 * MB + 10 + len('"",7\n'),
    )
    assert isinstance(good, Document)


def long_of(number: int) -> bytes:
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, {"type": "long"}, number)
    return sink.getvalue()


def avro(kind: object, *kept: bytes) -> bytes:
    """A record a block, of the text `a` and what is kept as it stands in the file."""
    fields = [{"name": "text", "type": "string"}, {"name": "k", "type": kind}]
    sink = io.BytesIO()
    fastavro.writer(sink, {"type": "record", "name": "r", "fields": fields}, [])
    header = sink.getvalue()
    rows = (b"\x02a" + value for value in kept)
    blocks = (long_of(1) + long_of(len(row)) + row + header[-16:] for row in rows)
    return header + b"".join(blocks)


def zeros(count: int) -> bytes:
    return long_of(count) + bytes(count) + b"\0"


def test_a_list_of_avro_that_would_fill_the_memory_breaks_the_file_off_behind_what_is_before() -> (
    None
):
    records: list[Record] = []
    shard = Shard("in.avro", "avro", 0, None, 0, "")
    fields = [{"name": f"n{number}", "type": "null"} for number in range(300)]
    item = {"type": "record", "name": "i", "fields": [{"name": "b", "type": "boolean"}, *fields]}
    data = avro({"type": "array", "items": item}, zeros(1000), zeros(100_000))
    with pytest.raises(ShardError, match=r"^The lists of a record hold more than [0-9,]{6} val"):
        records.extend(read_records(io.BytesIO(data), shard, ReadConfig(keep_fields=("k",))))
    (good,) = records
    assert isinstance(good, Document)
    assert len(json.loads(good.fields[0] or "")) == 1000


def test_a_schema_of_nothing_many_times_over_is_refused() -> None:
    """Each type is a record with two of the type before: forty make 2^40 values of no byte."""
    kind: object = "null"
    for level in range(40):
        name = f"l{level - 1}" if level else "null"
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": name}]
        kind = {"type": "record", "name": f"l{level}", "fields": fields}
    with pytest.raises(ShardError, match=r"^By its schema a record holds so many fields that it "):
        read("avro", avro(kind, b""))


def test_a_row_of_parquet_is_large_by_all_its_columns_and_by_lists_of_nothing() -> None:
    columns = {
        "id": ["a", "b", "c"],
        "text": ["x" * 700_000, "y", "z"],
        "k": pa.array(
            [[{"s": "x" * 700_000}], [{"s": None}] * 40_000, [{"s": "v"}]],
            pa.list_(pa.struct([("s", pa.string())])),
        ),
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    config = ReadConfig(max_record_mb=1, keep_fields=("k",))
    shard = Shard("in.x", "parquet", 0, None, 0, "")
    first, second, third = read_records(io.BytesIO(sink.getvalue()), shard, config)
    assert isinstance(first, DeadLetter)
    assert isinstance(second, DeadLetter)
    assert (first.error, first.raw_size) == ("RecordSizeError", 1_400_001)
    assert (second.error, second.raw_size) == ("RecordSizeError", 40_000 * 64)
    assert isinstance(third, Document)


def test_rows_that_cannot_be_read_leave_nothing_behind_that_only_a_search_would_find() -> None:
    """An error holds its traceback, which holds what was read: 1 GB until Python looks for it."""
    texts = pa.array([b"Maria \xff left. "] * 50, pa.binary())
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"] * 50, "k": texts.cast(pa.string(), safe=False)}), sink)
    gc.collect()
    gc.disable()
    try:
        records = read("parquet", sink.getvalue(), ("k",))
        left = [one for one in gc.get_objects() if type(one) is UnicodeDecodeError]
    finally:
        gc.enable()
    assert sum(isinstance(record, DeadLetter) for record in records) == 50
    assert not left
