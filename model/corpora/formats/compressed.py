"""What a compressed labelled file holds: gzip, bzip2, xz or Zstandard, known by its first bytes."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import zstandard

from model.corpora.faults import broken

# More than both is no labelled file but a decompression bomb, or one thing over and over.
_MOST_BYTES = 128 * 2**20
_MOST_RATIO = 1000
_STEP = 2048  # bytes taken at a time, since what comes out of them is held at once
_BUFFER = 2**18


@dataclass(frozen=True)
class _Compression:
    """most: how much its decoder gives at most, where it can be told so."""

    name: str
    decoder: Callable[[], Any]
    most: tuple[int, ...] = ()


_COMPRESSIONS: Mapping[bytes, _Compression] = {
    b"\x1f\x8b": _Compression("gzip", lambda: zlib.decompressobj(zlib.MAX_WBITS | 16)),
    b"BZh": _Compression("bzip2", bz2.BZ2Decompressor, (_BUFFER,)),
    b"\xfd7zXZ\x00": _Compression("xz", lzma.LZMADecompressor, (_BUFFER,)),
    b"\x28\xb5\x2f\xfd": _Compression(
        "zstandard", lambda: zstandard.ZstdDecompressor().decompressobj()
    ),
}
# What tells a bzip2 file from a word that begins with BZh: its first block, or its end.
_BZIP2 = (b"1AY&SY", b"\x17rE8P\x90")


def unpack(path: str, stored: bytes) -> tuple[bytes, str | None]:
    """The bytes that a file holds, and the name of its compression; of others the bytes themselves.

    Raises CorpusError for a file that is cut off, damaged or far too large.
    """
    compression = _compression_of(stored)
    if compression is None:
        return stored, None
    most = max(_MOST_BYTES, _MOST_RATIO * len(stored))
    unpacked = bytearray()
    try:
        for piece in _pieces(stored, compression):
            unpacked += piece
            if len(unpacked) > most:
                reason = f"the {compression.name} file holds more than {most:,} bytes"
                raise broken(path, 1, f"{reason}: unpack it, and see what is in it")
    except EOFError as error:
        raise broken(path, 1, f"the {compression.name} file is cut off") from error
    except (OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        reason = str(error).partition("\n")[0]
        raise broken(path, 1, f"the {compression.name} file is damaged: {reason}") from error
    return bytes(unpacked), compression.name


def _pieces(stored: bytes, compression: _Compression) -> Iterator[bytes]:
    """What all members of a file hold; raises EOFError where the last one has no end."""
    position = 0
    while position < len(stored):
        decoder = compression.decoder()
        while not decoder.eof:
            data = b""
            if getattr(decoder, "needs_input", True):
                if position >= len(stored):
                    raise EOFError
                data = stored[position : position + _STEP]
                position += len(data)
            yield decoder.decompress(data, *compression.most)
        position -= len(decoder.unused_data)
        while stored[position : position + 1] == b"\0":  # gzip's own tools skip such padding
            position += 1


def _compression_of(stored: bytes) -> _Compression | None:
    for magic, compression in _COMPRESSIONS.items():
        if stored.startswith(magic):
            is_text = magic == b"BZh" and stored[4:10] not in _BZIP2
            return None if is_text else compression
    return None
