"""Tables of Delta Lake: one below the other's folder, each with a log of its own.

Most readers of Delta take paths that count from the table alone. So where the tables are those of
the output itself, they refer to its files where they lie; anywhere else they have copies.

The log has no value of any column but that of the partition: what is forgotten was never in it.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote, unquote

import pyarrow as pa

from pipeline.console.text import first_line
from pipeline.filesystems.paths import is_remote, scheme_of
from pipeline.lineage.names import DatasetName, dataset_name
from pipeline.outputs.catalog import read_manifests, require_writable
from pipeline.outputs.layout import COPIES
from pipeline.publication.table import (
    Change,
    OutdatedError,
    PublishedFile,
    PublishedTable,
    partition_of,
    require_package,
    to_relax,
)
from schemas.errors import JobError, UsageError

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, CommitProperties, RemoveAction

# The application of the commits: one for each output, which tells whose a table is.
_APPLICATION = "gleaner:{}"
# What Delta calls a week, after which nobody can go back to a version.
_SETTINGS = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "20",
}
# VACUUM removes what is older and not of the table: here also files of the output that have rows
# which count beside others, are empty, or that `rollback` needs. A hundred years, so it finds none.
_IN_PLACE = {"delta.deletedFileRetentionDuration": "interval 36500 days"}
_NOT_IN_NAMES = " ,;{}()\n\t="
# delta-rs reads %41 as A and \ as /, and refuses control characters; of a URL # ends the path.
_NOT_IN_PATHS = re.compile(r"[%\\\x00-\x1f\x7f]")
_NOT_IN_URLS = re.compile(rf"{_NOT_IN_PATHS.pattern}|[#]")


@dataclass(frozen=True)
class DeltaTarget:
    """The folder `uri`, with a table for each of the output's at `root`."""

    package: ClassVar[str] = "deltalake"
    table_format: ClassVar[Literal["delta", "iceberg"]] = "delta"

    text: str
    root: str
    uri: str
    by: str | None = None

    def dataset(self, table: str) -> DatasetName:
        return dataset_name(f"{self.uri}/{table}")

    def require(self) -> None:
        require_package(self.package, "delta")
        odd = (_NOT_IN_URLS if is_remote(self.uri) else _NOT_IN_PATHS).search(self.uri)
        if odd:
            raise UsageError(f"delta-rs reads paths with {odd[0]!r} otherwise")
        if self.uri.startswith(f"{self.root}/"):
            raise UsageError(f"it is inside of the output; delta={self.root} is the output")
        require_writable(self.uri, "the folder")
        if self.uri != self.root and read_manifests(self.uri):
            raise UsageError("it is another output, which has tables of its own there")

    def open(self, table: str, owner: str) -> "DeltaPublished":
        delta = opened_delta(f"{self.uri}/{table}")
        if delta is not None and not delta.transaction_version(_APPLICATION.format(owner)):
            raise UsageError(f"there is a table {table} of somebody else already")
        by = partition_of(self.by, table)
        if delta is not None and delta.metadata().partition_columns != _columns(by):
            raise UsageError(f"the table {table} there is not partitioned by {by or 'no column'}")
        return DeltaPublished(self, table, owner, delta)


def opened_delta(place: str) -> "DeltaTable | None":
    """The table at a path or a URL as it is now, None where there is none; raises JobError."""
    from deltalake import DeltaTable

    settings = _store_settings(place)
    try:
        if not DeltaTable.is_deltatable(place, settings):
            return None
        return DeltaTable(place, storage_options=settings)
    except Exception as error:  # each store raises errors of its own
        raise JobError(f"{place}: {first_line(error)}") from error


def _store_settings(place: str) -> dict[str, str]:
    """What delta-rs asks for beside the environment: whoever names an endpoint by http wants it."""
    return {"AWS_ALLOW_HTTP": "true"} if scheme_of(place) == "s3" else {}


