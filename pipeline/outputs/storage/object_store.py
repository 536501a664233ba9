"""A run on an object store: a file appears where it stays, whole, and the manifest says it counts.

There are no renames and no directories. Of what is staged, plan and gazetteer alone are there.
"""

from collections.abc import Collection
from dataclasses import dataclass

from pipeline.filesystems.beam import filesystems, list_files
from pipeline.filesystems.upload import Upload, Writer, create_object
from pipeline.outputs.layout import is_table_file
from pipeline.outputs.storage.base import RunStorage
from schemas.tables import TABLES


@dataclass(frozen=True, slots=True)
class ObjectStorage(RunStorage):
    """The places of a run below the URL of a Beam filesystem."""

    is_staged = False

    def writing_directory(self, table: str) -> str:
        return self.table_directory(table)

    def prepare(self) -> None:
        """Nothing: there are no directories."""

    def create(self, path: str) -> Writer:
        return Upload(path)

    def ready(self, table: str, names: Collection[str]) -> None:
        """Nothing: what the store took, it has, and the manifest says what counts."""

    def publish(self, table: str) -> None:
        """Nothing: the files stand where they stay, and the manifest names them."""

    def add(self, table: str, names: Collection[str]) -> None:
        """Nothing, as for `publish`."""

    def create_manifest(self, data: bytes) -> bool:
        return create_object(self.manifest, data)

    def write_manifest(self, data: bytes) -> None:
        self._write(self.manifest, data)

    def write_report(self, data: bytes) -> None:
        self._write(self.report, data)

    def _write(self, path: str, data: bytes) -> None:
        with self.create(path) as stream:
            stream.write(data)

    def remove_report(self) -> None:
        if self.has_report():
            filesystems().delete([self.report])

    def remove_manifest(self) -> None:
        filesystems().delete([self.manifest])

    def unstage(self) -> None:
        """Nothing: no table is staged."""

    def keep_files(self, named: Collection[str]) -> None:
        tables = map(self.table_directory, TABLES)
        found = [file.path for table in tables for file in list_files(f"{table}/part-*")]
        own = [path for path in found if path not in named and is_table_file(path)]
        filesystems().delete(own)  # a thousand at once

    def discard_staging(self) -> None:
        staged = [path for path in (self.plan, self.gazetteer) if filesystems().exists(path)]
        if staged:
            filesystems().delete(staged)
