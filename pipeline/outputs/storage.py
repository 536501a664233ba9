"""Where a run's files stand: staged and renamed on a local disk, in place on an object store."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipeline.filesystems.beam import filesystems, list_files, open_file
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.upload import Upload, Writer, create_object
from schemas.tables import TABLES

STAGING = "_staging"
PARTIAL_MANIFEST = "manifest-"
PARTIAL_REPORT = "report-"
REPORTS = "reports"
PLAN = "plan.json"
# At once, so that the disk takes several together: 100,000 files took 20 s one by one, 9 s so.
_SYNCS = 16


@dataclass(frozen=True, slots=True)
class RunStorage:
    """The places of one run below `root`, a local directory or a URL of a Beam filesystem.

    On a local disk a table is written below `_staging` and appears by one rename, so that a reader
    who lists the directory never sees half a run. Object stores have no rename: a file appears
    where it stays, whole, and only the manifest says that it counts.
    """

    root: str
    run_id: str

    @property
    def is_staged(self) -> bool:
        return not is_remote(self.root)

    @property
    def staging(self) -> str:
        return f"{self.root}/{STAGING}/{self.run_id}"

    @property
    def plan(self) -> str:
        """Where workers find what the run reads, on an object store too."""
        return f"{self.staging}/{PLAN}"

    @property
    def manifest(self) -> str:
        return f"{self.root}/runs/{self.run_id}.json"

    @property
    def report(self) -> str:
        """The page that tells of the run; it is made of the rest, and counts for nothing."""
        return f"{self.root}/{REPORTS}/{self.run_id}.html"

    def table_directory(self, table: str) -> str:
        """Where a table's files stand once the run is committed."""
        return f"{self.root}/{table}/run_id={self.run_id}"

    def writing_directory(self, table: str) -> str:
        """Where a table's files are written."""
        return f"{self.staging}/{table}" if self.is_staged else self.table_directory(table)

    def relative(self, table: str, path: str) -> str:
        """The committed place, relative to the root, of a file that was written as `path`."""
        return f"{table}/run_id={self.run_id}/{path.rpartition('/')[2]}"

    def prepare(self) -> None:
        """Make the staging directory; raises OSError where nothing can be written."""
        if self.is_staged:
            os.makedirs(self.staging, exist_ok=True)

    def create(self, path: str) -> Writer:
        """A new file to write to, with the directories above it.

        On an object store it appears whole when it is closed, and not at all where it is dropped.
        """
        if self.is_staged:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return open(path, "wb")
        return Upload(path)

    def sync(self, paths: Iterable[str]) -> None:
        """Let the disk have these files and directories for good."""
        if self.is_staged:
            with ThreadPoolExecutor(_SYNCS) as pool:
                list(pool.map(_sync, paths))  # which raises what one of them raised

    def publish(self, table: str, names: Collection[str]) -> None:
        """Let the named files of a staged table appear in its place, on the disk for good.

        Other files of the table go: a bundle that was tried twice leaves some that nobody counted,
        and so may a commit that broke off and is tried again after its files were written anew.
        """
        if not self.is_staged:
            return
        written, final = self.writing_directory(table), self.table_directory(table)
        if os.path.isdir(final):  # an earlier attempt came so far
            os.makedirs(written, exist_ok=True)
            for name in set(os.listdir(final)).intersection(names):
                os.rename(f"{final}/{name}", f"{written}/{name}")
            shutil.rmtree(final)
        there = set(os.listdir(written))
        if not there.issuperset(names):
            raise FileNotFoundError(f"{written} has lost files that were written")
        for name in there.difference(names):
            os.remove(f"{written}/{name}")
        self.sync(f"{written}/{name}" for name in names)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.rename(written, final)
        self.sync([os.path.dirname(final)])

    def create_manifest(self, data: bytes) -> bool:
        """Write the manifest, whole or not at all; False, and nothing is written, where one exists.

        What ends a run and what commits it may meet here: whoever is first decides.
        """
        if not self.is_staged:
            return create_object(self.manifest, data)
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
        self.sync([os.path.dirname(self.manifest)])
        return True

    def write_manifest(self, data: bytes) -> None:
        """Write the manifest in the place of the one that is there: whole or not at all."""
        if self.is_staged:
            os.replace(self._partial(PARTIAL_MANIFEST, self.manifest, data), self.manifest)
            self.sync([os.path.dirname(self.manifest)])
            return
        with self.create(self.manifest) as stream:
            stream.write(data)

    def write_report(self, data: bytes) -> None:
        """Write the report, whole or not at all, also in the place of an older one."""
        if not self.is_staged:
            with self.create(self.report) as stream:
                stream.write(data)
            return
        # Whoever makes a report may not hold the output, and the run's own staging directory says
        # that somebody who does is changing the run.
        beside = RunStorage(self.root, f"{PARTIAL_REPORT}{uuid.uuid4().hex}")
        try:
            os.replace(beside._partial(PARTIAL_REPORT, self.report, data), self.report)
        finally:
            beside.discard_staging()

    def has_report(self) -> bool:
        return filesystems().exists(self.report)

    def remove_report(self) -> None:
        """Remove the report, if there is one; whatever is taken from a run, it may show."""
        if not self.is_staged:
            if self.has_report():
                self._delete([self.report])
            return
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.report)
        with contextlib.suppress(OSError):  # others have one, or there was none
            os.rmdir(os.path.dirname(self.report))

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

    def discard_staging(self) -> None:
        """Remove what the run staged and did not publish."""
        if not self.is_staged:
            if filesystems().exists(self.plan):
                filesystems().delete([self.plan])
            return
        shutil.rmtree(self.staging, ignore_errors=True)
        try:
            os.rmdir(f"{self.root}/{STAGING}")
        except OSError:
            return  # another run stages there, or there was nothing

    def unstage(self) -> None:
        """Remove the tables that were not published, so that none of them can be any more."""
        if self.is_staged:
            # A file that a failed stage still holds open keeps its room on the disk when it is
            # removed, and the manifest may need that room.
            for folder, _, names in os.walk(self.staging):
                for name in names:
                    with contextlib.suppress(OSError):
                        os.truncate(f"{folder}/{name}", 0)
            for table in TABLES:
                shutil.rmtree(f"{self.staging}/{table}", ignore_errors=True)

    def settle(self) -> None:
        """Leave of the run what its manifest names, and nothing where it has none."""
        self.keep(self.read_manifest() if self.has_manifest() else {})

    def keep(self, manifest: Mapping[str, Any]) -> None:
        """Leave of the run what `manifest` names, which is its own."""
        tables = manifest.get("tables", {}).values()
        named = {f"{self.root}/{file['path']}" for table in tables for file in table["files"]}
        directories = [self.table_directory(table) for table in TABLES]
        found = [path for directory in directories for path in self._files(directory)]
        self._delete([path for path in found if path not in named])
        if self.is_staged:
            for directory in directories:
                with contextlib.suppress(OSError):  # it has files, or is not there
                    os.rmdir(directory)
        self.discard_staging()

    def tidy(self, manifest: Mapping[str, Any] | None = None) -> None:
        """As `keep`, and without a manifest as `settle`, of a run whose end is decided.

        What may not be deleted stays: it counts for nothing, and `verify` names it.
        """
        with contextlib.suppress(Exception):  # each filesystem raises errors of its own
            if manifest is None:
                self.settle()
            else:
                self.keep(manifest)

    def remove(self) -> None:
        """Remove the whole run.

        Its report first, since nothing finds it without the run; then its manifest, since nothing
        else counts without it.
        """
        if self.is_staged:
            os.makedirs(self.staging, exist_ok=True)
        self.remove_report()
        if self.has_manifest():
            self._delete([self.manifest])
        self.remove_report()  # again: it may have been made in between
        self.settle()

    def _files(self, directory: str) -> list[str]:
        if not self.is_staged:
            return [file.path for file in list_files(f"{directory}/*")]
        if not os.path.isdir(directory):
            return []
        paths = [f"{directory}/{name}" for name in os.listdir(directory)]
        return [path for path in paths if not os.path.isdir(path)]  # which is nothing of ours

    def _delete(self, paths: list[str]) -> None:
        if self.is_staged:
            for path in paths:
                os.remove(path)
        else:
            filesystems().delete(paths)  # an S3 takes a thousand at once

    def read_manifest(self) -> dict[str, Any]:
        """The manifest as it was written."""
        with open_file(self.manifest) as stream:
            manifest: dict[str, Any] = json.load(stream)
        return manifest

    def has_manifest(self) -> bool:
        """Whether it is decided already how the run ended."""
        return filesystems().exists(self.manifest)

    def run_exists(self) -> bool:
        """Whether a run of this id left a manifest or a table."""
        places = [self.manifest, *map(self.table_directory, TABLES)]
        return any(filesystems().exists(place) for place in places)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
