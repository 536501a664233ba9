"""The format `text`: one document a file."""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.formats.records import BOM, Record, RecordBuilder


def read_text(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream in, its one document with record 0 out; an empty file is an empty document."""
    raw = stream.read().removeprefix(BOM)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        yield builder.dead_letter(0, error, raw)
    else:
        yield builder.build(0, raw, text)
