"""A Parquet file of a table in, its row groups one at a time out: memory stays that of one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats import first_line
from pipeline.parquet import resolved
from pipeline.shards import open_shard
from schemas.errors import JobError


def read_schema(path: str) -> pa.Schema:
    """The schema of a file, its version among the metadata."""
    with _reading(path) as file:
        return file.schema_arrow


def read_row_groups(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file, with all columns or these; dictionaries are resolved.

    A dictionary keeps words that no row has any more, and would carry them into the next file.
    Raises JobError for a file that is missing or damaged.
    """
    with _reading(path) as file:
        for number in range(file.num_row_groups):
            yield resolved(file.read_row_group(number, columns=columns))


@contextmanager
def _reading(path: str) -> Iterator[pq.ParquetFile]:
    try:
        with open_shard(path) as stream:
            yield pq.ParquetFile(pa.PythonFile(stream, mode="r"), pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise JobError(f"{path} cannot be read: {first_line(error)}") from error
