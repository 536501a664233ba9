"""The files of a run in, what its manifest has to say of them out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from jobs.runs.row_groups import read_row_groups
from pipeline.outputs.current import Manifest
from pipeline.outputs.manifest import rows_by_source, written_table
from pipeline.outputs.storage import RunStorage
from schemas.records import FileResult
from schemas.tables import TABLES

# What each document says of itself, and a manifest of all of them.
SUMS = ("sentences", "tokens", "unknown_tokens", "characters")

_OF_ROWS = ("counts", "inputs", "tables")
_COLUMNS = {
    "entities": ["source", "label"],
    "documents": ["source", *SUMS],
    "dead_letters": ["source", "record"],
}


class Tally(NamedTuple):
    """What `FileResult` counts of rows: those of each source, and further totals by name."""

    sources: Mapping[str, int]
    sums: Mapping[str, int]


def tally(table: str, rows: pa.Table) -> Tally:
    """Rows of a table in, their counts out; dead letters of whole shards belong to no record."""
    if table == "entities":
        return Tally(_by_value(rows["source"]), _by_value(rows["label"]))
    if table == "documents":
        sums = {name: pc.sum(rows[name], min_count=0).as_py() for name in SUMS}
        return Tally(_by_value(rows["source"]), sums)
    return Tally(_by_value(rows["source"].filter(pc.is_valid(rows["record"]))), {})


def recount_file(root: str, table: str, file: Mapping[str, Any]) -> FileResult:
    """A file as a manifest names it in, that with the counts of its rows out."""
    sources: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for rows in read_row_groups(f"{root}/{file['path']}", _COLUMNS[table]):
        own = tally(table, rows)
        sources.update(own.sources)
        sums.update(own.sums)
    return FileResult(
        table, file["path"], file["rows"], file["bytes"], file["sha256"], sources, sums
    )


def without_rows(manifest: Manifest) -> dict[str, Any]:
    """A manifest in, the same without what it says of rows out: that of a run that has none."""
    return {name: value for name, value in manifest.items() if name not in _OF_ROWS}


def recounted(
    manifest: Manifest,
    inputs: Sequence[Mapping[str, Any]],
    files: Sequence[FileResult],
    storage: RunStorage,
) -> dict[str, Any]:
    """A manifest in, the same for these sources and files out.

    inputs: source, fingerprint, `complete` and `repairs` of each; what they count is replaced.
    """
    rows = {table: rows_by_source(files, table) for table in TABLES}
    sums: Counter[str] = Counter()
    for file in files:
        if file.table == "documents":
            sums.update(file.sums)
    labels: Counter[str] = Counter()
    for file in files:
        if file.table == "entities":
            labels.update(file.sums)
    entries = [
        {
            **entry,
            "records": rows["documents"][entry["source"]] + rows["dead_letters"][entry["source"]],
            **{table: rows[table][entry["source"]] for table in TABLES},
        }
        for entry in inputs
    ]
    counts = {
        "files": len(inputs),
        "broken_files": sum(not entry["complete"] for entry in inputs),
        "records": sum(entry["records"] for entry in entries),
        **{table: rows[table].total() for table in TABLES},
        **{name: sums[name] for name in SUMS},
        "entities_by_label": dict(sorted(labels.items())),
    }
    return {
        **manifest,
        "counts": {**manifest.get("counts", {}), **counts},
        "inputs": entries,
        "tables": {
            table: written_table(files, table, storage)
            for table in TABLES
            if any(file.table == table for file in files)
        },
    }


def _by_value(column: pa.ChunkedArray) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in column.value_counts().to_pylist()}
