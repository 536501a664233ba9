"""Reading csv and parquet without Beam: every row once, as it stands in the file."""

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from schemas.records import DeadLetter, Document, Shard

BOM = b"\xef\xbb\xbf"
DEFAULT = ReadConfig()


def read(data: bytes, name: str, config: ReadConfig = DEFAULT) -> list[Record]:
    shard = Shard("in.x", name, 0, None, len(data), "")
    return list(read_records(io.BytesIO(data), shard, config))


def one(data: bytes, name: str) -> Document:
    (record,) = read(data, name)
    assert isinstance(record, Document), record
    return record


def dead(data: bytes, name: str) -> DeadLetter:
    (record,) = read(data, name)
    assert isinstance(record, DeadLetter), record
    return record


def parquet(columns: dict[str, Any], **options: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def csv_bytes(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@given(
    # A text full of NUL characters is none.
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=8
    ),
    escape=st.booleans(),
)
def test_any_text_comes_through_jsonl_csv_parquet_and_text_unchanged(
    texts: list[str], escape: bool
) -> None:
    rows = [
        json.dumps({"id": n, "text": text}, ensure_ascii=escape) for n, text in enumerate(texts)
    ]
    ids = [str(number) for number in range(len(texts))]
    inputs = {
        "jsonl": "\n".join(rows).encode(),
        "csv": csv_bytes([["id", "text"], *([i, t] for i, t in zip(ids, texts, strict=True))]),
        "parquet": parquet(
            {"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.string())}
        ),
    }
    for name, data in inputs.items():
        records = read(data, name)
        assert [(r.doc_id, r.text) for r in records if isinstance(r, Document)] == list(
            zip(ids, texts, strict=True)
        ), name
    for text in texts:
        # A file that begins with U+FEFF begins with a byte order mark, which is no text.
        assert one(text.encode(), "text").text == text.removeprefix("\ufeff")


def test_csv_counts_rows_and_keeps_columns() -> None:
    data = BOM + b'id,text,year\r\n7,"a ""b"",\r\nc",1892\r\n\r\n,plain,\r\n'
    assert read(data, "csv", ReadConfig(keep_fields=("year", "other"))) == [
        Document("7", "in.x", 0, 'a "b",\r\nc', ("1892", None)),
        Document("in.x#1", "in.x", 1, "plain", ("", None)),
    ]


def test_a_bad_csv_row_is_a_dead_letter_with_its_very_bytes() -> None:
    rows = [b"1,fine\n", b"2\n", b"3,a,b\n", b'4,"ab\r\n\xe9\xff"\n', b'5,"a"b\n', b"6,fine\n"]
    records = read(b"id,text\n" + b"".join(rows), "csv")
    assert [record.record for record in records] == [0, 1, 2, 3, 4, 5]
    letters = [record for record in records if isinstance(record, DeadLetter)]
    assert [letter.raw for letter in letters] == rows[1:5]
    assert [letter.message for letter in letters] == [
        "The row has 1 fields, the header has 2.",
        "The row has 3 fields, the header has 2.",
        "The record is not valid UTF-8: byte 0xe9 at offset 7.",
        "The row is malformed: ',' expected after '\"'.",
    ]
    assert letters[2].error == "UnicodeDecodeError"


def test_csv_takes_fields_larger_than_the_module_allows_by_default() -> None:
    assert len(one(b"text\n" + b"x" * 300_000, "csv").text) == 300_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"id,body\n1,a\n", "There is no column 'text'; the columns are id, body."),
        (b"text,text\na,b\n", "The header names the column 'text' 2 times."),
        (b'text\na\n"b\nc\n', "The file ends inside a quoted field."),
        (b'te"\n"x"y\n', "There is no column 'text'; the columns are te\"."),
        (b'"a"b\n', "The header cannot be read: ',' expected after '\"'."),
        (",".join(f"c{n}" for n in range(25)).encode(), "c19 and 5 more."),
        (b"id,Text\n", "There is no column 'text', did you mean Text? The columns are id, Text."),
        (b"id;body\n1;a\n", "There is no column 'text'; the columns are id, body."),
        (b"'id','text'\n", "are 'id', 'text'. Its single quotes are part of the names: csv quotes"),
    ],
)
def test_a_csv_that_cannot_be_read_on_raises_a_shard_error(data: bytes, message: str) -> None:
    with pytest.raises(ShardError) as caught:
        read(data, "csv")
    assert message in str(caught.value)


def test_an_empty_csv_has_no_records() -> None:
    assert read(b"", "csv") == []
    assert read(b"text\n", "csv") == []
    assert read(BOM + b"\n\r\n", "csv") == []


def test_blank_lines_before_the_header_of_a_csv_are_skipped() -> None:
    for blank in (b"\n", b"\r\n\r\n", BOM + b"\n"):
        assert read(blank + b"id,text\n7,a\n", "csv") == [Document("7", "in.x", 0, "a")]


