"""Rows of a table in, what a manifest counts of them out."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.outputs.manifest import SUMS
from pipeline.outputs.table_reader import read_row_groups
from schemas.manifest import FileEntry
from schemas.records import FileResult, RowCounts

_COLUMNS = {
    "entities": ["source", "label"],
    "documents": ["source", *SUMS],
    "dead_letters": ["source", "record"],
}


def tally(table: str, rows: pa.Table) -> RowCounts:
    """Rows of a table in, their counts out; dead letters of whole shards belong to no record."""
    if table == "entities":
        return RowCounts(_by_value(rows["source"]), _by_value(rows["label"]))
    if table == "documents":
        totals: dict[str, int] = {name: pc.sum(rows[name], min_count=0).as_py() for name in SUMS}
        return RowCounts(_by_value(rows["source"]), totals=totals)
    return RowCounts(_by_value(rows["source"].filter(pc.is_valid(rows["record"]))))


def recount_file(root: str, table: str, file: FileEntry) -> FileResult:
    """A file as a manifest names it in, that with the counts of its rows out."""
    sources, labels, totals = Counter[str](), Counter[str](), Counter[str]()
    for rows in read_row_groups(f"{root}/{file['path']}", _COLUMNS[table]):
        counts = tally(table, rows)
        sources.update(counts.sources)
        labels.update(counts.labels)
        totals.update(counts.totals)
    written = (file["rows"], file["bytes"], file["sha256"])
    return FileResult(table, file["path"], *written, sources, labels, totals)


def _by_value(column: pa.ChunkedArray) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}
