"""The rows of a run as its report reads them: a few at a time, whatever the size of a table."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.outputs.table_reader import parquet_file
from schemas.manifest import FileEntry, Manifest, TableEntry

# Of larger tables some files are read, since one process does it: about a second for a million.
MOST_ROWS = 20_000_000
_ROWS = 32 * 1024
_BATCH_BYTES = 16_000_000
# Column chunks are read in pieces: one with all texts of a row group may be larger than the memory.
_BUFFER = 2**20


class RowGroup(NamedTuple):
    """A part of an open file that holds `rows` rows."""

    file: pq.ParquetFile
    number: int

    @property
    def rows(self) -> int:
        return int(self.file.metadata.row_group(self.number).num_rows)

    def has_only_nulls(self, column: str) -> bool:
        """Whether the file says so of a column."""
        found = self._column(column).statistics
        return bool(found and found.has_null_count and found.null_count == self.rows)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Its rows in order, so many at a time as fit in about 16 MB."""
        weight = sum(self._column(name).total_uncompressed_size for name in columns)
        fitting = _BATCH_BYTES * self.rows // max(weight, 1)
        yield from self.file.iter_batches(
            min(_ROWS, max(16, fitting)), row_groups=[self.number], columns=list(columns)
        )

    def _column(self, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        place = self.file.schema_arrow.get_field_index(name)
        # A list has columns of its own in the file; none comes before those that are read here.
        return self.file.metadata.row_group(self.number).column(place)


class RunTables(NamedTuple):
    """The tables of a run, where its manifest says that they stand.

    Of a table with more than `most_rows` only so many files are read that their rows are not more,
    but one at least.
    """

    root: str
    manifest: Manifest
    most_rows: int = MOST_ROWS

    def files(self, table: str) -> list[FileEntry]:
        """The files of a table that are read, those without rows left out."""
        chosen: list[FileEntry] = []
        rows = 0
        # They are sorted by names that are random, so the first ones are any ones.
        for file in self._entry(table)["files"]:
            rows += file["rows"]
            if rows > self.most_rows and chosen:
                break
            if file["rows"]:
                chosen.append(file)
        return chosen

    def _entry(self, table: str) -> TableEntry:
        return self.manifest.get("tables", {}).get(table, {"rows": 0, "bytes": 0, "files": []})

    def left_out(self, table: str) -> int:
        """How many rows of a table are not read."""
        return self._entry(table)["rows"] - sum(file["rows"] for file in self.files(table))

    def row_groups(self, table: str) -> Iterator[RowGroup]:
        """The row groups of a table, file by file; raises JobError where one cannot be read."""
        for file in self.files(table):
            with parquet_file(f"{self.root}/{file['path']}", _BUFFER) as opened:
                for number in range(opened.num_row_groups):
                    yield RowGroup(opened, number)

    def batches(self, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of a table, with these columns."""
        for group in self.row_groups(table):
            yield from group.batches(columns)
