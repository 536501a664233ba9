"""Records that may be too large to be held: how they are passed over, and what is kept of them."""

import io
from dataclasses import dataclass
from typing import BinaryIO, cast

from schemas.records import RAW_BYTES

BOM = b"\xef\xbb\xbf"
PIECE = 2**20  # bytes that are read at a time


@dataclass(frozen=True, slots=True)
class LargeRecord:
    """A record of more than `--max_record_mb`: its first bytes, and how many it has in all."""

    head: bytes
    size: int


def pass_line(stream: BinaryIO, most: int | None = None) -> int:
    """Read to the end of the line, or `most` bytes where it is longer; returns how many that were.

    Whatever the length of the line, 1 MiB of it is held.
    """
    passed = 0
    while most is None or passed < most:
        piece = stream.readline(PIECE if most is None else min(PIECE, most - passed))
        passed += len(piece)
        if not piece or piece.endswith(b"\n"):
            break
    return passed


def buffered(stream: BinaryIO) -> io.BufferedReader:
    """The stream itself where it is buffered, as those of `open_shard` are."""
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(cast("io.RawIOBase", stream))


class Scanner:
    """Goes through a stream a piece at a time, and takes records from it: here, all there is.

    Of a record it holds no more than is allowed, and a piece. A byte order mark is passed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = buffered(stream)
        has_mark = self._stream.peek().startswith(BOM)
        self._before = len(self._stream.read(len(BOM))) if has_mark else 0
        self._piece, self._at = b"", 0
        self.complete = False

    @property
    def offset(self) -> int:
        """How many bytes of the stream were passed."""
        return self._before + self._at

    def take(self, longest: int) -> bytes | LargeRecord:
        """Pass all up to the end that `_pass` finds (then `complete`), or that of the stream."""
        taken, size, more = bytearray(), 0, True
        while True:
            start = self._at
            self.complete = self._pass()
            if not self.complete and not more:
                self._at = len(self._piece)
            size += self._at - start
            if len(taken) <= max(longest, RAW_BYTES):
                taken += self._piece[start : self._at]
            if self.complete or not more:
                break
            more = self._read()
        return bytes(taken) if size <= longest else LargeRecord(bytes(taken[:RAW_BYTES]), size)

    def _pass(self) -> bool:
        """Pass what is wanted of the piece; returns whether its end is among it.

        Half of a sign may be left over, to be seen with what follows it.
        """
        self._at = len(self._piece)
        return False

    def _read(self) -> bool:
        """Add a piece of the stream to what is left of the last; False if there is none."""
        self._stream.peek()  # fills its buffer; `read1` alone asks an object store for each piece
        piece = self._stream.read1(PIECE)
        self._before += self._at
        self._piece, self._at = self._piece[self._at :] + piece, 0
        return bool(piece)
