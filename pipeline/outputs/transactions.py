"""How a run that failed ends: its rows go, and its manifest says why; unless it is committed."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from pipeline.outputs.manifest import (
    RunDescription,
    committed_manifest,
    encode_manifest,
    failed_manifest,
    refused_manifest,
    too_many_dead_letters,
)
from pipeline.outputs.storage import RunStorage
from pipeline.outputs.table_writer import TableWriter
from schemas.errors import JobError
from schemas.records import FileResult, ShardResult
from schemas.tables import TABLES, documents_schema


class Ending(Enum):
    """What became of a run that failed or was interrupted."""

    RECORDED = "its manifest says why"
    UNRECORDED = "there was no room for a manifest"
    COMMITTED = "it had been committed before"


def end_run(run: RunDescription, storage: RunStorage, error: str) -> Ending:
    """Take back what the run wrote, and write down the error; a committed run stays as it is.

    The commit may still be under way in another thread. Once the staged tables are gone it
    publishes no more, and of its manifest and the failed one the first counts.
    """
    storage.unstage()
    try:
        is_first = storage.create_manifest(encode_manifest(failed_manifest(run, error)))
    except Exception:  # noqa: BLE001 - what failed the run, a disk or a store, may refuse this too
        storage.tidy()
        return Ending.UNRECORDED
    storage.tidy()
    return Ending.RECORDED if is_first else Ending.COMMITTED


def commit_run(
    files: list[FileResult], shards: list[ShardResult], run: RunDescription, storage: RunStorage
) -> dict[str, Any]:
    """Check that every record is accounted for, publish the tables, write the manifest.

    Where too many records failed, the dead letters alone are published, and the manifest says so.
    Raises JobError where records are missing or doubled; nothing is published then.
    """
    files = [*files, *_empty_tables({file.table for file in files}, run, storage)]
    return _commit_files(files, shards, run, storage)


def commit_nothing(
    run: RunDescription, storage: RunStorage, *, with_tables: bool
) -> dict[str, Any]:
    """The manifest of a run that had nothing to do; with tables that have columns and no rows."""
    files = [*_empty_tables(set(), run, storage)] if with_tables else []
    return _commit_files(files, [], run, storage)


def _commit_files(
    files: list[FileResult], shards: list[ShardResult], run: RunDescription, storage: RunStorage
) -> dict[str, Any]:
    if storage.has_manifest():  # by an attempt that a runner repeats
        return _decided(storage)
    manifest = committed_manifest(run, files, shards, storage)
    error = too_many_dead_letters(manifest["counts"], run.max_dead_letters)
    if error:
        manifest = refused_manifest(manifest, error)
    for table in manifest["tables"]:
        storage.publish(
            table, [file.path.rpartition("/")[2] for file in files if file.table == table]
        )
    return manifest if storage.create_manifest(encode_manifest(manifest)) else _decided(storage)


def _decided(storage: RunStorage) -> dict[str, Any]:
    """The manifest that another attempt wrote first; raises JobError where it ended the run."""
    manifest = storage.read_manifest()
    if "tables" not in manifest:
        storage.settle()
        raise JobError("the run was ended before it could commit")
    return manifest


def _empty_tables(
    written: set[str], run: RunDescription, storage: RunStorage
) -> Iterable[FileResult]:
    schemas = {**TABLES, "documents": documents_schema(run.keep_fields)}
    for table, schema in schemas.items():
        if table not in written:
            directory = storage.writing_directory(table)
            yield from TableWriter(table, schema, directory, 1, storage.create).write_empty()
