"""The format `parquet`: rows of columns, of which only those that are needed are read."""

from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.inputs.formats.columns import missing_columns, row_record
from pipeline.inputs.formats.jsonl import read_row_again
from pipeline.inputs.formats.records import Counted, Format, Record, RecordBuilder
from schemas.errors import ShardError

_ROWS = 256
_BYTES = 2**26


def read_parquet(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A seekable stream of a Parquet file in, one record for each row out.

    Only the columns that are needed are read, 256 rows at a time, or fewer large ones. Binary
    columns count as UTF-8 text. Raises ShardError when there is no text column, and pyarrow's
    errors for a broken file.
    """
    file = open_parquet(stream)
    _missing(file, builder)
    names = builder.names
    needed = list(dict.fromkeys(name for name in names if _reachable(file.schema_arrow, name)))
    number = 0
    for batch in file.iter_batches(batch_size=_batch_rows(file.metadata), columns=needed):
        columns = [_values(batch, name) for name in names]
        for values in zip(*columns, strict=True):
            yield row_record(builder, number, values)
            number += 1
    promised = file.metadata.num_rows
    if number != promised:
        raise ShardError(f"The footer promises {promised} rows, and the file has {number}.")


def open_parquet(stream: BinaryIO) -> pq.ParquetFile:
    """A seekable stream in, the file whose footer was read out; raises pyarrow's errors."""
    try:
        # Without `pre_buffer`, which holds the columns of a whole row group, memory follows the
        # page.
        return pq.ParquetFile(pa.PythonFile(stream, mode="r"), pre_buffer=False, buffer_size=2**20)
    except UnicodeDecodeError as error:
        raise ShardError("The footer names a column in bytes that are not UTF-8.") from error


def _missing(file: pq.ParquetFile, builder: RecordBuilder) -> dict[str, str]:
    names = file.schema_arrow.names
    return missing_columns(builder, names, partial(_reachable, file.schema_arrow))


def count_rows(stream: BinaryIO, _: RecordBuilder) -> Counted:
    """A Parquet file in, the rows that its footer promises out."""
    return Counted(open_parquet(stream).metadata.num_rows)


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """As many rows as make up about 64 MiB, but at most 256.

    The sizes of single columns would be closer, but of a damaged footer pyarrow ends the process
    where one asks for them.
    """
    rows = _ROWS
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        if group.num_rows > 0:
            rows = min(rows, _BYTES * group.num_rows // max(group.total_byte_size, 1))
    return max(rows, 1)


def _reachable(schema: pa.Schema, name: str) -> bool:
    if name in schema.names:
        return True
    top, _, rest = name.partition(".")
    if not rest or top not in schema.names:
        return False
    kind = schema.field(top).type
    for key in rest.split("."):
        if not pa.types.is_struct(kind) or kind.get_field_index(key) < 0:
            return False
        kind = kind.field(key).type
    return True


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    if name in batch.schema.names:
        return _python(batch.column(name))
    if not _reachable(batch.schema, name):
        return [None] * batch.num_rows
    top, *keys = name.split(".")
    column = batch.column(top)
    for key in keys:
        # By number, since a name may be taken for a path. What a null struct holds is null.
        column = pc.struct_field(column, [column.type.get_field_index(key)])
    return _python(column)


def _python(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        # One bad string fails the whole column, so take values one by one.
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        # The bytes of the bad string, also where it is deep in a list: its row will decode them.
        return error.object


PARQUET = Format(
    "parquet",
    (".parquet", ".pq"),
    read_parquet,
    compressible=False,
    columns=lambda stream, builder: _missing(open_parquet(stream), builder),
    estimate=count_rows,
    read_again=read_row_again,
)
