"""Formats whose records are rows of named columns: `csv` and `parquet`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.console.arguments import did_you_mean
from pipeline.inputs.formats.csv_rows import CsvRows, separator_hint
from pipeline.inputs.formats.large import LargeRecord
from pipeline.inputs.formats.records import (
    MissingColumnError,
    ReadConfig,
    Record,
    RecordBuilder,
    ShardError,
    encodable,
)
from schemas.records import RAW_BYTES, Document

_PARQUET_ROWS = 256
_PARQUET_BYTES = 2**26
_COLUMNS_SHOWN = 20
_UTF8_BYTES = 4  # of a code point, at most


def missing_fields(stream: BinaryIO, name: str, config: ReadConfig) -> dict[str, str]:
    """A csv or Parquet file in; the named fields that it has no columns for, and why, out.

    Raises what reading it would: MissingColumnError where there is no text column.
    """
    if name == "csv":
        columns = CsvRows(stream, config.longest_record).header()
        if columns is None:
            raise ShardError("The file is empty.")
        _column(columns, config.text_field, required=True)
        missing = [field for field in config.named_fields if field not in columns]
    else:
        schema = _schema(_opened(stream), config)
        columns = schema.names
        missing = [field for field in config.named_fields if not _reachable(schema, field)]
    return {field: _missing(field, columns) for field in missing}


def read_csv(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of comma-separated values with a header row in, one record for each row out.

    Blank lines are no rows, nor the header. An empty id is a missing one, since csv knows no null.
    Raises ShardError when the header lacks the text column, and when the file ends inside a quoted
    field: what follows the quote is then not one record, but what is left of many.
    """
    config = builder.config
    rows = CsvRows(stream, config.longest_record)
    header = rows.header()
    if header is None:
        return
    text_column = _column(header, config.text_field, required=True)
    id_column = _column(header, config.id_field)
    kept_columns = [_column(header, name) for name in config.keep_fields]
    for number, row in enumerate(rows.below(len(header))):
        if isinstance(row, LargeRecord):
            yield builder.large(number, row)
            continue
        raw = rows.raw()
        if len(raw) > config.longest_record:
            yield builder.large(number, LargeRecord(raw, len(raw)))
        elif isinstance(row, Exception):
            yield builder.dead_letter(number, row, raw)
        else:
            yield builder.build(
                number,
                raw,
                _cell(row, text_column),
                _cell(row, id_column) or None,
                tuple(_cell(row, column) for column in kept_columns),
            )


def _column(header: Sequence[str], name: str, *, required: bool = False) -> int | None:
    found = [position for position, column in enumerate(header) if column == name]
    if len(found) > 1:
        raise ShardError(f"The header names the column {name!r} {len(found)} times.")
    if not found and required:
        hint = separator_hint(header[0]) if len(header) == 1 else ""
        raise MissingColumnError(_missing(name, header, hint))
    return found[0] if found else None


def _missing(name: str, columns: Sequence[str], hint: str = "") -> str:
    quoted = [repr(column)[1:-1] for column in columns]
    shown = ", ".join(quoted[:_COLUMNS_SHOWN])
    hidden = len(columns) - _COLUMNS_SHOWN
    more = f" and {hidden} more" if hidden > 0 else ""
    near = "" if hint else did_you_mean(name, quoted)
    joint = f"{near} The" if near else "; the"
    return f"There is no column {name!r}{joint} columns are {shown}{more}.{hint}"


def _cell(row: Sequence[str], column: int | None) -> str | None:
    return None if column is None else row[column]


def read_parquet(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A seekable stream of a Parquet file in, one record for each row out.

    Only the columns that are needed are read, 256 rows at a time, or fewer large ones. Binary
    columns count as UTF-8 text. Raises ShardError when there is no text column, and pyarrow's
    errors for a broken file.
    """
    config = builder.config
    file = _opened(stream)
    schema = _schema(file, config)
    names = [config.text_field, config.id_field, *config.keep_fields]
    needed = list(dict.fromkeys(name for name in names if _reachable(schema, name)))
    number = 0
    for batch in file.iter_batches(batch_size=_batch_rows(file.metadata), columns=needed):
        columns = [_values(batch, name) for name in names]
        for values in zip(*columns, strict=True):
            yield _parquet_record(builder, number, names, values)
            number += 1
    promised = file.metadata.num_rows
    if number != promised:
        raise ShardError(f"The footer promises {promised} rows, and the file has {number}.")


def _opened(stream: BinaryIO) -> pq.ParquetFile:
    try:
        # Without `pre_buffer`, which holds the columns of a whole row group, memory follows the
        # page.
        return pq.ParquetFile(pa.PythonFile(stream, mode="r"), pre_buffer=False, buffer_size=2**20)
    except UnicodeDecodeError as error:
        raise ShardError("The footer names a column in bytes that are not UTF-8.") from error


def _schema(file: pq.ParquetFile, config: ReadConfig) -> pa.Schema:
    schema = file.schema_arrow
    if not _reachable(schema, config.text_field):
        raise MissingColumnError(_missing(config.text_field, schema.names))
    return schema


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """As many rows as make up about 64 MiB, but at most 256.

    The sizes of single columns would be closer, but of a damaged footer pyarrow ends the process
    where one asks for them.
    """
    rows = _PARQUET_ROWS
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        if group.num_rows > 0:
            rows = min(rows, _PARQUET_BYTES * group.num_rows // max(group.total_byte_size, 1))
    return max(rows, 1)


def _parquet_record(
    builder: RecordBuilder, number: int, names: Sequence[str], values: Sequence[Any]
) -> Record:
    for value in values:
        large = _large(value, builder.config.longest_record)
        if large:
            return replace(builder.large(number, large), doc_id=_known_id(values[1]))
    try:
        text, identity = (
            value.decode() if isinstance(value, bytes) else value for value in values[:2]
        )
        record = builder.build(number, b"", text, identity, tuple(values[2:]))
    except UnicodeDecodeError as error:
        record = builder.dead_letter(number, error, b"", _known_id(values[1]))
    if isinstance(record, Document):
        return record
    # A row has no bytes of its own: the bytes of its text, or else what was read of it, as JSON.
    raw = values[0]
    if not isinstance(raw, bytes):
        row = dict(zip(names, values, strict=True))
        raw = json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return replace(record, raw=raw[:RAW_BYTES], raw_size=len(raw))


def _known_id(identity: object) -> str | None:
    """The id of a row whose text cannot be taken, for its dead letter."""
    if isinstance(identity, int) and not isinstance(identity, bool):
        return str(identity)
    if isinstance(identity, str) and len(identity) <= RAW_BYTES and encodable(identity):
        return identity
    return None


def _large(value: object, longest: int) -> LargeRecord | None:
    """What the dead letter of a string needs to know that is too long."""
    if not isinstance(value, str | bytes) or len(value) * _UTF8_BYTES <= longest:
        return None
    size = len(value if isinstance(value, bytes) else value.encode())
    if size <= longest:
        return None
    head = value[:RAW_BYTES]
    return LargeRecord(head if isinstance(head, bytes) else head.encode(), size)


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
