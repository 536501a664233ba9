"""The format `text`: one document a file."""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.inputs.formats.large import Scanner
from pipeline.inputs.formats.records import Format, Record, RecordBuilder, Values


def read_text(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream in, its one document with record 0 out; an empty file is an empty document."""
    raw = Scanner(stream).take(builder.config.longest_record)
    yield builder.record(0, raw, lambda body: Values(body.decode()))


TEXT = Format(
    "text",
    (".txt", ".text", ".md"),
    read_text,
    has_fields=False,
    separator=None,
    read_again=read_text,
)
