"""The format `lines`: a document a line; and lines as jsonl has them too."""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.inputs.formats.large import BOM, LargeRecord, pass_line
from pipeline.inputs.formats.records import Format, Record, RecordBuilder, Values
from schemas.records import RAW_BYTES


def iter_lines(
    stream: BinaryIO, builder: RecordBuilder
) -> Iterator[tuple[int, bytes | LargeRecord]]:
    r"""A stream in; offset and bytes, `\n` included, of each line that begins in the shard out.

    The ranges of any cut of a file give each of its lines once. A byte order mark at offset 0 is
    dropped, and so is the line when it was nothing else. `start` above 0 needs a seekable stream.
    A line that is longer than allowed is never held whole.
    """
    longest = builder.config.longest_record
    position, stop = builder.shard.start, builder.shard.stop
    if position:
        # A line begins at `start` only if the byte before it ends one. What is skipped is bounded
        # by the range: else a single line of 1 GB would be read once for each of its 250 ranges.
        position -= 1
        stream.seek(position)
        position += pass_line(stream, None if stop is None else stop - position)
    while stop is None or position < stop:
        line = stream.readline(longest + 1)
        if not line:
            return
        size = len(line)
        if size > longest:
            size += 0 if line.endswith(b"\n") else pass_line(stream)
            yield position, LargeRecord(line[:RAW_BYTES], size)
            position += size
            continue
        if position == 0 and line.startswith(BOM):
            line = line[len(BOM) :]
        if line:
            yield position, line
        position += size


def read_lines(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    r"""A stream of lines in, one document for each line out, blank ones too.

    The terminator, `\n` or `\r\n`, is no part of the text; any other character is.
    """
    for position, line in iter_lines(stream, builder):
        yield builder.record(position, line, _text)


def _text(line: bytes) -> Values:
    body = line.removesuffix(b"\n")
    if body is not line:
        body = body.removesuffix(b"\r")
    return Values(body.decode())


LINES = Format("lines", (), read_lines, splittable=True, has_fields=False, read_again=read_lines)
