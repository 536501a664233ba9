"""Extraction from configuration to committed runs: check, find the work, run, account."""

import contextlib
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from model.drift.profile import profile_of_baseline
from model.tagger.artifact import Artifact, load_artifact
from pipeline.configuration.extraction import ExtractionConfig
from pipeline.console.printing import console
from pipeline.console.progress import ProgressReader
from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.model_files import read_model, settle_model
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.stores import require_filesystem
from pipeline.graph import ExtractionPlan, extract
from pipeline.inputs.files import InputFile, match_files
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.shards import plan_shards
from pipeline.outputs.catalog import clean, held, require_writable
from pipeline.outputs.current import next_start
from pipeline.outputs.description import Part, RunDescription, installed_versions
from pipeline.outputs.plan import write_plan
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.transactions import Ending, commit_nothing, end_run, tidy_run
from pipeline.planning.preview import estimate_documents, require_columns
from pipeline.planning.worklist import (
    Worklist,
    all_files,
    dead_letter_files,
    dead_letters_to_repair,
    new_files,
)
from pipeline.report.reasons import refusal_in_words
from pipeline.runners.cluster import THREADS, run_on_cluster
from pipeline.runners.errors import cause_of
from pipeline.runners.local import LocalMode, mode_for, most_processes, run_locally, usable_cores
from pipeline.runners.worker_pool import WorkerPool
from pipeline.stages.row_sinks import WriteConfig
from pipeline.stages.tag import TaggerHandler
from schemas.errors import DeadLettersError, JobError, UsageError
from schemas.manifest import Manifest
from schemas.records import Shard

SAMPLED_TEXTS = 1000
_MB = 1_000_000

OnCommit = Callable[[Manifest], None]
OnFailure = Callable[[Manifest], bool]


@dataclass(frozen=True)
class CheckedInputs:
    """What the flags stand for, looked up and found in order before anything is written."""

    model: str
    artifact: Artifact
    files: Sequence[InputFile]


@dataclass(frozen=True)
class PlannedRun:
    """One run of the job: what it reads, about how many documents, and how it uses the machine.

    text_share: share of the documents whose text is kept, the same in all runs of the job.
    """

    storage: RunStorage
    part: Part | None
    work: Worklist
    read: ReadConfig
    shards: Sequence[Shard]
    documents: int
    text_share: float
    mode: LocalMode


def run_extraction(config: ExtractionConfig, on_commit: OnCommit, on_failure: OnFailure) -> None:
    """Extract as configured, and tell `on_commit` the manifest of each run as it is written.

    Of a run that failed, `on_failure` is told the manifest, where there was room for one, and
    returns whether the run has a report.

    Raises UsageError before anything is written, JobError after a failure that left no rows, and
    DeadLettersError where only these were written, since there were too many. Parts of a job are
    runs of their own: what others commit stays, and such dead letters keep no other from running.
    """
    started = datetime.now(UTC)
    filesystems().set_options(config.beam)
    most = most_processes(config.beam, usable_cores()) if config.is_local else 0
    pool = WorkerPool(most)  # before anything is opened that a fork would share
    with contextlib.closing(pool), contextlib.ExitStack() as lock:
        try:
            inputs = check(config)
            lock.enter_context(held(config.output))
            manifests = clean(config.output)
            runs = plan_runs(config, find_work(config, inputs, manifests))
            _require_new(config, manifests, runs)
            runs[0].storage.prepare()
        except OSError as error:  # a path that the system refuses: too long, no permission, no disk
            raise UsageError(f"{error.filename or 'a path'}: {error.strerror or error}") from error
        if not runs[0].work.files:
            description = _description(config, inputs, runs[0], next_start(manifests, started))
            has_tables = any(manifest.get("tables") for manifest in manifests)
            on_commit(_commit_nothing(description, runs[0].storage, with_tables=not has_tables))
            return
        refused = []
        for number, run in enumerate(runs):
            with contextlib.closing(WorkerPool(most) if number else pool) as workers:
                started = next_start(manifests, datetime.now(UTC) if number else started)
                try:
                    on_commit(_committed(config, inputs, run, started, workers, on_failure))
                except DeadLettersError as error:
                    refused.append(error)
    if refused:
        raise refused[0]


