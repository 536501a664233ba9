"""The Parquet files of our own tables, opened again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.inputs.shards import open_shard
from schemas.errors import JobError


@contextmanager
def parquet_file(path: str, buffer_size: int = 0) -> Iterator[pq.ParquetFile]:
    """An open file of a table; JobError for one that is missing or damaged, when opened or read.

    buffer_size: bytes in which column chunks are read; 0 reads each at once.
    """
    try:
        with open_shard(path) as stream:
            source = pa.PythonFile(stream, mode="r")
            yield pq.ParquetFile(source, pre_buffer=False, buffer_size=buffer_size)
    except (OSError, pa.ArrowException) as error:
        raise JobError(f"{path} cannot be read: {first_line(error)}") from error


def plain(column: pa.Array) -> pa.Array:
    """A column in, its values in the place of the dictionary's numbers out."""
    is_dictionary = pa.types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_dictionary else column


def resolved(rows: pa.Table) -> pa.Table:
    """Rows in, the same with plain columns for those of dictionaries out."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))
