"""Files that a published table has for itself: rows that count of a file, or all of its bytes."""

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from model.host.durable_files import sync_path
from pipeline.filesystems.beam import (
    filesystems,
    list_files,
    load_object_stores,
    open_file,
    refusal,
)
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.upload import Upload, Writer
from pipeline.outputs.table_reader import open_table, read_row_groups
from pipeline.outputs.table_writer import TableWriter
from pipeline.publication.table import PublishedTable
from pipeline.publication.wanted import WantedFile
from schemas.errors import JobError
from schemas.records import RowCounts

_BLOCK = 2**20


def write_copy(root: str, table: str, file: WantedFile, path: str) -> tuple[int, int]:
    """Write the rows of a file that count, or all of it as it is; returns their number and bytes.

    Nothing is written where no row is left. Raises JobError where the file cannot be read, or the
    copy cannot be written.
    """
    _load_stores(path)
    source = f"{root}/{file.path}"
    try:
        if file.counting:
            return _write_counting(source, table, file, path)
        with open_file(source) as stream, _whole_file(path) as copy:
            shutil.copyfileobj(stream, copy, _BLOCK)
    except OSError as error:
        raise JobError(f"{error.filename or path}: {error.strerror or refusal(error)}") from error
    return file.rows, file.bytes


def _write_counting(source: str, table: str, file: WantedFile, path: str) -> tuple[int, int]:
    with open_table(source) as opened:
        schema = opened.schema_arrow
    with contextlib.ExitStack() as copy:  # what an error leaves half written goes
        writer = TableWriter(
            table, schema, "", sys.maxsize, lambda _: copy.enter_context(_whole_file(path))
        )
        for rows in read_row_groups(source):
            for counting in file.counting:
                writer.write(rows.filter(counting.matches(rows)), RowCounts())
        results = writer.close()
    return (results[0].rows, results[0].bytes) if results else (0, 0)


def remove_copies(table: PublishedTable, before: datetime) -> int:
    """Remove files of a table that it does not have any more, last changed before; their number.

    Also what a kill left half written of one.
    """
    oldest = before.timestamp()
    own = {_name(location) for location in table.files}
    paths = [
        path
        for path, changed in _copies(table.copies)
        if _name(path) not in own and changed < oldest
    ]
    if is_remote(table.copies):
        filesystems().delete(paths)
    for path in () if is_remote(table.copies) else paths:
        Path(path).unlink(missing_ok=True)
    return len(paths)


def _copies(directory: str) -> Iterator[tuple[str, float]]:
    """The path of each file there, and when it was last changed, in seconds since 1970.

    Of a local directory not by Beam, which takes brackets in its name for a pattern.
    """
    _load_stores(directory)
    pattern = "run_id=*/part-*"
    if is_remote(directory):
        for file in list_files(f"{directory}/{pattern}"):
            yield file.path, file.last_updated_in_seconds or 0
        return
    for path in Path(directory).glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            yield str(path), path.stat().st_mtime


def _load_stores(path: str) -> None:
    """Have Beam know the store of a path that only a catalog names: no flag did."""
    if is_remote(path):
        load_object_stores()


def _name(path: str) -> str:
    """What tells copies apart, however their table names them."""
    return "/".join(path.split("/")[-2:])


def _whole_file(path: str) -> Writer:
    """A new file that appears whole once it is closed, also in the place of the same one."""
    return Upload(path) if is_remote(path) else _LocalFile(path)


class _LocalFile:
    """A file on a local disk, which stands beside its place until it is closed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._partial = f"{path}.{uuid.uuid4().hex}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._stream = open(self._partial, "wb")  # noqa: SIM115 - `close` closes it

    def write(self, data: bytes, /) -> int:
        return self._stream.write(data)

    def close(self) -> None:
        if not self._stream.closed:
            self._stream.close()
            sync_path(self._partial)
            os.replace(self._partial, self._path)
            sync_path(os.path.dirname(self._path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object, /) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            with contextlib.suppress(OSError):  # it may be for want of space that this fails
                self._stream.close()
            Path(self._partial).unlink(missing_ok=True)


def now() -> datetime:
    """The time, for what is as old as that."""
    return datetime.now(UTC)
