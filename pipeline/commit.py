"""CommitRun: the results of files and shards in, the committed run's manifest out."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import IOTypeHints

from pipeline.manifest import (
    RunDescription,
    committed_manifest,
    encode_manifest,
    refused_manifest,
    too_many_dead_letters,
)
from pipeline.parquet import TableWriter
from pipeline.plan import with_plan, without_plan
from pipeline.storage import RunStorage
from schemas.errors import JobError
from schemas.records import FileResult, ShardResult
from schemas.tables import TABLES, documents_schema


class CommitInputs(NamedTuple):
    """What the run did."""

    files: PCollection[FileResult]
    shards: PCollection[ShardResult]


class CommitRun(beam.PTransform[CommitInputs, PCollection[dict[str, Any]]]):
    """All results in, gathered under one key; the manifest out, once it is written.

    What the run reads is in the plan of its storage (`pipeline.plan`), not in the graph.
    Committing again does nothing more: the manifest that is there stays, and so do its tables.
    """

    def __init__(self, run: RunDescription, storage: RunStorage) -> None:
        super().__init__()
        self.run = without_plan(run)
        self.storage = storage

    def default_type_hints(self) -> IOTypeHints:
        """No hints of the whole: Beam cannot use `CommitInputs` as one."""
        return IOTypeHints.empty()

    def expand(self, inputs: CommitInputs) -> PCollection[dict[str, Any]]:
        # The seed makes a group even where nothing was read.
        seed = inputs.files.pipeline | "Seed" >> beam.Create([None], reshuffle=False)
        return (
            (seed, inputs.files, inputs.shards)
            | "Results" >> beam.Flatten()
            | "OneKey" >> beam.Map(_under_one_key)
            | "Gather" >> beam.GroupByKey()
            | "Commit" >> beam.Map(_commit, run=self.run, storage=self.storage)
        )


Result = FileResult | ShardResult | None


def _under_one_key(result: Result) -> tuple[str, Result]:
    return "", result


def _commit(
    keyed: tuple[str, Iterable[Result]], run: RunDescription, storage: RunStorage
) -> dict[str, Any]:
    gathered = list(keyed[1])
    return commit_run(
        [result for result in gathered if isinstance(result, FileResult)],
        [result for result in gathered if isinstance(result, ShardResult)],
        with_plan(run, storage),
        storage,
    )


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
