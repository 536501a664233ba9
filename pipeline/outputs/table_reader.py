"""The Parquet files of our own tables, opened again: a row group at a time, or some rows of it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.inputs.shards import open_shard
from schemas.errors import JobError
from schemas.tables import REPEATED, without_dictionaries

_BATCH_ROWS = 32 * 1024
_BATCH_BYTES = 16_000_000
# Column chunks are read in pieces: one with all texts of a row group may be larger than the memory.
_BUFFER = 2**20


class RowGroup(NamedTuple):
    """Rows of an open file that were written together; JobError where they cannot be read."""

    path: str
    file: pq.ParquetFile
    number: int

    @property
    def rows(self) -> int:
        return int(self._metadata.num_rows)

    def has_only_nulls(self, column: str) -> bool:
        """Whether the file says so of a column."""
        statistics = self._column(column).statistics
        return bool(statistics and statistics.has_null_count and statistics.null_count == self.rows)

    def may_hold(self, sources: Collection[str]) -> bool:
        """Whether rows of these sources can be among its own."""
        statistics = self._column("source").statistics
        if statistics is None or not statistics.has_min_max:
            return True
        return any(statistics.min <= source <= statistics.max for source in sources)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Its rows in order, so many at a time as fit in about 16 MB."""
        weight = self._metadata.total_byte_size
        if columns is not None:
            weight = sum(self._column(name).total_uncompressed_size for name in columns)
        fitting = _BATCH_BYTES * self.rows // max(weight, 1)
        with _naming(self.path):
            yield from self.file.iter_batches(
                min(_BATCH_ROWS, max(16, fitting)), row_groups=[self.number], columns=columns
            )

    @property
    def _metadata(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        return self.file.metadata.row_group(self.number)

    def _column(self, name: str) -> Any:  # noqa: ANN401 - as above
        return self._metadata.column(self.file.schema.names.index(name))


@contextmanager
def open_table(path: str) -> Iterator[pq.ParquetFile]:
    """An open file of a table; JobError, which names it, for one that is missing or damaged.

    Columns whose values repeat come as dictionaries, so that a long value is held once.
    """
    with _naming(path), open_shard(path) as stream:
        source = pa.PythonFile(stream, mode="r")
        metadata = pq.read_metadata(source)
        yield pq.ParquetFile(
            source,
            metadata=metadata,
            read_dictionary=sorted(REPEATED.intersection(metadata.schema.names)),
            pre_buffer=False,
            buffer_size=_BUFFER,
        )


def row_groups(path: str) -> Iterator[RowGroup]:
    """The row groups of a file, each to be read before the next; raises as `open_table`."""
    with open_table(path) as file:
        for number in range(file.num_row_groups):
            yield RowGroup(path, file, number)


def read_row_groups(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file as they were written together, with all columns or these.

    Dictionaries are resolved: one keeps words that no row has any more, and would carry them into
    the next file. Raises as `open_table`.
    """
    with open_table(path) as file:
        for number in range(file.num_row_groups):
            yield resolved(file.read_row_group(number, columns=columns))


def read_batches(
    path: str, columns: Sequence[str] | None = None, sources: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a file, a few at a time; row groups without rows of the sources are left out."""
    for group in row_groups(path):
        if sources is None or group.may_hold(sources):
            yield from group.batches(columns)


def resolved(rows: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """A table or a batch in, the same with plain columns for those of dictionaries out."""
    return rows.cast(without_dictionaries(rows.schema))


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise JobError(f"{path} cannot be read: {first_line(error)}") from error
