"""Records that are too large to be held: how they are passed over, and what is kept of them."""

from dataclasses import dataclass
from typing import BinaryIO

BOM = b"\xef\xbb\xbf"
PIECE = 2**20  # what is read at a time, in bytes or characters

# What gives more than both is a decompression bomb. Text compresses 3 to 10-fold, logs 100-fold;
# 1,000-fold is one thing over and over. 128 MiB of it are read within a minute, even if they are
# blank lines, of which no record would show that something is amiss.
BOMB_BYTES = 128 * 2**20
BOMB_RATIO = 1000
BOMB = (
    "{:,} compressed bytes hold more than {:,}: a decompression bomb (over 128 MiB and 1,000-fold),"
    " or else a file to unpack before the run."
)


@dataclass(frozen=True, slots=True)
class LargeRecord:
    """A record of more than `--max_record_mb`: its first bytes, and how many it has in all."""

    head: bytes
    size: int


def read_up_to(stream: BinaryIO, most: int) -> bytes:
    """The next bytes of the stream, at most so many; nothing is set aside for more than come."""
    pieces: list[bytes] = []
    while most > 0 and (piece := stream.read(min(PIECE, most))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


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


def pass_rest(stream: BinaryIO) -> int:
    """Read to the end of the stream, 1 MiB at a time; returns how many bytes that were."""
    passed = 0
    while piece := stream.read(PIECE):
        passed += len(piece)
    return passed
