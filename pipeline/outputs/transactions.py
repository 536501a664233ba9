"""The commit protocol: the order of the steps by which a run counts, changes or goes.

A run counts once its manifest is there, which is written last and names every file that counts. A
run that is being changed has a staging directory until it is settled; whoever holds the output next
settles such a run. So whatever stops one of these functions, at any step, the run is as it was
before, or as it is to be after.

Readers may still be about to open the files that a change leaves behind: so its caller settles
amended runs, and removes replaced ones, a moment later.

commit_run: check the counts, have all tables ready on the disk, publish each, create the manifest
  where there is none yet.
end_run: drop what is staged, create a failed manifest where there is none yet, settle.
amend_run: stage new files, add them, drop the report, write the manifest, drop the report again.
replace_runs: write the new run's files, publish, write its manifest.
remove_run: drop the report, the manifest, the report again, then all files.
settle_run: delete what the manifest does not name, then the staging directory.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from pipeline.inputs.fields import textless_in_words
from pipeline.outputs.description import RunDescription
from pipeline.outputs.layout import all_files
from pipeline.outputs.manifest import committed_manifest, failed_manifest, refused_manifest
from pipeline.outputs.manifest.encoding import encode_manifest
from pipeline.outputs.manifest.refusal import refusal
from pipeline.outputs.storage import RunStorage
from pipeline.outputs.table_writer import TableWriter
from schemas.errors import JobError
from schemas.manifest import Manifest
from schemas.records import FileResult, ShardResult
from schemas.tables import TABLES, documents_schema


class Ending(Enum):
    """What became of a run that failed or was interrupted."""

    RECORDED = "its manifest says why"
    UNRECORDED = "there was no room for a manifest"
    COMMITTED = "it had been committed before"


def commit_run(
    files: list[FileResult], shards: list[ShardResult], run: RunDescription, storage: RunStorage
) -> Manifest:
    """Check that every record is accounted for, publish the tables, write the manifest.

    Where `refusal` finds a reason, the dead letters alone are published, and the manifest says so.
    Raises JobError where records are missing or doubled; nothing is published then. Committing
    again does nothing more: the manifest that is there stays, and so do its tables.
    """
    files = [*files, *_empty_tables({file.table for file in files}, run, storage)]
    return _commit_files(files, shards, run, storage)


def commit_nothing(run: RunDescription, storage: RunStorage, *, with_tables: bool) -> Manifest:
    """The manifest of a run that had nothing to do; with tables that have columns and no rows."""
    files = [*_empty_tables(set(), run, storage)] if with_tables else []
    return _commit_files(files, [], run, storage)


def _commit_files(
    files: list[FileResult], shards: list[ShardResult], run: RunDescription, storage: RunStorage
) -> Manifest:
    if storage.has_manifest():  # by an attempt that a runner repeats
        return _decided(storage)
    manifest = committed_manifest(run, files, shards, storage)
    textless = textless_in_words(run.configuration["text_field"], shards)
    error = refusal(manifest, run, textless)
    if error:
        manifest = refused_manifest(manifest, str(error))
    _publish(files, manifest, storage)
    return manifest if storage.create_manifest(encode_manifest(manifest)) else _decided(storage)


def _decided(storage: RunStorage) -> Manifest:
    """The manifest that another attempt wrote first; raises JobError where it ended the run."""
    manifest = storage.read_manifest()
    if "tables" not in manifest:
        settle_run(storage)
        raise JobError("the run was ended before it could commit")
    return manifest


def end_run(run: RunDescription, storage: RunStorage, error: str) -> Ending:
    """Take back what the run wrote, and write down the error; a committed run stays as it is.

    The commit may still be under way in another thread. Once the staged tables are gone it
    publishes no more, and of its manifest and the failed one the first counts.
    """
    storage.unstage()
    try:
        is_first = storage.create_manifest(encode_manifest(failed_manifest(run, error)))
    except Exception:  # noqa: BLE001 - what failed the run, a disk or a store, may refuse this too
        tidy_run(storage)
        return Ending.UNRECORDED
    tidy_run(storage)
    return Ending.RECORDED if is_first else Ending.COMMITTED


Change = Callable[[], tuple[Manifest, Sequence[FileResult]]]


def amend_run(storage: RunStorage, amended: Change) -> Manifest:
    """Give a run the manifest that `amended` makes, with the new files that it writes for it.

    The report goes just before the manifest, so that a run which is as it was still has it, and
    once more behind, since another process may have made one.
    """
    manifest, files = _prepared(storage, amended)
    for table, names in _names_by_table(files).items():
        storage.add(table, names)
    storage.remove_report()
    storage.write_manifest(encode_manifest(manifest))
    storage.remove_report()
    return manifest


def replace_runs(storage: RunStorage, merged: Change) -> Manifest:
    """Let one run take the place of those that its manifest names, which `merged` makes."""
    manifest, files = _prepared(storage, merged)
    _publish(files, manifest, storage)
    storage.write_manifest(encode_manifest(manifest))
    storage.discard_staging()
    return manifest


def remove_run(storage: RunStorage) -> None:
    """Remove the whole run.

    Its report first, since nothing finds it without the run; then its manifest, since nothing else
    counts without it.
    """
    storage.prepare()
    storage.remove_report()
    if storage.has_manifest():
        storage.remove_manifest()
    storage.remove_report()  # again: it may have been made in between
    settle_run(storage)


def settle_run(storage: RunStorage, manifest: Manifest | None = None) -> None:
    """Delete every file of the run that its manifest does not name: all where it has none."""
    if manifest is None and storage.has_manifest():
        manifest = storage.read_manifest()
    storage.keep_files(set(all_files(storage.root, manifest)) if manifest else set())
    storage.discard_staging()


def tidy_run(storage: RunStorage, manifest: Manifest | None = None) -> None:
    """As `settle_run`, of a run whose end is decided.

    What may not be deleted stays: it counts for nothing, and `verify` names it.
    """
    with contextlib.suppress(Exception):  # each filesystem raises errors of its own
        settle_run(storage, manifest)


def _prepared(storage: RunStorage, change: Change) -> tuple[Manifest, Sequence[FileResult]]:
    """What a change makes of a run, with its new files written."""
    storage.prepare()
    try:
        return change()
    except BaseException:
        settle_run(storage)  # on an object store nothing else would ever find these files
        raise


def _publish(files: Iterable[FileResult], manifest: Manifest, storage: RunStorage) -> None:
    """Let the tables appear, one right behind the other: whoever is stopped leaves some of them."""
    names = _names_by_table(files)
    for table in manifest["tables"]:
        storage.ready(table, names[table])
    for table in manifest["tables"]:
        storage.publish(table)


def _names_by_table(files: Iterable[FileResult]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for file in files:
        names.setdefault(file.table, []).append(file.path.rpartition("/")[2])
    return names


def _empty_tables(
    written: set[str], run: RunDescription, storage: RunStorage
) -> Iterable[FileResult]:
    schemas = {**TABLES, "documents": documents_schema(run.keep_fields)}
    for table, schema in schemas.items():
        if table not in written:
            directory = storage.writing_directory(table)
            yield from TableWriter(table, schema, directory, 1, storage.create).write_empty()
