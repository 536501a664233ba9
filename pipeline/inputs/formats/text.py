"""The format `text`: one document a file."""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.inputs.formats.large import LargeRecord, pass_rest, read_up_to
from pipeline.inputs.formats.records import BOM, Record, RecordBuilder
from schemas.records import RAW_BYTES


def read_text(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream in, its one document with record 0 out; an empty file is an empty document."""
    longest = builder.config.longest_record
    raw = read_up_to(stream, longest + 1)
    if len(raw) > longest:
        yield builder.large(0, LargeRecord(raw[:RAW_BYTES], len(raw) + pass_rest(stream)))
        return
    raw = raw.removeprefix(BOM)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        yield builder.dead_letter(0, error, raw)
    else:
        yield builder.build(0, raw, text)
