"""Extraction from configuration to committed runs: check, find the work, run, account."""

import contextlib
import tempfile
import traceback
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.configuration.extraction import ExtractionConfig
from pipeline.console.printing import console
from pipeline.console.progress import ProgressReader
from pipeline.filesystems.beam import filesystems
from pipeline.graph import extract
from pipeline.inputs.shards import spread
from pipeline.lineage.extraction import extraction_job, extraction_run, job_name
from pipeline.lineage.observing import Lineage, Observer
from pipeline.outputs.catalog import clean, held
from pipeline.outputs.current import next_start
from pipeline.outputs.description import RunDescription
from pipeline.outputs.manifest.refusal import refused_for, too_much_lost
from pipeline.outputs.plan import write_gazetteer, write_plan
from pipeline.outputs.storage import RunStorage
from pipeline.outputs.transactions import Ending, commit_nothing, end_run, tidy_run
from pipeline.planning.check import check
from pipeline.planning.plan import Run, plan_runs
from pipeline.report.reasons import refusal_in_words
from pipeline.report.write import try_report
from pipeline.runners.cluster import ClusterRunner
from pipeline.runners.errors import cause_of
from pipeline.runners.local import LocalRunner
from pipeline.runners.runner import Runner
from schemas.errors import (
    STOPS,
    BrokenFilesError,
    DeadLettersError,
    DriftError,
    JobError,
    UsageError,
)
from schemas.manifest import Manifest

# By what a run was refused for: of what the most frequent cause is told.
_DIED: Mapping[type[JobError], Literal["records", "files"] | None] = {
    DeadLettersError: "records",
    BrokenFilesError: "files",
    DriftError: None,
}


class RunOutcome(NamedTuple):
    """A run that is committed, had nothing to do or was refused: its manifest, and what is told.

    has_report: whether it has one. refusal: why it was refused, in words for people; None: it was
    not.
    """

    manifest: Manifest
    has_report: bool
    refusal: JobError | None = None


def extract_runs(config: ExtractionConfig, lineage: Lineage) -> Generator[RunOutcome, None, None]:
    """Extract as configured: the outcome of each run, as soon as it has ended; lineage is told.

    Raises UsageError before anything is written, JobError after a failure that left no rows. Where
    a run is refused, only its dead letters are written, and once all runs have ended the first
    refusal is raised: DeadLettersError where these are too many, BrokenFilesError where files could
    not be read, DriftError. With quarantine, the first two are raised though what could be read is
    committed. Parts of a job are runs of their own: what others commit stays, and a part that is
    refused keeps no other from running.
    """
    started = datetime.now(UTC)
    filesystems().set_options(config.beam)
    runner: Runner = (LocalRunner if config.is_local else ClusterRunner)(config.beam)
    with contextlib.closing(runner), contextlib.ExitStack() as lock:
        try:
            inputs = check(config)
            lock.enter_context(held(config.output))
            manifests = clean(config.output)
            runs = plan_runs(config, inputs, manifests, runner.workers)
            runs[0].storage.prepare()
        except OSError as error:  # a path that the system refuses: too long, no permission, no disk
            raise UsageError(f"{error.filename or 'a path'}: {error.strerror or error}") from error
        job = job_name(config.output, config.run_id, started)
        facts = partial(extraction_run, job=job, model=inputs.model, artifact=inputs.artifact)
        if runs[0].part:
            lock.enter_context(lineage.run(partial(extraction_job, inputs.configuration, job)))
        if not runs[0].work.files:
            has_tables = any(manifest.get("tables") for manifest in manifests)
            described = runs[0].description(next_start(manifests, started))
            with lineage.run(partial(facts, described)) as observe:
                outcome = _committed_nothing(
                    described, runs[0].storage, observe, with_tables=not has_tables
                )
            yield outcome
            return
        refused: list[JobError] = []
        for number, run in enumerate(runs):
            started = next_start(manifests, datetime.now(UTC) if number else started)
            described = run.description(started)
            with lineage.run(partial(facts, described)) as observe:
                outcome = _ended(run, described, runner, observe)
            yield outcome
            if outcome.refusal:
                refused.append(outcome.refusal)
            elif lost := too_much_lost(outcome.manifest, described):
                committed = f"; all else of run {run.storage.run_id} is committed"
                refused.append(type(lost)(f"{lost}{committed}"))
        if refused:
            raise refused[0]


