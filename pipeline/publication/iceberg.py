"""Tables of Apache Iceberg in a catalog: SQLite's below the output, or any that pyiceberg knows.

They refer to the output's files where they lie. Their metadata have no value of any column but that
of the partition: what is forgotten was never in them.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, ClassVar, Literal

import pyarrow as pa

from pipeline.console.arguments import did_you_mean
from pipeline.console.text import first_line
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.lineage.names import DatasetName, dataset_name
from pipeline.outputs.layout import ICEBERG
from pipeline.publication.packages import require_package
from pipeline.publication.table import (
    Change,
    OutdatedError,
    PublishedFile,
    PublishedTable,
    partition_of,
)
from pipeline.publication.wanted import RUN_ID
from schemas.errors import JobError, UsageError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction
    from pyiceberg.types import IcebergType

_OWNER = "gleaner.output"
_PROPERTIES = {
    # Other programs that expire snapshots would remove files which older runs still need.
    "gc.enabled": "false",
    # A commit that others were faster than is made anew, of what counts then.
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


@dataclass(frozen=True)
class IcebergTarget:
    """A namespace of a catalog; catalog: its name in pyiceberg's configuration, None for SQLite."""

    package: ClassVar[str] = "pyiceberg"
    table_format: ClassVar[Literal["delta", "iceberg"]] = "iceberg"

    text: str
    root: str
    catalog: str | None
    namespace: str
    by: str | None = None

    def dataset(self, table: str) -> DatasetName:
        if self.catalog is None:
            return dataset_name(f"{self.root}/{ICEBERG}/{self.namespace}/{table}")
        return DatasetName(f"iceberg://{self.catalog}", f"{self.namespace}.{table}")

    def require(self) -> None:
        require_package(self.package, "iceberg", self.text)
        if self.catalog is None and is_remote(self.root):
            raise UsageError(
                f"{self.text}: an output on an object store needs a catalog that pyiceberg is "
                "configured for, as iceberg=CATALOG/NAMESPACE"
            )
        if set(self.root).intersection("?#%"):
            raise UsageError(f"{self.text}: {self.root} has ?, # or %, which Iceberg's URLs cannot")
        try:
            self._catalog.create_namespace_if_not_exists(self.namespace)
        except UsageError:
            raise
        except Exception as error:  # each catalog raises errors of its own
            raise UsageError(f"{self.text} is out of reach: {first_line(error)}") from error

    def open(self, table: str, owner: str) -> "IcebergPublished":
        from pyiceberg.exceptions import NoSuchTableError

        name, by = f"{self.namespace}.{table}", partition_of(self.by, table)
        try:
            found = self._catalog.load_table(name)
        except NoSuchTableError:
            return IcebergPublished(self._catalog, name, self.root, owner, by, None)
        if found.properties.get(_OWNER) != owner:
            raise UsageError(f"{self.text}: there is a table {table} of somebody else already")
        if [field.name for field in found.spec().fields] != [by]:
            raise UsageError(f"{self.text}: the table {table} there is not partitioned by {by}")
        return IcebergPublished(self._catalog, name, self.root, owner, by, found)

    @cached_property
    def _catalog(self) -> "Catalog":
        from pyiceberg.catalog import load_catalog
        from pyiceberg.catalog.sql import SqlCatalog
        from pyiceberg.utils.config import Config

        if self.catalog is None:
            place = f"{self.root}/{ICEBERG}"
            os.makedirs(place, exist_ok=True)
            return SqlCatalog("gleaner", uri=f"sqlite:///{place}/catalog.db", warehouse=place)
        known = Config().config.get("catalog", {})
        if self.catalog not in known:
            raise UsageError(
                f"{self.text}: pyiceberg's configuration has no catalog {self.catalog!r}"
                + did_you_mean(self.catalog, known)
            )
        return load_catalog(self.catalog)


