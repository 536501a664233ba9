"""Avro's container files, a block at a time: header, codecs, and the records in a block.

fastavro reads what is in a block. It would unpack a block of any size, though, and ends the file at
a date that Python does not have.
https://avro.apache.org/docs/1.12.0/specification/#object-container-files
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

import fastavro
import zstandard

from pipeline.console.text import cause
from pipeline.inputs.compression import BOMB, BOMB_BYTES, BOMB_RATIO
from pipeline.inputs.formats.avro.weight import Weight
from pipeline.inputs.formats.large import read_up_to
from schemas.errors import GleanerError, ShardError

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_HEADER: dict[str, Any] = {
    "type": "record",
    "name": "Header",
    "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": len(_MAGIC)}},
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        {"name": "sync", "type": {"type": "fixed", "name": "Sync", "size": _SYNC_BYTES}},
    ],
}
# A block of 16 KB to 16 MB is usual. What is held is the block, packed and unpacked.
_BLOCK_BYTES = 384 * 2**20

# Each gives so many bytes at most.
_DECOMPRESS: dict[str, Callable[[bytes, int], bytes]] = {
    "null": lambda data, _most: data,
    "deflate": lambda data, most: _whole(zlib.decompressobj(-zlib.MAX_WBITS), data, most),
    "bzip2": lambda data, most: _whole(bz2.BZ2Decompressor(), data, most),
    "xz": lambda data, most: _whole(lzma.LZMADecompressor(), data, most),
    "zstandard": lambda data, most: read_up_to(
        zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True), most
    ),
}


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, most: int, /) -> bytes: ...


def _whole(decompressor: _Decompressor, data: bytes, most: int) -> bytes:
    """All that a compressed block holds, or so many bytes of it; raises EOFError for a part."""
    unpacked = decompressor.decompress(data, most)
    if len(unpacked) < most and not decompressor.eof:
        raise EOFError("its compressed bytes do not come to their end")
    return unpacked


class Block(NamedTuple):
    """A block as it stands in the file: how many records it promises, and its packed bytes."""

    records: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Container:
    """The beginning of a file: its schema with whole names, its codec, the mark behind blocks."""

    schema: Any
    codec: str
    sync: bytes


def read_header(stream: BinaryIO) -> Container:
    """A stream in, what its header says out; raises ShardError where it cannot be read."""
    with shard_errors("The header cannot be read"):
        head = stream.read(len(_MAGIC))
        if head != _MAGIC:
            raise ValueError("cannot read header - is it an avro file?")
        header: Any = fastavro.schemaless_reader(_prefixed(head, stream), _HEADER, None)
        meta = header["meta"]
        codec = meta.get("avro.codec", b"null").decode()
        empty = io.BytesIO(_encoded(meta["avro.schema"], "null", header["sync"]))
        return Container(fastavro.block_reader(empty).writer_schema, codec, header["sync"])


def read_blocks(stream: BinaryIO, container: Container) -> Iterator[Block]:
    """The blocks behind the header, still packed; raises ShardError for one that is damaged."""
    with shard_errors("A block is damaged or cut off"):
        while first := stream.read(1):
            records = _read_long(stream, first)
            size = _read_long(stream)
            if size < 0 or records < 0:
                raise ShardError(f"A block holds more than its {records} records.")
            data = read_up_to(stream, size)
            sync = stream.read(_SYNC_BYTES)
            if len(data) < size or sync != container.sync:
                raise ValueError("expected the mark behind it")
            yield Block(records, data)


def records_of(
    blocks: Iterator[Block], container: Container, schema: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The records of some blocks, one at a time, by a schema that may have other logical types.

    Raises ShardError for a block that is damaged, or that unpacks to more than can be held.
    """
    bytes_in = bytes_out = 0
    with shard_errors("A block is damaged or cut off"):
        parsed = fastavro.parse_schema(dict(schema))
        weight = Weight(schema)
        for block in blocks:
            data = _unpacked(block, container)
            bytes_in += len(block.data)
            bytes_out += len(data)
            if bytes_out > BOMB_BYTES and bytes_out > BOMB_RATIO * bytes_in:
                raise ShardError(BOMB.format(bytes_in, bytes_out))
            if block.records > max(len(data), 1):
                raise ShardError(
                    f"A block promises {block.records:,} records in {len(data):,} bytes."
                )
            left = weight.stream(data)
            for _ in range(block.records):
                left.begin_record()
                # So that a string which is not UTF-8 costs its record alone.
                yield fastavro.schemaless_reader(  # type: ignore[misc]  # it is a record
                    left, parsed, None, handle_unicode_errors="surrogateescape"
                )
            if left.read(1):
                raise ShardError(f"A block holds more than its {block.records} records.")


@contextmanager
def shard_errors(message: str) -> Iterator[None]:
    """Let all that parsers raise be a ShardError that begins so."""
    try:
        yield
    except (GleanerError, OSError):
        raise
    except Exception as error:  # fastavro raises whatever it comes upon
        raise ShardError(f"{message}: {cause(error)}.") from error


def _unpacked(block: Block, container: Container) -> bytes:
    decompress = _DECOMPRESS.get(container.codec)
    if decompress:
        data = decompress(block.data, _BLOCK_BYTES + 1)
        size = len(data)
    else:
        size = _size_of(block.data, container.codec)
        data = b"" if size > _BLOCK_BYTES else _by_fastavro(block, container)
    if size > _BLOCK_BYTES:
        raise ShardError(
            f"A block of {len(block.data):,} bytes unpacks to more than the {_BLOCK_BYTES:,} that "
            "are held at once."
        )
    return data


def _size_of(data: bytes, codec: str) -> int:
    """What the block itself says that it unpacks to, as snappy and lz4 have it in front."""
    if codec == "lz4":
        return int.from_bytes(data[:4], "little")
    size = shift = 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            break
    return size


def _by_fastavro(block: Block, container: Container) -> bytes:
    """A block in a codec for which fastavro needs another package, which it names."""
    file = io.BytesIO(_encoded(b'"null"', container.codec, container.sync))
    file.seek(0, io.SEEK_END)
    for number in (block.records, len(block.data)):
        fastavro.schemaless_writer(file, {"type": "long"}, number)
    file.write(block.data + container.sync)
    file.seek(0)
    read: Any = next(fastavro.block_reader(file))
    unpacked: bytes = read.bytes_.read()
    return unpacked


def _encoded(schema: bytes, codec: str, sync: bytes) -> bytes:
    """A header with this schema in JSON."""
    meta = {"avro.codec": codec.encode(), "avro.schema": schema}
    header = io.BytesIO()
    fastavro.schemaless_writer(header, _HEADER, {"magic": _MAGIC, "meta": meta, "sync": sync})
    return header.getvalue()


def _read_long(stream: BinaryIO, first: bytes = b"") -> int:
    number: Any = fastavro.schemaless_reader(_prefixed(first, stream), {"type": "long"}, None)
    return int(number)


class _Prefixed(io.RawIOBase):
    """Some bytes that were read already, and a stream that goes on behind them."""

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._first = first
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        first, self._first = self._first[:size], self._first[size:]
        return first + read_up_to(self._stream, size - len(first))


def _prefixed(first: bytes, stream: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", _Prefixed(first, stream))
