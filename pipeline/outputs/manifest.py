"""The manifest of a run: what was read, written and counted, made of the results of its stages."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal, cast, get_args

from model.drift.compare import compare
from model.drift.sums import profile_of_sums
from pipeline.outputs.description import RunDescription
from pipeline.outputs.layout import RunPaths
from schemas.errors import JobError
from schemas.manifest import (
    Counts,
    Drift,
    InputEntry,
    Manifest,
    PartOfJob,
    Status,
    TableEntry,
)
from schemas.records import FileResult, ShardResult
from schemas.tables import SCHEMA_VERSION, TABLES

# What stood in the error of a run that was taken back, until its status said so.
_TAKEN_BACK = "rolled back on "

# What each document says of itself, and a manifest of all of them.
Sum = Literal["sentences", "tokens", "unknown_tokens", "characters"]
SUMS: tuple[Sum, ...] = get_args(Sum)


def committed_manifest(
    run: RunDescription,
    files: Sequence[FileResult],
    shards: Sequence[ShardResult],
    paths: RunPaths,
) -> Manifest:
    """The manifest of a run whose files are all written.

    Raises JobError unless every planned shard was read once, the records that the reader saw of
    each source are exactly its rows in `documents` and its dead letters of records, `entities` has
    the rows that the documents count, and dead letters that were to be read again could be read.
    """
    _require_each_once(run.shards, shards)
    records: Counter[str] = Counter()
    for shard in shards:
        records.update(shard.records)
    broken = {shard.source for shard in shards if not shard.complete}
    if broken.difference(run.inputs):
        raise JobError(f"{min(broken)} could not be read to its end")
    rows = {table: rows_by_source(files, table) for table in TABLES}
    _reconcile(records, rows["documents"], rows["dead_letters"])
    totals = _totals(files)
    if totals["entities"] != rows["entities"].total():
        raise JobError(
            f"the documents count {totals['entities']} entities, but {rows['entities'].total()} "
            "were written"
        )
    inputs = [
        input_entry(source, fingerprint, source not in broken, run.repairs.get(source))
        for source, fingerprint in run.inputs.items()
    ]
    head = _head(run, "committed" if run.inputs else "empty")
    manifest = with_rows(head, inputs, files, paths, run.skipped_files)
    if run.inputs:
        profile = profile_of_sums(totals)
        manifest["drift"] = cast(Drift, compare(run.baseline, profile, run.min_confidence))
    return manifest


def input_entry(
    source: str, fingerprint: str, complete: bool, repairs: str | None = None
) -> InputEntry:
    """A source before its rows are counted (see `with_rows`)."""
    entry = InputEntry(
        source=source,
        fingerprint=fingerprint,
        records=0,
        documents=0,
        dead_letters=0,
        entities=0,
        complete=complete,
    )
    return {**entry, "repairs": repairs} if repairs else entry


def with_rows(
    manifest: Manifest,
    inputs: Sequence[InputEntry],
    files: Sequence[FileResult],
    paths: RunPaths,
    skipped_files: int | None = None,
) -> Manifest:
    """A manifest in, the same for these sources and files out: its counts are those of the rows."""
    rows = {table: rows_by_source(files, table) for table in TABLES}
    totals = _totals(files)
    labels: Counter[str] = Counter()
    for file in files:
        labels.update(file.labels)
    entries: list[InputEntry] = []
    for entry in inputs:
        source = entry["source"]
        documents, dead_letters = rows["documents"][source], rows["dead_letters"][source]
        entries.append(
            {
                **entry,
                "records": documents + dead_letters,
                "documents": documents,
                "dead_letters": dead_letters,
                "entities": rows["entities"][source],
            }
        )
    counts = Counts(
        files=len(entries),
        broken_files=sum(not entry["complete"] for entry in entries),
        records=sum(entry["records"] for entry in entries),
        documents=rows["documents"].total(),
        dead_letters=rows["dead_letters"].total(),
        sentences=totals["sentences"],
        tokens=totals["tokens"],
        unknown_tokens=totals["unknown_tokens"],
        characters=totals["characters"],
        entities=rows["entities"].total(),
        entities_by_label=dict(sorted(labels.items())),
    )
    if skipped_files is not None:
        counts["skipped_files"] = skipped_files
    return {
        **manifest,
        "counts": counts,
        "inputs": entries,
        "tables": {
            table: table_entry(files, table, paths)
            for table in TABLES
            if any(file.table == table for file in files)
        },
    }


def without_rows(manifest: Manifest) -> Manifest:
    """A manifest in, the same without what it says of rows out: that of a run that has none."""
    left = manifest.copy()
    left.pop("counts", None)
    left.pop("inputs", None)
    left.pop("tables", None)
    return left


def too_many_dead_letters(counts: Counts, allowed: float) -> str | None:
    """Counts of a manifest in; where more records than the allowed share failed, that in words."""
    failed, records = counts["dead_letters"], counts["records"]
    if failed <= allowed * records:
        return None
    return (
        f"{failed:,} of {records:,} records became dead letters, a share of "
        f"{failed / records:.3g}, and --max_dead_letters is {allowed:g}"
    )


def refused_manifest(manifest: Manifest, error: str) -> Manifest:
    """A committed manifest in, that of the failed run which keeps its dead letters alone out."""
    tables = {"dead_letters": manifest["tables"]["dead_letters"]}
    return {**manifest, "status": "failed", "error": error, "tables": tables}


def failed_manifest(run: RunDescription, error: str) -> Manifest:
    """The manifest of a run that left no rows; `error` says why, with what a developer needs."""
    return {**_head(run, "failed"), "error": error}


def rolled_back_manifest(manifest: Manifest, at: datetime) -> Manifest:
    """A committed manifest in, that of the same run once it was taken back out."""
    time = at.isoformat()
    return {**without_rows(manifest), "status": "rolled_back", "rolled_back_at": time}


def parse_manifest(data: bytes) -> Manifest:
    """The bytes of a manifest in, the manifest out; raises ValueError for what is no JSON.

    Before runs that were taken back had a status of their own, they were failed ones.
    """
    manifest: Manifest = json.loads(data)
    try:
        error = manifest.get("error", "")
    except AttributeError as no_object:
        raise ValueError("a manifest is a JSON object") from no_object
    if not error.startswith(_TAKEN_BACK):
        return manifest
    del manifest["error"]
    at = datetime.fromisoformat(error.removeprefix(_TAKEN_BACK).replace(" UTC", "+00:00"))
    return {**manifest, "status": "rolled_back", "rolled_back_at": at.isoformat()}


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as the bytes of its file: what holds no list or object stands on one line.

    With a line for each value, 100,000 inputs and files took twice the memory to encode.
    """
    return _json_lines(manifest, "\n").encode() + b"\n"


