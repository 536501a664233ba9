"""Lines of text in, the rows that the csv module makes of them out, each with its very bytes."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import BinaryIO, cast

from pipeline.inputs.encodings import UTF8, Encoding
from pipeline.inputs.formats.csv.quotes import Quotes, lines_before_rows
from pipeline.inputs.formats.large import PIECE, LargeRecord
from pipeline.inputs.formats.records import encodable
from schemas.errors import RecordError, ShardError
from schemas.records import RAW_BYTES

# The largest field that the csv module takes; its default of 131,072 is short for documents.
_FIELD_LIMIT = 2**31 - 1
_CUT_OFF = "The file ends inside a quoted field."
_JOINED = "The row begins with a byte order mark: files were joined there."
_REPEATED = "The row repeats the header: files were joined there."
_NO_END = "The row has a quote that does not end; the rows behind it were read."
_MARK = "\ufeff"
_ESCAPING, _ESCAPED = "gleaner-bytes", 0xDC00  # plus a byte: what no encoding decodes to
_ESCAPES = re.compile("([\udc00-\udcff]+)")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?")  # what Excel reads and other programs write for it

# What a row may have, which Python holds as objects of 60 bytes each.
MOST_LINES = 4_000_000
_MOST_FIELDS = 4_000_000
_LONG_LINE = 2**20  # characters; shorter ones have few fields
_QUOTED = re.compile(r'"[^"]*+"')

Row = list[str] | LargeRecord | Exception


class CsvRows:
    """The rows of a stream, the first of which is the header; blank lines are none.

    Of a row of more than `longest` bytes, no more than these are held. separator: found with the
    header.
    """

    def __init__(
        self, stream: BinaryIO, longest: int, encoding: Encoding = UTF8, escape: str = ""
    ) -> None:
        csv.field_size_limit(_FIELD_LIMIT)
        self.separator = ","
        self._escape = escape
        self._encoding = encoding
        self._lines = _Lines(stream, longest, encoding, lambda: self.separator)

    def header(self, separators: Sequence[str] = (",",), wanted: str = "") -> list[str] | None:
        """The header, None of an empty file, read with the first separator that gives `wanted`.

        Or else with that which gives the most fields. Of several, a line `sep=;` before the header
        chooses. Raises ShardError where it cannot be read.
        """
        line = self._first_line()
        if len(separators) > 1 and (match := _SEPARATOR_LINE.fullmatch(line)):
            separators = (match[1],)
            line = self._first_line()
        if not line:
            return None
        headers: dict[str, list[str]] = {}
        problems: list[ShardError] = []
        for self.separator in separators:
            self._lines.again()
            try:
                headers[self.separator] = next(self._reader())
            except csv.Error as error:
                problems.append(ShardError(f"The header cannot be read: {error}."))
            except RecordError as error:
                problems.append(ShardError(str(error).replace("row", "header")))
            except _LargeRowError:
                problems.append(ShardError("The header is larger than --max_record_mb allows."))
            else:
                if wanted in headers[self.separator]:
                    return headers[self.separator]
        if not headers:
            raise problems[0]
        self.separator = max(headers, key=lambda separator: len(headers[separator]))
        self._lines.again()
        return next(self._reader())

    def _first_line(self) -> str:
        try:
            return self._lines.first_of_row()
        except RecordError as error:
            raise ShardError(str(error).replace("row", "header")) from error

    def _reader(self) -> Iterator[list[str]]:
        escape = self._escape or None
        return csv.reader(self._lines, delimiter=self.separator, escapechar=escape, strict=True)

    def below(self, header: Sequence[str]) -> Iterator[Row]:
        """Each row below the header, of as many fields, or what is wrong with it.

        A row with a quote that does not end ends before the next line that is a whole row, where
        those behind it show that they are rows (`lines_before_rows`). Raises ShardError where the
        file ends inside a quoted field.
        """
        rows, width = self._reader(), len(header)
        while True:
            self._lines.begin_row()
            try:
                row = next(rows, None)
                if row is None:
                    return
                if row:
                    self._require_whole(row, width)
                    if row == header and width > 1:  # one word alone may be a text
                        raise RecordError(_REPEATED)
                    yield row
            except _LargeRowError:
                if self._end_before_rows(width):
                    yield RecordError(_NO_END)
                else:
                    yield self._lines.pass_row(Quotes(self.separator, self._escape))
            except csv.Error as error:
                if self._end_before_rows(width):
                    yield RecordError(_NO_END)
                elif "unexpected end of data" in str(error):
                    raise ShardError(_CUT_OFF) from error
                else:
                    yield RecordError(f"The row is malformed: {error}.")
            except (RecordError, UnicodeDecodeError) as error:
                yield error

    def _require_whole(self, row: list[str], width: int) -> None:
        joined = "".join(row)
        if not joined.isascii():
            # Bytes that do not decode came through as surrogates; decoding names the byte.
            if not encodable(joined):
                self._encoding.decode(self.raw())
                raise RecordError(f"The record is not valid {self._encoding.name.upper()}.")
            if self._lines.taken[0].startswith(_MARK):
                raise RecordError(_JOINED)
        if len(row) != width:
            raise RecordError(f"The row has {len(row)} fields, the header has {width}.")

    def _end_before_rows(self, width: int) -> bool:
        """End the present row before those that its quote swallowed, if it did."""
        lines = self._lines.taken
        count = lines_before_rows(lines, width, self.separator, self._escape)
        if count:
            self._lines.again(count)
        return count > 0

    def raw(self) -> bytes:
        """The bytes of the present row, exactly as they stand in the file."""
        return self._lines.bytes_of("".join(self._lines.taken))


class _LargeRowError(Exception):
    """The present row is larger than allowed, and was not read to its end."""


class _Lines:
    """Hands lines of text to the csv reader, and keeps those that the present row is made of."""

    def __init__(
        self, stream: BinaryIO, longest: int, encoding: Encoding, separator: Callable[[], str]
    ) -> None:
        self._encoding = encoding
        self._separator = separator
        self._text = io.TextIOWrapper(
            _without_mark(stream, encoding.mark),
            encoding=encoding.name,
            errors="surrogateescape" if encoding == UTF8 else _ESCAPING,
            newline="",
        )
        self._most = longest + 1  # characters; no row has more of them than bytes
        self._coming: deque[str] = deque()
        self.begin_row()

    def begin_row(self) -> None:
        self.taken: list[str] = []
        self._room = self._most

    def again(self, kept: int = 0) -> None:
        """Of the lines of the present row, hand out all but the first `kept` once more."""
        self._coming.extendleft(reversed(self.taken[kept:]))
        kept_lines = self.taken[:kept]
        self.begin_row()
        self.taken += kept_lines

    def first_of_row(self) -> str:
        """The first line that is not blank, of a new row; nothing at the end."""
        while True:
            self.begin_row()
            try:
                line = next(self, "")
            except _LargeRowError:
                return self.taken[-1]
            if line.strip("\r\n") or not line:
                return line

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again() if self._coming else self._text.readline(self._room)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._room -= len(line)
        if self._room <= 0 or len(self.taken) > MOST_LINES:
            raise _LargeRowError
        if len(line) > _LONG_LINE:
            self._require_few_fields(line)
        return line

    def _require_few_fields(self, line: str) -> None:
        sign = self._separator()
        fields = line.count(sign)
        if fields > _MOST_FIELDS:
            fields -= sum(line.count(sign, *quoted.span()) for quoted in _QUOTED.finditer(line))
        if fields > _MOST_FIELDS:
            raise RecordError(f"The row has more than {_MOST_FIELDS:,} fields.")

    def _again(self) -> str:
        line = self._coming.popleft()
        if self._coming or line.endswith(("\r", "\n")):
            return line
        return line + self._text.readline(max(self._room - len(line), 0))

    def bytes_of(self, text: str) -> bytes:
        """The bytes that text of the stream had there."""
        if self._encoding == UTF8:
            return text.encode("utf-8", "surrogateescape")
        pieces = _ESCAPES.split(text)  # what decoded, and what did not, by turns
        kept = [piece.encode(self._encoding.name) for piece in pieces[::2]]
        bad = [bytes(ord(sign) - _ESCAPED for sign in piece) for piece in pieces[1::2]]
        return b"".join(piece for pair in zip_longest(kept, bad, fillvalue=b"") for piece in pair)

    def pass_row(self, quotes: Quotes) -> LargeRecord:
        """Read to the end of the present row, a piece at a time."""
        for line in self.taken:
            quotes.follow(line)
        start = self.bytes_of("".join(self.taken))
        size = len(start)
        while not quotes.ended:
            line = self._text.readline(PIECE)
            if not line:
                if quotes.open:
                    raise ShardError(_CUT_OFF)
                break
            size += len(self.bytes_of(line))
            quotes.follow(line)
        return LargeRecord(start[:RAW_BYTES], size)


def _without_mark(stream: BinaryIO, mark: bytes) -> BinaryIO:
    buffered = cast("io.BufferedReader", stream)
    if mark and buffered.peek(len(mark)).startswith(mark):
        buffered.read(len(mark))
    return stream


def _escape_bytes(error: UnicodeError) -> tuple[str, int]:
    """As `surrogateescape`, for bytes below 0x80 too, which most encodings cannot do without."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(_ESCAPED + byte) for byte in bad), error.end


codecs.register_error(_ESCAPING, _escape_bytes)
