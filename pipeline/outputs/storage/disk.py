"""A run on a local disk: a table is written below `_staging` and appears by one rename.

So a reader who lists the directory never sees half a run.
"""

import contextlib
import os
import uuid
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model.host.durable_files import sync_path
from pipeline.filesystems.upload import Writer
from pipeline.outputs.layout import GAZETTEER, PARTIAL_MANIFEST, PARTIAL_REPORT, PLAN, is_table_file
from pipeline.outputs.storage.base import RunStorage
from schemas.tables import TABLES

# At once, so that the disk takes several together: 100,000 files took 20 s one by one, 9 s so.
_SYNCS = 16


@dataclass(frozen=True, slots=True)
class DiskStorage(RunStorage):
    """The places of a run below a local directory."""

    is_staged = True

    def writing_directory(self, table: str) -> str:
        return f"{self.staging}/{table}"

    def prepare(self) -> None:
        os.makedirs(self.staging, exist_ok=True)

    def create(self, path: str) -> Writer:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "wb")

    def sync(self, paths: Iterable[str]) -> None:
        """Let the disk have these files and directories for good."""
        with ThreadPoolExecutor(_SYNCS) as pool:
            list(pool.map(sync_path, paths))  # which raises what one of them raised

    def ready(self, table: str, names: Collection[str]) -> None:
        """As told.

        A bundle that was tried twice leaves files that nobody counted, and so may a commit that
        broke off and is tried again after its files were written anew.
        """
        written, final = self.writing_directory(table), self.table_directory(table)
        if os.path.isdir(final):  # an earlier attempt came so far
            os.makedirs(written, exist_ok=True)
            for name in set(os.listdir(final)).intersection(names):
                os.rename(f"{final}/{name}", f"{written}/{name}")
            _remove_table_files(final)
        there = set(os.listdir(written))
        if not there.issuperset(names):
            raise FileNotFoundError(f"{written} has lost files that were written")
        _remove_table_files(written, besides=names)
        self.sync([*(f"{written}/{name}" for name in names), written])

    def publish(self, table: str) -> None:
        final = self.table_directory(table)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.rename(self.writing_directory(table), final)
        self.sync([os.path.dirname(final), self.root])

    def add(self, table: str, names: Collection[str]) -> None:
        written, final = self.writing_directory(table), self.table_directory(table)
        self.sync(f"{written}/{name}" for name in names)
        for name in names:
            os.rename(f"{written}/{name}", f"{final}/{name}")
        self.sync([final])

    def create_manifest(self, data: bytes) -> bool:
        partial = self._partial(PARTIAL_MANIFEST, self.manifest, data)
        try:
            os.link(partial, self.manifest)
        except FileExistsError:
            return False
        except OSError:  # a filesystem without links
            if os.path.exists(self.manifest):
                return False
            os.rename(partial, self.manifest)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(partial)
        self.sync([os.path.dirname(self.manifest), self.root])
        return True

    def write_manifest(self, data: bytes) -> None:
        os.replace(self._partial(PARTIAL_MANIFEST, self.manifest, data), self.manifest)
        self.sync([os.path.dirname(self.manifest), self.root])

    def write_report(self, data: bytes) -> None:
        # Whoever makes a report may not hold the output, and the run's own staging directory says
        # that somebody who does is changing the run.
        beside = DiskStorage(self.root, f"{PARTIAL_REPORT}{uuid.uuid4().hex}")
        try:
            os.replace(beside._partial(PARTIAL_REPORT, self.report, data), self.report)
        finally:
            beside.discard_staging()

    def _partial(self, kind: str, final: str, data: bytes) -> str:
        """What is to become the file `final`, written and on the disk, in the staging directory."""
        partial = f"{self.staging}/{kind}{uuid.uuid4().hex}"
        os.makedirs(os.path.dirname(partial), exist_ok=True)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        with open(partial, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        return partial

    def remove_report(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.report)
        with contextlib.suppress(OSError):  # others have one, or there was none
            os.rmdir(os.path.dirname(self.report))

    def remove_manifest(self) -> None:
        os.remove(self.manifest)

    def unstage(self) -> None:
        # A file that a failed stage still holds open keeps its room on the disk when it is
        # removed, and the manifest may need that room.
        for directory in map(self.writing_directory, TABLES):
            for path in _table_files(directory):
                with contextlib.suppress(OSError):
                    os.truncate(path, 0)
            with contextlib.suppress(OSError):
                _remove_table_files(directory)

    def keep_files(self, named: Collection[str]) -> None:
        for directory in map(self.table_directory, TABLES):
            own = {path.rpartition("/")[2] for path in named if path.startswith(f"{directory}/")}
            if own or not os.path.islink(directory):  # else it leads to files of somebody else
                _remove_table_files(directory, besides=own)

    def discard_staging(self) -> None:
        for directory in map(self.writing_directory, TABLES):
            with contextlib.suppress(OSError):
                _remove_table_files(directory)
        with contextlib.suppress(OSError):
            for name in os.listdir(self.staging):
                if name.startswith((PLAN, GAZETTEER, PARTIAL_MANIFEST, PARTIAL_REPORT)):
                    os.remove(f"{self.staging}/{name}")
        with contextlib.suppress(OSError):  # another run stages there, or there was nothing
            os.rmdir(self.staging)
            os.rmdir(os.path.dirname(self.staging))


def _table_files(directory: str) -> list[str]:
    """What is of a table in a directory, if there is one: files of our names, and no links."""
    if not os.path.isdir(directory):
        return []
    with os.scandir(directory) as entries:
        return [
            f"{directory}/{entry.name}"
            for entry in entries
            if is_table_file(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def _remove_table_files(directory: str, besides: Collection[str] = ()) -> None:
    """Remove a table's files but the named ones, and the directory where it is empty then."""
    for path in _table_files(directory):
        if path.rpartition("/")[2] not in besides:
            os.remove(path)
    with contextlib.suppress(OSError):  # it has files, or there is none
        os.rmdir(directory)
