"""The format `text`: one document a file."""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.inputs.formats.large import BOM, LargeRecord, pass_rest, read_up_to
from pipeline.inputs.formats.records import Format, Record, RecordBuilder, Values
from schemas.records import RAW_BYTES


def read_text(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream in, its one document with record 0 out; an empty file is an empty document."""
    longest = builder.config.longest_record
    raw = read_up_to(stream, longest + 1)
    if len(raw) > longest:
        yield builder.large(0, LargeRecord(raw[:RAW_BYTES], len(raw) + pass_rest(stream)))
    else:
        yield builder.record(0, raw.removeprefix(BOM), lambda body: Values(body.decode()))


TEXT = Format(
    "text",
    (".txt", ".text", ".md"),
    read_text,
    has_fields=False,
    separator=None,
    read_again=read_text,
)