def check(config: ExtractionConfig) -> CheckedInputs:
    """Look up model, inputs and output; raises UsageError if one of them is not in order."""
    for pattern in filter(is_remote, config.inputs):
        require_filesystem("--input", pattern)
    model = settle_model(config.model)
    artifact = load_artifact(read_model(model), model)
    if config.read.input_format == "dead_letters":
        files = dead_letter_files(config.inputs, allow_none=config.allow_no_input)
    else:
        files = match_files(config.inputs, allow_none=config.allow_no_input)
        require_columns(plan_shards(files, config.read), config.read)
    require_writable(config.output)
    _require_new(config)
    return CheckedInputs(model, artifact, files)


def find_work(
    config: ExtractionConfig, inputs: CheckedInputs, manifests: Sequence[Manifest]
) -> Worklist:
    """What is to be done of the inputs, by the manifests of what was done before."""
    if config.read.input_format == "dead_letters":
        return dead_letters_to_repair(inputs.files, manifests, config.output)
    if config.only_new and not config.backfill:
        model = inputs.artifact.identity
        return new_files(inputs.files, manifests, model, config.described())
    return all_files(inputs.files)


def plan_runs(config: ExtractionConfig, work: Worklist) -> Sequence[PlannedRun]:
    """The runs that do the work, in their order: one, or one for each `commit_shards` files."""
    read = replace(config.read, repairs=work.repairs)
    works = work.in_parts(config.commit_shards)
    shards = [plan_shards(part.files, read) for part in works]
    documents = [estimate_documents(some, read) for some in shards]
    sampled = min(1.0, SAMPLED_TEXTS / max(sum(documents), 1))
    parts = _parts(config.run_id, len(works)) if config.commit_shards else [None]
    return [
        PlannedRun(
            storage=run_storage(config.output, part.run_id if part else config.run_id),
            part=part,
            work=own,
            read=read,
            shards=planned,
            documents=about,
            text_share={"none": 0.0, "all": 1.0}.get(config.keep_text, sampled),
            mode=mode_for(config.beam, planned) if config.is_local else LocalMode(0, THREADS),
        )
        for part, own, planned, about in zip(parts, works, shards, documents, strict=True)
    ]


def _parts(run_id: str, count: int) -> list[Part]:
    return [Part(run_id, number, count) for number in range(1, count + 1)]


def _require_new(
    config: ExtractionConfig,
    manifests: Sequence[Manifest] = (),
    runs: Sequence[PlannedRun] = (),
) -> None:
    """No run has this id yet, as a whole or as a part of its job; nor had one that was merged."""
    exists = UsageError(f"--run_id {config.run_id} exists already in {config.output}")
    own = [run_storage(config.output, config.run_id), *(run.storage for run in runs)]
    own.append(run_storage(config.output, Part(config.run_id, 1, 1).run_id))
    known = {manifest["run_id"] for manifest in manifests}
    # Of an object store the manifests tell all; on a disk a table alone is in the way.
    if any(run.run_id in known or (run.is_staged and run.run_exists()) for run in own):
        raise exists
    for manifest in manifests:
        if manifest.get("part", {}).get("of") == config.run_id:
            raise exists
        for merged in manifest.get("replaces", ()):
            if config.run_id in (merged, merged.rpartition(".")[0]):
                raise UsageError(f"--run_id {merged} was merged into {manifest['run_id']}")


def _description(
    config: ExtractionConfig, inputs: CheckedInputs, run: PlannedRun, started: datetime
) -> RunDescription:
    repairs = {source: repair.run_id for source, repair in run.work.repairs.items()}
    return RunDescription(
        run_id=run.storage.run_id,
        started_at=started,
        model=inputs.artifact.identity,
        configuration=config.described(),
        inputs=run.work.fingerprints,
        shards=tuple((shard.source, shard.start) for shard in run.shards),
        keep_fields=config.read.keep_fields,
        # What is read again was dead before, so none of it can make matters worse.
        max_dead_letters=1.0 if repairs else config.max_dead_letters,
        versions=installed_versions(),
        skipped_files=run.work.skipped,
        part=run.part,
        repairs=repairs,
        baseline=profile_of_baseline(inputs.artifact.baseline),
        min_confidence=config.min_confidence,
    )


