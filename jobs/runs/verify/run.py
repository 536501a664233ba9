"""One run: its files, its rows, its counts and its texts, against its manifest."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from jobs.runs.outputs import Output
from jobs.runs.verify.counts import EntitiesByDocument, RunCounts, count_problems, total_problems
from jobs.runs.verify.files import file_problems, input_problems
from jobs.runs.verify.findings import Checked, Finding
from jobs.runs.verify.rows import WrongRows, wrong_rows
from jobs.runs.verify.texts import text_problems
from pipeline.console.text import counted
from pipeline.outputs.layout import table_files
from pipeline.outputs.table_reader import read_batches
from schemas.manifest import Manifest

_SHOWN = 5


def verify_run(output: Output, manifest: Manifest, checked: Checked) -> Iterator[Finding]:
    """All that is wrong with a run; what was looked at is added to `checked`."""
    checked.runs += 1
    name = manifest["run_id"]
    for problem in _problems(output, manifest, checked):
        yield Finding("error", f"run {name}: {problem}")


def _problems(output: Output, manifest: Manifest, checked: Checked) -> Iterator[str]:
    if "tables" not in manifest:  # it failed, and left nothing
        return
    yield from total_problems(manifest)
    readable: dict[str, list[str]] = {}
    for table, written in manifest["tables"].items():
        are_sound = True
        for file in written["files"]:
            checked.files += 1
            checked.bytes += file["bytes"]
            for problem in file_problems(output.root, table, file, manifest):
                are_sound = False
                yield f"{file['path']} {problem}"
        if are_sound:
            yield from input_problems(output.root, written["files"], manifest)
            readable[table] = table_files(output.root, manifest, table)
    if not manifest["inputs"]:
        return
    counts, by_document = RunCounts(), EntitiesByDocument()
    wrong: dict[tuple[str, str], list[WrongRows]] = defaultdict(list)
    for table, rows in _all_rows(readable):
        checked.rows += len(rows)
        checked.entities += len(rows) if table == "entities" else 0
        counts.add(table, rows)
        if table != "dead_letters":
            by_document.add(table, rows)
        for some in wrong_rows(table, rows, manifest):
            wrong[table, some.what].append(some)
    for (table, what), found in wrong.items():
        count = counted(sum(some.rows for some in found), "row")
        first = f"first in document {found[0].doc_id!r} of {found[0].source}"
        yield f"{table}: in {count} {what}, {first}"
    yield from count_problems(manifest, counts, readable)
    if {"documents", "entities"} <= set(readable):
        if not by_document.balanced:
            yield from _document_problems(by_document, readable)
        yield from text_problems(output, manifest, readable, checked)


def _all_rows(readable: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, pa.RecordBatch]]:
    for table, paths in readable.items():
        for path in paths:
            for rows in read_batches(path):
                yield table, rows


def _document_problems(
    by_document: EntitiesByDocument, readable: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    own = {table: readable[table] for table in ("documents", "entities")}
    differing = by_document.differing(_all_rows(own))
    for (source, doc_id), more in sorted(differing.items())[:_SHOWN]:
        kind = "more" if more > 0 else "fewer"
        yield f"{source}: document {doc_id!r} counts {abs(more):,} {kind} entities than it has rows"
    if len(differing) > _SHOWN:
        yield f"and so do {len(differing) - _SHOWN:,} more documents"
