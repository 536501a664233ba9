"""Compressed streams in, the bytes they hold out: gzip, bzip2, Zstandard and xz.

Beam's own `CompressedFile` (2.77) ends without a word where a stream is truncated, in all three
formats, and fails where a second member begins exactly at the end of a read block.
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import zstandard

from pipeline.inputs.contents import HEAD, no_text
from schemas.errors import ShardError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A stream that gives more than both is a decompression bomb. Text compresses 3 to 10-fold, logs
# 100-fold; 1,000-fold is one thing over and over. 128 MiB of it are read within a minute, even if
# they are blank lines, of which no record would show that something is amiss.
BOMB_BYTES = 128 * 2**20
BOMB_RATIO = 1000
BOMB = (
    "{:,} compressed bytes hold more than {:,}: a decompression bomb (over 128 MiB and 1,000-fold),"
    " or else a file to unpack before the run."
)

# What the decoders of zstd and xz may hold of what they gave, in MiB: as much as zstd's own tools
# take without being asked, and more than `xz -9` does.
WINDOW_MB = 128
MOST_WINDOW_MB = 2048
_MB = 2**20
_TOO_LARGE = (
    "the compressed stream needs a window of more than {} MB: give --max_window_mb {}, which each "
    "process may then hold"
)

_TRUNCATED = "the compressed stream ends too early: the file is truncated"
_STRAY = "the compressed stream is damaged: what follows its end belongs to no such stream"

# Compressed bytes taken at a time. Small, since what comes out of them is held at once, and zstd
# can unpack 30,000-fold: 130 MB at most here, against 4 GB from 64 KiB. It costs a fifth of the
# speed: zstd 330 instead of 410 MB/s, gzip 170 instead of 225.
_STEP = 2048
_BUFFER = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Codec:
    """A compression: its decoder, how much that gives at most, and what may pad its members.

    decoder: from the MiB of its window; what zlib, bz2 and zstandard call a decompression object.
    starts: what its files begin with, one of these; any where there are none.
    """

    decoder: Callable[[int], Any]
    most: tuple[int, ...] = ()
    padding: bytes = b""
    starts: tuple[bytes, ...] = (b"",)


_CODECS = {
    # Tapes and block devices pad files with zeros; gzip's own tools skip them, the others do not.
    ".gz": _Codec(
        lambda _: zlib.decompressobj(zlib.MAX_WBITS | 16), padding=b"\0", starts=(b"\x1f\x8b",)
    ),
    # It stops after 256 KiB: the 2 KiB that it takes may unpack to 2 GB.
    ".bz2": _Codec(lambda _: bz2.BZ2Decompressor(), most=(_BUFFER,), starts=(b"BZh",)),
    ".zst": _Codec(
        lambda mb: zstandard.ZstdDecompressor(max_window_size=mb * _MB).decompressobj(),
        starts=(b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))),
    ),
    # Its streams may have zeros between them too.
    ".xz": _Codec(
        lambda mb: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=(mb + 1) * _MB),
        most=(_BUFFER,),
        padding=b"\0",
        starts=(b"\xfd7zXZ\0",),
    ),
    ".lzma": _Codec(
        lambda mb: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=(mb + 1) * _MB),
        most=(_BUFFER,),
    ),
}
EXTENSIONS = tuple(_CODECS)


def _unpacked(stream: BinaryIO, codec: _Codec, window_mb: int) -> Iterator[bytes]:
    """What all members of a compressed stream hold, in pieces.

    Raises EOFError for a truncated stream, OSError for a damaged one, ShardError for a bomb.
    """
    bytes_in = bytes_out = members = 0
    decoder, head = codec.decoder(window_mb), b""
    while True:
        data = b""
        if decoder.eof:
            data = decoder.unused_data.lstrip(codec.padding)
            while not data:
                block = stream.read(_STEP)
                if not block:
                    return
                bytes_in += len(block)
                data = block.lstrip(codec.padding)
            decoder, head = codec.decoder(window_mb), b""
            members += 1
        elif getattr(decoder, "needs_input", True):
            data = stream.read(_STEP)
            bytes_in += len(data)
            if not data:
                is_stray = members and _is_stray(head, codec)
                raise OSError(_STRAY) if is_stray else EOFError(_TRUNCATED)
        head = head or data
        try:
            piece = decoder.decompress(data, *codec.most)
        except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError) as error:
            message = f"the compressed stream is damaged: {error}"
            if needed := _window_needed(codec, head, window_mb, error):
                message = _TOO_LARGE.format(window_mb, needed)
            elif members and _is_stray(head, codec):
                message = _STRAY
            elif not bytes_out and not head.startswith(codec.starts):
                kind = no_text(head[:HEAD]) or "If it is not compressed, take the extension away."
                message = f"the compressed stream is damaged: it begins as no such one does. {kind}"
            raise OSError(message) from error
        bytes_out += len(piece)
        if bytes_out > BOMB_BYTES and bytes_out > BOMB_RATIO * bytes_in:
            raise ShardError(BOMB.format(bytes_in, bytes_out))
        if piece:
            yield piece


def _is_stray(head: bytes, codec: _Codec) -> bool:
    """Whether what stands behind a member begins as none does, nor is the beginning of one."""
    return not any(head.startswith(start) or start.startswith(head) for start in codec.starts)


def _window_needed(codec: _Codec, head: bytes, window_mb: int, error: Exception) -> int | None:
    """The MiB of the window with which the beginning of a member can be read, if that is all."""
    while "memory" in str(error).lower() and window_mb < MOST_WINDOW_MB:
        window_mb = min(2 * window_mb, MOST_WINDOW_MB)
        try:
            codec.decoder(window_mb).decompress(head, *codec.most)
        except (zstandard.ZstdError, lzma.LZMAError) as again:
            error = again
        else:
            return window_mb
    return None


class _Decompressed(io.RawIOBase):
    """The pieces as a stream; what stands before an error is read before it is raised."""

    def __init__(self, stream: BinaryIO, codec: _Codec, window_mb: int) -> None:
        super().__init__()
        self._stream = stream
        self._pieces = _unpacked(stream, codec, window_mb)
        self._pending = memoryview(b"")
        self._error: Exception | None = None
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        target, size = memoryview(buffer), 0
        while size < len(target) and (self._pending or self._take()):
            piece = self._pending[: len(target) - size]
            target[size : size + len(piece)] = piece
            self._pending = self._pending[len(piece) :]
            size += len(piece)
        if self._error and not size:
            raise self._error
        self._position += size
        return size

    def _take(self) -> bool:
        try:
            self._pending = memoryview(next(self._pieces, b""))
        except Exception as error:  # noqa: BLE001 - it is raised once all before it was read
            self._error = error
        return len(self._pending) > 0

    def close(self) -> None:
        self._stream.close()
        super().close()


def compression_of(path: str) -> str:
    """A path in, the extension out that says how it is compressed, "" where it is not."""
    extension = path[path.rfind(".") :].lower()
    return extension if extension in _CODECS else ""


def decompressed(stream: BinaryIO, path: str, window_mb: int = WINDOW_MB) -> BinaryIO:
    """A binary stream in, a buffered one of what it holds out, by the extension of `path`.

    Closing the result closes `stream`. Reading raises EOFError where a compressed stream is
    truncated (an empty file too), OSError where it is damaged, and ShardError where it gives more
    than 128 MiB and 1,000 times its own size; all that stands before can be read first. Zero bytes
    after a member of gzip or xz are padding. window_mb: what zstd and xz may need.
    """
    codec = _CODECS.get(compression_of(path))
    return io.BufferedReader(_Decompressed(stream, codec, window_mb), _BUFFER) if codec else stream
