"""The format `lines`: a document a line; and lines as jsonl has them too."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from pipeline.inputs.encodings import UTF8, Encoding
from pipeline.inputs.formats.large import LargeRecord, pass_line
from pipeline.inputs.formats.records import Format, Record, RecordBuilder, Values
from pipeline.inputs.formats.text import open_text
from schemas.records import RAW_BYTES

# What a part of a file reads at a time, before others read as much.
PART_BYTES = 2**20


def iter_lines(
    stream: BinaryIO, builder: RecordBuilder, encoding: Encoding = UTF8
) -> Iterator[tuple[int, bytes | LargeRecord]]:
    r"""A stream in; offset and bytes, `\n` included, of each line that begins in the shard out.

    The ranges of any cut of a file give each of its lines once, and so do its parts. A byte order
    mark at offset 0 is dropped, and so is the line when it was nothing else. `start` above 0 needs
    a seekable stream, and an encoding whose line break is one byte. A line that is longer than
    allowed is never held whole.
    """
    shard = builder.shard
    lines = _all_lines(stream, builder, encoding)
    if shard.parts == 1:
        return lines
    own = shard.start
    return (line for line in lines if line[0] // PART_BYTES % shard.parts == own)


def _all_lines(
    stream: BinaryIO, builder: RecordBuilder, encoding: Encoding
) -> Iterator[tuple[int, bytes | LargeRecord]]:
    position, stop = builder.shard.first_byte, builder.shard.stop
    longest = builder.config.longest_record
    if position:
        # A line begins at `start` only if the byte before it ends one. What is skipped is bounded
        # by the range: else a single line of 1 GB would be read once for each of its 250 ranges.
        position -= 1
        stream.seek(position)
        position += pass_line(stream.readline, most=None if stop is None else stop - position)
    newline, mark = encoding.newline, encoding.mark
    readline = stream.readline if encoding.width == 1 else _wide_lines(stream, newline)
    while stop is None or position < stop:
        line = readline(longest + 1)
        if not line:
            return
        size = len(line)
        if size > longest:
            size += 0 if _is_ended(line, newline) else pass_line(readline, newline)
            yield position, LargeRecord(line[:RAW_BYTES], size)
            position += size
            continue
        if position == 0 and mark and line.startswith(mark):
            line = line[len(mark) :]
        if line:
            yield position, line
        position += size


def _wide_lines(stream: BinaryIO, newline: bytes) -> Callable[[int], bytes]:
    """As `stream.readline` where a line break has several bytes; gives no part of a code unit."""
    width = len(newline)

    def readline(most: int) -> bytes:
        line = bytearray()
        most += -most % width
        while piece := stream.readline(most - len(line)) if len(line) < most else b"":
            line += piece
            line += stream.read(-len(line) % width)
            if _is_ended(line, newline):
                break
        return bytes(line)

    return readline


def _is_ended(line: bytes | bytearray, newline: bytes) -> bool:
    return line.endswith(newline) and len(line) % len(newline) == 0


def read_lines(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    r"""A stream of lines in, one document for each line out, blank ones too.

    The terminator, `\n` or `\r\n`, is no part of the text; any other character is.
    """
    stream, encoding, _ = open_text(stream, builder)
    parse = _text if encoding == UTF8 else _decoding(encoding)
    for position, line in iter_lines(stream, builder, encoding):
        yield builder.record(position, line, parse)


def _text(line: bytes) -> Values:
    body = line.removesuffix(b"\n")
    if body is not line:
        body = body.removesuffix(b"\r")
    return Values(body.decode())


def _decoding(encoding: Encoding) -> Callable[[bytes], Values]:
    def parse(line: bytes) -> Values:
        text = encoding.decode(line)
        body = text.removesuffix("\n")
        return Values(text if body == text else body.removesuffix("\r"))

    return parse


LINES = Format("lines", (), read_lines, splittable=True, has_fields=False, read_again=read_lines)
