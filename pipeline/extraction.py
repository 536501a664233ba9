"""One extraction from configuration to committed run: check, plan, run, account."""

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from model.artifact import Artifact, find_artifact, load_artifact, read_files
from pipeline.graph import ExtractionPlan, extract
from pipeline.local import LocalMode, mode_for, most_processes, run_locally, usable_cores
from pipeline.local_worker import WorkerPool
from pipeline.manifest import (
    RunDescription,
    encode_manifest,
    failed_manifest,
    installed_versions,
)
from pipeline.options import ExtractionConfig
from pipeline.peek import estimate_documents, require_text_column
from pipeline.progress import ProgressLine
from pipeline.rows import RowConfig
from pipeline.shards import InputFile, match_files, plan_shards
from pipeline.sinks import WriteConfig
from pipeline.storage import RunStorage
from pipeline.tag import TaggerHandler
from schemas.errors import DeadLettersError, JobError, UsageError
from schemas.records import Shard

SAMPLED_TEXTS = 1000
_MB = 1_000_000


@dataclass(frozen=True)
class CheckedInputs:
    """What the flags stand for, looked up and found in order before anything is written."""

    directory: Path
    artifact: Artifact
    files: Sequence[InputFile]
    shards: Sequence[Shard]
    documents: int  # about how many
    mode: LocalMode


def run_extraction(config: ExtractionConfig) -> dict[str, Any]:
    """Extract as configured; returns the manifest that was written.

    Raises UsageError before anything is written, JobError after a failure that left no rows, and
    DeadLettersError where only these were written, since there were too many.
    """
    started = datetime.now(UTC)
    storage = RunStorage(config.output, config.run_id)
    # Before anything is opened that a fork would share.
    pool = WorkerPool(most_processes(config.beam, usable_cores()) if config.is_local else 0)
    with contextlib.closing(pool):
        return _extract(config, storage, pool, started)


def _extract(
    config: ExtractionConfig, storage: RunStorage, pool: WorkerPool, started: datetime
) -> dict[str, Any]:
    with contextlib.ExitStack() as held:
        try:
            inputs = check(config, storage)
            held.enter_context(storage.held())
            storage.clean()
            _require_new(storage)
            storage.prepare()
        except OSError as error:  # a path that the system refuses: too long, no permission, no disk
            raise UsageError(f"{error.filename or 'a path'}: {error.strerror or error}") from error
        return _committed(config, inputs, storage, pool, started)


def _committed(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    storage: RunStorage,
    pool: WorkerPool,
    started: datetime,
) -> dict[str, Any]:
    run = RunDescription(
        run_id=config.run_id,
        started_at=started,
        model=inputs.artifact.identity,
        configuration=config.described(),
        inputs={file.path: file.fingerprint for file in inputs.files},
        shards=tuple((shard.source, shard.start) for shard in inputs.shards),
        keep_fields=config.read.keep_fields,
        max_dead_letters=config.max_dead_letters,
        versions=installed_versions(),
    )
    try:
        manifest = _run(config, inputs, run, storage, pool)
    except JobError as error:
        _record_failure(run, storage, "\n".join([str(error), *getattr(error, "__notes__", [])]))
        raise
    except KeyboardInterrupt:
        _record_failure(run, storage, "interrupted")
        raise
    except Exception as error:
        _record_failure(run, storage, traceback.format_exc())
        cause = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise JobError(
            f"the run failed and left no rows ({cause[0]}); {storage.manifest} has the details"
        ) from error
    if manifest["status"] == "failed":
        letters = storage.table_directory("dead_letters")
        raise DeadLettersError(f"{manifest['error']}; they are in {letters}, and no other rows")
    return manifest


def check(config: ExtractionConfig, storage: RunStorage) -> CheckedInputs:
    """Look up model, inputs and output; raises UsageError if one of them is not in order."""
    directory = find_artifact(config.model)
    artifact = load_artifact(read_files(directory), str(directory))
    files = match_files(config.inputs, allow_none=config.allow_no_input)
    shards = plan_shards(files, config.read)
    require_text_column(shards, config.read)
    _require_writable(storage)
    mode = LocalMode(0, None)
    if config.is_local:
        mode = mode_for(config.beam, shards)
    documents = estimate_documents(shards, config.read)
    return CheckedInputs(directory, artifact, files, shards, documents, mode)


def _require_new(storage: RunStorage) -> None:
    if storage.run_exists():
        raise UsageError(f"--run_id {storage.run_id} exists already in {storage.root}")


def _require_writable(storage: RunStorage) -> None:
    if not storage.is_staged:
        try:
            FileSystems.get_filesystem(storage.root)
        except ValueError as error:
            raise UsageError(f"--output {storage.root}: {error}") from error
        return
    root = Path(storage.root)
    existing = next(path for path in (root, *root.parents) if path.exists())
    if not existing.is_dir():
        raise UsageError(f"--output {root}: {existing} is not a directory")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"--output {root}: no permission to write to {existing}")


def _run(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    run: RunDescription,
    storage: RunStorage,
    pool: WorkerPool,
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gleaner-", ignore_cleanup_errors=True) as scratch:
        plan = _plan(config, inputs, run, storage, scratch if config.is_local else None)
        if config.is_local:
            line = ProgressLine(Path(scratch), inputs.documents, sys.stderr)
            try:
                run_locally(
                    lambda pipeline: extract(pipeline, plan),
                    config.beam,
                    inputs.mode,
                    pool,
                    Path(scratch),
                    line.update,
                )
            finally:
                line.clear()
        else:
            pipeline = beam.Pipeline(options=config.beam)
            extract(pipeline, plan)
            pipeline.run().wait_until_finish()
    storage.discard_staging()
    return storage.read_manifest()


def _plan(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    run: RunDescription,
    storage: RunStorage,
    progress: str | None,
) -> ExtractionPlan:
    share = {"none": 0.0, "all": 1.0}.get(
        config.keep_text, min(1.0, SAMPLED_TEXTS / max(inputs.documents, 1))
    )
    return ExtractionPlan(
        shards=inputs.shards,
        read=config.read,
        segmentation=inputs.artifact.segmentation,
        batch_tokens=config.batch_tokens,
        handler=TaggerHandler(
            str(inputs.directory),
            run.model,
            inputs.mode.threads,
            config.folded_words,
            config.min_confidence,
        ),
        write=WriteConfig(
            storage=storage,
            rows=RowConfig(run.model, run.started_at, config.read.keep_fields, share),
            target_bytes=config.target_file_mb * _MB,
            progress=progress,
        ),
        run=run,
    )


def _record_failure(run: RunDescription, storage: RunStorage, error: str) -> None:
    """Take back what the run wrote, and leave a manifest that says what happened."""
    storage.take_back()
    try:
        storage.write_manifest(encode_manifest(failed_manifest(run, error)))
        storage.discard_staging()
    except OSError:
        return  # the disk that failed the run may not take its manifest either
