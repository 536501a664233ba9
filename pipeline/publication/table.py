"""What is asked of a published table, whatever its format is."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from typing import ClassVar, Literal, NamedTuple, Protocol

import pyarrow as pa

from model.host.installation import install_command
from pipeline.lineage.names import DatasetName
from pipeline.outputs.layout import NAMES
from pipeline.publication.copies import Listed, is_whole, listed_files
from pipeline.publication.wanted import RUN_ID
from schemas.errors import UsageError
from schemas.tables import documents_schema

_HALF_NAME = len("part-") + 16


class OutdatedError(Exception):
    """Somebody else changed the table since it was opened, so the change was not made."""


class PublishedFile(NamedTuple):
    """A file of a published table.

    location: as the table names it; partition: the value of the table's partition, if it has any.
    """

    location: str
    partition: str | None
    rows: int
    bytes: int


class Change(NamedTuple):
    """What makes a table what it should be, in one commit; run_id: the last run that counts.

    A file that is another one by now, at the same location, is in both.
    """

    added: Sequence[PublishedFile]
    removed: Sequence[PublishedFile]
    run_id: str


class PublishedTable(ABC):
    """A table as it was when it was opened; it need not be there yet.

    by: the column by which it is partitioned, None where it is not; takes_dictionaries: whether its
    readers take files that call text dictionaries beside others.
    """

    by: str | None
    takes_dictionaries: ClassVar[bool] = True

    def require_columns(self, names: Sequence[str]) -> None:
        """Raise UsageError where these columns cannot stand beside each other and those it has.

        Most engines take names for one that differ in case alone.
        """
        known: dict[str, str] = {}
        for name in [*self.columns, *names]:
            other = known.setdefault(name.lower(), name)
            if other != name:
                raise UsageError(
                    f"the columns {other!r} and {name!r} cannot be in one published table, since "
                    "most engines make no difference of upper and lower case"
                )

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """The names of the columns that it has; none where it is not there yet."""

    @property
    @abstractmethod
    def files(self) -> Mapping[str, PublishedFile]:
        """Its files by their locations."""

    def columns_with(self, schema: pa.Schema) -> pa.Schema:
        """Its columns once it has these too: it keeps fields that no run keeps any more."""
        former = documents_schema([name for name in self.columns if name not in schema.names])
        names = dict.fromkeys([*self.columns, *schema.names])
        known = {field.name: field for field in [*former, *schema]}
        return pa.schema([known[name] for name in names], metadata=schema.metadata)

    def files_named(self, begin: str) -> list[PublishedFile]:
        """Its files whose names begin so, up to the middle of a name; none where one is lost."""
        files = self._by_half_name.get(begin, [])
        return [] if any(file.location in self.lost for file in files) else files

    @cached_property
    def _by_half_name(self) -> Mapping[str, list[PublishedFile]]:
        found: dict[str, list[PublishedFile]] = {}
        for location, file in self.files.items():
            found.setdefault(location.rpartition("/")[2][:_HALF_NAME], []).append(file)
        return found

    @abstractmethod
    def begin(self, schema: pa.Schema) -> None:
        """Have the columns of rows to come ready; before it, there is no place for copies."""

    @property
    @abstractmethod
    def copies(self) -> str:
        """The directory of the files that the table has for itself, as Beam's filesystems name it.

        A file there stands in a folder for its partition, `run_id=ID`, where the table has any.
        """

    def is_copy(self, location: str) -> bool:
        """Whether that is a file which the table has for itself."""
        return location.startswith(self.copy_location(""))

    @cached_property
    def listed(self) -> Mapping[str, Listed]:
        """What is in `copies`, listed once."""
        return listed_files(self.copies, in_folders=self.by is not None)

    @cached_property
    def lost(self) -> Collection[str]:
        """The locations of copies that are missing, or not as long as the table says."""
        return {
            location
            for location, file in self.files.items()
            if self.is_copy(location) and not is_whole(location, file.bytes, self.listed)
        }

    @abstractmethod
    def reference(self, path: str) -> str | None:
        """The location of a file of the output; None where the table cannot refer to it."""

    @abstractmethod
    def copy_location(self, path: str) -> str:
        """The location of a file whose path counts from `copies`."""

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """Whether the table is there, with all columns that it began with, as nullable as these."""

    @abstractmethod
    def commit(self, change: Change) -> None:
        """Make the change, whole or not at all; raises OutdatedError where others were faster."""

    @abstractmethod
    def expire(self, before: datetime) -> None:
        """Drop versions of the table that are older; the current one stays.

        Raises OutdatedError where others were faster, JobError where it cannot be done.
        """


def to_relax(schema: pa.Schema, required: Collection[str]) -> list[str]:
    """The columns that a table made by an older version requires, and that may be null by now."""
    return [field.name for field in schema if field.nullable and field.name in required]


def require_package(package: str, extra: str) -> None:
    """Raise UsageError, with what installs it, where a target needs a package that is missing."""
    if find_spec(package) is None:
        raise UsageError(f"it needs more packages: {install_command(extra)}")


def partition_of(by: str | None, table: str) -> str | None:
    """The column by which a table is partitioned, where `by` is asked for documents."""
    if table == NAMES:  # it is of no run
        return None
    return by if by and table in ("documents", "entities") else RUN_ID


class Published(NamedTuple):
    """What became of a table: files that came and went, and what it has now.

    restored: copies that had been lost and were written again. columns: what it has, with their
    meanings.
    """

    table: str
    added: int
    removed: int
    files: int
    rows: int
    restored: int
    columns: pa.Schema

    def described(self) -> Mapping[str, object]:
        """What became of it, for machines: without the columns."""
        return {name: value for name, value in self._asdict().items() if name != "columns"}


class Target(Protocol):
    """Where the tables of an output are published.

    package: what writes them; table_format: its name with OpenLineage; by: the field of documents
    that partitions them and their entities, None where their run does.
    """

    package: ClassVar[str]
    table_format: ClassVar[Literal["delta", "iceberg"]]

    @property
    def by(self) -> str | None: ...

    @property
    def text(self) -> str:
        """What users name, in the form in which the output remembers it."""
        ...

    def dataset(self, table: str) -> DatasetName:
        """What a table is called where lineage is told."""
        ...

    def require(self) -> None:
        """Raise UsageError where packages are missing, or no table can be there; writes nothing."""
        ...

    def open(self, table: str, owner: str) -> PublishedTable:
        """A table as it is now, also where it is not there yet.

        owner: the id of the output, empty for one that was never published; writes nothing. Raises
        UsageError where the table is of another one, JobError where it cannot be looked at,
        OutdatedError where others are just changing it.
        """
        ...