class DeltaPublished(PublishedTable):
    """A table of Delta Lake at the version at which it was opened."""

    def __init__(
        self, target: DeltaTarget, table: str, owner: str, delta: "DeltaTable | None"
    ) -> None:
        self.by = partition_of(target.by, table)
        self._is_in_place = target.uri == target.root
        self._table = table
        self._place = f"{target.uri}/{table}"
        self._application = _APPLICATION.format(owner)
        self._delta = delta
        self._schema = pa.schema([])

    @cached_property
    def files(self) -> Mapping[str, PublishedFile]:
        if self._delta is None:
            return {}
        rows = pa.table(self._delta.get_add_actions(flatten=True))
        names = ("path", "num_records", "size_bytes")
        path, count, size = (rows[name].to_pylist() for name in names)
        values = rows[f"partition.{self.by}"].to_pylist() if self.by else [None] * len(rows)
        files = map(PublishedFile, path, values, count, size)
        return {file.location: file for file in files}

    def require_columns(self, names: Sequence[str]) -> None:
        super().require_columns(names)
        for name in names:
            if set(name).intersection(_NOT_IN_NAMES):
                raise UsageError(
                    f"Delta Lake takes no blanks and no {{}}()=,; in a column: {name!r}"
                )

    @property
    def columns(self) -> Sequence[str]:
        return [field.name for field in self._delta.schema().fields] if self._delta else []

    def begin(self, schema: pa.Schema) -> None:
        self._schema = schema

    @property
    def copies(self) -> str:
        return f"{self._place}/{COPIES}" if self._is_in_place else self._place

    def reference(self, path: str) -> str | None:
        return path.removeprefix(f"{self._table}/") if self._is_in_place else None

    def copy_location(self, path: str) -> str:
        return quote(f"{COPIES}/{path}" if self._is_in_place else path, safe="/=")

    @property
    def is_complete(self) -> bool:
        return self._delta is not None and not self._missing and not self._relaxed

    def commit(self, change: Change) -> None:
        try:
            if self._delta is None:
                self._create(change)
            else:
                self._amend(self._delta, change)
        except Exception as error:  # each store raises errors of its own
            if self._is_changed():
                raise OutdatedError(str(error)) from error
            raise JobError(f"{self._place}: {first_line(error)}") from error

    def _is_changed(self) -> bool:
        now = opened_delta(self._place)
        if now is None or self._delta is None:
            return now is not self._delta
        return now.version() != self._delta.version()

    def _create(self, change: Change) -> None:
        from deltalake.transaction import create_table_with_add_actions

        create_table_with_add_actions(
            self._place,
            _delta_schema(self._schema),
            [_add(file, self.by) for file in change.added],
            mode="error",
            partition_by=_columns(self.by),
            name=self._table,
            description=self._schema.metadata[b"doc"].decode(),
            configuration=_SETTINGS | (_IN_PLACE if self._is_in_place else {}),
            storage_options=_store_settings(self._place),
            commit_properties=self._properties(change, 1),
        )

    def _amend(self, delta: "DeltaTable", change: Change) -> None:
        if self._missing:
            delta.alter.add_columns(_delta_schema(pa.schema(self._missing)).fields)
        if self._relaxed:
            self._relax(delta)
        actions: list[AddAction | RemoveAction] = [_add(file, self.by) for file in change.added]
        added = {file.location for file in change.added}  # what is there already, it replaces
        removed = [file for file in change.removed if file.location not in added]
        actions += [_remove(file, self.by) for file in removed]
        if actions:
            number = delta.transaction_version(self._application) or 0
            delta.create_write_transaction(
                actions,
                "append",
                delta.schema(),
                _columns(self.by),
                commit_properties=self._properties(change, number + 1),
            )

    @property
    def _missing(self) -> list[pa.Field]:
        known = {*self.columns}
        return [field for field in self._schema if field.name not in known]

    @property
    def _relaxed(self) -> list[str]:
        fields = self._delta.schema().fields if self._delta else ()
        return to_relax(self._schema, [field.name for field in fields if not field.nullable])

    def _relax(self, delta: "DeltaTable") -> None:
        """Let columns be null, for which deltalake has no call.

        To overwrite nothing with nothing takes the schema over; no partition has two values.
        """
        from deltalake import Field, Schema

        if self.by is None:
            raise ValueError("without partitions all of the table would be overwritten")
        names = self._relaxed
        fields = [
            Field(f.name, f.type, nullable=f.nullable or f.name in names, metadata=f.metadata)
            for f in delta.schema().fields
        ]
        no_partition = [(self.by, "=", "a"), (self.by, "=", "b")]
        delta.create_write_transaction(
            [], "overwrite", Schema(fields), [self.by], partition_filters=no_partition
        )

    def _properties(self, change: Change, number: int) -> "CommitProperties":
        """Of two commits with one number the second fails, and so none is ever made twice."""
        from deltalake.transaction import CommitProperties, Transaction

        return CommitProperties(
            custom_metadata={"gleaner.run_id": change.run_id},
            max_commit_retries=0,
            app_transactions=[Transaction(self._application, number)],
        )

    def expire(self, before: datetime) -> None:
        """Nothing: the log drops its own old entries, and has no value of a row."""


def _columns(by: str | None) -> list[str]:
    """The columns by which a table is partitioned."""
    return [by] if by else []


def _values(file: PublishedFile, by: str | None) -> dict[str, str | None]:
    return {by: file.partition} if by else {}


def _add(file: PublishedFile, by: str | None) -> "AddAction":
    from deltalake.transaction import AddAction

    return AddAction(
        path=unquote(file.location),
        size=file.bytes,
        partition_values=_values(file, by),
        modification_time=_now(),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _remove(file: PublishedFile, by: str | None) -> "RemoveAction":
    from deltalake.transaction import RemoveAction

    return RemoveAction(
        unquote(file.location),  # it is quoted anew; those of others may need that
        data_change=True,
        deletion_timestamp=_now(),
        size=file.bytes,
        partition_values=_values(file, by),
    )


def _now() -> int:
    """Milliseconds, as Delta counts."""
    return time.time_ns() // 1_000_000


def _delta_schema(schema: pa.Schema) -> Any:  # noqa: ANN401 - pyarrow has no types
    from deltalake import Schema

    fields = [field.with_metadata({"comment": field.metadata[b"doc"].decode()}) for field in schema]
    return Schema.from_arrow(pa.schema(fields))
