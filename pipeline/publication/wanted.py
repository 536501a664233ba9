"""Which files, and which of their rows, a published table should have: what counts of an output."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.outputs.current import (
    CurrentSource,
    RunRows,
    committed_runs,
    rows_that_count,
)
from pipeline.outputs.layout import NAMES, table_file
from pipeline.outputs.table_reader import read_row_groups
from schemas.manifest import FileEntry, Manifest
from schemas.tables import NAMES as NAMES_SCHEMA
from schemas.tables import TABLES, documents_schema

RUN_ID = "run_id"  # the column that Parquet files have in their path alone
_PLAIN = 4  # from this version on, text is plain text in the files
RUN_ID_FIELD = pa.field(RUN_ID, pa.string(), metadata={"doc": "the run that wrote the row"})


class WantedFile(NamedTuple):
    """A file of a run of which rows count.

    path: as it counts from the output; rows, bytes, sha256: of the whole file; counting: which rows
    of it count, empty where all of them do; has_dictionaries: whether it calls repeated text so, as
    files did before version 4.
    """

    run_id: str
    path: str
    rows: int
    bytes: int
    sha256: str
    counting: tuple[RunRows, ...] = ()
    has_dictionaries: bool = False

    @property
    def copy_name(self) -> str:
        """The name of a file with these rows alone: the same for the same rows, and no others."""
        counting = [[*rows.sources, rows.whole_shards] for rows in self.counting]
        told = json.dumps([self.path, self.sha256, counting]).encode()
        return table_file(hashlib.blake2b(told, digest_size=16).hexdigest())

    def counting_rows(self, rows: pa.Table) -> Iterator[pa.Table]:
        """Rows of the file in, those that count out."""
        if not self.counting:
            yield rows
        for counting in self.counting:
            yield rows.filter(counting.matches(rows))


def wanted_files(
    root: str, runs: Mapping[str, Manifest], current: Mapping[str, CurrentSource], table: str
) -> Iterator[WantedFile]:
    """The files of an output with rows of a table that count; those without a row are left out.

    runs: the manifests by run id; current: what counts of them, as `current_sources` says. Opens a
    file only where its manifest does not say which inputs it has rows of.
    """
    by_run: dict[str, list[RunRows]] = {}
    for rows in rows_that_count(current, table):
        by_run.setdefault(rows.run_id, []).append(rows)
    for run_id, counting in by_run.items():
        manifest = runs[run_id]
        whole = {name for rows in counting if not rows.whole_shards for name in rows.sources}
        has_dictionaries = manifest["schema_version"] < _PLAIN or not all(
            "inputs" in file for file in manifest["tables"]["entities"]["files"]
        )
        all_count = len(whole) == len(manifest["inputs"])
        for file in manifest["tables"][table]["files"]:
            own = () if all_count else _counting(root, manifest, file, counting, whole)
            if file["rows"] and own is not None:
                written = (file["path"], file["rows"], file["bytes"], file["sha256"])
                yield WantedFile(run_id, *written, own, has_dictionaries)


def _counting(
    root: str,
    manifest: Manifest,
    file: FileEntry,
    counting: Sequence[RunRows],
    whole: Collection[str],
) -> tuple[RunRows, ...] | None:
    """Which rows of a file count; empty where all of them do, None where none does."""
    held = _sources(root, manifest, file)
    if held.issubset(whole):
        return ()
    own = (rows._replace(sources=sorted(held.intersection(rows.sources))) for rows in counting)
    return tuple(rows for rows in own if rows.sources) or None


def _sources(root: str, manifest: Manifest, file: FileEntry) -> set[str]:
    """The sources of a file's rows."""
    if "inputs" in file:
        return {manifest["inputs"][number]["source"] for number in file["inputs"]}
    columns = read_row_groups(f"{root}/{file['path']}", ["source"])
    return {name for rows in columns for name in pc.unique(rows["source"]).to_pylist()}


def kept_fields(manifests: Sequence[Manifest]) -> list[str]:
    """All fields that committed runs kept of their documents, each once."""
    runs = committed_runs(manifests)
    return [*dict.fromkeys(name for run in runs for name in run["configuration"]["keep_fields"])]


def published_schemas(kept: Sequence[str], by: str | None = None) -> Mapping[str, pa.Schema]:
    """The columns of each published table: those of the files, all kept fields, and `run_id`.

    Names have no run. by: the field that entities have of their document.
    """
    fields = [*dict.fromkeys([*kept, *([by] if by else [])])]
    schemas = {**TABLES, "documents": documents_schema(fields)}
    if by:
        schemas["entities"] = schemas["entities"].append(schemas["documents"].field(by))
    of_runs = {table: schema.append(RUN_ID_FIELD) for table, schema in schemas.items()}
    return {**of_runs, NAMES: NAMES_SCHEMA}
