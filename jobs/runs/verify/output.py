"""The output around its runs: files that no manifest names, leftovers, ids that occur twice."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.runs.outputs import Output
from jobs.runs.verify.findings import Finding
from pipeline.console.commands import called
from pipeline.console.text import counted
from pipeline.filesystems.beam import list_files
from pipeline.filesystems.paths import is_remote
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.current import rows_that_count
from pipeline.outputs.layout import STAGING, all_files, is_published, table_files
from pipeline.outputs.names import are_outdated
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
        path
        for manifest in read_manifests(output.root)
        for path in all_files(output.root, manifest)
    }
    for table, paths in found.items():
        for path in paths:
            name = path.removeprefix(f"{output.root}/")
            if path in named or is_published(name):
                continue
            run_id = path.removeprefix(f"{output.root}/{table}/run_id=").partition("/")[0]
            # Readers skip names that begin like this.
            is_hidden = path.rpartition("/")[2].startswith((".", "_"))
            is_harmless = is_remote(output.root) or is_hidden or run_id in staged
            kind: Literal["remark", "error"] = "remark" if is_harmless else "error"
            yield Finding(kind, f"{name} is named by no manifest")


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
    hashes = np.fromiter((hash(doc_id) for doc_id in _ids_that_count(output)), np.int64)
    hashes.sort()
    repeated = frozenset(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    if not repeated:
        return
    times = Counter(doc_id for doc_id in _ids_that_count(output) if hash(doc_id) in repeated)
    worst = ", ".join(f"{doc_id!r} {count:,} times" for doc_id, count in times.most_common(_SHOWN))
    yield Finding(
        "warning",
        f"{counted(len(repeated), 'document id')} more than once among the rows that count: "
        f"{worst}; with the views of `python -m jobs.runs view`, this shows all of them:",
        _QUERY,
    )


def outdated_names(output: Output) -> Iterator[Finding]:
    """A table of names that was made of other entities than those that count."""
    if are_outdated(output.root, output.manifests):
        yield Finding(
            "remark",
            f"the table of names is not of what counts: {called('jobs.resolve')} makes it again",
        )


def _ids_that_count(output: Output) -> Iterator[str]:
    """The ids of all documents that count; files that cannot be read were told before."""
    for rows in rows_that_count(output.current, "documents"):
        sources = pa.array(rows.sources, pa.string())
        for path in table_files(output.root, output.by_id[rows.run_id], "documents"):
            try:
                for batch in read_batches(path, ["source", "doc_id"], frozenset(rows.sources)):
                    own = pc.is_in(batch.column("source").cast(pa.string()), value_set=sources)
                    yield from batch.column("doc_id").filter(own).to_pylist()
            except JobError:
                continue
