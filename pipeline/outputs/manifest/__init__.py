"""The manifest of a run: what was read, written and counted, made of the results of its stages."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal, cast, get_args

from model.drift.compare import compare
from model.drift.sums import profile_of_sums
from model.gazetteer.counts import counts_of_names
from pipeline.filesystems.gazetteer_files import open_gazetteer
from pipeline.inputs.fields import absent_in_words
from pipeline.languages import language_warnings
from pipeline.outputs.description import RunDescription
from pipeline.outputs.forgotten import FORGOTTEN
from pipeline.outputs.layout import RunPaths
from pipeline.outputs.manifest.gazetteer import gazetteer_entry
from pipeline.outputs.manifest.refusal import broken_in_words, too_much_lost
from pipeline.outputs.manifest.repeated_ids import repeated_ids_in_words
from pipeline.outputs.manifest.unread import some_unread
from schemas.errors import DeadLettersError, JobError
from schemas.manifest import (
    ASIDES,
    Aside,
    Counts,
    Drift,
    FileEntry,
    InputEntry,
    Manifest,
    PartOfJob,
    Status,
    TableEntry,
)
from schemas.records import FileResult, ShardResult
from schemas.tables import SCHEMA_VERSION, TABLES

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
    aside = {why: _aside(shards, why) for why in ASIDES}
    _reconcile(
        records,
        {
            "documents": rows["documents"],
            "dead letters": rows["dead_letters"],
            **{why.replace("_", " "): counts for why, counts in aside.items()},
        },
    )
    totals = _totals(files)
    if totals["entities"] != rows["entities"].total():
        raise JobError(
            f"the documents count {totals['entities']} entities, but {rows['entities'].total()} "
            "were written"
        )
    inputs = [
        input_entry(
            *_named(source, fingerprint, run),
            source not in broken or source in run.forgotten,
            run.repairs.get(source),
            {why: counts[source] for why, counts in aside.items()},
            None if source in run.forgotten else run.real_paths.get(source),
        )
        for source, fingerprint in run.inputs.items()
    ]
    head = _head(run, "committed" if run.inputs else "empty")
    manifest = with_rows(head, inputs, files, paths, run.skipped_files)
    manifest["counts"]["unread"] = len(run.unread)
    reasons = Counter(passed.reason for passed in run.unread)
    manifest["counts"]["unread_by_reason"] = dict(sorted(reasons.items()))
    if run.unread:
        manifest["unread"] = some_unread(run.unread)
    if run.inputs:
        profile = profile_of_sums(totals)
        drift = compare(run.baseline, profile, run.min_confidence, run.last)
        manifest["drift"] = cast(Drift, drift)
        said = [*language_warnings(totals, run.language, cuts_characters=run.cuts_characters)]
        said += [broken_in_words(manifest)] if manifest["counts"]["broken_files"] else []
        lost = too_much_lost(manifest, run) if run.quarantine else None
        said += [str(lost)] if isinstance(lost, DeadLettersError) else []
        said += absent_in_words(run.configuration["id_field"], run.keep_fields, shards)
        repeated = repeated_ids_in_words(files)
        said += [repeated] if repeated else []
        if run.gazetteer:
            terms = open_gazetteer(paths.gazetteer)
            manifest["gazetteer"] = gazetteer_entry(run.gazetteer, terms, counts_of_names(totals))
        if warnings := [*run.warnings, *said]:
            manifest["warnings"] = warnings
    return manifest


def _named(source: str, fingerprint: str, run: RunDescription) -> tuple[str, str]:
    """Name and state of a source; of one that was forgotten, neither is written down."""
    return (FORGOTTEN, FORGOTTEN) if source in run.forgotten else (source, fingerprint)


def input_entry(
    source: str,
    fingerprint: str,
    complete: bool,
    repairs: str | None = None,
    aside: Mapping[Aside, int] | None = None,
    real_path: str | None = None,
) -> InputEntry:
    """A source before its rows are counted (see `with_rows`), with its records that have none."""
    entry = InputEntry(
        source=source,
        fingerprint=fingerprint,
        records=0,
        documents=0,
        dead_letters=0,
        entities=0,
        complete=complete,
    )
    for why, count in (aside or {}).items():
        if count:
            entry[why] = count
    if repairs:
        entry["repairs"] = repairs
    if real_path and real_path != source:
        entry["real_path"] = real_path
    return entry


def aside_of(entry: InputEntry) -> int:
    """How many records of a source were read and not wanted."""
    return sum(entry.get(why, 0) for why in ASIDES)


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
                "records": documents + dead_letters + aside_of(entry),
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
    for why in ASIDES:
        if total := sum(entry.get(why, 0) for entry in entries):
            counts[why] = total
    if skipped_files is not None:
        counts["skipped_files"] = skipped_files
    numbers = {entry["source"]: number for number, entry in enumerate(entries)}
    before = manifest.get("counts")
    if before and "unread" in before:
        counts["unread"] = before["unread"]
    if before and "unread_by_reason" in before:
        counts["unread_by_reason"] = before["unread_by_reason"]
    return {
        **manifest,
        "counts": counts,
        "inputs": entries,
        "tables": {
            table: table_entry(files, table, paths, numbers)
            for table in TABLES
            if any(file.table == table for file in files)
        },
    }


def without_rows(manifest: Manifest) -> Manifest:
    """A manifest in, the same without what it says of rows out: that of a run that has none."""
    left = manifest.copy()
    left.pop("counts", None)
    left.pop("unread", None)
    left.pop("inputs", None)
    left.pop("tables", None)
    left.pop("gazetteer", None)
    return left


def refused_manifest(manifest: Manifest, error: str) -> Manifest:
    """A committed manifest in, that of the failed run which keeps its dead letters alone out."""
    tables = {"dead_letters": manifest["tables"]["dead_letters"]}
    left: Manifest = {**manifest, "status": "failed", "error": error, "tables": tables}
    left.pop("gazetteer", None)  # it names terms of texts that left no row by which to forget them
    return left


def failed_manifest(run: RunDescription, error: str) -> Manifest:
    """The manifest of a run that left no rows; `error` says why, with what a developer needs."""
    return {**_head(run, "failed"), "error": error}


def rolled_back_manifest(manifest: Manifest, at: datetime) -> Manifest:
    """A committed manifest in, that of the same run once it was taken back out."""
    time = at.isoformat()
    return {**without_rows(manifest), "status": "rolled_back", "rolled_back_at": time}


def rows_by_source(files: Iterable[FileResult], table: str) -> Counter[str]:
    """The rows of one table by source, without dead letters of whole shards."""
    rows: Counter[str] = Counter()
    for file in files:
        if file.table == table:
            rows.update(file.sources)
    return rows


def table_entry(
    files: Iterable[FileResult], table: str, paths: RunPaths, numbers: Mapping[str, int]
) -> TableEntry:
    """What the manifest says of the files of one table; numbers: those of the inputs by source."""
    own = sorted((file for file in files if file.table == table), key=lambda file: file.path)
    return {
        "rows": sum(file.rows for file in own),
        "bytes": sum(file.bytes for file in own),
        "files": [_file_entry(file, paths, numbers) for file in own],
    }


def _file_entry(file: FileResult, paths: RunPaths, numbers: Mapping[str, int]) -> FileEntry:
    entry = FileEntry(
        path=paths.relative(file.table, file.path),
        rows=file.rows,
        bytes=file.bytes,
        sha256=file.sha256,
    )
    if file.table != "dead_letters":  # which are not all of records, and so not all counted
        entry["inputs"] = sorted(numbers[source] for source in file.sources)
    return entry


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


def _aside(shards: Sequence[ShardResult], why: Aside) -> Counter[str]:
    counts: Counter[str] = Counter()
    for shard in shards:
        counts.update(shard.aside.get(why, {}))
    return counts


def _reconcile(records: Mapping[str, int], accounts: Mapping[str, Counter[str]]) -> None:
    """Each record of a source is in one of the accounts, which are by their names in words."""
    accounted = sum(accounts.values(), Counter[str]())
    for source in sorted({*records, *accounted}):
        if accounted[source] != records.get(source, 0):
            told = [
                f"{counts[source]} {name}"
                for name, counts in accounts.items()
                if counts[source] or name in ("documents", "dead letters")
            ]
            raise JobError(
                f"{source}: {records.get(source, 0)} records were read, but {' and '.join(told)} "
                "were written"
            )
