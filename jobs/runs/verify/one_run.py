"""One run: its files, its rows, its counts and its texts, against its manifest."""

from collections.abc import Iterator

import pyarrow as pa

from jobs.runs.layout import number
from jobs.runs.outputs import Output
from jobs.runs.verify.counts import (
    EntitiesByDocument,
    RunCounts,
    count_problems,
    total_problems,
)
from jobs.runs.verify.files import byte_problems, footer_problems
from jobs.runs.verify.findings import Checked, Finding, error
from jobs.runs.verify.rows import WrongRows, wrong_rows
from jobs.runs.verify.texts import text_problems
from pipeline.outputs.table_reader import open_table, read_batches
from schemas.errors import JobError
from schemas.manifest import FileEntry, Manifest

_SHOWN = 5


def verify_run(output: Output, manifest: Manifest, checked: Checked) -> Iterator[Finding]:
    """All that is wrong with a run; what was looked at is added to `checked`."""
    checked.runs += 1
    name = manifest["run_id"]
    try:
        for problem in _problems(output, manifest, checked):
            yield error(f"run {name}: {problem}")
    except KeyError as missing:
        yield error(f"run {name}: the manifest lacks {missing.args[0]!r}")


def _problems(output: Output, manifest: Manifest, checked: Checked) -> Iterator[str]:
    if "tables" not in manifest:  # it failed, and left nothing
        return
    yield from total_problems(manifest)
    readable: dict[str, list[str]] = {}
    for table, told in manifest["tables"].items():
        sound = True
        for file in told["files"]:
            checked.files += 1
            checked.bytes += file["bytes"]
            problems = list(_file_problems(output.root, table, file, manifest))
            yield from (f"{file['path']} {problem}" for problem in problems)
            sound = sound and not problems
        if sound:
            readable[table] = [f"{output.root}/{file['path']}" for file in told["files"]]
    if not manifest["inputs"]:
        return
    counts, by_document = RunCounts(), EntitiesByDocument()
    wrong: dict[tuple[str, str], WrongRows] = {}
    for table, rows in _all_rows(readable):
        checked.rows += len(rows)
        checked.entities += len(rows) if table == "entities" else 0
        counts.add(table, rows)
        if table != "dead_letters":
            by_document.add(table, rows)
        for found in wrong_rows(table, rows, manifest):
            first = wrong.get((table, found.what), found._replace(rows=0))
            wrong[table, found.what] = first._replace(rows=first.rows + found.rows)
    for (table, what), some in wrong.items():
        yield (
            f"{table}: in {number(some.rows, 'rows')} {what}, first in document {some.doc_id!r} "
            f"of {some.source}"
        )
    yield from count_problems(manifest, counts, readable)
    if {"documents", "entities"} <= set(readable):
        if not by_document.balanced:
            yield from _document_problems(by_document, readable)
        yield from text_problems(output, manifest, readable, checked)


def _file_problems(root: str, table: str, told: FileEntry, manifest: Manifest) -> Iterator[str]:
    path = str(told["path"])
    if path.rpartition("/")[0] != f"{table}/run_id={manifest['run_id']}":
        yield f"is no place of this run in {table}"
        return
    wrong = byte_problems(f"{root}/{path}", told)
    yield from wrong
    if wrong:
        return
    try:
        with open_table(f"{root}/{path}") as file:
            problems = footer_problems(file, table, told, manifest)
    except JobError as problem:
        cause = str(problem).removeprefix(f"{root}/{path} cannot be read: ")
        problems = [f"is no Parquet file that can be read: {cause}"]
    yield from problems


def _all_rows(readable: dict[str, list[str]]) -> Iterator[tuple[str, pa.RecordBatch]]:
    for table, paths in readable.items():
        for path in paths:
            for rows in read_batches(path):
                yield table, rows


def _document_problems(
    by_document: EntitiesByDocument, readable: dict[str, list[str]]
) -> Iterator[str]:
    own = {table: readable[table] for table in ("documents", "entities")}
    differing = by_document.differing(_all_rows(own))
    for (source, doc_id), more in sorted(differing.items())[:_SHOWN]:
        kind = "more" if more > 0 else "fewer"
        yield f"{source}: document {doc_id!r} counts {abs(more):,} {kind} entities than it has rows"
    if len(differing) > _SHOWN:
        yield f"and so do {len(differing) - _SHOWN:,} more documents"
