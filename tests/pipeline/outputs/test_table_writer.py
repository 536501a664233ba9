"""TableWriter: files of the target size that say of themselves what is in them."""

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.outputs import table_writer as parquet
from pipeline.outputs.table_writer import TableWriter
from schemas.records import FileResult, RowCounts
from schemas.tables import SCHEMA_VERSION, without_dictionaries

SCHEMA = pa.schema(
    [
        pa.field("source", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("record", pa.int64(), metadata={"doc": "a number"}),
        pa.field("doc_id", pa.string()),
        pa.field("text", pa.string()),
    ],
    metadata={"doc": "a table"},
)
TARGET = 40_000


def create(path: str) -> BinaryIO:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, "xb")  # noqa: PTH123 - as storage does


def writer(directory: Path, target: int = TARGET) -> TableWriter:
    return TableWriter("documents", SCHEMA, str(directory), target, create)


def rows(numbers: Sequence[int]) -> pa.Table:
    """About 60 bytes a row that do not compress; a source has 1,000 rows."""
    texts = [f"{random.Random(n).getrandbits(400):x}" for n in numbers]
    sources = pa.array([source(n) for n in numbers]).dictionary_encode()
    names = [f"d{n}" for n in numbers]
    columns = [sources, pa.array(numbers, pa.int64()), names, texts]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def source(number: int) -> str:
    return f"s{number // 1000}"


@pytest.fixture
def written(tmp_path: Path) -> list[FileResult]:
    """5,000 rows, written in pieces of 100: about 350 KB."""
    table = writer(tmp_path / "t")
    results = []
    for first in range(0, 5000, 100):
        numbers = range(first, first + 100)
        by_source = Counter(map(source, numbers))
        results += table.write(rows(numbers), RowCounts(by_source, totals={"tokens": sum(numbers)}))
    return [*results, *table.close()]


def test_files_are_of_about_the_target_size(written: list[FileResult]) -> None:
    *full, last = written
    assert len(full) >= 5
    assert all(TARGET <= result.bytes < TARGET * 1.3 for result in full)
    assert last.rows > 0
    assert last.bytes < TARGET * 1.3


def test_every_row_is_in_one_file_in_order(written: list[FileResult]) -> None:
    numbers = [pq.read_table(result.path)["record"].to_pylist() for result in written]
    assert [n for part in numbers for n in part] == list(range(5000))
    assert len({result.path for result in written}) == len(written)


def test_a_result_says_what_its_file_holds(written: list[FileResult]) -> None:
    for result in written:
        path = Path(result.path)
        table = pq.read_table(path)
        assert result.table == "documents"
        assert result.rows == table.num_rows
        assert result.bytes == path.stat().st_size
        assert result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert result.sources == dict(Counter(table["source"].to_pylist()))
        assert result.totals == {"tokens": sum(table["record"].to_pylist())}


def test_files_are_what_query_engines_like(written: list[FileResult]) -> None:
    """Zstandard, statistics, a page index, an order, the schema's version, types as declared."""
    file = pq.ParquetFile(written[0].path)
    for group in range(file.metadata.num_row_groups):
        order = file.metadata.row_group(group).sorting_columns
        assert [(key.column_index, key.descending, key.nulls_first) for key in order] == [
            (0, False, False),
            (1, False, False),
        ]
        for column in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(column)
            assert chunk.compression == "ZSTD"
            assert chunk.statistics.has_min_max
            assert chunk.has_offset_index
            assert chunk.has_column_index
            has_dictionary = "RLE_DICTIONARY" in chunk.encodings
            assert has_dictionary == (chunk.path_in_schema != "record")
    assert file.schema_arrow.metadata[b"gleaner.schema_version"] == str(SCHEMA_VERSION).encode()
    assert file.schema_arrow.equals(without_dictionaries(SCHEMA))
    assert file.schema_arrow.metadata[b"doc"] == b"a table"
    assert file.schema_arrow.field("record").metadata[b"doc"] == b"a number"


def groups_of(path: str) -> list[list[int]]:
    file = pq.ParquetFile(path)
    groups = map(file.read_row_group, range(file.num_row_groups))
    return [group["record"].to_pylist() for group in groups]


