"""Tables of Apache Iceberg in a catalog: SQLite's below the output, or any that pyiceberg knows.

They refer to the output's files where they lie. Their metadata have no value of any column but that
of the partition: what is forgotten was never in them.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import pyarrow as pa

from pipeline.console.arguments import did_you_mean
from pipeline.console.text import first_line
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.lineage.names import DatasetName, dataset_name
from pipeline.outputs.catalog import require_writable
from pipeline.outputs.layout import ICEBERG
from pipeline.publication.iceberg_types import (
    data_file,
    doc_of,
    iceberg_schema,
    iceberg_type,
    listed_files,
)
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
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table, Transaction

_SQLITE = "catalog.db"
_OWNER = "gleaner.output"
_PROPERTIES = {
    # Other programs that expire snapshots would remove files which older runs still need.
    "gc.enabled": "false",
    # A commit that others were faster than is made anew, of what counts then.
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    # A merge writes a manifest anew: 140 bytes and 60 microseconds of CPU a file, so 0.1 s at most.
    "commit.manifest.target-size-bytes": str(256 * 1024),
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
# Iceberg's paths are URLs, which nobody unquotes, and of which Python drops control characters.
_NOT_IN_PATHS = re.compile(r"[?#%\x00-\x1f\x7f]")
# What SQL catalogs say where another process is at work: a moment later it is done.
_BUSY = ("database is locked", "already exists", "UNIQUE constraint failed")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Raise errors of catalogs and stores as ours: OutdatedError where it is worth another try."""
    from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException

    try:
        yield
    except (JobError, OutdatedError):
        raise
    except (CommitFailedException, CommitStateUnknownException) as error:
        raise OutdatedError(str(error)) from error
    except Exception as error:  # each catalog raises errors of its own
        if any(words in str(error) for words in _BUSY):
            raise OutdatedError(str(error)) from error
        raise JobError(f"{name}: {first_line(error)}") from error


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
        require_package(self.package, "iceberg")
        if self.catalog is None and is_remote(self.root):
            raise UsageError(
                "an output on an object store needs a catalog that pyiceberg is configured for, as "
                "iceberg=CATALOG/NAMESPACE"
            )
        odd = _NOT_IN_PATHS.search(self.root)
        if odd:
            raise UsageError(f"{self.root!r} has {odd[0]!r}, which no path of Iceberg's can have")
        if self.catalog is None:
            require_writable(self._place, "the folder")

    def _require_namespace(self) -> None:
        """Raise UsageError for a namespace within another where the catalog knows no such one."""
        from pyiceberg.catalog import MetastoreCatalog

        if "." not in self.namespace:
            return
        if self.catalog is None or isinstance(self.opened_catalog, MetastoreCatalog):
            raise UsageError(f"its catalog takes no dot in a namespace: {self.namespace!r}")

    def open(self, table: str, owner: str) -> "IcebergPublished":
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        name, by = f"{self.namespace}.{table}", partition_of(self.by, table)
        new = IcebergPublished(self, name, owner, by, None)
        with _told(name):
            self._require_namespace()
            if self.catalog is None and not os.path.exists(f"{self._place}/{_SQLITE}"):
                return new  # to look makes none
            try:
                found = self.opened_catalog.load_table(name)
            except (NoSuchTableError, NoSuchNamespaceError):
                return new
        if found.properties.get(_OWNER) != owner:
            raise UsageError(f"there is a table {table} of somebody else already")
        if [field.name for field in found.spec().fields] != ([by] if by else []):
            raise UsageError(f"the table {table} there is not partitioned by {by or 'no column'}")
        return IcebergPublished(self, name, owner, by, found)

    @cached_property
    def opened_catalog(self) -> "Catalog":
        """The catalog; of SQLite's, the file is made where it is not there yet."""
        from pyiceberg.catalog import load_catalog
        from pyiceberg.catalog.sql import SqlCatalog
        from pyiceberg.utils.config import Config

        if self.catalog is None:
            os.makedirs(self._place, exist_ok=True)
            uri = f"sqlite:///{self._place}/{_SQLITE}"
            return SqlCatalog("gleaner", uri=uri, warehouse=self._place)
        known = cast("Mapping[str, dict[str, str]]", Config().config.get("catalog", {}))
        if self.catalog not in known:
            raise UsageError(
                f"pyiceberg's configuration has no catalog {self.catalog!r}"
                + did_you_mean(self.catalog, known)
            )
        return load_catalog(self.catalog, **_with_store(known[self.catalog]))

    @property
    def _place(self) -> str:
        return f"{self.root}/{ICEBERG}"