class IcebergPublished(PublishedTable):
    """A table of Iceberg at the snapshot at which it was opened."""

    takes_dictionaries: ClassVar[bool] = False  # pyiceberg finds no common type

    def __init__(
        self,
        catalog: "Catalog",
        name: str,
        root: str,
        owner: str,
        by: str,
        table: "Table | None",
    ) -> None:
        self.by = by
        self._catalog = catalog
        self._name = name
        self._root = root
        self._owner = owner
        self._table = table
        self._missing: list[pa.Field] = []
        self._changes: Transaction | None = None

    @cached_property
    def files(self) -> Mapping[str, PublishedFile]:
        return {
            location: PublishedFile(
                location, file.partition[0], file.record_count, file.file_size_in_bytes
            )
            for location, file in self._data_files.items()
        }

    @cached_property
    def _data_files(self) -> Mapping[str, "DataFile"]:
        snapshot = self._table.current_snapshot() if self._table else None
        if self._table is None or snapshot is None:
            return {}
        entries = (
            entry
            for manifest in snapshot.manifests(self._table.io)
            for entry in manifest.fetch_manifest_entry(self._table.io)
        )
        return {entry.data_file.file_path: entry.data_file for entry in entries}

    def begin(self, schema: pa.Schema) -> None:
        if self._table is None:
            try:
                self._changes = self._created(schema)
            except Exception as error:  # each catalog raises errors of its own
                raise JobError(f"{self._name}: {first_line(error)}") from error
            return
        known = set(self._table.schema().column_names)
        self._missing = [field for field in schema if field.name not in known]
        self._changes = self._table.transaction()

    def _created(self, schema: pa.Schema) -> "Transaction":
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import IdentityTransform

        columns = _iceberg_schema(schema, self.by)
        source = columns.find_field(self.by).field_id
        field = PartitionField(source, 1000, IdentityTransform(), self.by)
        return self._catalog.create_table_transaction(
            self._name,
            columns,
            partition_spec=PartitionSpec(field),
            properties={
                **_PROPERTIES,
                _OWNER: self._owner,
                "comment": schema.metadata[b"doc"].decode(),
                # The files know their columns by name, not by numbers.
                "schema.name-mapping.default": columns.name_mapping.model_dump_json(),
            },
        )

    @property
    def _begun(self) -> "Transaction":
        if self._changes is None:
            raise ValueError("the table has not begun a change")
        return self._changes

    @property
    def _location(self) -> str:
        table = self._table
        return table.location() if table else self._begun.table_metadata.location

    @property
    def copies(self) -> str:
        return f"{local_path(self._location)}/data"

    def reference(self, path: str) -> str | None:
        return f"{self._root if is_remote(self._root) else f'file://{self._root}'}/{path}"

    def copy_location(self, path: str) -> str:
        return f"{self._location}/data/{path}"

    @property
    def is_complete(self) -> bool:
        return self._table is not None and not self._missing

    def commit(self, change: Change) -> None:
        from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError

        changes = self._begun
        try:
            if self._missing:
                with changes.update_schema() as update:
                    for field in self._missing:
                        update.add_column(
                            field.name, _iceberg_type(field.type, count()), _doc(field)
                        )
            if change.added or change.removed:
                self._stage(changes, change)
            changes.commit_transaction()
        except (CommitFailedException, TableAlreadyExistsError) as error:
            raise OutdatedError(str(error)) from error
        except Exception as error:  # each catalog raises errors of its own
            raise JobError(f"{self._name}: {first_line(error)}") from error

    def _stage(self, changes: "Transaction", change: Change) -> None:
        update = changes.update_snapshot({"gleaner.run_id": change.run_id})
        spec = self._table.spec().spec_id if self._table else 0
        # A snapshot that only adds files keeps the manifests of others together.
        with update.overwrite() if change.removed else update.merge_append() as snapshot:
            for file in change.removed:
                snapshot.delete_data_file(self._data_files[file.location])
            for file in change.added:
                snapshot.append_data_file(_data_file(file, spec))

    def expire(self, before: datetime) -> None:
        if self._table is None:
            return
        table = self._table.refresh()
        current = table.metadata.current_snapshot_id
        oldest = before.timestamp() * 1000
        if any(s.timestamp_ms < oldest and s.snapshot_id != current for s in table.snapshots()):
            table.maintenance.expire_snapshots().older_than(before).commit()


def _data_file(file: PublishedFile, spec: int) -> "DataFile":
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    made = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.location,
        file_format=FileFormat.PARQUET,
        partition=Record(file.partition),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
    )
    made.spec_id = spec
    return made


def _iceberg_schema(schema: pa.Schema, by: str) -> "Schema":
    """The same columns in Iceberg's types, with the numbers that a new table gives them."""
    from pyiceberg.schema import Schema, assign_fresh_schema_ids
    from pyiceberg.types import NestedField

    elements = count(len(schema) + 1)
    columns = Schema(
        *(
            NestedField(
                number,
                field.name,
                _iceberg_type(field.type, elements),
                # What a file has in its partition alone may be read as null.
                required=not field.nullable and field.name not in (by, RUN_ID),
                doc=_doc(field),
            )
            for number, field in enumerate(schema, 1)
        )
    )
    # Elements of lists get others there than these, and the mapping of names has to have those.
    return assign_fresh_schema_ids(columns)


def _iceberg_type(kind: pa.DataType, elements: Iterator[int]) -> "IcebergType":
    """A type of the tables' in Iceberg's words; elements: numbers for those of lists."""
    from pyiceberg import types

    if pa.types.is_list(kind):
        element = _iceberg_type(kind.value_type, elements)
        return types.ListType(next(elements), element, element_required=False)
    known: dict[str, IcebergType] = {
        "string": types.StringType(),
        "int32": types.IntegerType(),
        "int64": types.LongType(),
        "float": types.FloatType(),
        "binary": types.BinaryType(),
        "timestamp[us, tz=UTC]": types.TimestamptzType(),
    }
    return known[str(kind)]


def _doc(field: pa.Field) -> str:
    return str(field.metadata[b"doc"].decode())
