"""The output around its runs: files that no manifest names, leftovers, ids that occur twice."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.runs.layout import number
from jobs.runs.outputs import Output
from jobs.runs.verify.findings import Finding
from pipeline.filesystems.beam import list_files
from pipeline.filesystems.paths import is_remote
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.current import rows_that_count
from pipeline.outputs.layout import STAGING
from pipeline.outputs.table_reader import read_batches
from schemas.errors import JobError
from schemas.tables import TABLES

_SHOWN = 5
_QUERY = (
    "SELECT doc_id, count(*), list(DISTINCT source) FROM current_documents GROUP BY doc_id "
    "HAVING count(*) > 1"
)


def unnamed_files(output: Output) -> Iterator[Finding]:
    """Files in the tables that no manifest names: on a local disk readers might take them for rows.

    On object stores a run that was stopped leaves some, and so does one that is under way.
    """
    found = {table: sorted(_files_below(f"{output.root}/{table}")) for table in TABLES}
    # In this order, since other runs go on: one that is done by now has its manifest.
    staged = set(_staged(output))
    named = {
        f"{output.root}/{file['path']}"
        for manifest in read_manifests(output.root)
        for table in manifest.get("tables", {}).values()
        for file in table["files"]
    }
    for table, paths in found.items():
        for path in paths:
            if path in named:
                continue
            run_id = path.removeprefix(f"{output.root}/{table}/run_id=").partition("/")[0]
            # Readers skip names that begin like this.
            hidden = path.rpartition("/")[2].startswith((".", "_"))
            harmless = is_remote(output.root) or hidden or run_id in staged
            yield Finding(
                "remark" if harmless else "error",
                f"{path.removeprefix(f'{output.root}/')} is named by no manifest",
            )


def leftovers(output: Output) -> Iterator[Finding]:
    """Runs that were stopped, or are under way."""
    for run_id in _staged(output):
        yield Finding(
            "remark",
            f"{STAGING}/{run_id} belongs to a run that is under way or was stopped; in that case "
            "the next run removes it",
        )


def _staged(output: Output) -> list[str]:
    folder = Path(output.root, STAGING)
    if is_remote(output.root) or not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir())


def _files_below(folder: str) -> list[str]:
    if is_remote(folder):
        return [file.path for file in list_files(f"{folder}/**")]
    return [f"{top}/{name}" for top, _, names in os.walk(folder) for name in names]


def duplicate_ids(output: Output) -> Iterator[Finding]:
    """Ids that several of the documents that count share; holds eight bytes a document."""
    hashes = np.concatenate([np.zeros(0, np.int64), *map(_hashes, _ids_that_count(output))])
    hashes.sort()
    repeated = frozenset(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    if not repeated:
        return
    times: Counter[str] = Counter()
    for ids in _ids_that_count(output):
        times.update(doc_id for doc_id in ids if hash(doc_id) in repeated)
    worst = ", ".join(f"{doc_id!r} {count:,} times" for doc_id, count in times.most_common(_SHOWN))
    yield Finding(
        "warning",
        f"{number(len(repeated), 'document ids')} more than once among the rows that count: "
        f"{worst}; with the views of `python -m jobs.runs view`, this shows all of them:",
        _QUERY,
    )


def _hashes(ids: list[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([hash(doc_id) for doc_id in ids], np.int64)


def _ids_that_count(output: Output) -> Iterator[list[str]]:
    """The ids of all documents that count, a few at a time; files that cannot be read are told."""
    for rows in rows_that_count(output.current, "documents"):
        sources = pa.array(rows.sources, pa.string())
        for file in output.by_id[rows.run_id]["tables"]["documents"]["files"]:
            path = f"{output.root}/{file['path']}"
            try:
                for batch in read_batches(path, ["source", "doc_id"], frozenset(rows.sources)):
                    own = pc.is_in(batch.column("source").cast(pa.string()), value_set=sources)
                    yield batch.column("doc_id").filter(own).to_pylist()
            except JobError:
                continue
