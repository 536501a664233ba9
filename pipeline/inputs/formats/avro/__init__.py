"""The format `avro`: records of a container file, of which one block is held at a time."""

from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any, BinaryIO
from uuid import UUID

import fastavro.read

from pipeline.console.text import cause
from pipeline.inputs.formats.avro.container import read_blocks, read_header, records_of
from pipeline.inputs.formats.columns import missing_columns, row_record
from pipeline.inputs.formats.jsonl import read_row_again
from pipeline.inputs.formats.logical import (
    BadValue,
    OtherValue,
    date_text,
    time_text,
    timestamp_text,
)
from pipeline.inputs.formats.records import (
    PREVIEW_BYTES,
    Counted,
    Format,
    Record,
    RecordBuilder,
    encodable,
    getter,
)
from schemas.errors import RecordError, ShardError

# What a type leads to: for each of its alternatives the types by key; None is any key, of a map.
_Paths = list[dict[str | None, Any]]

_MSEC, _USEC = 10**3, 10**6


def read_avro(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of an Avro file in, one record for each of its records out.

    Bytes count as UTF-8 text, dates and other logical types as the text that Python has for them.
    Raises ShardError where there is no text field, and where a block is damaged, cut off, or
    unpacks to more than can be held.
    """
    container = read_header(stream)
    _missing(container.schema, builder)
    _register()
    getters = [getter(name) for name in builder.names]
    rows = records_of(read_blocks(stream, container), container, _with_ours(container.schema))
    for number, row in enumerate(rows):
        text, *others = [get(row) for get in getters]
        yield row_record(builder, number, [_text(text), *map(_plain, others)])


def _register() -> None:
    """Let fastavro read logical types of our own names, in place of which it would raise.

    That is how it takes them: in one dictionary for the whole process, where other names stay.
    """
    for name, write in _WRITERS.items():
        kind, _, logical = name.partition("-")
        fastavro.read.LOGICAL_READERS[f"{kind}-{_OURS}{logical}"] = _reader(logical, write)


def _reader(
    logical: str, write: Callable[[Any, dict[str, Any]], str]
) -> Callable[..., OtherValue | BadValue]:
    def read(value: Any, kind: Any = None, _: object = None) -> OtherValue | BadValue:  # noqa: ANN401
        try:
            return OtherValue(logical, write(value, kind))
        except (RecordError, ValueError, ArithmeticError) as error:
            return BadValue(RecordError(cause(error)))

    return read


def _with_ours(schema: Any) -> Any:  # noqa: ANN401 - it is JSON
    """A schema in, what it takes to read by it out, with our names for its logical types."""
    if isinstance(schema, list):
        return [_with_ours(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    ours = {key: _with_ours(value) for key, value in schema.items() if key in _KEYS}
    if f"{schema.get('type')}-{schema.get('logicalType')}" in _WRITERS:
        ours["logicalType"] = _OURS + schema["logicalType"]
    return ours


def _decimal(value: bytes, kind: dict[str, Any]) -> str:
    number = int.from_bytes(value, byteorder="big", signed=True)
    return str(Decimal(f"{number}E{-int(kind.get('scale', 0))}"))


def _uuid(value: str) -> str:
    """A UUID in the usual spelling; what is none is a string all the same."""
    try:
        return str(UUID(value))
    except ValueError:
        return value


# The logical types that fastavro knows, and how theirs are read, by its own name for them.
_WRITERS: dict[str, Callable[[Any, dict[str, Any]], str]] = {
    "int-date": lambda value, _: date_text(value),
    "int-time-millis": lambda value, _: time_text(value, _MSEC),
    "long-time-micros": lambda value, _: time_text(value, _USEC),
    "long-timestamp-millis": lambda value, _: timestamp_text(value, _MSEC, UTC),
    "long-timestamp-micros": lambda value, _: timestamp_text(value, _USEC, UTC),
    "long-local-timestamp-millis": lambda value, _: timestamp_text(value, _MSEC),
    "long-local-timestamp-micros": lambda value, _: timestamp_text(value, _USEC),
    "bytes-decimal": _decimal,
    "fixed-decimal": _decimal,
    "string-uuid": lambda value, _: _uuid(value),
    "fixed-uuid": lambda value, _: str(UUID(bytes=value)),
}
_OURS = "gleaner-"
_KEYS = {"type", "name", "fields", "items", "values", "symbols", "size", "logicalType", "scale"}


def _text(value: object) -> object:
    if isinstance(value, str) and not encodable(value):
        return value.encode("utf-8", "surrogateescape")
    return value


def _plain(value: object) -> object:
    """The value of an id or a kept field: of a logical type its text."""
    if isinstance(value, OtherValue):
        return _text(value.value)
    if isinstance(value, list | dict):
        return _bad_part(value) or value
    return _text(value)


def _bad_part(value: object) -> BadValue | None:
    """What within lists and maps cannot be written."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = (part if isinstance(part, BadValue) else _bad_part(part) for part in parts)
    return next(filter(None, found), None)


def _missing(schema: Any, builder: RecordBuilder) -> dict[str, str]:  # noqa: ANN401 - it is JSON
    if not isinstance(schema, dict) or "fields" not in schema:
        raise ShardError("The schema on top is not that of a record.")
    top = _paths(schema, {})

    def ways(path: str) -> int:
        """One or none, since a record of Avro has no two fields of one name."""
        ends = top
        for key in path.split("."):
            ends = [end for paths in ends for end in paths.get(key) or paths.get(None) or ()]
        return int(bool(ends))

    return missing_columns(builder, [field["name"] for field in schema["fields"]], ways)


def _paths(kind: Any, named: dict[str, _Paths | None]) -> _Paths:  # noqa: ANN401 - as above
    """A type in, what it leads to out; `named` are the types that were seen, None if still open.

    Raises ShardError for a type that holds itself: fastavro follows these by recursion in C, so
    that one which is nested deep would end the process.
    """
    if isinstance(kind, list):
        return [end for part in kind for end in _paths(part, named)]
    if isinstance(kind, str):
        ends = named.get(kind, [{}])
        if ends is None:
            raise ShardError(f"The type {kind} holds itself, which cannot be read.")
        return ends
    name = kind.get("name", "")
    named[name] = None
    paths: dict[str | None, Any] = {
        field["name"]: _paths(field["type"], named) for field in kind.get("fields", ())
    }
    if "items" in kind and _takes_nothing(kind["items"]):
        raise ShardError("A list of nothing may be of any length, and cannot be read.")
    _paths(kind.get("items", "null"), named)
    if "values" in kind:
        paths[None] = _paths(kind["values"], named)
    named[name] = [paths]
    return [paths]


def _takes_nothing(kind: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a value takes no byte: a few could then stand for any number of them."""
    if isinstance(kind, dict):
        if kind.get("type") == "record":
            return all(_takes_nothing(field["type"]) for field in kind.get("fields", ()))
        return kind.get("type") == "null" or kind.get("size") == 0
    return bool(kind == "null")


def _count_records(stream: BinaryIO, _: RecordBuilder) -> Counted:
    """What the blocks at the beginning of an Avro file say of their records."""
    records = size = 0
    for block in read_blocks(stream, read_header(stream)):
        records += block.records
        size += len(block.data)
        if size >= PREVIEW_BYTES:
            return Counted(records, size)
    return Counted(records)


AVRO = Format(
    "avro",
    (".avro",),
    read_avro,
    columns=lambda stream, builder: _missing(read_header(stream).schema, builder),
    estimate=_count_records,
    read_again=read_row_again,
)
