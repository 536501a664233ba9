"""The format `parquet`: rows of columns, of which only those that are needed are read."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.inputs.compression import BOMB, BOMB_BYTES, BOMB_RATIO
from pipeline.inputs.formats.columns import large_row, missing_columns, row_record
from pipeline.inputs.formats.jsonl import read_row_again
from pipeline.inputs.formats.large import LargeRecord
from pipeline.inputs.formats.logical import OtherValue
from pipeline.inputs.formats.parquet.pages import LARGE_PAGE, PAGE_BYTES, HeavyPageError, PageWatch
from pipeline.inputs.formats.parquet.values import head_of, is_text, row_bytes, values
from pipeline.inputs.formats.records import Counted, Format, Record, RecordBuilder
from schemas.errors import ShardError
from schemas.records import RAW_BYTES

_ROWS = 256
_BYTES = 2**26
_LIST_BYTES = 2**30  # that one list may come to, for all that is known
_LARGE_ROW = 2**20  # bytes; of smaller ones it takes millions to do harm


class _Rows(NamedTuple):
    """Some rows: for each name the column, None where there is none, and its bytes in each row."""

    columns: Sequence[pa.Array | None]
    sizes: Sequence[NDArray[np.int64]]
    total: NDArray[np.int64]


def read_parquet(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A seekable stream of a Parquet file in, one record for each row out.

    Only the columns that are needed are read, 256 rows at a time, or fewer large ones: what is held
    is bounded, whatever the file says of its sizes. Binary columns count as UTF-8 text. Raises
    ShardError when there is no text column, for decompression bombs, and pyarrow's errors for a
    broken file.
    """
    reader = _Reader(stream, builder)
    number = 0
    for group in range(reader.metadata.num_row_groups):
        for rows in reader.rows(group):
            yield from _records(builder, number, rows)
            number += len(rows.total)
    promised = reader.metadata.num_rows
    if number != promised:
        raise ShardError(f"The footer promises {promised} rows, and the file has {number}.")