def test_pieces_become_row_groups_of_full_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes at once: pieces smaller than a row group, and larger."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1000)
    table = writer(tmp_path / "t", target=10**9)
    for first, last in ((0, 300), (300, 600), (600, 1100), (1100, 3500), (3500, 3550)):
        assert table.write(rows(range(first, last)), RowCounts()) == []
    (result,) = table.close()
    groups = groups_of(result.path)
    assert [len(group) for group in groups] == [1000, 1000, 1000, 550]
    assert [n for group in groups for n in group] == list(range(3550))


def test_long_rows_become_row_groups_before_they_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", rows(range(100)).nbytes * 2)
    table = writer(tmp_path / "t", target=10**9)
    for first in range(0, 500, 100):
        table.write(rows(range(first, first + 100)), RowCounts())
    (result,) = table.close()
    assert [len(group) for group in groups_of(result.path)] == [200, 200, 100]


@pytest.fixture
def pool() -> Iterator[pa.MemoryPool]:
    """A pool of Arrow's memory that tells the peak of this test alone."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    yield pool
    pa.set_memory_pool(before)


def test_long_sources_take_no_memory_for_each_row(tmp_path: Path, pool: pa.MemoryPool) -> None:
    """Written out, those of 128 Ki rows would be 54 MB."""
    table = writer(tmp_path / "t", target=10**9)
    sources = []
    for first in range(0, 150_000, 1500):
        path = f"{first // 6000:0400}"
        sources += [path] * 1500
        names = pa.array([f"d{first}"] * 1500)
        numbers = pa.array(range(first, first + 1500), pa.int64())
        columns = [pa.array([path] * 1500).dictionary_encode(), numbers, names, names]
        table.write(pa.Table.from_arrays(columns, schema=SCHEMA), RowCounts())
    (result,) = table.close()
    assert pool.max_memory() < 20_000_000
    assert pq.read_table(result.path)["source"].to_pylist() == sources


_LONG_TEXTS = """
import random, sys
import pyarrow as pa
from pipeline.outputs.table_writer import TableWriter
from schemas.records import RowCounts
schema = pa.schema({"source": pa.string(), "doc_id": pa.string(), "record": pa.int64(),
                    "text": pa.string()})
table = TableWriter("documents", schema, sys.argv[1], 10**9, lambda path: open("/dev/null", "wb"))
for number in range(6):
    text = random.Random(number).randbytes(4_000_000).hex()
    row = {"source": "s", "record": number, "doc_id": "d", "text": text}
    table.write(pa.Table.from_pylist([row], schema=schema), RowCounts())