def _commit_nothing(
    description: RunDescription, storage: RunStorage, *, with_tables: bool
) -> Manifest:
    try:
        manifest = commit_nothing(description, storage, with_tables=with_tables)
    except OSError as error:
        end_run(description, storage, traceback.format_exc())
        raise JobError(f"the run could not be written down: {error.strerror or error}") from error
    tidy_run(storage, manifest)
    return manifest


def _committed(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    run: PlannedRun,
    started: datetime,
    pool: WorkerPool,
    on_failure: OnFailure,
) -> Manifest:
    """The manifest of a run that was planned, once it is done; raises JobError where it failed."""
    description, storage = _description(config, inputs, run, started), run.storage
    try:
        storage.prepare()
        write_plan(storage, description, run.shards)
        manifest = _run(config, inputs, run, description, pool)
    except KeyboardInterrupt as error:
        said = str(error) or "interrupted"
        if end_run(description, storage, said) is Ending.COMMITTED:
            said = f"{said}; run {storage.run_id} is committed"
        raise KeyboardInterrupt(said) from error
    except Exception as error:  # noqa: BLE001 - raised again, unless all was done before
        manifest = _failed(description, storage, error, on_failure)
    if manifest["status"] == "failed":
        has_report = on_failure(manifest)
        place = storage.report if has_report else storage.table_directory("dead_letters")
        raise DeadLettersError(refusal_in_words(config.output, manifest, place))
    return manifest


def _failed(
    description: RunDescription, storage: RunStorage, error: Exception, on_failure: OnFailure
) -> Manifest:
    """The manifest of a run that had been committed before it failed; else raises JobError."""
    known = isinstance(error, JobError)
    told = [str(error), *getattr(error, "__notes__", [])] if known else [traceback.format_exc()]
    ending = end_run(description, storage, "\n".join(told))
    if ending is Ending.COMMITTED:
        return storage.read_manifest()
    if ending is Ending.RECORDED:
        on_failure(storage.read_manifest())
    if known:
        raise error
    details = f"; {storage.manifest} has the details" if ending is Ending.RECORDED else ""
    raise JobError(f"the run failed and left no rows ({cause_of(error)}){details}") from error


def _run(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    run: PlannedRun,
    description: RunDescription,
    pool: WorkerPool,
) -> Manifest:
    with tempfile.TemporaryDirectory(prefix="gleaner-", ignore_cleanup_errors=True) as scratch:
        plan = _plan(config, inputs, run, description, scratch if config.is_local else None)
        waiting = "starting workers" if config.is_local else f"running on {config.runner}"
        reader = ProgressReader(Path(scratch), (shard.source for shard in run.shards))
        title = f"run {run.part.number} of {run.part.count}" if run.part else ""
        with console().progress(reader, run.documents, waiting, title) as update:
            if config.is_local:
                run_locally(
                    lambda pipeline: extract(pipeline, plan),
                    config.beam,
                    run.mode,
                    pool,
                    Path(scratch),
                    update,
                )
            else:
                run_on_cluster(lambda pipeline: extract(pipeline, plan), config.beam, update)
    manifest = run.storage.read_manifest()
    tidy_run(run.storage, manifest)  # an object store has what repeated bundles wrote beside it
    return manifest


def _plan(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    run: PlannedRun,
    description: RunDescription,
    progress: str | None,
) -> ExtractionPlan:
    rows = RowConfig(
        description.model, description.started_at, config.read.keep_fields, run.text_share
    )
    return ExtractionPlan(
        read=run.read,
        segmentation=inputs.artifact.segmentation,
        batch_tokens=config.batch_tokens,
        handler=TaggerHandler(
            inputs.model,
            description.model,
            run.mode.threads,
            config.folded_words,
            config.min_confidence,
        ),
        write=WriteConfig(
            storage=run.storage,
            rows=rows,
            target_bytes=config.target_file_mb * _MB,
            progress=progress,
        ),
        run=description,
    )