def _json_lines(value: object, line: str) -> str:
    """A value as JSON; `line` begins a line that is indented as the value is."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(inner, dict | list) for inner in within):
        return json.dumps(value, ensure_ascii=False)
    deeper = line + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_json_lines(inner, deeper)}" for key, inner in value.items()]
    else:
        parts = [_json_lines(inner, deeper) for inner in within]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return start + deeper + ("," + deeper).join(parts) + line + end


def rows_by_source(files: Iterable[FileResult], table: str) -> Counter[str]:
    """The rows of one table by source, without dead letters of whole shards."""
    rows: Counter[str] = Counter()
    for file in files:
        if file.table == table:
            rows.update(file.sources)
    return rows


def table_entry(files: Iterable[FileResult], table: str, paths: RunPaths) -> TableEntry:
    """What the manifest says of the files of one table."""
    own = sorted((file for file in files if file.table == table), key=lambda file: file.path)
    return {
        "rows": sum(file.rows for file in own),
        "bytes": sum(file.bytes for file in own),
        "files": [
            {
                "path": paths.relative(table, file.path),
                "rows": file.rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
            }
            for file in own
        ],
    }


def _head(run: RunDescription, status: Status) -> Manifest:
    finished = datetime.now(UTC)
    head = Manifest(
        run_id=run.run_id,
        status=status,
        schema_version=SCHEMA_VERSION,
        model=run.model,
        configuration=run.configuration.copy(),
        versions=dict(run.versions),
        timings={
            "started_at": run.started_at.isoformat(),
            "finished_at": finished.isoformat(),
            # The clock may have been set back.
            "seconds": max(0.0, (finished - run.started_at).total_seconds()),
        },
    )
    if run.part:
        head["part"] = cast(PartOfJob, asdict(run.part))
    if run.warnings:
        head["warnings"] = list(run.warnings)
    return head


def _totals(files: Iterable[FileResult]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for file in files:
        totals.update(file.totals)
    return totals


def _require_each_once(planned: Sequence[tuple[str, int]], shards: Sequence[ShardResult]) -> None:
    surplus = Counter((shard.source, shard.start) for shard in shards)
    surplus.subtract(planned)
    for (source, start), times in sorted(surplus.items()):
        if times:
            wrong = "was not read" if times < 0 else "was read more often than planned"
            raise JobError(f"{source}: the shard from byte {start} {wrong}")


def _reconcile(
    records: Mapping[str, int], documents: Counter[str], dead_letters: Counter[str]
) -> None:
    accounted = documents + dead_letters
    for source in sorted({*records, *accounted}):
        if accounted[source] != records.get(source, 0):
            raise JobError(
                f"{source}: {records.get(source, 0)} records were read, but {documents[source]} "
                f"documents and {dead_letters[source]} dead letters were written"
            )
