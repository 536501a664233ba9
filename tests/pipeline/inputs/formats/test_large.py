"""Records above `--max_record_mb`: one dead letter each, never held whole, nothing else lost."""

import io
import itertools
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from pipeline.inputs.formats.csv.rows import CsvRows
from pipeline.inputs.formats.large import LargeRecord
from schemas.records import DeadLetter, Document, Shard

HUGE = 10**6


def read(
    data: bytes, name: str, longest: int, start: int = 0, stop: int | None = None
) -> list[Record]:
    shard = Shard("in.x", name, start, stop, len(data), "")
    return list(read_records(io.BytesIO(data), shard, ReadConfig(max_record_mb=longest)))


@contextmanager
def small_units() -> Iterator[None]:
    """A megabyte is one byte, and pieces have three, so that small data shows all that happens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.inputs.formats._MB", 1)
        patch.setattr("pipeline.inputs.formats.large.PIECE", 3)
        patch.setattr("pipeline.inputs.formats.csv.rows.PIECE", 3)
        yield


lines = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\xef\xbb\xbf", b"x", "é".encode(), b'{"text": "Ada"}', b" "])
).map(b"".join)


@given(
    data=lines,
    name=st.sampled_from(["lines", "jsonl"]),
    longest=st.integers(1, 25),
    seeds=st.lists(st.integers(0, 99), max_size=5),
)
def test_large_lines_are_dead_letters_and_the_others_as_without_a_limit(
    data: bytes, name: str, longest: int, seeds: list[int]
) -> None:
    plain = {record.record: record for record in read(data, name, 1)}
    expected: list[tuple[int, Record | int]] = []
    position = 0
    for line in io.BytesIO(data):
        if len(line) > longest:
            expected.append((position, len(line)))
        elif position in plain:
            expected.append((position, plain[position]))
        position += len(line)
    cuts = sorted({0, len(data), *(seed % (len(data) + 1) for seed in seeds)})
    found: list[tuple[int | None, Record | int]] = []
    for start, stop in itertools.pairwise(cuts):
        with small_units():
            records = read(data, name, longest, start, stop)
        for record in records:
            if isinstance(record, DeadLetter) and record.error == "RecordSizeError":
                assert record.raw_size is not None
                found.append((record.record, record.raw_size))
            else:
                found.append((record.record, record))
    assert found == expected


Row = tuple[object, bytes | int]


def rows(data: bytes, longest: int) -> Iterator[Row]:
    """Each row with its bytes, of a large one its size alone; at last what breaks the file off.

    Of one field, since of several a row whose quote has no end may end before its limit.
    """
    reader = CsvRows(io.BufferedReader(io.BytesIO(data)), longest)
    try:
        for row in reader.below(["text"]):
            if isinstance(row, LargeRecord):
                yield "large", row.size
            else:
                yield str(row), reader.raw()
    except ShardError as error:
        yield str(error), b""


@given(
    data=st.lists(
        st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", "é".encode(), b"\xff"]),
        max_size=40,
    ).map(b"".join),
    longest=st.integers(2, 12),  # a line break is no large row,
)
def test_a_large_csv_row_ends_where_the_csv_module_would_end_it(data: bytes, longest: int) -> None:
    """Whatever it holds: quotes, line breaks in them, and what is malformed."""
    expected = list(rows(data, HUGE))
    with small_units():
        found = list(rows(data, longest))
    assert len(found) == len(expected)
    for (row, raw), (plain, plain_raw) in zip(found, expected, strict=True):
        assert isinstance(plain_raw, bytes)
        if row == "large":
            # Of a line break that is cut in two, the second half is a blank line, which is no row.
            assert raw in {len(plain_raw), len(plain_raw) - plain_raw.endswith(b"\r\n")}
            assert len(plain_raw) > longest
        else:
            assert (row, raw) == (plain, plain_raw)
            assert len(plain_raw.decode(errors="surrogateescape")) <= longest


class _Filled(io.RawIOBase):
    """`size` times the same byte between a beginning and an end, made as it is read."""

    def __init__(self, start: bytes, size: int, end: bytes) -> None:
        parts = [start, *[b"x" * 2**16] * (size >> 16), end]
        self._parts = [part for part in parts if part]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        if not self._parts:
            return 0
        part = self._parts[0][: len(buffer)]
        buffer[: len(part)] = part
        self._parts[0] = self._parts[0][len(part) :]
        if not self._parts[0]:
            del self._parts[0]
        return len(part)


@pytest.mark.parametrize(
    ("name", "start", "end", "records"),
    [
        ("lines", b"a\n", b"\nb", 3),
        ("jsonl", b'{"text": "a"}\n{"text": "', b'"}\n{"text": "b"}', 3),
        ("text", b"", b"", 1),
        ("csv", b"text\na\n", b"\nb\n", 3),
        ("csv", b'text\na\n"""', b'\n"",\n"\nb\n', 3),
    ],
)
def test_a_large_record_is_a_dead_letter_that_was_never_held_whole(
    name: str, start: bytes, end: bytes, records: int
) -> None:
    size = 2**24 * 3
    stream = io.BufferedReader(_Filled(start, size, end))
    shard = Shard("in.x", name, 0, None, 0, "")
    tracemalloc.start()
    found = list(read_records(stream, shard, ReadConfig(max_record_mb=1)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12_000_000
    assert len(found) == records
    (large,) = [record for record in found if isinstance(record, DeadLetter)]
    assert [record.text for record in found if isinstance(record, Document)] == (
        ["a", "b"] if records == 3 else []
    )
    assert large.raw_size is not None
    assert size <= large.raw_size <= size + len(start) + len(end)
    assert (large.error, large.raw and len(large.raw)) == ("RecordSizeError", 2**16)
    assert large.message == (
        f"The record has {large.raw_size:,} bytes, more than the 1 MB of --max_record_mb."
    )


def test_a_csv_header_that_is_too_large_breaks_the_shard_off() -> None:
    with pytest.raises(ShardError, match=r"^The header is larger than --max_record_mb allows\.$"):
        read(b"text," + b"x" * 1_000_000 + b"\na,b\n", "csv", 1)


def test_blank_lines_before_a_csv_header_are_not_part_of_it() -> None:
    (record,) = read(b"\n" * 1_000_001 + b"text\na\n", "csv", 1)
    assert record.record == 0


def test_a_large_csv_row_without_an_end_breaks_the_shard_off() -> None:
    with pytest.raises(ShardError, match=r"^The file ends inside a quoted field\.$"):
        read(b'text\na\n"' + b"x\n" * 1_000_000, "csv", 1)


@pytest.mark.parametrize("column", ["id", "text", "kept"])
def test_a_large_value_of_a_parquet_row_is_a_dead_letter(column: str) -> None:
    large = "é" * 500_000 + "x"
    columns = {name: ["a", "b", "c"] for name in ("id", "text", "kept")}
    columns[column][1] = large
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    config = ReadConfig(max_record_mb=1, keep_fields=("kept",))
    shard = Shard("in.x", "parquet", 0, None, 0, "")
    first, letter, last = read_records(io.BytesIO(sink.getvalue()), shard, config)
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert isinstance(letter, DeadLetter)
    assert (letter.record, letter.error, letter.raw_size) == (1, "RecordSizeError", 1_000_001)
    assert letter.raw == large.encode()[: 2**16]


def test_large_parquet_values_are_read_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else 256 documents of 50 MB would be held at once."""
    asked: list[int] = []
    read_batches = pq.ParquetFile.iter_batches

    def noted(self: pq.ParquetFile, batch_size: int, **options: object) -> Iterator[object]:
        asked.append(batch_size)
        return read_batches(self, batch_size=batch_size, **options)  # type: ignore[no-any-return]  # pyarrow ships no types

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    shard = Shard("in.x", "parquet", 0, None, 0, "")
    for size in (1000, 1_000_000):
        sink = io.BytesIO()
        texts = [f"{number:04}" * (size // 4) for number in range(100)]
        pq.write_table(pa.table({"text": texts}), sink, use_dictionary=False)
        records = list(read_records(io.BytesIO(sink.getvalue()), shard, ReadConfig()))
        assert [record.text for record in records if isinstance(record, Document)] == texts
    assert asked[0] == 256
    assert 60 <= asked[1] <= 70
