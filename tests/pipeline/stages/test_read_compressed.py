"""Compressed shards: all that stands in them is read, and what is cut off or damaged is told of."""

import bz2
import gzip
import io
import lzma
import re
import tracemalloc
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import zstandard

from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ShardError
from tests.pipeline.stages.reading import corpus, read

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": partial(lzma.compress, preset=0),  # the default takes four times as long
    ".lzma": partial(lzma.compress, format=lzma.FORMAT_ALONE, preset=0),
}


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_compressed_shards_hold_the_same_records(tmp_path: Path, suffix: str) -> None:
    data = corpus(500)
    path = tmp_path / f"a.jsonl{suffix}"
    compress = COMPRESS.get(suffix, bytes)
    path.write_bytes(compress(data[:40_000]) + compress(data[40_000:]))
    documents, letters, (result,) = read(path)
    assert [document.doc_id for document in documents] == [str(number) for number in range(500)]
    assert documents[3].record == data.index(b'{"id": 3,')
    assert letters == []
    assert (result.records, result.complete) == ({str(path): 500}, True)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("members", [1, 2])
def test_a_truncated_shard_keeps_what_stood_before_and_says_so(
    tmp_path: Path, suffix: str, members: int
) -> None:
    """Beam's own CompressedFile ends such a file without an error."""
    data = corpus(8000)
    packed = COMPRESS[suffix](data)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(packed * (members - 1) + packed[: len(packed) * 3 // 4])
    documents, letters, (result,) = read(path)
    before = 8000 * (members - 1)
    assert before + 8000 * 0.5 < len(documents) < before + 8000
    (letter,) = letters
    assert (letter.record, letter.raw, letter.error) == (None, None, "EOFError")
    assert letter.message == (
        f"The shard broke off after {len(documents)} records: the compressed stream ends too "
        "early: the file is truncated."
    )
    assert (result.records, result.complete) == ({str(path): len(documents)}, False)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("change", ["empty", "foreign", "trailing", "flipped", "one byte short"])
def test_a_damaged_shard_gives_one_dead_letter(tmp_path: Path, suffix: str, change: str) -> None:
    packed = COMPRESS[suffix](corpus(100))
    middle = len(packed) // 2
    data = {
        "empty": b"",
        "foreign": b'{"text": "not compressed"}\n',
        "trailing": packed + b"garbage",
        "flipped": packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :],
        "one byte short": packed[:-1],
    }[change]
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(data)
    _, letters, (result,) = read(path)
    broken = [letter for letter in letters if letter.record is None]
    assert len(broken) == 1
    assert "the compressed stream " in broken[0].message
    assert not result.complete


@pytest.mark.parametrize("suffix", COMPRESS)
def test_members_may_end_anywhere(suffix: str) -> None:
    """Beam's own CompressedFile fails where a second member begins with a block of reading."""
    data = corpus(300)
    # Of members of one byte so many that some begin with a block of reading, of 2048 bytes.
    for size, end in ((1, 4100), (997, 20_000), (4096, 20_000)):
        members = [COMPRESS[suffix](data[at : at + size]) for at in range(0, end, size)]
        stream = decompressed(io.BytesIO(b"".join(members)), f"x{suffix}")
        assert stream.read() == data[: len(members) * size]


@pytest.mark.parametrize("zeros", [1, 512, 10_000])
def test_zero_bytes_after_a_gzip_member_are_padding(zeros: int) -> None:
    """As in Python's gzip module and GNU gzip: tapes and block devices pad files with zeros."""
    member, padding = gzip.compress(corpus(10)), bytes(zeros)
    stream = decompressed(io.BytesIO((member + padding) * 2), "x.gz")
    assert stream.read() == corpus(10) * 2
    assert stream.read() == b""


@pytest.mark.parametrize("suffix", COMPRESS)
def test_only_zeros_after_a_gzip_member_are_padding(suffix: str) -> None:
    member, zeros = COMPRESS[suffix](b"a"), bytes(10_000)
    damaged = [zeros + member, member + zeros + b"garbage"]
    for data in damaged if suffix in {".gz", ".xz"} else [*damaged, member + zeros]:
        with pytest.raises(
            (OSError, EOFError), match=r"the compressed stream (is damaged|ends too)"
        ):
            decompressed(io.BytesIO(data), f"x{suffix}").read()


SKIPPABLE = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"aside"


def test_frames_and_skippable_frames_of_zstd_are_one_stream() -> None:
    """As pzstd and seekable zstd write them."""
    frame = zstandard.compress(corpus(10))
    for data in (SKIPPABLE + frame + SKIPPABLE + SKIPPABLE + frame, frame + frame + SKIPPABLE):
        assert decompressed(io.BytesIO(data), "a.zst").read() == corpus(10) * 2
    assert decompressed(io.BytesIO(SKIPPABLE), "a.zst").read() == b""


@pytest.mark.parametrize("zeros", [4, 8, 4096])
def test_streams_of_xz_may_be_padded(zeros: int) -> None:
    data = (lzma.compress(corpus(10)) + bytes(zeros)) * 2
    assert decompressed(io.BytesIO(data), "a.xz").read() == corpus(10) * 2


def long_window(suffix: str, megabytes: int) -> bytes:
    """What its tools write when they are asked for a window as large as that."""
    if suffix == ".zst":
        log = (megabytes * 2**20).bit_length() - 1
        parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=log)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        return packer.compress(corpus(10)) + packer.flush()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": megabytes * 2**20}]
    if suffix == ".lzma":
        # The dictionary that a header asks for, in bytes 1 to 4, is what a decoder sets aside.
        plain = lzma.compress(corpus(10), lzma.FORMAT_ALONE)
        return plain[:1] + (megabytes * 2**20).to_bytes(4, "little") + plain[5:]
    return lzma.compress(corpus(10), filters=filters)


