"""The format `text`: one document a file; and how the files of all formats of text are opened."""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from pipeline.inputs.compression import compression_of
from pipeline.inputs.contents import HEAD, archive_named, no_text, wide_text
from pipeline.inputs.encodings import Encoding, encoding_of
from pipeline.inputs.formats.large import LargeRecord, pass_rest, read_up_to
from pipeline.inputs.formats.records import Format, Record, RecordBuilder, Values
from schemas.errors import ShardError
from schemas.records import RAW_BYTES

_BUFFER = 256 * 1024


class OpenedText(NamedTuple):
    """A stream, one with `peek` where it begins with the file; its encoding; the file's head."""

    stream: BinaryIO
    encoding: Encoding
    head: bytes


def open_text(stream: BinaryIO, builder: RecordBuilder, name: str | None = None) -> OpenedText:
    """The stream of a shard in, the same with what it begins with out.

    name: of the encoding, where it is another than `--encoding`. The beginning of the file is
    looked at, also where the shard is a later range. Raises ShardError for an archive, an image, or
    whatever else is no text, and for text in another encoding.
    """
    shard, name = builder.shard, name or builder.config.encoding
    if shard.first_byte:
        head = _first_bytes(stream)
    else:
        if not hasattr(stream, "peek"):
            stream = io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER)
        head = cast("io.BufferedReader", stream).peek()[:HEAD]
    encoding = encoding_of(name, head)
    archive = archive_named(shard.place)
    if archive:
        raise ShardError(f"The file is {archive} by its name: unpack it.")
    packed = bool(compression_of(shard.place))
    wide = encoding.name if isinstance(encoding, Encoding) and encoding.width > 1 else ""
    if problem := no_text(head, packed=packed, wide=wide):
        raise ShardError(problem)
    if isinstance(encoding, str):
        raise ShardError(encoding)
    if not wide and (problem := wide_text(head)):
        raise ShardError(problem)
    return OpenedText(stream, encoding, head)


def _first_bytes(stream: BinaryIO) -> bytes:
    """The beginning of a file, past a buffer: for that an object store would give 16 MiB."""
    raw = getattr(stream, "raw", stream)
    position = raw.tell()
    raw.seek(0)
    head = raw.read(HEAD) or b""
    raw.seek(position)
    return head


def read_text(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream in, its one document with record 0 out; an empty file is an empty document."""
    stream, encoding, _ = open_text(stream, builder)
    longest = builder.config.longest_record
    raw = read_up_to(stream, longest + 1)
    if len(raw) > longest:
        yield builder.large(0, LargeRecord(raw[:RAW_BYTES], len(raw) + pass_rest(stream)))
        return
    body = raw.removeprefix(encoding.mark)
    yield builder.record(0, body, lambda body: Values(encoding.decode(body)))


TEXT = Format(
    "text",
    (".txt", ".text", ".md"),
    read_text,
    has_fields=False,
    separator=None,
    read_again=read_text,
)
