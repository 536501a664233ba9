"""What the pages of a Parquet file would unpack to, seen while pyarrow reads them.

A page of a few KB may unpack to 2 GB, and one value of a dictionary may be that of every row. What
the footer says of sizes is no protection: it may be wrong. So the headers of the pages are read as
they pass, before pyarrow sets memory aside for them.
"""

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

from schemas.errors import ShardError

# A page of one MB is usual. While a page is read, about three times its size is held.
PAGE_BYTES = 384 * 2**20
# Of lists, one row may have all values of many pages: 30 bytes are held for each.
_LIST_VALUES = 2**24
# A row may hold all of such a page, and its neighbours may do so too.
LARGE_PAGE = 2**22
# Rows that are read at once may have so many bytes; more where it is the worst that could be, or
# else the usual dictionary of 1 MB would make it few rows.
_BATCH_BYTES = 2**26
_WORST_BYTES = 2**28

# Of the format's Thrift definition: kinds of pages, and encodings by which one value makes many.
_DICTIONARY_PAGE = 2
_DELTA_BYTE_ARRAY = 7
_DATA_HEADERS = {5: 2, 8: 4}  # of pages of version 1 and 2: which of its fields is the encoding
_DICTIONARY_HEADER = 7

# Thrift's compact types.
_BOOLEANS = (1, 2)
_BYTE, _DOUBLE, _BINARY, _STRUCT = 3, 7, 8, 12
_INTEGERS = (4, 5, 6)
_LISTS = (9, 10)
_DEPTH = 8


class HeavyPageError(Exception):
    """A page with which so many rows as are read at once could be too much.

    rows: how many would not be.
    """

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


@dataclass(slots=True)
class _Chunk:
    """The pages of a column in a row group: bytes to pass, and those of a header that is cut."""

    start: int
    to_pass: int = 0
    head: bytes = b""
    is_lost: bool = False


class PageWatch(io.RawIOBase):
    """A stream of a Parquet file; while it is on, pages too heavy for `rows` are errors.

    rows: how many are read at once, 0 while it is off. largest: the bytes of the largest page that
    one row may hold as a whole, and the next one again; repeated: most bytes that the values of
    such a page may come to. has_lists: whether a row may have several values of a column. Reading
    raises ShardError for a page of more than `most` bytes, HeavyPageError where fewer rows would
    do.
    """

    def __init__(self, stream: BinaryIO, most: int) -> None:
        super().__init__()
        self._stream = stream
        self._most = most
        self._values = 0
        self.has_lists = False
        self._chunks: dict[int, _Chunk] = {}  # by where they will be read on
        self._ends: dict[int, int] = {}  # by where they start
        self.rows = 0
        self.largest = 0
        self.repeated = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        if not self.rows:
            return self._stream.read(size)
        at = self._stream.tell()
        data = self._stream.read(size)
        chunk = self._chunks.pop(at, None) or _Chunk(at)
        self._chunks[at + len(data)] = chunk
        self._ends[chunk.start] = max(self._ends.get(chunk.start, 0), at + len(data))
        self._follow(chunk, data)
        return data

    def begin(self, rows: int) -> None:
        """Watch from here on, with so many rows at once; chunks are read from their start."""
        self.rows = rows
        self._chunks = {}
        self._values = 0

    def go_on(self) -> None:
        """Note that so many rows were read: what comes is of the next ones."""
        self._values = 0

    @property
    def stored(self) -> int:
        """How many bytes of the file were read."""
        return sum(end - start for start, end in self._ends.items())

    def _follow(self, chunk: _Chunk, data: bytes) -> None:
        """Go through the pages of the piece of a chunk; a header may begin in the piece before."""
        at = 0
        while at < len(data) and not chunk.is_lost:
            if chunk.to_pass:
                passed = min(chunk.to_pass, len(data) - at)
                chunk.to_pass -= passed
                at += passed
                continue
            head = chunk.head + data[at:]
            try:
                header, size = read_struct(head)
            except IndexError:  # it goes on in the next piece
                chunk.head = head
                return
            except ValueError:  # nor can pyarrow read it, which will say so
                chunk.is_lost = True
                return
            at += size - len(chunk.head)
            chunk.head = b""
            chunk.to_pass = max(_integer(header, 3), 0)
            self._weigh(header)

    def _weigh(self, header: dict[int, Any]) -> None:
        size = _integer(header, 2)
        values, is_shared = 0, _integer(header, 1) == _DICTIONARY_PAGE
        for number, encoding in _DATA_HEADERS.items():
            if isinstance(data := header.get(number), dict):
                values = _integer(data, 1)
                is_shared = _integer(data, encoding) == _DELTA_BYTE_ARRAY
        if size > self._most:
            raise ShardError(
                f"A page of a column unpacks to {size:,} bytes, more than the {self._most:,} that "
                "are held at once."
            )
        self._values += values
        if self.has_lists and self._values > _LIST_VALUES:
            if self.rows > 1:
                raise HeavyPageError(1)
            raise ShardError(f"The lists of a row hold up to {self._values:,} values.")
        if is_shared:
            self.largest = max(self.largest, size)
            self.repeated = max(self.repeated, size * values)
        a_row, most = size // max(values, 1), _BATCH_BYTES
        if is_shared:
            a_row, most = size, _WORST_BYTES
        if self.rows > 1 and a_row * self.rows > most:
            raise HeavyPageError(max(most // a_row, 1))


def _integer(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number, 0)
    return value if isinstance(value, int) else 0


def read_struct(data: bytes, at: int = 0, depth: int = 0) -> tuple[dict[int, Any], int]:
    """A struct in Thrift's compact protocol in; integers and structs by number, and its end, out.

    https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
    Raises IndexError where the data end within it, ValueError for what is none.
    """
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while True:
        head, at = data[at], at + 1
        if not head:
            return fields, at
        step, kind = head >> 4, head & 15
        if step:
            number += step
        else:
            number, at = _zigzag(data, at)
        fields[number], at = _value(data, at, kind, depth)


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _BOOLEANS:  # the type says which
        return None, at
    if kind in _INTEGERS:
        return _zigzag(data, at)
    if kind == _STRUCT:
        return read_struct(data, at, depth + 1)
    if kind == _BINARY:
        size, at = _varint(data, at)
        return None, _within(data, at + size)
    if kind in {_BYTE, _DOUBLE}:
        return None, _within(data, at + (1 if kind == _BYTE else 8))
    if kind not in _LISTS:
        raise ValueError(f"no type {kind} in the header of a page")
    size, kind = data[at] >> 4, data[at] & 15
    at += 1
    if size == 15:  # noqa: PLR2004 - then the size stands behind
        size, at = _varint(data, at)
    for _ in range(size):
        # A boolean of a list takes a byte of its own.
        _, at = _value(data, at, _BYTE if kind in _BOOLEANS else kind, depth + 1)
    return None, at


def _within(data: bytes, end: int) -> int:
    if end > len(data):
        raise IndexError(end)
    return end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at
        if shift > 63:  # noqa: PLR2004 - bits of the largest integer
            raise ValueError("an integer of more than 64 bits")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at
