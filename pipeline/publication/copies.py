"""Files that a published table has for itself: rows that count of a file, or all of its bytes."""

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import unquote

from model.host.durable_files import sync_path
from pipeline.console.text import first_line
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
from pipeline.publication.wanted import WantedFile
from schemas.errors import JobError
from schemas.records import RowCounts

_BLOCK = 2**20


class Listed(NamedTuple):
    """A file as a listing has it; changed: when it last was, in seconds since 1970."""

    path: str
    bytes: int
    changed: float


def copy_file(root: str, _: str, file: WantedFile, path: str) -> tuple[int, int]:
    """Copy a file as it is; returns its rows and bytes. Raises JobError where that cannot be."""
    source = f"{root}/{file.path}"
    try:
        with open_file(source) as stream, whole_file(path) as copy:
            shutil.copyfileobj(stream, copy, _BLOCK)
    except OSError as error:
        raise JobError(f"{source} cannot be copied to {path}: {first_line(error)}") from error
    return file.rows, file.bytes


def write_copy(root: str, table: str, file: WantedFile, path: str) -> tuple[int, int]:
    """Write the rows of a file that count; returns their number, and the bytes of the copy.

    Nothing is written where no row is left. Raises JobError where the file cannot be read, or the
    copy cannot be written.
    """
    source = f"{root}/{file.path}"
    with open_table(source) as opened:
        schema = opened.schema_arrow
    with writing(path) as copy:
        writer = TableWriter(
            table, schema, "", sys.maxsize, lambda _: copy.enter_context(whole_file(path))
        )
        for rows in read_row_groups(source):
            for part in file.counting_rows(rows):
                writer.write(part, RowCounts())
        results = writer.close()
    return (results[0].rows, results[0].bytes) if results else (0, 0)


def write_data(data: bytes, path: str) -> None:
    """Write a file with these bytes; raises JobError where that cannot be."""
    with writing(path) as copy:
        copy.enter_context(whole_file(path)).write(data)


@contextlib.contextmanager
def writing(place: str) -> Iterator[contextlib.ExitStack]:
    """Within, files of a table's own are written; what an error leaves half written goes.

    Raises JobError for what a disk or a store refuses.
    """
    try:
        with contextlib.ExitStack() as copies:
            yield copies
    except OSError as error:
        raise JobError(f"{place} cannot be written: {first_line(error)}") from error


def remove_copies(listed: Mapping[str, Listed], located: Collection[str], before: datetime) -> int:
    """Remove what is listed of a table's own and at none of these locations; returns how many.

    Also what a kill left half written of one. Files that were changed since stay: somebody may be
    about to commit them.
    """
    oldest = before.timestamp()
    old = {name: file.path for name, file in listed.items() if file.changed < oldest}
    if not old:  # as in most tables, which may have very many locations
        return 0
    own = {name for location in located for name in _names(location)}
    paths = [path for name, path in old.items() if name not in own]
    remote = [path for path in paths if is_remote(path)]
    if remote:
        filesystems().delete(remote)
    for path in () if remote else paths:
        Path(path).unlink(missing_ok=True)
    return len(paths)


def listed_files(directory: str, *, in_folders: bool = True) -> Mapping[str, Listed]:
    """The files of a directory by what tells them apart, half-written ones too.

    One listing, also of an object store. in_folders: whether they stand in those of partitions.
    Raises JobError where it is refused.
    """
    _load_stores(directory)
    pattern = "*=*/part-*" if in_folders else "part-*"
    try:
        return {_name(file.path): file for file in _listing(directory, pattern)}
    except Exception as error:  # each filesystem raises errors of its own
        raise JobError(f"{directory} cannot be listed: {refusal(error)}") from error


def _listing(directory: str, pattern: str) -> Iterator[Listed]:
    """Of a local directory not by Beam, which takes brackets in its name for a pattern."""
    if is_remote(directory):
        for file in list_files(f"{directory}/{pattern}"):
            yield Listed(file.path, file.size_in_bytes, file.last_updated_in_seconds or 0)
        return
    for path in Path(directory).glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            found = path.stat()
            yield Listed(str(path), found.st_size, found.st_mtime)


def is_whole(location: str, size: int, listed: Mapping[str, Listed]) -> bool:
    """Whether a file that a table names so is listed with this size, in bytes."""
    return any(name in listed and listed[name].bytes == size for name in _names(location))


def _load_stores(path: str) -> None:
    """Have Beam know the store of a path that only a catalog names: no flag did."""
    if is_remote(path):
        load_object_stores()


def _names(location: str) -> Collection[str]:
    """What a file may be listed as: Delta quotes what a path of its own has, Iceberg does not."""
    return {_name(location), _name(unquote(location))}


def _name(path: str) -> str:
    """What tells files apart, however their table names them: the folder of a partition too."""
    folder, _, name = path.rpartition("/")
    partition = folder.rpartition("/")[2]
    return f"{partition}/{name}" if "=" in partition else name


def whole_file(path: str) -> Writer:
    """A new file that appears whole once it is closed, also in the place of the same one."""
    _load_stores(path)
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
