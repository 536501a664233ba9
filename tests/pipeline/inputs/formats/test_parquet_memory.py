"""Parquet files that unpack to more than they seem to: read in bounded memory, nothing lost."""

import io
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from pipeline.inputs.formats.parquet.pages import HeavyPageError, PageWatch, read_struct
from schemas.records import DeadLetter, Document, Shard

MEGABYTES = 1_000_000


def repeated(value: str, times: int) -> pa.Array:
    """A column of one value, which is held once."""
    return pa.DictionaryArray.from_arrays(np.zeros(times, np.int32), pa.array([value]))


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    """Without Arrow's own schema, so that dictionaries are read as strings."""
    sink = io.BytesIO()
    options = {"compression": "zstd", "store_schema": False} | options
    pq.write_table(pa.table(columns), sink, dictionary_pagesize_limit=2**30, **options)
    return sink.getvalue()


def read(data: bytes, config: ReadConfig | None = None) -> tuple[list[Record], str]:
    """The records, and what broke them off."""
    records: list[Record] = []
    shard = Shard("in.x", "parquet", 0, None, 0, "")
    try:
        for record in read_records(io.BytesIO(data), shard, config or ReadConfig()):
            records.append(record)  # noqa: PERF402 - what came before an error is kept
    except ShardError as error:
        return records, str(error)
    return records, ""


def text(megabytes: float) -> str:
    return "a " * round(megabytes * MEGABYTES / 2)


def random_text(megabytes: float) -> str:
    return random.Random(7).randbytes(round(megabytes * MEGABYTES / 2)).hex()


def in_lists(value: str, rows: int, each: int) -> pa.Array:
    offsets = pa.array(range(0, rows * each + 1, each), pa.int32())
    return pa.ListArray.from_arrays(offsets, repeated(value, rows * each))


