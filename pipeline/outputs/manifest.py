"""The manifest of a run: what was read, written and counted, as `schemas/manifest.schema.json`."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version
from typing import Any

from model.drift.compare import compare
from model.drift.profile import Profile
from model.drift.sums import profile_of_sums
from pipeline.outputs.storage import RunStorage
from schemas.errors import JobError
from schemas.records import FileResult, ShardResult
from schemas.tables import SCHEMA_VERSION, TABLES

_PACKAGES = ("gleaner", "apache-beam", "pyarrow", "numpy", "tensorflow")


@dataclass(frozen=True)
class Part:
    """Which part of a job a run is: the job's run id, the part's number from 1, and of how many."""

    of: str
    number: int
    count: int

    @property
    def run_id(self) -> str:
        """The id of the run that is this part."""
        return f"{self.of}.{self.number}"


@dataclass(frozen=True)
class RunDescription:
    """What is known of a run before it starts.

    inputs: the fingerprint of each source; shards: source and start of all that is to be read.
    max_dead_letters: the share of the records above which the run fails. skipped_files: how many
    were left out since they are done. part: which part of a job the run is. repairs: for sources
    whose dead letters are read again, the run that read them first. baseline: what the model's dev
    data are to it; min_confidence: entities below it are not written.
    """

    run_id: str
    started_at: datetime
    model: str
    configuration: Mapping[str, Any]
    inputs: Mapping[str, str]
    shards: Sequence[tuple[str, int]] = ()
    keep_fields: tuple[str, ...] = ()
    max_dead_letters: float = 1.0
    skipped_files: int = 0
    part: Part | None = None
    repairs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    baseline: Profile | None = None
    min_confidence: float = 0.0


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide about the result."""
    return {"python": python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    candidates = (package, f"{package}-cpu")  # TensorFlow has builds under other names
    for name in candidates:
        try:
            return version(name)
        except ModuleNotFoundError:
            continue
    return "unknown"


def committed_manifest(
    run: RunDescription,
    files: Sequence[FileResult],
    shards: Sequence[ShardResult],
    storage: RunStorage,
) -> dict[str, Any]:
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
    sums: Counter[str] = Counter()
    for file in files:
        if file.table != "entities":
            sums.update(file.sums)
    labels: Counter[str] = Counter()
    for file in files:
        if file.table == "entities":
            labels.update(file.sums)
    if sums["entities"] != rows["entities"].total():
        raise JobError(
            f"the documents count {sums['entities']} entities, but {rows['entities'].total()} were "
            "written"
        )
    return {
        **_head(run, "committed" if run.inputs else "empty"),
        "counts": {
            "files": len(run.inputs),
            "skipped_files": run.skipped_files,
            "broken_files": len(broken),
            "records": records.total(),
            "documents": rows["documents"].total(),
            "dead_letters": rows["dead_letters"].total(),
            "sentences": sums["sentences"],
            "tokens": sums["tokens"],
            "unknown_tokens": sums["unknown_tokens"],
            "characters": sums["characters"],
            "entities": rows["entities"].total(),
            "entities_by_label": dict(sorted(labels.items())),
        },
        **(
            {"drift": compare(run.baseline, profile_of_sums(sums), run.min_confidence)}
            if run.inputs
            else {}
        ),
        "inputs": [
            {
                "source": source,
                "fingerprint": fingerprint,
                "records": records[source],
                "documents": rows["documents"][source],
                "dead_letters": rows["dead_letters"][source],
                "entities": rows["entities"][source],
                "complete": source not in broken,
                **({"repairs": run.repairs[source]} if source in run.repairs else {}),
            }
            for source, fingerprint in run.inputs.items()
        ],
        "tables": {
            table: written_table(files, table, storage) for table in TABLES if run.inputs or files
        },
    }


def too_many_dead_letters(counts: Mapping[str, Any], allowed: float) -> str | None:
    """Counts of a manifest in; where more records than the allowed share failed, that in words."""
    failed, records = counts["dead_letters"], counts["records"]
    if failed <= allowed * records:
        return None
    return (
        f"{failed:,} of {records:,} records became dead letters, a share of "
        f"{failed / records:.3g}, and --max_dead_letters is {allowed:g}"
    )


def refused_manifest(manifest: Mapping[str, Any], error: str) -> dict[str, Any]:
    """A committed manifest in, that of the failed run which keeps its dead letters alone out."""
    tables = {"dead_letters": manifest["tables"]["dead_letters"]}
    return {**manifest, "status": "failed", "error": error, "tables": tables}


def failed_manifest(run: RunDescription, error: str) -> dict[str, Any]:
    """The manifest of a run that left no rows; `error` says why, with what a developer needs."""
    return {**_head(run, "failed"), "error": error}


def encode_manifest(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as the bytes of its file: what holds no list or object stands on one line.

    With a line for each value, 100,000 inputs and files took twice the memory to encode.
    """
    return _json_lines(dict(manifest), "\n").encode() + b"\n"


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


def _head(run: RunDescription, status: str) -> dict[str, Any]:
    finished = datetime.now(UTC)
    return {
        "run_id": run.run_id,
        "status": status,
        "schema_version": SCHEMA_VERSION,
        **({"part": asdict(run.part)} if run.part else {}),
        "model": run.model,
        "configuration": dict(run.configuration),
        "versions": dict(run.versions),
        "timings": {
            "started_at": run.started_at.isoformat(),
            "finished_at": finished.isoformat(),
            # The clock may have been set back.
            "seconds": max(0.0, (finished - run.started_at).total_seconds()),
        },
    }


def rows_by_source(files: Iterable[FileResult], table: str) -> Counter[str]:
    """The rows of one table by source, without dead letters of whole shards."""
    rows: Counter[str] = Counter()
    for file in files:
        if file.table == table:
            rows.update(file.sources)
    return rows


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


def written_table(files: Iterable[FileResult], table: str, storage: RunStorage) -> dict[str, Any]:
    """What the manifest says of the files of one table."""
    own = sorted((file for file in files if file.table == table), key=lambda file: file.path)
    return {
        "rows": sum(file.rows for file in own),
        "bytes": sum(file.bytes for file in own),
        "files": [
            {
                "path": storage.relative(table, file.path),
                "rows": file.rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
            }
            for file in own
        ],
    }
