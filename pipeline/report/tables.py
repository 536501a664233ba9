"""The tables of a run as its report reads them: a few rows at a time, whatever their size."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from pipeline.outputs.table_reader import RowGroup, row_groups
from schemas.manifest import FileEntry, Manifest, TableEntry

# Of larger tables some files are read, since one process does it: about a second for a million.
MOST_ROWS = 20_000_000


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
            yield from row_groups(f"{self.root}/{file['path']}")

    def batches(self, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of a table, with these columns."""
        for group in self.row_groups(table):
            yield from group.batches(columns)