@pytest.mark.parametrize("suffix", [".zst", ".xz", ".lzma"])
def test_a_long_window_is_read_with_the_flag_that_the_dead_letter_names(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(long_window(suffix, 512))
    documents, (letter,), (result,) = read(path)
    assert (documents, result.complete) == ([], False)
    assert letter.message == (
        "The shard broke off after 0 records: the compressed stream needs a window of more than "
        "128 MB: give --max_window_mb 512, which each process may then hold."
    )
    documents, letters, (result,) = read(path, max_window_mb=512)
    assert (len(documents), letters, result.complete) == (10, [], True)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst", ".xz"])
@pytest.mark.parametrize("stray", [b"\n", b"x", b"appended by hand, and long enough"])
def test_what_follows_a_stream_is_not_called_truncated(suffix: str, stray: bytes) -> None:
    """All that stands before it comes out."""
    stream = decompressed(io.BytesIO(COMPRESS[suffix](corpus(10)) + stray), f"x{suffix}")
    assert stream.read(len(corpus(10))) == corpus(10)
    with pytest.raises(OSError, match="damaged: what follows its end belongs to no such stream"):
        stream.read()
    cut = COMPRESS[suffix](corpus(10))
    with pytest.raises(EOFError, match="the file is truncated"):
        decompressed(io.BytesIO(cut + cut[:2]), f"x{suffix}").read()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl.gz", zstandard.compress(b"{}"), "The file is Zstandard: call it .zst."),
        ("a.jsonl.zst", gzip.compress(b"{}", mtime=0), "The file is gzip: call it .gz."),
        ("a.jsonl.xz", bz2.compress(b"{}"), "The file is bzip2: call it .bz2."),
        ("a.jsonl.bz2", b'{"text": "a"}', "If it is not compressed, take the extension away."),
    ],
)
def test_a_compression_under_the_name_of_another_is_told(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    _, (letter,), _ = read(tmp_path / name)
    assert "the compressed stream is damaged" in letter.message
    assert letter.message.endswith(message)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.lines", "a.csv", "a.txt"])
def test_a_decompression_bomb_breaks_the_shard_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, name: str
) -> None:
    """Also where it unpacks to blank lines, of which no record shows that something is amiss."""
    monkeypatch.setattr("pipeline.inputs.compression.BOMB_BYTES", 2**18)
    head = b"text\n" if name == "a.csv" else b""
    (tmp_path / f"{name}{suffix}").write_bytes(COMPRESS[suffix](head + b"\n" * 2**21))
    config = {"input_format": "lines"} if name == "a.lines" else {}
    documents, (letter,), (result,) = read(tmp_path / f"{name}{suffix}", **config)
    count = len(documents)
    assert result.records == ({str(tmp_path / f"{name}{suffix}"): count} if count else {})
    assert count == 0 or name == "a.lines"
    assert (letter.record, letter.error, result.complete) == (None, "ShardError", False)
    assert re.fullmatch(
        rf"The shard broke off after {count} records: [0-9,]+ compressed bytes hold more "
        r"than [0-9,]+: a decompression bomb \(over 128 MiB and 1,000-fold\), or else a file to "
        r"unpack before the run\.",
        letter.message,
    )


@pytest.mark.parametrize("suffix", COMPRESS)
def test_what_compresses_well_and_is_small_is_no_bomb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(COMPRESS[suffix](b'{"text": "Maria left Lisbon."}\n' * 20_000))
    documents, letters, (result,) = read(path)
    assert (len(documents), letters, result.complete) == (20_000, [], True)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_unpacking_holds_little_whatever_the_ratio(suffix: str) -> None:
    """Of bzip2 the 2 KiB that are read at a time may hold 2 GB; 130 MB is the most for zstd."""
    packed = COMPRESS[suffix](bytes(2**27))
    tracemalloc.start()
    stream = decompressed(io.BytesIO(packed * 4), f"a{suffix}")
    with pytest.raises(ShardError, match="a decompression bomb"):
        deque(iter(lambda: stream.read(2**20), b""), maxlen=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150_000_000