def _with_store(configured: Mapping[str, str]) -> dict[str, str]:
    """A catalog's settings with the S3 that the environment names: pyiceberg asks Amazon's alone.

    What is configured goes before.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return dict(configured)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return {"s3.endpoint": endpoint, "s3.region": region, **configured}


class IcebergPublished(PublishedTable):
    """A table of Iceberg at the snapshot at which it was opened."""

    takes_dictionaries: ClassVar[bool] = False  # pyiceberg finds no common type

    def __init__(
        self, target: IcebergTarget, name: str, owner: str, by: str | None, table: "Table | None"
    ) -> None:
        self.by = by
        self._target = target
        self._name = name
        self._owner = owner
        self._table = table
        self._missing: list[pa.Field] = []
        self._relaxed: list[str] = []
        self._changes: Transaction | None = None

    @cached_property
    def files(self) -> Mapping[str, PublishedFile]:
        snapshot = self._table.current_snapshot() if self._table else None
        if self._table is None or snapshot is None:
            return {}
        store = self._table.io
        with _told(self._name):
            return {
                file.location: file
                for manifest in snapshot.manifests(store)
                for file in listed_files(store.new_input(manifest.manifest_path))
            }

    @property
    def columns(self) -> Sequence[str]:
        return [field.name for field in self._table.schema().fields] if self._table else []

    def begin(self, schema: pa.Schema) -> None:
        if self._table is None:
            with _told(self._name):
                self._changes = self._created(schema)
            return
        known = {field.name: field.required for field in self._table.schema().fields}
        self._missing = [field for field in schema if field.name not in known]
        self._relaxed = to_relax(schema, [name for name in known if known[name]])
        self._changes = self._table.transaction()

    def _created(self, schema: pa.Schema) -> "Transaction":
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import IdentityTransform

        columns = iceberg_schema(schema, self.by)
        fields = []
        if self.by:
            source = columns.find_field(self.by).field_id
            fields.append(PartitionField(source, 1000, IdentityTransform(), self.by))
        catalog = self._target.opened_catalog
        catalog.create_namespace_if_not_exists(self._target.namespace)
        return catalog.create_table_transaction(
            self._name,
            columns,
            partition_spec=PartitionSpec(*fields),
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
        root = self._target.root
        return f"{root if is_remote(root) else f'file://{root}'}/{path}"

    def copy_location(self, path: str) -> str:
        return f"{self._location}/data/{path}"

    @property
    def is_complete(self) -> bool:
        return self._table is not None and not self._missing and not self._relaxed

    def commit(self, change: Change) -> None:
        changes = self._begun
        with _told(self._name):
            if self._missing or self._relaxed:
                with changes.update_schema() as update:
                    for name in self._relaxed:
                        update.make_column_optional(name)
                    for field in self._missing:
                        kind = iceberg_type(field.type, 0)
                        update.add_column((field.name,), kind, doc_of(field))  # dots and all
            if change.added or change.removed:
                self._stage(changes, change)
            changes.commit_transaction()

    def _stage(self, changes: "Transaction", change: Change) -> None:
        update = changes.update_snapshot({"gleaner.run_id": change.run_id})
        spec = self._table.spec().spec_id if self._table else 0
        # A snapshot that only adds files keeps the manifests of others together.
        with update.overwrite() if change.removed else update.merge_append() as snapshot:
            for file in change.removed:
                snapshot.delete_data_file(data_file(file, self.by, spec))
            for file in change.added:
                snapshot.append_data_file(data_file(file, self.by, spec))

    def expire(self, before: datetime) -> None:
        table = self._table
        if table is None:
            return
        current = table.metadata.current_snapshot_id
        oldest = before.timestamp() * 1000
        if any(s.timestamp_ms < oldest and s.snapshot_id != current for s in table.snapshots()):
            with _told(self._name):
                table.maintenance.expire_snapshots().older_than(before).commit()