def test_parquet_reads_only_what_is_needed_and_numbers_rows_through_all_batches() -> None:
    size = 1000
    data = parquet(
        {
            "id": list(range(size)),
            "text": pa.array([f"t{n}" for n in range(size)]).dictionary_encode(),
            "year": pa.array([None, 1892] * (size // 2)),
            "unused": ["x"] * size,
        },
        row_group_size=300,
    )
    records = read(data, "parquet", ReadConfig(keep_fields=("year", "absent")))
    assert [record.record for record in records] == list(range(size))
    assert records[999] == Document("999", "in.x", 999, "t999", ("1892", None))


def test_parquet_reaches_into_structs() -> None:
    data = parquet({"m": [{"id": 1, "body": {"text": "a"}}, None]})
    records = read(data, "parquet", ReadConfig(id_field="m.id", text_field="m.body.text"))
    assert records[0] == Document("1", "in.x", 0, "a")
    assert isinstance(records[1], DeadLetter)


def test_bad_parquet_rows_are_dead_letters_and_binary_counts_as_text() -> None:
    good = pa.array([b"a", b"b\xff", None, "é".encode()], pa.binary())
    for column in (good, good.view(pa.string())):
        records = read(parquet({"text": column, "id": [1, 2, 3, 4]}), "parquet")
        assert records[0] == Document("1", "in.x", 0, "a")
        assert records[3] == Document("4", "in.x", 3, "é")
        bad, null = records[1], records[2]
        assert isinstance(bad, DeadLetter)
        assert isinstance(null, DeadLetter)
        assert bad.message == "The record is not valid UTF-8: byte 0xff at offset 1."
        assert bad.raw == b"b\xff"
        assert bad.doc_id == "2"
        assert null.message == "The text field 'text' is missing or null."
        assert null.raw == b'{"text": null, "id": 3}'
    letter = dead(parquet({"text": [1]}), "parquet")
    assert letter.message == "The text field 'text' holds a number, not a string."


def test_one_bad_string_in_a_struct_is_one_dead_letter() -> None:
    """Null structs, at either depth, are missing texts; a kept path that is absent is null."""
    texts = pa.array([b"a", b"b\xff", b"c", b"d", "é".encode()], pa.binary()).view(pa.string())
    inner = pa.StructArray.from_arrays([texts], ["text"], mask=pa.array([n == 2 for n in range(5)]))
    outer = pa.StructArray.from_arrays(
        [inner, pa.array([1, 2, 3, 4, 5])],
        ["body", "id"],
        mask=pa.array([n == 3 for n in range(5)]),
    )
    config = ReadConfig(id_field="d.id", text_field="d.body.text", keep_fields=("d.body.other",))
    records = read(parquet({"d": outer}), "parquet", config)
    assert [records[0], records[4]] == [
        Document("1", "in.x", 0, "a", (None,)),
        Document("5", "in.x", 4, "é", (None,)),
    ]
    bad, *null = [record for record in records if isinstance(record, DeadLetter)]
    assert (bad.record, bad.raw) == (1, b"b\xff")
    assert bad.message == "The record is not valid UTF-8: byte 0xff at offset 1."
    missing = "The text field 'd.body.text' is missing or null."
    assert [(letter.record, letter.message) for letter in null] == [(2, missing), (3, missing)]


def test_one_bad_string_in_a_kept_list_or_struct_is_one_dead_letter() -> None:
    strings = pa.array([b"x", b"b\xff"], pa.binary()).view(pa.string())
    for kept, shown in (
        (pa.ListArray.from_arrays([0, 1, 2], strings), '["x"]'),
        (pa.StructArray.from_arrays([strings], ["k"]), '{"k": "x"}'),
    ):
        data = parquet({"text": ["a", "b"], "kept": kept})
        good, bad = read(data, "parquet", ReadConfig(keep_fields=("kept",)))
        assert good == Document("in.x#0", "in.x", 0, "a", (shown,))
        assert isinstance(bad, DeadLetter)
        assert bad.message == "The field 'kept' is not valid UTF-8: byte 0xff at offset 1."


def test_an_integer_id_that_pandas_wrote_as_a_float_is_that_integer() -> None:
    """A column of integers with gaps becomes float64, and a gap NaN: a missing id."""
    ids = pa.array([7.0, float("nan"), None, 1.5, float("inf")], pa.float64())
    records = read(parquet({"id": ids, "text": ["a"] * 5}), "parquet")
    assert [record.doc_id for record in records] == ["7", "in.x#1", "in.x#2", None, None]
    assert [type(record) for record in records] == [Document] * 3 + [DeadLetter] * 2


def test_parquet_without_the_text_column_raises_a_shard_error() -> None:
    with pytest.raises(
        ShardError, match=r"^There is no column 'text'; the columns are id, body\.$"
    ):
        read(parquet({"id": [1], "body": ["a"]}), "parquet")


def test_a_parquet_footer_that_is_damaged_breaks_the_shard_off() -> None:
    """Found by fuzzing: a column's name that is not UTF-8, and rows that are not there."""
    data = parquet({"text": ["a", "b"], "name": ["c", "d"]})
    with pytest.raises(ShardError, match=r"^The footer names a column in bytes that are not UTF-8"):
        read(data.replace(b"name", b"nam\xe9"), "parquet")
    metadata = pq.read_metadata(io.BytesIO(data))
    assert metadata.num_rows == 2
    # The footer is in Thrift's compact form: its field 3 is the number of rows, 2 as a varint of 4.
    end = data.rindex(b"ARROW:schema")
    rows = data.rindex(b"\x16\x04\x19\x1c", 0, end)
    damaged = data[: rows + 1] + b"\x06" + data[rows + 2 :]
    with pytest.raises(ShardError, match=r"^The footer promises 3 rows, and the file has 2\.$"):
        read(damaged, "parquet")


def test_a_parquet_file_with_a_column_that_is_near_is_told_so() -> None:
    message = r"^There is no column 'text', did you mean texts\? The columns are id, texts\.$"
    with pytest.raises(ShardError, match=message):
        read(parquet({"id": [1], "texts": ["a"]}), "parquet")


def test_what_is_no_parquet_raises() -> None:
    with pytest.raises(pa.ArrowInvalid):
        read(b"no parquet at all", "parquet")
