"""Columns and files in the words of Iceberg."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import fastavro
import pyarrow as pa

from pipeline.publication.table import PublishedFile
from pipeline.publication.wanted import RUN_ID

if TYPE_CHECKING:
    from pyiceberg.io import InputFile
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType


def data_file(file: PublishedFile, by: str | None, spec: int) -> "DataFile":
    """A file as Iceberg's manifests list it; spec: the number of the table's partitioning."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    made = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.location,
        file_format=FileFormat.PARQUET,
        partition=Record(file.partition) if by else Record(),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
    )
    made.spec_id = spec
    return made


def listed_files(manifest: "InputFile") -> Iterator[PublishedFile]:
    """The files that a manifest lists, of a table that one column partitions, or none.

    pyiceberg's own reader takes half as long again, or twice as long.
    """
    from pyiceberg.manifest import ManifestEntryStatus

    with manifest.open() as stream:
        entries = fastavro.reader(BytesIO(stream.read()))
    for entry in cast("Iterator[Mapping[str, Any]]", entries):
        if entry["status"] != ManifestEntryStatus.DELETED:
            file = entry["data_file"]
            (partition,) = file["partition"].values() or (None,)
            counts = (file["record_count"], file["file_size_in_bytes"])
            yield PublishedFile(file["file_path"], partition, *counts)


def iceberg_schema(schema: pa.Schema, by: str | None) -> "Schema":
    """The same columns in Iceberg's types, with the numbers that a new table gives them."""
    from pyiceberg.schema import Schema, assign_fresh_schema_ids
    from pyiceberg.types import NestedField

    columns = Schema(
        *(
            NestedField(
                number,
                field.name,
                iceberg_type(field.type, len(schema) + number),
                # What a file has in its partition alone may be read as null.
                required=not field.nullable and field.name not in (by, RUN_ID),
                doc=doc_of(field),
            )
            for number, field in enumerate(schema, 1)
        )
    )
    # Elements of lists get others there than these, and the mapping of names has to have those.
    return assign_fresh_schema_ids(columns)


def iceberg_type(kind: pa.DataType, element: int) -> "IcebergType":
    """A type of the tables' in Iceberg's words; element: a number for those of a list."""
    from pyiceberg import types

    if pa.types.is_list(kind):
        return types.ListType(element, iceberg_type(kind.value_type, 0), element_required=False)
    known: dict[str, IcebergType] = {
        "string": types.StringType(),
        "int32": types.IntegerType(),
        "int64": types.LongType(),
        "float": types.FloatType(),
        "binary": types.BinaryType(),
        "timestamp[us, tz=UTC]": types.TimestamptzType(),
    }
    return known[str(kind)]


def doc_of(field: pa.Field) -> str:
    """What a column means, as its schema says."""
    return str(field.metadata[b"doc"].decode())