def _committed_nothing(
    described: RunDescription, storage: RunStorage, observe: Observer, *, with_tables: bool
) -> RunOutcome:
    try:
        manifest = commit_nothing(described, storage, with_tables=with_tables)
    except OSError as error:
        end_run(described, storage, traceback.format_exc())
        raise JobError(f"the run could not be written down: {error.strerror or error}") from error
    observe(manifest)
    tidy_run(storage, manifest)
    return _with_report(manifest, storage)


def _ended(run: Run, described: RunDescription, runner: Runner, observe: Observer) -> RunOutcome:
    """The outcome of a run that was planned, once it is done; raises JobError where it failed.

    observe: takes the manifest of a run that has one with tables.
    """
    storage = run.storage
    try:
        storage.prepare()
        write_plan(storage, described, spread(run.shards, run.workers.processes))
        if run.inputs.gazetteer:
            write_gazetteer(storage, run.inputs.gazetteer)
        manifest = _run(run, described, runner)
    except KeyboardInterrupt as error:
        message = str(error) or "interrupted"
        if end_run(described, storage, message) is Ending.COMMITTED:
            message = f"{message}; run {storage.run_id} is committed"
            observe(storage.read_manifest())
        raise KeyboardInterrupt(message) from error
    except STOPS:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again, unless all was done before
        manifest = _failed(described, storage, error)
    observe(manifest)
    if manifest["status"] == "failed":
        has_report = try_report(storage, manifest)
        place = storage.report if has_report else storage.table_directory("dead_letters")
        kind = type(refused_for(manifest, described))
        words = refusal_in_words(storage.root, manifest, place, _DIED.get(kind))
        return RunOutcome(manifest, has_report, kind(words))
    return _with_report(manifest, storage)


def _with_report(manifest: Manifest, storage: RunStorage) -> RunOutcome:
    try:
        return RunOutcome(manifest, try_report(storage, manifest))
    except KeyboardInterrupt as error:
        message = f"{str(error) or 'interrupted'}; run {storage.run_id} is committed"
        raise KeyboardInterrupt(message) from error


def _failed(described: RunDescription, storage: RunStorage, error: BaseException) -> Manifest:
    """The manifest of a run that had been committed before it failed; else raises JobError."""
    known = isinstance(error, JobError)
    words = [str(error), *getattr(error, "__notes__", [])] if known else [traceback.format_exc()]
    ending = end_run(described, storage, "\n".join(words))
    if ending is Ending.COMMITTED:
        return storage.read_manifest()
    if ending is Ending.RECORDED:
        try_report(storage, storage.read_manifest())
    if known:
        raise error
    details = f"; {storage.manifest} has the details" if ending is Ending.RECORDED else ""
    raise JobError(f"the run failed and left no rows ({cause_of(error)}){details}") from error


def _run(run: Run, described: RunDescription, runner: Runner) -> Manifest:
    with tempfile.TemporaryDirectory(prefix="gleaner-", ignore_cleanup_errors=True) as scratch:
        plan = run.graph(described, scratch if runner.is_here else None)
        reader = ProgressReader(Path(scratch), (shard.source for shard in run.shards))
        title = f"run {run.part.number} of {run.part.count}" if run.part else ""
        with console().progress(reader, run.documents, runner.waiting, title) as update:
            runner.run(lambda pipeline: extract(pipeline, plan), run.workers, Path(scratch), update)
    manifest = run.storage.read_manifest()
    tidy_run(run.storage, manifest)  # an object store has what repeated bundles wrote beside it
    return manifest
