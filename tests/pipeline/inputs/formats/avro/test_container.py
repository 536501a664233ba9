"""The container around avro's records: header, schema, codecs, and blocks that are damaged."""

import bz2
import gzip
import io
import lzma
import tracemalloc
import zlib

import fastavro
import pytest
import zstandard

from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ReadConfig, Record, ShardError
from schemas.records import Document
from tests.pipeline.inputs.formats.avro.files import (
    DEFAULT,
    avro,
    block,
    column,
    header,
    read_all,
)


def read(data: bytes, config: ReadConfig = DEFAULT) -> list[Record]:
    records, error = read_all(io.BytesIO(data), config)
    assert error is None
    return records


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The header cannot be read: cannot read header - is it an avro file?."),
        (b"no avro at all", "The header cannot be read: cannot read header - is it an avro file?."),
        (
            avro([], [{"name": "id", "type": "long"}, {"name": "texts", "type": "string"}]),
            "There is no column 'text', did you mean texts? The columns are id, texts.",
        ),
    ],
)
def test_an_avro_file_that_cannot_be_read_raises_a_shard_error(data: bytes, message: str) -> None:
    records, error = read_all(io.BytesIO(data))
    assert records == []
    assert isinstance(error, ShardError)
    assert str(error) == message


def test_a_schema_that_is_no_record_raises_a_shard_error() -> None:
    sink = io.BytesIO()
    fastavro.writer(sink, "string", ["text"])
    _, error = read_all(io.BytesIO(sink.getvalue()))
    assert str(error) == "The schema on top is not that of a record."


@pytest.mark.parametrize("kind", ["Row", ["null", "n.Row"], {"type": "array", "items": "n.Row"}])
def test_a_type_that_holds_itself_is_refused(kind: object) -> None:
    """Else fastavro 1.13 ends the process where such a value is nested a million deep."""
    fields = [{"name": "text", "type": "string"}, {"name": "next", "type": kind}]
    _, error = read_all(io.BytesIO(avro([], fields)))
    assert str(error) == "The type n.Row holds itself, which cannot be read."


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_block_that_is_damaged_or_cut_off_leaves_those_before(suffix: str) -> None:
    texts = [f"text {number}" for number in range(1000)]
    data = column("string", *texts, sync_interval=500)
    middle = data.index(b"text 700") + 2
    sync = data.index(data[-16:], middle)  # the mark behind each block
    other = bytes([data[sync] ^ 1])  # the mark is drawn at random: no byte is sure to be another
    for piece in (data[:middle], data[:-1], data[:sync] + other + data[sync + 1 :]):
        packed = gzip.compress(piece) if suffix else piece
        records, error = read_all(decompressed(io.BytesIO(packed), f"in.x{suffix}"))
        assert len(records) >= 600
        assert isinstance(error, ShardError)
        assert str(error).startswith("A block is damaged or cut off: ")
        seen = [record.text for record in records if isinstance(record, Document)]
        assert seen[:600] == texts[:600]


def test_a_block_with_more_records_than_it_promises_is_damaged() -> None:
    """The number stands before the block's bytes, both as Avro writes them: doubled."""
    data = column("string", *("text" for _ in range(9)))
    block = bytes([2 * 9, 2 * 9 * 5])
    for promised in (b"\x10", b"\x01"):
        records, error = read_all(io.BytesIO(data.replace(block, promised + block[1:])))
        assert len(records) == (8 if promised == b"\x10" else 0)
        assert isinstance(error, ShardError)
        assert "A block holds more than its " in str(error)


def test_what_a_broken_compression_says_is_passed_on() -> None:
    packed = gzip.compress(column("string", *("text " * 100 for _ in range(1000))))
    stream = decompressed(io.BytesIO(packed[: len(packed) // 2]), "in.gz")
    _, error = read_all(stream)
    assert "the compressed stream ends too early: the file is truncated" in str(error)


def test_zstandard_needs_no_other_package() -> None:
    """Several frames, the first of which does not say its size."""
    sync, packer = bytes(16), zstandard.ZstdCompressor()
    frames = packer.compressobj()
    data = frames.compress(b"\x02a") + frames.flush() + packer.compress(b"\x02b")
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    records = read(header(schema, sync, b"zstandard") + block(2, data, sync))
    assert [record.text for record in records if isinstance(record, Document)] == ["a", "b"]


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz"])
def test_compressed_bytes_that_break_off_at_their_very_end_are_damaged(codec: str) -> None:
    """All records may be there already, yet what follows is the check of them."""
    schema = {"type": "record", "name": "r", "fields": [{"name": "text", "type": "string"}]}
    packed = {"deflate": zlib.compress(b"\x08Oslo")[2:-4], "bzip2": bz2.compress(b"\x08Oslo")}
    packed["xz"] = lzma.compress(b"\x08Oslo")
    sync, data = b"0123456789abcdef", packed[codec]
    head = header(schema, sync, codec.encode())
    (record,) = read(head + block(1, data, sync))
    assert isinstance(record, Document)
    _, error = read_all(io.BytesIO(head + block(1, data[:-1], sync)))
    assert "do not come to their end" in str(error)


def test_a_codec_that_needs_a_package_names_it() -> None:
    sync = bytes(16)
    schema = {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    for codec, data in ((b"snappy", b"\x01xxxxx"), (b"lz4", b"\x01\0\0\0xx")):
        _, error = read_all(io.BytesIO(header(schema, sync, codec) + block(1, data, sync)))
        assert "you need to install" in str(error)
    for codec, data in ((b"snappy", b"\xff\xff\xff\xff\x0f"), (b"lz4", b"\0\0\0\xff")):
        _, error = read_all(io.BytesIO(header(schema, sync, codec) + block(1, data, sync)))
        assert "unpacks to more than the 402,653,184 that are held at once" in str(error)
    _, error = read_all(io.BytesIO(header(schema, sync, b"brotli") + block(1, b"x", sync)))
    assert "brotli" in str(error)


def test_a_block_that_unpacks_to_too_much_breaks_the_file_off_before_it_is_held() -> None:
    """500 MB in half a megabyte; other blocks before it come out."""
    good = column("string", "a", codec="deflate")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(10**6)) for _ in range(500)) + packer.flush()
    data = good + block(10, bomb, good[-16:])
    tracemalloc.start()
    records, error = read_all(io.BytesIO(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [record.record for record in records] == [0]
    assert str(error).startswith("A block of 4")
    assert "unpacks to more than the 402,653,184 that are held at once" in str(error)
    assert peak < 900_000_000


def test_a_block_of_nothing_promises_no_records() -> None:
    """Records without a byte could be any number of them."""
    good = column("string", "a")
    records, error = read_all(io.BytesIO(good + block(10**12, b"", good[-16:])))
    assert len(records) == 1
    assert str(error) == "A block promises 1,000,000,000,000 records in 0 bytes."
    nothing = {"type": "array", "items": {"type": "record", "name": "N", "fields": []}}
    fields = [{"name": "text", "type": "string"}, {"name": "kept", "type": nothing}]
    records, error = read_all(io.BytesIO(avro([], fields)))
    assert str(error) == "A list of nothing may be of any length, and cannot be read."
