"""An output that grows by a run a night, and is published after each."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from jobs.benchmark.command import peak_kb
from pipeline.configuration.extraction import parse_extraction
from pipeline.outputs.description import RunDescription, installed_versions
from pipeline.outputs.layout import RunPaths, table_file
from pipeline.outputs.manifest import committed_manifest
from pipeline.outputs.manifest.encoding import encode_manifest
from pipeline.publication.publish import publish, required_targets
from schemas.errors import JobError
from schemas.records import FileResult, ShardResult

_MODEL = "made-up@000000000000"
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_FILE_BYTES = 1000
_WEEK = 7  # nights
_LAST = 40  # nights: Iceberg's manifests are merged every 20th


@dataclass(frozen=True)
class Measured:
    """What publishing to a target took, night by night, and the most memory it held (Linux).

    cpu_seconds: of the processor, which other work on the machine moves less.
    """

    target: str
    seconds: Sequence[float]
    cpu_seconds: Sequence[float]
    peak_mb: float | None


def measure(name: str, root: str, text: str, nights: int, files: int) -> Measured:
    """Publish to the target of this text after each night.

    Raises UsageError where its packages are missing, JobError where a table is not as it should be.
    """
    (target,) = required_targets(root, [text])  # which imports what it needs
    Path(root, "runs").mkdir()
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    begun: list[datetime] = []
    for night in range(nights):
        add_run(root, night, files)
        begun.append(datetime.now(UTC))
        started, cpu_started = time.monotonic(), time.process_time()
        # As many older versions are kept as where nights are a day apart.
        published = publish(root, target, kept=begun[-1] - begun[-_WEEK:][0])
        seconds.append(time.monotonic() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
        held = {told.table: told.files for told in published}
        expected = (night + 1) * files
        if (held["entities"], held["documents"]) != (expected, expected):
            raise JobError(f"{text} has {held} files after {night + 1} nights of {files}")
    return Measured(name, seconds, cpu_seconds, peak_kb(os.getpid()) / 1024 or None)


def add_run(root: str, night: int, files: int) -> None:
    """A committed run of so many new inputs, each with a file of its own in either table.

    There is its manifest alone: nothing opens a file all of whose rows count.
    """
    run_id = f"night-{night:06d}"
    inputs = {f"/in/{run_id}/{number:06d}.jsonl": f"{number}-1" for number in range(files)}
    run = RunDescription(
        run_id=run_id,
        started_at=_FIRST + timedelta(days=night),
        model=_MODEL,
        configuration=parse_extraction([]).described(),
        inputs=inputs,
        shards=[(source, 0) for source in inputs],
        versions=installed_versions(),
    )
    read = [ShardResult(source, 0, inputs[source], {source: 1}, complete=True) for source in inputs]
    written = [
        _written(table, night * files + number, source)
        for table in ("documents", "entities")
        for number, source in enumerate(inputs)
    ]
    written.append(FileResult("dead_letters", table_file("empty"), 0, _FILE_BYTES, "0" * 64, {}))
    paths = RunPaths(root, run_id)
    Path(paths.manifest).write_bytes(encode_manifest(committed_manifest(run, written, read, paths)))


def _written(table: str, number: int, source: str) -> FileResult:
    """A file with a row of a source."""
    labels = {"per": 1} if table == "entities" else {}
    totals = {"entities": 1} if table == "documents" else {}
    name = table_file(f"{number:032x}")
    return FileResult(table, name, 1, _FILE_BYTES, f"{number:064x}", {source: 1}, labels, totals)


def figures(measured: Sequence[Measured]) -> Mapping[str, object]:
    """All figures, for a program."""
    return {"targets": [asdict(each) for each in measured]}


def table(measured: Sequence[Measured]) -> list[str]:
    """A line for each target, as a person reads it: of the last nights, when tables are largest."""
    last = min(_LAST, len(measured[0].seconds))
    lines = [
        f"{'':9}{'seconds':>9}{'':9}{'CPU':>9}{'':9}",
        f"{'target':9}{'median':>9}{'worst':>9}{'median':>9}{'worst':>9}{'peak MB':>9}",
    ]
    for each in measured:
        columns = (each.seconds[-last:], each.cpu_seconds[-last:])
        told = "".join(f"{median(column):9.2f}{max(column):9.2f}" for column in columns)
        peak = f"{each.peak_mb:,.0f}" if each.peak_mb else "-"
        lines.append(f"{each.target:9}{told}{peak:>9}")
    nights = f"last {last} of {len(measured[0].seconds):,} nights" if last > 1 else "one night"
    return [nights, *(line.rstrip() for line in lines)]
