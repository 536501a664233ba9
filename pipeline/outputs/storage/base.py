"""What is asked of the storage of a run, whatever it is on."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from pipeline.filesystems.beam import filesystems, open_file
from pipeline.filesystems.upload import Writer
from pipeline.outputs.layout import RunPaths
from pipeline.outputs.manifest.encoding import parse_manifest
from schemas.errors import JobError
from schemas.manifest import Manifest
from schemas.tables import TABLES


@dataclass(frozen=True, slots=True)
class RunStorage(RunPaths, ABC):
    """The places of a run, and what can be done with the files there.

    Each method does one thing that is whole by itself. Their order, on which it depends that a run
    is committed or is not, stands in `pipeline.outputs.transactions`.

    is_staged: whether tables appear by being published, not file by file.
    """

    is_staged: ClassVar[bool]

    @abstractmethod
    def writing_directory(self, table: str) -> str:
        """Where a table's files are written."""

    @abstractmethod
    def prepare(self) -> None:
        """Mark the run as being changed; raises OSError where nothing can be written."""

    @abstractmethod
    def create(self, path: str) -> Writer:
        """A new file to write to; it appears whole, and not at all where it is dropped."""

    @abstractmethod
    def ready(self, table: str, names: Collection[str]) -> None:
        """Let a table that was written have the named files and no others, all on the disk."""

    @abstractmethod
    def publish(self, table: str) -> None:
        """Let a table that is ready appear in its place, for good."""

    @abstractmethod
    def add(self, table: str, names: Collection[str]) -> None:
        """Let the named files appear beside those of a published table, each whole, for good."""

    @abstractmethod
    def create_manifest(self, data: bytes) -> bool:
        """Write the manifest, whole or not at all; False, and nothing is written, where one exists.

        What ends a run and what commits it may meet here: whoever is first decides.
        """

    @abstractmethod
    def write_manifest(self, data: bytes) -> None:
        """Write the manifest in the place of the one that is there: whole or not at all."""

    @abstractmethod
    def write_report(self, data: bytes) -> None:
        """Write the report, whole or not at all, also in the place of an older one."""

    @abstractmethod
    def remove_report(self) -> None:
        """Remove the report, if there is one; whatever is taken from a run, it may show."""

    @abstractmethod
    def remove_manifest(self) -> None:
        """Remove the manifest, which must be there: nothing else counts without it."""

    @abstractmethod
    def unstage(self) -> None:
        """Remove the tables that were not published, so that none of them can be any more."""

    @abstractmethod
    def discard_staging(self) -> None:
        """Remove what the run staged and did not publish: whatever has a name of ours there."""

    @abstractmethod
    def keep_files(self, named: Collection[str]) -> None:
        """Delete every file of the run's published tables but these, and but those of others."""

    def has_report(self) -> bool:
        return filesystems().exists(self.report)

    def has_manifest(self) -> bool:
        """Whether it is decided already how the run ended."""
        return filesystems().exists(self.manifest)

    def read_manifest(self) -> Manifest:
        """The manifest as it was written; raises JobError for one that is not to be believed."""
        with open_file(self.manifest) as stream:
            data = stream.read()
        try:
            return parse_manifest(data, self.manifest)
        except ValueError as error:
            raise JobError(str(error)) from error

    def run_exists(self) -> bool:
        """Whether a run of this id left a manifest or a table."""
        places = [self.manifest, *map(self.table_directory, TABLES)]
        return any(filesystems().exists(place) for place in places)