def open_parquet(stream: BinaryIO, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """A seekable stream in, the file whose footer was read out; raises pyarrow's errors.

    dictionaries: the columns whose values are not to be written out for each row.
    """
    try:
        # Without `pre_buffer`, which holds the columns of a whole row group, memory follows the
        # page. Nanoseconds, the default for the old type of 96 bits, would make a date of 9999 one
        # of 1816.
        return pq.ParquetFile(
            pa.PythonFile(stream, mode="r"),
            pre_buffer=False,
            buffer_size=2**20,
            read_dictionary=list(dictionaries),
            coerce_int96_timestamp_unit="us",
        )
    except UnicodeDecodeError as error:
        raise ShardError("The footer names a column in bytes that are not UTF-8.") from error


class _Reader:
    """Reads the row groups of a file so many rows at once as can be held."""

    def __init__(self, stream: BinaryIO, builder: RecordBuilder) -> None:
        self._watch = PageWatch(stream, max(PAGE_BYTES, 2 * builder.config.longest_record))
        self._file = open_parquet(cast("BinaryIO", self._watch))
        _missing(self._file, builder)
        self.metadata = self._file.metadata
        self._names = builder.names
        schema = self._file.schema_arrow
        self._needed = [name for name in dict.fromkeys(self._names) if _ways(schema, name)]
        self._at_once = _batch_rows(self.metadata)
        self._decoded = 0
        # One row may hold the longest value a million times: let it be held once.
        lists = _in_lists(self._file.schema, self._needed)
        self._watch.has_lists = bool(lists)
        self._lists = [column.path for column in lists if column.physical_type == "BYTE_ARRAY"]
        self._are_lists_written_out = False
        if self._lists:
            self._reopen(self._lists)

    def _reopen(self, dictionaries: Sequence[str]) -> None:
        self._watch.begin(0)
        self._file = open_parquet(cast("BinaryIO", self._watch), dictionaries)
        self._are_lists_written_out = not dictionaries

    def rows(self, group: int) -> Iterator[_Rows]:
        """The rows of a row group in their order; raises ShardError for a bomb."""
        given, is_weighed = 0, False
        while True:
            try:
                if self._is_unsure and not is_weighed:
                    self._weigh(group)
                    is_weighed = True
                for rows in self._read(group, given):
                    if self._is_unsure and not is_weighed:
                        break
                    self._decoded = self._with(rows, self._decoded)
                    given += len(rows.total)
                    yield rows
                else:
                    return
            except HeavyPageError as heavy:
                self._at_once = heavy.rows
            except OSError:  # pyarrow makes no dictionary of pages by DELTA_BYTE_ARRAY
                if not self._lists or self._are_lists_written_out:
                    raise
                self._reopen(())

    @property
    def _is_unsure(self) -> bool:
        """Whether a value of many megabytes may be that of every row."""
        return self._watch.largest > LARGE_PAGE

    def _weigh(self, group: int) -> None:
        """Raise ShardError for a bomb before a row of the group is given out."""
        if self._are_lists_written_out and self._watch.repeated > _LIST_BYTES:
            raise ShardError(
                f"The values of a page may come to {self._watch.repeated:,} bytes in one list."
            )
        decoded = self._decoded
        for rows in self._read(group, 0):
            decoded = self._with(rows, decoded)

    def _with(self, rows: _Rows, decoded: int) -> int:
        """The bytes decoded so far in, those after some rows more out; raises ShardError."""
        decoded += int(rows.total[rows.total > _LARGE_ROW].sum()) + len(rows.total)
        if decoded > BOMB_BYTES and decoded > BOMB_RATIO * self._watch.stored:
            raise ShardError(BOMB.format(self._watch.stored, decoded))
        return decoded

    def _read(self, group: int, skipped: int) -> Iterator[_Rows]:
        self._watch.begin(self._at_once)
        for batch in self._file.iter_batches(
            self._at_once, row_groups=[group], columns=self._needed
        ):
            self._watch.go_on()
            left = batch.slice(skipped)
            skipped -= len(batch) - len(left)
            columns = [_column(left, name) for name in self._names]
            nothing = np.zeros(len(left), np.int64)
            sizes = [nothing if column is None else row_bytes(column) for column in columns]
            yield _Rows(columns, sizes, np.sum(sizes, axis=0))


def _in_lists(schema: pq.ParquetSchema, names: Iterable[str]) -> list[pq.ColumnSchema]:
    """What is in lists, of the columns that these names or dotted paths lead to."""
    tops = {top for name in names for top in (name, name.partition(".")[0])}
    columns = map(schema.column, range(len(schema)))
    lists = (column for column in columns if column.max_repetition_level)
    return [column for column in lists if column.path.partition(".")[0] in tops]


def _records(builder: RecordBuilder, number: int, rows: _Rows) -> Iterator[Record]:
    """The records of some rows; of large ones no value is made, of others 64 MiB at a time."""
    is_large = rows.total > builder.config.longest_record
    for start, stop in _pieces(rows.total, is_large):
        if is_large[start]:
            yield _large(builder, number + start, rows, start)
            continue
        count = stop - start
        columns = [
            [None] * count if column is None else values(column.slice(start, count))
            for column in rows.columns
        ]
        text = rows.columns[0]
        if text is not None and not is_text(text.type):
            name = str(text.type)
            columns[0] = [OtherValue(name, v) if isinstance(v, str) else v for v in columns[0]]
        for at, row in enumerate(zip(*columns, strict=True), number + start):
            yield row_record(builder, at, row)


def _pieces(sizes: NDArray[np.int64], is_large: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Rows in, ranges of them out that have 64 MiB together, or a large row alone."""
    if not is_large.any() and sizes.sum() <= _BYTES:
        yield 0, len(sizes)
        return
    start = weight = 0
    for row, size in enumerate(sizes.tolist()):
        if row > start and (is_large[row] or is_large[row - 1] or weight + size > _BYTES):
            yield start, row
            start, weight = row, 0
        weight += size
    yield start, len(sizes)


def _large(builder: RecordBuilder, number: int, rows: _Rows, row: int) -> Record:
    """The dead letter of a row that is too large."""
    longest = builder.config.longest_record
    largest = max(range(len(rows.sizes)), key=lambda number: int(rows.sizes[number][row]))
    size = int(rows.sizes[largest][row])
    if size <= longest:  # but all of them together
        size = int(rows.total[row])
    large = LargeRecord(head_of(rows.columns[largest], row, RAW_BYTES), size)
    ids, is_id_large = rows.columns[1], rows.sizes[1][row] > longest
    identity = None if ids is None or is_id_large else values(ids.slice(row, 1))[0]
    return large_row(builder, number, large, identity)


def _missing(file: pq.ParquetFile, builder: RecordBuilder) -> dict[str, str]:
    names = file.schema_arrow.names
    return missing_columns(builder, names, partial(_ways, file.schema_arrow))


def count_rows(stream: BinaryIO, _: RecordBuilder) -> Counted:
    """A Parquet file in, the rows that its footer promises out."""
    return Counted(open_parquet(stream).metadata.num_rows)


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """As many rows as make up about 64 MiB by the footer, but at most 256.

    The sizes of single columns would be closer, but of a damaged footer pyarrow ends the process
    where one asks for them.
    """
    rows = _ROWS
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        if group.num_rows > 0:
            rows = min(rows, _BYTES * group.num_rows // max(group.total_byte_size, 1))
    return max(rows, 1)


def _ways(schema: pa.Schema, name: str) -> int:
    """How many columns a name may mean: 0 where there is none, more than 1 if it is not clear."""
    if name in schema.names:
        return int(schema.names.count(name))
    top, *keys = name.split(".")
    ways = schema.names.count(top)
    if not keys or not ways:
        return 0
    kind = schema.field(schema.names.index(top)).type
    for key in keys:
        if not pa.types.is_struct(kind):
            return 0
        places = [place for place, field in enumerate(kind) if field.name == key]
        if not places:
            return 0
        ways = max(ways, len(places))
        kind = kind.field(places[0]).type
    return int(ways)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    if not _ways(batch.schema, name):
        return None
    if name in batch.schema.names:
        return batch.column(name)
    top, *keys = name.split(".")
    column = batch.column(top)
    for key in keys:
        # By number, since a name may be taken for a path. What a null struct holds is null.
        column = pc.struct_field(column, [column.type.get_field_index(key)])
    return column


PARQUET = Format(
    "parquet",
    (".parquet", ".pq"),
    read_parquet,
    compressible=False,
    columns=lambda stream, builder: _missing(open_parquet(stream), builder),
    estimate=count_rows,
    read_again=read_row_again,
)
