"""A group of runs in, one run out that counts as they did."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

import pyarrow as pa

from jobs.runs.compact.groups import Group
from jobs.runs.outputs import Output
from jobs.runs.recount import tally
from pipeline.outputs.current import rows_that_count
from pipeline.outputs.manifest import input_entry, with_rows
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.table_reader import read_row_groups
from pipeline.outputs.table_writer import TableWriter
from pipeline.outputs.transactions import remove_run, replace_runs
from pipeline.report.write import try_report
from schemas.errors import JobError
from schemas.manifest import ASIDES, TABLE_NAMES, Aside, Manifest, TableName, Timings
from schemas.records import FileResult
from schemas.tables import SCHEMA_VERSION, TABLES, documents_schema

# Of a source, the rows that all of its runs have; dead letters are those of the last.
_IN_ALL_RUNS: tuple[TableName, ...] = ("documents", "entities")


def merge(group: Group, storage: RunStorage, target_bytes: int, output: Output) -> Manifest:
    """Write the run that replaces the group; returns its manifest. What it replaces goes last.

    It gets a report where one of the group had one.
    Raises JobError, with nothing changed, where files do not hold what the manifests say.
    """
    replaced = [run_storage(storage.root, run["run_id"]) for run in group.runs]
    is_reported = any(run.has_report() for run in replaced)

    def merged() -> tuple[Manifest, Sequence[FileResult]]:
        files = [file for table in TABLES for file in _written(table, group, storage, target_bytes)]
        manifest = merged_manifest(group, storage, files, list(output.manifests))
        _require_the_same(group, manifest)
        return manifest, files

    manifest = replace_runs(storage, merged)
    output.outdated.extend(partial(remove_run, run) for run in replaced)
    if is_reported:
        try_report(storage, manifest)
    return manifest


def merged_manifest(
    group: Group, storage: RunStorage, files: list[FileResult], manifests: list[Manifest]
) -> Manifest:
    """The manifest of the run that holds these files of the group.

    It takes the place of the group's last run among all runs, with its times, settings and
    versions.
    """
    forgotten = [entry for run in group.runs for entry in run.get("forgotten", ())]
    given = [path for run in group.runs if _is_base(run, group) for path in _inputs(run)]
    head = Manifest(
        run_id=storage.run_id,
        status="committed",
        schema_version=SCHEMA_VERSION,
        replaces=_replaced(group),
        model=group.latest["model"],
        configuration={**group.latest["configuration"], "input": list(dict.fromkeys(given))},
        versions=group.latest["versions"],
        timings=_timings(group, manifests),
    )
    if forgotten:
        head["forgotten"] = sorted(forgotten, key=lambda entry: entry["at"])
    real_paths = {
        entry["source"]: entry.get("real_path")
        for run in group.runs
        for entry in run["inputs"]
        if entry["source"] in group.sources
        and group.sources[entry["source"]].run_id == run["run_id"]
    }
    inputs = [
        input_entry(
            source,
            state.fingerprint,
            state.complete,
            aside=_aside(group, source, state.runs),
            real_path=real_paths.get(source),
        )
        for source, state in sorted(group.sources.items())
    ]
    return with_rows(head, inputs, files, storage)


def _aside(group: Group, source: str, runs: Collection[str]) -> dict[Aside, int]:
    """What these runs read of a source and did not want."""
    entries = [
        entry
        for run in group.runs
        if run["run_id"] in runs
        for entry in run["inputs"]
        if entry["source"] == source
    ]
    return {why: sum(entry.get(why, 0) for entry in entries) for why in ASIDES}


def _replaced(group: Group) -> list[str]:
    """The ids of the runs, and of those that were merged into them: none may be given again."""
    ids = [name for run in group.runs for name in (*run.get("replaces", ()), run["run_id"])]
    return list(dict.fromkeys(ids))


def _inputs(run: Manifest) -> list[str]:
    given: list[str] = run["configuration"]["input"]
    return given


def _is_base(run: Manifest, group: Group) -> bool:
    return any(state.run_id == run["run_id"] for state in group.sources.values())


def _timings(group: Group, manifests: list[Manifest]) -> Timings:
    """Those of the last run, a little later where another run began at the same moment."""
    last = group.runs[-1]["timings"]
    started = datetime.fromisoformat(last["started_at"])
    others = {
        run["timings"]["started_at"]
        for run in manifests
        if all(run["run_id"] != own["run_id"] for own in group.runs)
    }
    while started.isoformat() in others:
        started += timedelta(microseconds=1)
    finished = max(started, datetime.fromisoformat(last["finished_at"]))
    return {
        "started_at": started.isoformat(),
        "finished_at": finished.isoformat(),
        "seconds": (finished - started).total_seconds(),
    }


def _written(table: str, group: Group, storage: RunStorage, target_bytes: int) -> list[FileResult]:
    """The rows of a table that count, in the order of their sources, as files of the target size.

    Files are read run by run, so a source stands in few row groups, but not always in one.
    """
    keep_fields = group.latest["configuration"]["keep_fields"]
    schema = documents_schema(keep_fields) if table == "documents" else TABLES[table]
    directory = storage.writing_directory(table)
    writer = TableWriter(table, schema, directory, target_bytes, storage.create)
    files = []
    for rows in _counting_rows(table, group, storage.root, schema):
        files += writer.write(rows, tally(table, rows))
    files += writer.close()
    return files or writer.write_empty()


def _counting_rows(table: str, group: Group, root: str, schema: pa.Schema) -> Iterator[pa.Table]:
    manifests = {run["run_id"]: run for run in group.runs}
    places = rows_that_count(group.sources, table)
    for place in sorted(places, key=lambda place: min(place.sources)):
        for file in manifests[place.run_id]["tables"][table]["files"]:
            for rows in read_row_groups(f"{root}/{file['path']}"):
                yield _widened(rows.filter(place.matches(rows)), schema)


def _widened(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows with all columns of the schema: those that an older version lacks are null."""
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _require_the_same(group: Group, merged: Manifest) -> None:
    """What was merged of each source is what the manifests say that counts of it."""
    entries = {
        (run["run_id"], entry["source"]): entry for run in group.runs for entry in run["inputs"]
    }
    for entry in merged["inputs"]:
        source = entry["source"]
        runs = group.sources[source].runs
        expected: Counter[str] = Counter()
        for run_id in runs:
            for table in _IN_ALL_RUNS:
                expected[table] += entries[run_id, source][table]
        expected["dead_letters"] = entries[runs[-1], source]["dead_letters"]
        for table in TABLE_NAMES:
            if entry[table] != expected[table]:
                raise JobError(
                    f"{source}: the manifests of {', '.join(runs)} count {expected[table]} rows of "
                    f"{table}, and their files have {entry[table]}; nothing was merged"
                )