table.close()
print(pa.default_memory_pool().max_memory())
"""


def test_long_texts_are_written_before_many_wait(tmp_path: Path) -> None:
    """Six of 8 MB. The writer of files takes its memory from no other pool, so another process."""
    command = [sys.executable, "-c", _LONG_TEXTS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000_000


def test_a_row_group_has_the_words_of_its_rows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that no row has any more is in no file, and null stays null."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1000)
    schema = SCHEMA.set(0, SCHEMA.field("source").with_nullable(nullable=True))
    table = TableWriter("documents", schema, str(tmp_path / "t"), 10**9, create)
    codes = pa.array([1, 2, None] * 500, pa.int32())
    words = pa.DictionaryArray.from_arrays(codes, pa.array(["gone", "b", "a"]))
    table.write(rows(range(1500)).cast(schema).set_column(0, schema.field(0), words), RowCounts())
    (result,) = table.close()
    file = pq.ParquetFile(result.path)
    groups = [file.read_row_group(n)["source"] for n in range(file.num_row_groups)]
    assert [g.to_pylist() for g in groups] == [["a"] * 500 + ["b"] * 500, [None] * 500]
    assert b"gone" not in Path(result.path).read_bytes()


def test_rows_of_a_row_group_are_in_the_order_that_it_declares(tmp_path: Path) -> None:
    """Workers read in any order; dead letters of shards come after those of their records."""
    table = writer(tmp_path / "t", target=10**9)
    for first in (2000, 1000, 0):
        numbers = random.Random(first).sample(range(first, first + 1000), 1000)
        table.write(rows(numbers), RowCounts())
    shard = rows([1500]).set_column(1, SCHEMA.field("record"), pa.nulls(1, pa.int64()))
    table.write(shard, RowCounts())
    (result,) = table.close()
    assert groups_of(result.path) == [[*range(2000), None, *range(2000, 3000)]]


@pytest.mark.parametrize("name", ["d17", "d2999"])
def test_row_groups_without_a_document_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By their Bloom filters, as DuckDB tells: the statistics of d0 to d999 leave d17 in all."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1000)
    table = writer(tmp_path / "t", target=10**9)
    table.write(rows(range(3000)), RowCounts())
    (result,) = table.close()
    with duckdb.connect() as connection:
        probed = connection.execute(
            "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, 'doc_id', ?)",
            [result.path, name],
        ).fetchall()
    assert sorted(excluded for (excluded,) in probed) == [False, True, True]


@pytest.mark.parametrize("first", [1, 40_000], ids=["a long text", "a document of many rows"])
def test_row_groups_are_skipped_where_the_first_has_one_document_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """What the first row group has does not say how many documents the next ones have."""
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 2_000_000)
    table = writer(tmp_path / "t", target=10**8)
    long = {"source": "a", "doc_id": "d", "text": "x" * (2_000_000 // first)}
    table.write(
        pa.Table.from_pylist([{**long, "record": n} for n in range(first)], SCHEMA), RowCounts()
    )
    names = pa.array([f"d{n}" for n in range(32_768)])
    numbers = pa.array(range(32_768), pa.int64())
    sources = pa.array(["b"] * 32_768).dictionary_encode()
    table.write(pa.Table.from_arrays([sources, numbers, names, names], schema=SCHEMA), RowCounts())
    (result,) = table.close()
    assert pq.ParquetFile(result.path).num_row_groups == 2
    with duckdb.connect() as connection:
        probed = [
            connection.execute(
                "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, 'doc_id', ?)"
                " WHERE row_group_id = 1",
                [result.path, f"missing-{n}"],
            ).fetchall()
            for n in range(200)
        ]
    assert probed.count([(True,)]) > 100


def test_a_file_of_few_rows_stays_small(tmp_path: Path) -> None:
    table = writer(tmp_path / "t", target=10**8)
    table.write(rows(range(5)), RowCounts())
    (result,) = table.close()
    assert result.bytes < 5000


def test_without_rows_there_is_no_file(tmp_path: Path) -> None:
    table = writer(tmp_path / "t")
    assert table.write(rows([]), RowCounts()) == []
    assert table.close() == []
    assert not (tmp_path / "t").exists()


def test_an_empty_file_is_written_only_when_asked_for(tmp_path: Path) -> None:
    (result,) = writer(tmp_path / "t").write_empty()
    assert (result.rows, result.sources, result.totals) == (0, {}, {})
    assert [str(path) for path in (tmp_path / "t").iterdir()] == [result.path]
    table = pq.read_table(result.path)
    assert table.schema.equals(without_dictionaries(SCHEMA))
    assert table.num_rows == 0
    assert result.sha256 == hashlib.sha256(Path(result.path).read_bytes()).hexdigest()


def test_a_closed_writer_begins_a_new_file(tmp_path: Path) -> None:
    table = writer(tmp_path / "t", target=10**9)
    table.write(rows([1000]), RowCounts({"s1": 1}))
    (first,) = table.close()
    table.write(rows([2, 4]), RowCounts({"s0": 2}))
    (second,) = table.close()
    assert first.path != second.path
    assert (first.sources, second.sources) == ({"s1": 1}, {"s0": 2})


def test_a_disk_that_refuses_says_so(tmp_path: Path) -> None:
    def refuse(path: str) -> BinaryIO:
        raise OSError(28, os.strerror(28), path)

    table = TableWriter("documents", SCHEMA, str(tmp_path), TARGET, refuse)
    with pytest.raises(OSError, match="No space left"):
        table.write(rows([1]), RowCounts())
