"""A Parquet file of a table in, its row groups one at a time out: memory stays that of one."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipeline.outputs.table_reader import parquet_file, resolved


def read_schema(path: str) -> pa.Schema:
    """The schema of a file, its version among the metadata."""
    with parquet_file(path) as file:
        return file.schema_arrow


def read_row_groups(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file, with all columns or these; dictionaries are resolved.

    A dictionary keeps words that no row has any more, and would carry them into the next file.
    Raises JobError for a file that is missing or damaged.
    """
    with parquet_file(path) as file:
        for number in range(file.num_row_groups):
            yield resolved(file.read_row_group(number, columns=columns))
