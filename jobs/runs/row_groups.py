"""A Parquet file of a table in, its row groups one at a time out: memory stays that of one."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shards import open_shard


def read_schema(path: str) -> pa.Schema:
    """The schema of a file, its version among the metadata."""
    with open_shard(path) as stream:
        return pq.read_schema(pa.PythonFile(stream, mode="r"))


def read_row_groups(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file, with all columns or these; dictionaries are resolved.

    A dictionary keeps words that no row has any more, and would carry them into the next file.
    """
    with open_shard(path) as stream:
        file = pq.ParquetFile(pa.PythonFile(stream, mode="r"), pre_buffer=False)
        for number in range(file.num_row_groups):
            yield _resolved(file.read_row_group(number, columns=columns))


def _resolved(rows: pa.Table) -> pa.Table:
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))
