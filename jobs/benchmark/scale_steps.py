"""The steps of a run whose cost grows with the number of files: listing, planning, commit."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import apache_beam as beam

from jobs.benchmark.command import peak_kb
from model.text.segmentation import Segmentation
from pipeline.configuration.extraction import parse_extraction
from pipeline.graph import ExtractionPlan, extract
from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.shards import plan_shards
from pipeline.outputs.catalog import clean
from pipeline.outputs.description import RunDescription, installed_versions
from pipeline.outputs.plan import with_plan, without_plan, write_plan
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.transactions import commit_run
from pipeline.planning.preview import estimate_documents, require_columns
from pipeline.planning.worklist import History, new_files
from pipeline.stages.row_sinks import WriteConfig
from pipeline.stages.tag import TaggerHandler
from schemas.records import FileResult, Shard, ShardResult

_MODEL = "made-up@000000000000"
_FOLDER_FILES = 100
_FILE_BYTES = 1000
_WRITTEN_ROWS = 2  # of each output file, so that both tables have as many as there are inputs


@dataclass(frozen=True)
class Measured:
    """What a step took, the most memory its process held (Linux), and the bytes of what it made."""

    step: str
    seconds: float
    peak_mb: float | None
    made: Mapping[str, int] = field(default_factory=dict)


Step = Callable[[int, Path], Measured]  # number of files, folder of `make_input`


def make_input(files: int, place: Path) -> None:
    """So many files of one short document, in one folder (`flat`) and in many (`tree`)."""
    flat = place / "flat"
    flat.mkdir(parents=True)
    for number in range(files):
        folder = place / "tree" / f"{number // _FOLDER_FILES:06d}"
        if number % _FOLDER_FILES == 0:
            folder.mkdir(parents=True)
        path = folder / f"part-{number:09d}.jsonl"
        text = f"Maria met Ada in Lisbon on Monday, the {number}th time."
        path.write_text(json.dumps({"id": f"d{number}", "text": text}) + "\n")
        (flat / path.name).hardlink_to(path)


def list_input(name: str, pattern: str, files: int, place: Path) -> Measured:
    """From what `--input` says to the files that it means."""
    started = time.monotonic()
    listed = match_files([f"{place}/{pattern}"])
    measured = _measured(name, started)
    _require(len(listed), files)
    return measured


def plan(_files: int, place: Path) -> Measured:
    """From listed files to the plan that workers read, and the graph that is submitted."""
    listed = match_files([f"{place}/flat"])
    read = ReadConfig()
    storage = run_storage(f"{place}/planned", "scale")
    started = time.monotonic()
    shards = plan_shards(listed, read)
    require_columns(shards, read)
    estimate_documents(shards, read)
    run = _description(shards)
    write_plan(storage, run, shards)
    pipeline = beam.Pipeline(runner="DirectRunner")
    write = WriteConfig(storage, RowConfig(_MODEL, run.started_at), 128_000_000)
    extract(
        pipeline,
        ExtractionPlan(read, Segmentation(), 150_000, TaggerHandler("model", _MODEL), write, run),
    )
    graph = pipeline.to_runner_api().ByteSize()
    shutil.rmtree(pipeline.local_tempdir)  # which Beam removes when it runs a pipeline
    return _measured("plan", started, graph=graph, plan=Path(storage.plan).stat().st_size)


def commit(files: int, place: Path) -> Measured:
    """From the results of so many shards, and of as many files, to the manifest."""
    storage = run_storage(f"{place}/out", "scale")
    storage.prepare()
    shards = plan_shards(match_files([f"{place}/flat"]), ReadConfig())
    run = _description(shards)
    write_plan(storage, run, shards)
    read = [
        ShardResult(shard.source, 0, shard.fingerprint, {shard.source: 1}, complete=True)
        for shard in shards
    ]
    written = [
        _written(table, at, shards, storage)
        for table in ("documents", "entities")
        for at in range(0, files, _WRITTEN_ROWS)
    ]
    started = time.monotonic()
    commit_run(written, read, with_plan(without_plan(run), storage), storage)
    measured = _measured("commit", started, manifest=Path(storage.manifest).stat().st_size)
    storage.discard_staging()
    return measured


def find_new(_files: int, place: Path) -> Measured:
    """`--only_new` behind that commit: nothing is left to do."""
    listed = match_files([f"{place}/flat"])
    started = time.monotonic()
    manifests = clean(f"{place}/out")
    left = new_files(listed, History(manifests), _MODEL, parse_extraction([]).described())
    measured = _measured("find what is new", started)
    _require(len(left.files), 0)
    return measured


STEPS: Sequence[Step] = (
    partial(list_input, "list a directory", "flat"),
    partial(list_input, "list a glob", "flat/*.jsonl"),
    partial(list_input, "list folders", "tree/**"),
    plan,
    commit,
    find_new,
)


def table(steps: Sequence[Measured]) -> list[str]:
    """The steps as a person reads them, a line each."""
    lines = [f"{'step':18}{'seconds':>9}{'peak MB':>9}  made"]
    for measured in steps:
        peak = f"{measured.peak_mb:,.0f}" if measured.peak_mb else "-"
        made = ", ".join(f"{name} {size:,} bytes" for name, size in measured.made.items())
        lines.append(f"{measured.step:18}{measured.seconds:9.2f}{peak:>9}  {made}".rstrip())
    return lines


def _measured(name: str, started: float, **made: int) -> Measured:
    seconds = time.monotonic() - started
    return Measured(name, seconds, peak_kb(os.getpid()) / 1024 or None, made)


def _require(found: int, expected: int) -> None:
    if found != expected:
        raise AssertionError(f"{found:,} files, expected {expected:,}")


def _written(table: str, at: int, shards: Sequence[Shard], storage: RunStorage) -> FileResult:
    """A file with a row of each of the next sources, and no more in it than a commit looks at."""
    path = f"{storage.writing_directory(table)}/part-{at:032x}.parquet"
    with storage.create(path) as stream:
        stream.write(bytes(_FILE_BYTES))
    rows = {shard.source: 1 for shard in shards[at : at + _WRITTEN_ROWS]}
    labels = {"per": len(rows)} if table == "entities" else {}
    totals = {"entities": len(rows)} if table == "documents" else {}
    written = (len(rows), _FILE_BYTES, f"{at:064x}")
    return FileResult(table, path, *written, rows, labels, totals)


def _description(shards: Sequence[Shard]) -> RunDescription:
    return RunDescription(
        run_id="scale",
        started_at=datetime.now(UTC),
        model=_MODEL,
        configuration=parse_extraction([]).described(),
        inputs={shard.source: shard.fingerprint for shard in shards},
        shards=[(shard.source, shard.start) for shard in shards],
        versions=installed_versions(),
    )
