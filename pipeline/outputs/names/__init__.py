"""The table of names of an output, and the counts by run that it is made of.

Both derive from `entities` alone, and may be removed at any time: `jobs.resolve` makes them again.
"""

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from model.host.durable_files import sync_path
from pipeline.filesystems.beam import filesystems, list_files, open_file, refusal
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.upload import write_whole
from pipeline.outputs.current import current_sources, rows_that_count
from pipeline.outputs.layout import (
    NAME_COUNTS,
    empty_names_file,
    name_counts_file,
    names_file,
    table_files,
)
from schemas.errors import JobError
from schemas.manifest import Manifest
from schemas.tables import NAMES

_COUNTED = b"gleaner.counted"  # the digest of what counted when the table was made
_DIGEST_BYTES = 16


class CountedRun(NamedTuple):
    """What counts of the entities of a run: rows of these files that are of these sources."""

    run_id: str
    sources: Sequence[str]
    files: Sequence[str]
    digest: str


def counted_runs(root: str, manifests: Sequence[Manifest]) -> list[CountedRun]:
    """The runs that have entities which count, each with a digest of which these are."""
    by_id = {manifest["run_id"]: manifest for manifest in manifests}
    runs = []
    for rows in rows_that_count(current_sources(manifests), "entities"):
        manifest = by_id[rows.run_id]
        hashes = sorted(file["sha256"] for file in manifest["tables"]["entities"]["files"])
        digest = _digest([rows.run_id, sorted(rows.sources), hashes])
        files = table_files(root, manifest, "entities")
        runs.append(CountedRun(rows.run_id, rows.sources, files, digest))
    return runs


def digest_of(runs: Sequence[CountedRun]) -> str:
    """What tells one state of an output from another, as far as names depend on it."""
    return _digest(sorted(run.digest for run in runs))


def write_names(root: str, names: pa.Table, counted: str) -> None:
    """Write the table in the place of the one before, whole or not at all.

    counted: the digest of what it was made of.
    """
    metadata = {**(NAMES.metadata or {}), _COUNTED: counted.encode()}
    _write(names_file(root), names.cast(NAMES).replace_schema_metadata(metadata))


def write_empty_names(root: str) -> None:
    """Write a table without a row beside the one of names, if there is any.

    Views read both, so they need not be made again where names come later.
    """
    _write(empty_names_file(root), NAMES.empty_table())


def forget_names(root: str) -> bool:
    """Leave no surface in the table, and remove the counts; whether there was a table.

    The table stays, without a row: views that join it go on.
    """
    remove_counts(root, ())
    if not has_names(root):
        return False
    write_names(root, NAMES.empty_table(), "")
    return True


def has_names(root: str) -> bool:
    """Whether an output has a table of names."""
    return bool(filesystems().exists(names_file(root)))


def names_bytes(root: str) -> bytes | None:
    """The file of the table as it is now; None where there is none. Raises JobError."""
    path = names_file(root)
    try:
        if not has_names(root):
            return None
        with open_file(path) as stream:
            return stream.read()
    except Exception as error:  # each filesystem raises errors of its own
        raise JobError(f"{path} cannot be read: {refusal(error)}") from error


def are_outdated(root: str, manifests: Sequence[Manifest]) -> bool:
    """Whether there is a table of names that was made of other rows than those that count now."""
    if not has_names(root):
        return False
    try:
        with open_file(names_file(root)) as stream:
            metadata = pq.read_schema(pa.PythonFile(stream, mode="r")).metadata or {}
    except (OSError, pa.ArrowException):  # damaged, so it is to be made again as well
        return True
    return bool(metadata.get(_COUNTED, b"").decode() != digest_of(counted_runs(root, manifests)))


def read_counts(root: str, digest: str) -> pa.Table | None:
    """The counts of this digest; None where there are none, or none that can be read."""
    path = name_counts_file(root, digest)
    if not filesystems().exists(path):
        return None
    try:
        with open_file(path) as stream:
            return pq.read_table(pa.PythonFile(stream, mode="r"))
    except (OSError, pa.ArrowException):  # counted again, and written anew
        return None


def write_counts(root: str, digest: str, counts: pa.Table) -> None:
    """Keep the counts of this digest for later calls."""
    _write(name_counts_file(root, digest), counts)


def remove_counts(root: str, staying: Collection[str]) -> None:
    """Remove all counts but those of these digests."""
    folder = f"{root}/{NAME_COUNTS}"
    named = {name_counts_file(root, digest) for digest in staying}
    if is_remote(root):
        gone = [file.path for file in list_files(f"{folder}/*") if file.path not in named]
        if gone:
            filesystems().delete(gone)
        return
    if not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        if f"{folder}/{name}" not in named:
            os.remove(f"{folder}/{name}")
    if not os.listdir(folder):
        os.rmdir(folder)


def _write(path: str, rows: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    try:
        folder = path.rpartition("/")[0]
        if not is_remote(path):
            os.makedirs(folder, exist_ok=True)
        write_whole(path, data)
        if not is_remote(path):
            sync_path(folder)
    except OSError as error:
        raise JobError(f"{path} cannot be written: {refusal(error)}") from error


def _digest(told: object) -> str:
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=_DIGEST_BYTES).hexdigest()
