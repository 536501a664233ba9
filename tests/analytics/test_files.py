"""The files of a real output are as query engines like them, also where they were written again."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.runs.__main__ import run
from schemas.tables import SORTED_BY, TABLES

DICTIONARIES = {"source", "label", "model", "stage", "error"}


@pytest.fixture(scope="module", params=["as written", "after forget", "after compact"])
def output(
    request: pytest.FixtureRequest, two_nights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = tmp_path_factory.mktemp("files") / "out"
    shutil.copytree(two_nights / "out", root)
    if request.param == "after forget":
        assert run(["forget", "--doc_id", "letter-0001", "scan-4", f"--output={root}"]) == 0
    if request.param == "after compact":
        assert run(["compact", f"--output={root}"]) == 0
    return root


def files(output: Path, table: str) -> list[pq.ParquetFile]:
    return [pq.ParquetFile(path) for path in sorted(output.glob(f"{table}/run_id=*/*.parquet"))]


@pytest.mark.parametrize("table", TABLES)
def test_files_are_sorted_and_say_so(output: Path, table: str) -> None:
    """By Unicode, and null after all else; here files have one row group."""
    for file in files(output, table):
        rows = file.read(list(SORTED_BY[table])).to_pylist()
        keys = [[(value is None, value) for value in row.values()] for row in rows]
        assert keys == sorted(keys)
        names = file.schema.names
        for group in range(file.num_row_groups):
            order = file.metadata.row_group(group).sorting_columns
            assert tuple(names[key.column_index] for key in order) == SORTED_BY[table]
            assert not any(key.descending or key.nulls_first for key in order)


@pytest.mark.parametrize("table", TABLES)
def test_columns_can_be_skipped_and_compress(output: Path, table: str) -> None:
    for file in files(output, table):
        for group in range(file.num_row_groups):
            columns = file.metadata.row_group(group)
            for chunk in map(columns.column, range(columns.num_columns)):
                assert chunk.compression == "ZSTD"
                assert chunk.is_stats_set
                assert (chunk.has_offset_index, chunk.has_column_index) == (True, True)
                if chunk.path_in_schema in DICTIONARIES:
                    assert "RLE_DICTIONARY" in chunk.encodings
        assert not any(pa.types.is_dictionary(field.type) for field in file.schema_arrow)
        assert all(field.metadata[b"doc"] for field in file.schema_arrow)
        assert file.schema_arrow.metadata[b"doc"] == TABLES[table].metadata[b"doc"]
