"""Avro files down to their blocks, and all records of one."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import fastavro

from pipeline.inputs.formats import ReadConfig, Record
from tests.builders import records_until_error

DEFAULT = ReadConfig()
HEADER_FIELDS = [
    {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": 4}},
    {"name": "meta", "type": {"type": "map", "values": "bytes"}},
    {"name": "sync", "type": {"type": "fixed", "name": "Sync", "size": 16}},
]


def avro(rows: Sequence[Mapping[str, Any]], fields: Sequence[object], **options: Any) -> bytes:
    sink = io.BytesIO()
    schema = {"type": "record", "name": "Row", "namespace": "n", "fields": fields}
    fastavro.writer(sink, schema, rows, **options)
    return sink.getvalue()


def column(kind: object, *values: object, **options: Any) -> bytes:
    """A file of rows with this text alone."""
    return avro([{"text": value} for value in values], [{"name": "text", "type": kind}], **options)


def header(schema: object, sync: bytes, codec: bytes = b"null") -> bytes:
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec}
    parts = {"name": "H", "type": "record", "fields": HEADER_FIELDS}
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, parts, {"magic": b"Obj\x01", "meta": meta, "sync": sync})
    return sink.getvalue()


def block(records: int, data: bytes, sync: bytes) -> bytes:
    sink = io.BytesIO()
    for number in (records, len(data)):
        fastavro.schemaless_writer(sink, {"type": "long"}, number)
    return sink.getvalue() + data + sync


def read_all(
    stream: BinaryIO, config: ReadConfig = DEFAULT, name: str = "avro"
) -> tuple[list[Record], Exception | None]:
    return records_until_error(stream, config, name)
