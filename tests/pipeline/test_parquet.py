"""TableWriter: files of the target size that say of themselves what is in them."""

import hashlib
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.parquet import TableWriter
from schemas.records import FileResult

SCHEMA = pa.schema(
    [
        pa.field("source", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("n", pa.int64(), nullable=False, metadata={"doc": "a number"}),
        pa.field("text", pa.string()),
    ]
)
TARGET = 40_000


def create(path: str) -> BinaryIO:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return open(path, "xb")  # noqa: PTH123 - as storage does


def writer(directory: Path, target: int = TARGET) -> TableWriter:
    return TableWriter("entities", SCHEMA, str(directory), target, create)


def rows(numbers: Sequence[int]) -> pa.Table:
    """About 60 bytes a row that do not compress."""
    texts = [f"{random.Random(n).getrandbits(400):x}" for n in numbers]
    sources = pa.array([f"s{n % 2}" for n in numbers]).dictionary_encode()
    return pa.Table.from_arrays([sources, pa.array(numbers, pa.int64()), texts], schema=SCHEMA)


@pytest.fixture
def written(tmp_path: Path) -> list[FileResult]:
    """5,000 rows, written in pieces of 100: about 350 KB."""
    table = writer(tmp_path / "t")
    results = []
    for first in range(0, 5000, 100):
        numbers = range(first, first + 100)
        by_source = Counter(f"s{n % 2}" for n in numbers)
        results += table.write(rows(numbers), by_source, {"tokens": sum(numbers)})
    return [*results, *table.close()]


def test_files_are_of_about_the_target_size(written: list[FileResult]) -> None:
    *full, last = written
    assert len(full) >= 5
    assert all(TARGET <= result.bytes < TARGET * 1.3 for result in full)
    assert last.rows > 0
    assert last.bytes < TARGET * 1.3


def test_every_row_is_in_one_file_in_order(written: list[FileResult]) -> None:
    numbers = [pq.read_table(result.path)["n"].to_pylist() for result in written]
    assert [n for part in numbers for n in part] == list(range(5000))
    assert len({result.path for result in written}) == len(written)


def test_a_result_says_what_its_file_holds(written: list[FileResult]) -> None:
    for result in written:
        path = Path(result.path)
        table = pq.read_table(path)
        assert result.table == "entities"
        assert result.rows == table.num_rows
        assert result.bytes == path.stat().st_size
        assert result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert result.sources == dict(Counter(table["source"].to_pylist()))
        assert result.sums == {"tokens": sum(table["n"].to_pylist())}


def test_files_are_what_query_engines_like(written: list[FileResult]) -> None:
    """Zstandard, statistics, a page index, the schema's version, and types as declared."""
    file = pq.ParquetFile(written[0].path)
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(column)
            assert chunk.compression == "ZSTD"
            assert chunk.statistics.has_min_max
            assert chunk.has_offset_index
            assert chunk.has_column_index
    assert file.schema_arrow.metadata[b"gleaner.schema_version"] == b"3"
    assert file.schema_arrow.equals(SCHEMA)
    assert file.schema_arrow.field("n").metadata[b"doc"] == b"a number"


def test_without_rows_there_is_no_file(tmp_path: Path) -> None:
    table = writer(tmp_path / "t")
    assert table.write(rows([]), {}, {}) == []
    assert table.close() == []
    assert not (tmp_path / "t").exists()


def test_an_empty_file_is_written_only_when_asked_for(tmp_path: Path) -> None:
    (result,) = writer(tmp_path / "t").write_empty()
    assert (result.rows, result.sources, result.sums) == (0, {}, {})
    assert [str(path) for path in (tmp_path / "t").iterdir()] == [result.path]
    table = pq.read_table(result.path)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == 0
    assert result.sha256 == hashlib.sha256(Path(result.path).read_bytes()).hexdigest()


def test_a_closed_writer_begins_a_new_file(tmp_path: Path) -> None:
    table = writer(tmp_path / "t", target=10**9)
    table.write(rows([1]), {"s1": 1}, {})
    (first,) = table.close()
    table.write(rows([2, 4]), {"s0": 2}, {})
    (second,) = table.close()
    assert first.path != second.path
    assert (first.sources, second.sources) == ({"s1": 1}, {"s0": 2})


def test_a_disk_that_refuses_says_so(tmp_path: Path) -> None:
    def refuse(path: str) -> BinaryIO:
        raise OSError(28, os.strerror(28), path)

    table = TableWriter("entities", SCHEMA, str(tmp_path), TARGET, refuse)
    with pytest.raises(OSError, match="No space left"):
        table.write(rows([1]), {}, {})
