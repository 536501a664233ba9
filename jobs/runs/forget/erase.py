"""One run of an output without some of its rows: found, then written again."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow.compute as pc

from jobs.runs.forget.redaction import MESSAGE, messages_left, redacted
from jobs.runs.forget.selection import Documents, Selection, Sources
from jobs.runs.outputs import Output
from jobs.runs.recount import recount_file, tally
from pipeline.outputs.forgotten import names_file
from pipeline.outputs.layout import table_files
from pipeline.outputs.manifest import with_rows, without_rows
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.table_reader import open_table, read_row_groups
from pipeline.outputs.table_writer import TableWriter
from pipeline.outputs.transactions import amend_run, settle_run
from pipeline.report.write import try_report
from schemas.manifest import FileEntry, Forgotten, Manifest
from schemas.records import FileResult


@dataclass(frozen=True)
class Found:
    """What a run has of a selection.

    rows: how many of each table; files: those that hold them; names: which of the wanted ones;
    spelt_otherwise: ids that differ from the wanted ones in their spelling alone;
    sources: where they were read; unnamed: dead letters by source that have no id and are not
    meant; is_concerned: whether anything of the run is to be changed.
    """

    manifest: Manifest
    rows: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    spelt_otherwise: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    unnamed: Counter[str] = field(default_factory=Counter)
    is_concerned: bool = False


def names_input(manifest: Manifest, source: str) -> bool:
    """Whether a run was told to read exactly this file."""
    return any(names_file(given, source) for given in manifest["configuration"]["input"])


def with_records(output: Output, selection: Documents) -> Documents:
    """The selection with the records that its documents are or were in any run."""
    records: set[tuple[str, int]] = set()
    for manifest in output.manifests:
        for table in ("documents", "dead_letters"):
            for path in table_files(output.root, manifest, table):
                for rows in read_row_groups(path, selection.columns(table)):
                    meant = rows.filter(selection.matches(table, rows).rows)
                    pairs = (meant["source"].to_pylist(), meant["record"].to_pylist())
                    records.update(zip(*pairs, strict=True))
    return replace(selection, records=frozenset(records))


def find(root: str, manifest: Manifest, selection: Selection) -> Found:
    """Look through all files of a run."""
    found = Found(manifest)
    for table, described in manifest.get("tables", {}).items():
        for file in described["files"]:
            _find_in(f"{root}/{file['path']}", table, file["path"], selection, found)
    if isinstance(selection, Sources):
        found.sources.update(
            entry["source"]
            for entry in manifest.get("inputs", ())
            if entry["source"] in selection.names
        )
    changed = bool(found.files or found.sources) or redacted(manifest, selection) != manifest
    return replace(found, is_concerned=changed)


def _find_in(path: str, table: str, name: str, selection: Selection, found: Found) -> None:
    columns = {*selection.columns(table), *(MESSAGE if table == "dead_letters" else ())}
    for rows in read_row_groups(path, sorted(columns)):
        matches = selection.matches(table, rows)
        found.names.update(matches.names)
        meant = rows.filter(matches.rows)
        if table == "documents" and isinstance(selection, Documents):
            found.spelt_otherwise.update(selection.spelt_otherwise(rows))
        if len(meant):
            found.files.add(name)
            found.rows[table] += len(meant)
            found.sources.update(pc.unique(meant["source"]).to_pylist())
        if table == "dead_letters" and not messages_left(rows).equals(rows):
            found.files.add(name)
        if table == "dead_letters" and "doc_id" in rows.column_names:
            others = rows.filter(pc.and_(pc.invert(matches.rows), pc.is_null(rows["doc_id"])))
            found.unnamed.update(others["source"].to_pylist())


def erase(output: Output, found: Found, selection: Selection, at: str) -> None:
    """Write the run's files and its manifest again without what was found; the old ones go last."""
    manifest, storage = found.manifest, run_storage(output.root, found.manifest["run_id"])
    is_reported = storage.has_report()

    def without_found() -> tuple[Manifest, Sequence[FileResult]]:
        files = [
            file
            for table, described in manifest.get("tables", {}).items()
            for file in _rewritten(storage, table, described["files"], found, selection)
        ]
        left = _left(redacted(manifest, selection), files, storage, found)
        if found.rows or len(left.get("inputs", ())) < len(manifest.get("inputs", ())):
            entry = Forgotten(
                at=at,
                entities=found.rows["entities"],
                documents=found.rows["documents"],
                dead_letters=found.rows["dead_letters"],
            )
            left["forgotten"] = [*manifest.get("forgotten", ()), entry]
            left.pop("gazetteer", None)  # it names terms that may be of the erased texts alone
        return left, [file for file in files if file.path.startswith(storage.root)]

    left = amend_run(storage, without_found)
    output.outdated.append(partial(settle_run, storage))
    if is_reported:
        try_report(storage, left)


def _rewritten(
    storage: RunStorage,
    table: str,
    described: Sequence[FileEntry],
    found: Found,
    selection: Selection,
) -> list[FileResult]:
    """The files that are left of a table: those without a match as they are, the others anew."""
    left = []
    for file in described:
        if file["path"] not in found.files:
            left.append(recount_file(storage.root, table, file))
            continue
        path = f"{storage.root}/{file['path']}"
        writer = _writer(storage, table, path)
        for rows in read_row_groups(path):
            kept = rows.filter(pc.invert(selection.matches(table, rows).rows))
            kept = messages_left(kept) if table == "dead_letters" else kept
            left += writer.write(kept, tally(table, kept))
        left += writer.close()
    if not left:
        path = f"{storage.root}/{described[0]['path']}"
        left = _writer(storage, table, path).write_empty()
    return left


def _writer(storage: RunStorage, table: str, like: str) -> TableWriter:
    """Writes one file of any size, with the schema of an old one."""
    with open_table(like) as file:
        schema = file.schema_arrow
    directory = storage.writing_directory(table)
    return TableWriter(table, schema, directory, sys.maxsize, storage.create)


def _left(
    manifest: Manifest, files: list[FileResult], storage: RunStorage, found: Found
) -> Manifest:
    """The manifest of what is left: of a run with nothing left, that of an empty or failed one."""
    if "inputs" not in manifest or not (found.files or found.sources):
        return manifest
    inputs = manifest["inputs"]
    if not inputs and manifest["status"] == "failed":
        return without_rows(manifest)
    left = with_rows(manifest, inputs, files, storage, manifest["counts"].get("skipped_files"))
    return left if inputs else {**left, "status": "empty"}
