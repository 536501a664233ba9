"""What is asked of a published table, whatever its format is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import pyarrow as pa


class OutdatedError(Exception):
    """Somebody else changed the table since it was opened, so the change was not made."""


class PublishedFile(NamedTuple):
    """A file of a published table; location: as the table names it."""

    location: str
    run_id: str
    rows: int
    bytes: int


class Change(NamedTuple):
    """What makes a table what it should be, in one commit; run_id: the last run that counts."""

    added: Sequence[PublishedFile]
    removed: Sequence[PublishedFile]
    run_id: str


class PublishedTable(ABC):
    """A table as it was when it was opened; it need not be there yet."""

    @property
    @abstractmethod
    def files(self) -> Mapping[str, PublishedFile]:
        """Its files by their locations."""

    @abstractmethod
    def begin(self, schema: pa.Schema) -> None:
        """Have the columns of rows to come ready; before it, there is no place for copies."""

    @property
    @abstractmethod
    def copies(self) -> str:
        """The directory of the files that the table has for itself, as Beam's filesystems name it.

        A file there stands in the folder `run_id=ID`.
        """

    @abstractmethod
    def reference(self, path: str) -> str | None:
        """The location of a file of the output; None where the table cannot refer to it."""

    @abstractmethod
    def copy_location(self, path: str) -> str:
        """The location of a file whose path counts from `copies`."""

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """Whether the table is there, with all columns that it began with."""

    @abstractmethod
    def commit(self, change: Change) -> None:
        """Make the change, whole or not at all; raises OutdatedError where others were faster."""

    @abstractmethod
    def expire(self, before: datetime) -> None:
        """Drop versions of the table that are older; the current one stays.

        Raises OutdatedError where others were faster, JobError where it cannot be done.
        """


class Target(Protocol):
    """Where the tables of an output are published."""

    @property
    def text(self) -> str:
        """What users name, in the form in which the output remembers it."""
        ...

    def require(self, owner: str) -> None:
        """Raise UsageError where packages are missing, or the place is out of reach or taken.

        owner: as `open` takes it, empty for an output that was never published. Writes nothing.
        """
        ...

    def open(self, table: str, owner: str) -> PublishedTable:
        """A table as it is now, also where it is not there yet.

        owner: the id of the output; raises UsageError where the table is of another one, JobError
        where it cannot be looked at, OutdatedError where others are just changing it.
        """
        ...
