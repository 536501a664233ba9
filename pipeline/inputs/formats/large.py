"""Records that are too large to be held: how they are passed over, and what is kept of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

PIECE = 2**20  # what is read at a time, in bytes or characters


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


def pass_line(
    readline: Callable[[int], bytes], newline: bytes = b"\n", most: int | None = None
) -> int:
    """Read to the end of the line, or `most` bytes where it is longer; returns how many that were.

    Whatever the length of the line, 1 MiB of it is held.
    """
    passed = 0
    while most is None or passed < most:
        piece = readline(PIECE if most is None else min(PIECE, most - passed))
        passed += len(piece)
        if not piece or (piece.endswith(newline) and len(piece) % len(newline) == 0):
            break
    return passed


def pass_rest(stream: BinaryIO) -> int:
    """Read to the end of the stream, 1 MiB at a time; returns how many bytes that were."""
    passed = 0
    while piece := stream.read(PIECE):
        passed += len(piece)
    return passed
