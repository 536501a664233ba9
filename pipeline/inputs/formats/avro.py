"""The format `avro`: records of a container file, of which one block is held at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import fastavro

from pipeline.console.text import first_line
from pipeline.inputs.formats.columns import missing_columns, row_record
from pipeline.inputs.formats.jsonl import read_row_again
from pipeline.inputs.formats.records import (
    PREVIEW_BYTES,
    Counted,
    Format,
    Record,
    RecordBuilder,
    encodable,
    getter,
)
from schemas.errors import GleanerError, ShardError

# What a type leads to: for each of its alternatives the types by key; None is any key, of a map.
_Paths = list[dict[str | None, Any]]


def read_avro(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of an Avro file in, one record for each of its records out.

    Bytes count as UTF-8 text, dates and other logical types as the text that Python has for them.
    Raises ShardError where there is no text field, and where a block is damaged or cut off.
    """
    with _shard_errors("The header cannot be read"):
        # So that a string which is not UTF-8 costs its record alone.
        blocks = fastavro.block_reader(stream, handle_unicode_errors="surrogateescape")
    _missing(blocks.writer_schema, builder)
    getters = [getter(name) for name in builder.names]
    for number, row in enumerate(_rows(blocks, stream)):
        yield row_record(builder, number, [_plain(get(row)) for get in getters])


def _rows(blocks: Any, stream: BinaryIO) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - no type
    with _shard_errors("A block is damaged or cut off"):
        for block in blocks:
            yield from block
            if block.num_records < 0 or block.bytes_.read(1):
                raise ShardError(f"A block holds more than its {block.num_records} records.")
        stream.read(1)  # raises EOFError once more, which fastavro takes for the end


@contextmanager
def _shard_errors(message: str) -> Iterator[None]:
    try:
        yield
    except (GleanerError, OSError):
        raise
    except Exception as error:  # fastavro raises whatever it comes upon
        raise ShardError(f"{message}: {first_line(error)}.") from error


def _plain(value: object) -> object:
    if isinstance(value, str) and not encodable(value):
        return value.encode("utf-8", "surrogateescape")
    known = value is None or isinstance(value, bool | int | float | str | bytes | list | dict)
    return value if known else str(value)


def _missing(schema: Any, builder: RecordBuilder) -> dict[str, str]:  # noqa: ANN401 - it is JSON
    if not isinstance(schema, dict) or "fields" not in schema:
        raise ShardError("The schema on top is not that of a record.")
    top = _paths(schema, {})

    def reachable(path: str) -> bool:
        ends = top
        for key in path.split("."):
            ends = [end for paths in ends for end in paths.get(key) or paths.get(None) or ()]
        return bool(ends)

    return missing_columns(builder, [field["name"] for field in schema["fields"]], reachable)


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
    _paths(kind.get("items", "null"), named)
    if "values" in kind:
        paths[None] = _paths(kind["values"], named)
    named[name] = [paths]
    return [paths]


def _count_records(stream: BinaryIO, _: RecordBuilder) -> Counted:
    """What the blocks at the beginning of an Avro file say of their records."""
    records = 0
    for block in fastavro.block_reader(stream):
        records += block.num_records
        if block.offset + block.size >= PREVIEW_BYTES:
            return Counted(records, block.offset + block.size)
    return Counted(records)


AVRO = Format(
    "avro",
    (".avro",),
    read_avro,
    columns=lambda stream, builder: _missing(fastavro.reader(stream).writer_schema, builder),
    estimate=_count_records,
    read_again=read_row_again,
)
