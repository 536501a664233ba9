"""Compressed streams in, the bytes they hold out: gzip, bzip2 and Zstandard.

Beam's own `CompressedFile` (2.77) ends without a word where a stream is truncated, in all three
formats, and fails where a second member begins exactly at the end of a read block.
"""

import bz2
import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Protocol

import zstandard

from pipeline.inputs.formats import ShardError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

EXTENSIONS = (".gz", ".bz2", ".zst")

# A stream that gives more than both is a decompression bomb. Text compresses 3 to 10-fold, logs
# 100-fold; 1,000-fold is one thing over and over. 128 MiB of it are read within a minute, even if
# they are blank lines, of which no record would show that something is amiss.
BOMB_BYTES = 128 * 2**20
BOMB_RATIO = 1000
_BOMB = (
    "{:,} compressed bytes hold more than {:,}: a decompression bomb (over 128 MiB and 1,000-fold),"
    " or else a file to unpack before the run."
)

# Compressed bytes taken at a time. Small, since what comes out of them is held at once, and zstd
# can unpack 30,000-fold: 130 MB at most here, against 4 GB from 64 KiB. It costs a fifth of the
# speed: zstd 330 instead of 410 MB/s, gzip 170 instead of 225.
_STEP = 2048
_BUFFER = 256 * 1024


class _Decoder(Protocol):
    """What zlib, bz2 and zstandard call a decompression object."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Bzip2:
    """A decoder that stops after 256 KiB: the 2 KiB that it takes may unpack to 2 GB."""

    def __init__(self) -> None:
        self._decoder = bz2.BZ2Decompressor()

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    @property
    def needs_input(self) -> bool:
        return self._decoder.needs_input

    def decompress(self, data: bytes, /) -> bytes:
        return self._decoder.decompress(data, _BUFFER)


class _Decompressed(io.RawIOBase):
    """Reads all members of a compressed stream; a truncated one raises EOFError.

    A damaged one raises OSError, a decompression bomb ShardError. `padding` is the byte that may
    stand after a member, if any.
    """

    def __init__(
        self, stream: BinaryIO, decoder: Callable[[], _Decoder], padding: bytes = b""
    ) -> None:
        super().__init__()
        self._stream = stream
        self._new_decoder = decoder
        self._padding = padding
        self._decoder = decoder()
        self._pending = memoryview(b"")
        self._bytes_in = self._bytes_out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        while not self._pending:
            if self._decoder.eof:
                data = self._next_member()
                if not data:
                    return 0
                self._decoder = self._new_decoder()
            elif isinstance(self._decoder, _Bzip2) and not self._decoder.needs_input:
                data = b""
            else:
                data = self._read()
                if not data:
                    raise EOFError("the compressed stream ends too early: the file is truncated")
            try:
                self._pending = memoryview(self._decoder.decompress(data))
            except (zlib.error, zstandard.ZstdError, OSError) as error:
                raise OSError(f"the compressed stream is damaged: {error}") from error
            self._bytes_out += len(self._pending)
            if self._bytes_out > BOMB_BYTES and self._bytes_out > BOMB_RATIO * self._bytes_in:
                raise ShardError(_BOMB.format(self._bytes_in, self._bytes_out))
        target = memoryview(buffer)
        size = min(len(target), len(self._pending))
        target[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size

    def _read(self) -> bytes:
        data = self._stream.read(_STEP)
        self._bytes_in += len(data)
        return data

    def _next_member(self) -> bytes:
        """The first bytes of the member that follows, or none at the end of the stream."""
        data = self._decoder.unused_data.lstrip(self._padding)
        while not data:
            block = self._read()
            if not block:
                break
            data = block.lstrip(self._padding)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def compression_of(path: str) -> str:
    """A path in, its ".gz", ".bz2" or ".zst" out, or "" where it has none of these."""
    lowered = path.lower()
    return next((extension for extension in EXTENSIONS if lowered.endswith(extension)), "")


def decompressed(stream: BinaryIO, path: str) -> BinaryIO:
    """A binary stream in, a buffered one of what it holds out, by the extension of `path`.

    Closing the result closes `stream`. Reading raises EOFError where a compressed stream is
    truncated (an empty file too), OSError where it is damaged, and ShardError where it gives more
    than 128 MiB and 1,000 times its own size; all that stands before can be read first. Zero bytes
    after a member of gzip are padding.
    """
    decoders: dict[str, Callable[[], _Decoder]] = {
        ".gz": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
        ".bz2": _Bzip2,
        ".zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    }
    decoder = decoders.get(compression_of(path))
    if decoder is None:
        return stream
    # Tapes and block devices pad files with zeros; gzip's own tools skip them, the others do not.
    padding = b"\0" if compression_of(path) == ".gz" else b""
    return io.BufferedReader(_Decompressed(stream, decoder, padding), _BUFFER)