DELTA = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
BOMBS: dict[str, Any] = {
    "one value in all rows": lambda: parquet({"text": repeated(text(60), 256)}),
    "as Arrow's own dictionary": lambda: parquet(
        {"text": repeated(text(60), 256)}, store_schema=True
    ),
    "an id": lambda: parquet({"id": repeated(text(60), 256), "text": ["a"] * 256}),
    "in a list": lambda: parquet({"text": ["a"] * 3, "kept": in_lists(text(60), 3, 1000)}),
    "behind good rows": lambda: parquet(
        {
            "text": pa.DictionaryArray.from_arrays(
                np.repeat([0, 1], [9, 256]).astype(np.int32), pa.array(["a", text(60)])
            )
        }
    ),
    "by what values share": lambda: parquet(
        {"text": [f"{text(10)}{row}" for row in range(20)]}, data_page_size=2**30, **DELTA
    ),
    "a page of 410 MB": lambda: parquet(
        {"text": [text(410)]}, use_dictionary=False, write_statistics=False
    ),
    "a list of nothing": lambda: parquet(
        {"text": ["a", "b"], "kept": pa.array([[None] * 40_000_000, []], pa.list_(pa.int32()))},
        data_page_size=2**30,
        max_rows_per_page=2**30,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_broken_file_and_never_fills_the_memory(name: str, tmp_path: Path) -> None:
    """None of its rows is given out: the first alone would take minutes."""
    path = tmp_path / "bomb.parquet"
    path.write_bytes(BOMBS[name]())
    assert path.stat().st_size < MEGABYTES
    script = """if True:
        import sys
        from pipeline.inputs.formats import ReadConfig, ShardError, read_records
        from schemas.records import Shard
        def peak():
            return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024
        before, records = peak(), 0
        try:
            with open(sys.argv[1], "rb") as stream:
                shard = Shard("in.x", "parquet", 0, None, 0, "")
                for _ in read_records(stream, shard, ReadConfig(keep_fields=("kept",))):
                    records += 1
        except ShardError as error:
            print(records, peak() - before, error)
    """
    command = [sys.executable, "-c", script, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    records, megabytes, error = told.split(" ", 2)
    assert error.strip()
    assert int(records) == 0
    assert int(megabytes) < 1200


def test_rows_above_the_limit_are_dead_letters_of_which_no_value_is_made() -> None:
    large = random_text(3)
    columns = {"id": ["a", "b", "c"], "text": ["x", large, "y"], "kept": [["k"], [], [large]]}
    config = ReadConfig(max_record_mb=1, keep_fields=("kept",))
    for options in ({}, {"use_dictionary": False}, DELTA, {"store_schema": True}):
        records, error = read(parquet(columns, **options), config)
        assert not error
        first, *letters = records
        assert first == Document("a", "in.x", 0, "x", ('["k"]',))
        dead = [letter for letter in letters if isinstance(letter, DeadLetter)]
        assert [(r.doc_id, r.record, r.error, r.raw_size) for r in dead] == [
            ("b", 1, "RecordSizeError", 3 * MEGABYTES),
            ("c", 2, "RecordSizeError", 3 * MEGABYTES),
        ]


@given(
    sizes=st.lists(st.sampled_from([0, 1, 200_000, 2_000_000]), min_size=1, max_size=12),
    repeats=st.booleans(),
    groups=st.sampled_from([1, 3, 100]),
    encoding=st.sampled_from(["dictionary", "plain", "delta"]),
    in_list=st.booleans(),
)
def test_any_sizes_in_any_encoding_give_every_row_once_and_in_order(
    sizes: list[int], *, repeats: bool, groups: int, encoding: str, in_list: bool
) -> None:
    """However often reading begins anew with fewer rows."""
    fixed = random_text(2)
    texts = [
        ("" if repeats else str(number)) + fixed[: max(size - 3, 0)]
        for number, size in enumerate(sizes * 3)
    ]
    options: dict[str, Any] = {"row_group_size": groups, "data_page_size": 2**20}
    if encoding != "dictionary":
        options["use_dictionary"] = False
    if encoding == "delta":
        options["column_encoding"] = {"text": "DELTA_BYTE_ARRAY"}
        options["column_encoding"]["kept.list.element"] = "DELTA_BYTE_ARRAY"
    kept = [[text[:300_000], "k"] if in_list else None for text in texts]
    columns = {"text": texts, "kept": pa.array(kept, pa.list_(pa.string()))}
    records, error = read(parquet(columns, **options), ReadConfig(keep_fields=("kept",)))
    assert not error
    assert [record.record for record in records] == list(range(len(texts)))
    assert [record.text for record in records if isinstance(record, Document)] == texts


def test_many_rows_of_one_text_are_no_bomb() -> None:
    """They are 1,000-fold and more, but nothing large comes of any."""
    records, error = read(parquet({"text": repeated("word " * 1000, 40_000)}))
    assert (len(records), error) == (40_000, "")


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def integer(step: int, number: int) -> bytes:
    return bytes([step << 4 | 5]) + varint((number << 1) ^ (number >> 63))


def page(size: int, stored: bytes, *, values: int = 1, encoding: int = 0) -> bytes:
    """A page of data as it stands in a file."""
    data = b"\x2c" + integer(1, values) + integer(1, encoding) + b"\x00"
    return integer(1, 0) + integer(1, size) + integer(1, len(stored)) + data + b"\x00" + stored


@given(number=st.integers(-(2**63), 2**63 - 1), more=st.binary(max_size=5))
def test_integers_of_thrift_are_read(number: int, more: bytes) -> None:
    data = b"\x06\x1e" + varint((number << 1) ^ (number >> 63)) + b"\x18" + varint(len(more)) + more
    assert read_struct(data + b"\x00x") == ({15: number, 16: None}, len(data) + 1)


@given(data=st.binary(max_size=60))
def test_what_is_no_header_raises_one_of_two_errors(data: bytes) -> None:
    try:
        _, end = read_struct(data)
    except (IndexError, ValueError):
        return
    assert end <= len(data)


@given(
    sizes=st.lists(st.integers(0, 2**25), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 40), min_size=1),
)
def test_pages_are_seen_wherever_the_reads_are_cut(sizes: list[int], cuts: list[int]) -> None:
    """Two columns in turn, as pyarrow reads them; each page is told by its number of rows."""
    delta = 7
    column = b"".join(page(size, b"x" * (size % 30), encoding=delta) for size in sizes)
    watch = PageWatch(io.BytesIO(column * 2), 2**30)
    watch.begin(1)
    places = [0, len(column)]
    while places[0] < len(column):
        for at, cut in enumerate(cuts[:2] * 2):
            place = places[at % 2]
            watch.seek(place)
            end = len(column) * (at % 2 + 1)
            places[at % 2] += len(watch.read(min(cut, end - place)))
    assert watch.largest == max(sizes)


def test_a_page_that_is_too_heavy_says_how_many_rows_would_not_be() -> None:
    watch = PageWatch(io.BytesIO(page(2**22, b"")), 2**23)
    watch.begin(17)
    with pytest.raises(HeavyPageError) as caught:
        watch.read()
    assert caught.value.rows == 16
    watch.seek(0)
    watch.begin(16)
    watch.read()
    small = PageWatch(io.BytesIO(page(2**23 + 1, b"")), 2**23)
    small.begin(1)
    with pytest.raises(ShardError, match=r"^A page of a column unpacks to 8,388,609 bytes, more "):
        small.read()
