"""The format `csv`: rows of comma-separated values below a header."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pipeline.inputs.formats.columns import missing_column
from pipeline.inputs.formats.large import PIECE, LargeRecord
from pipeline.inputs.formats.records import (
    DoubledColumnError,
    Format,
    MissingColumnError,
    Record,
    RecordBuilder,
    ShardError,
    Values,
    encodable,
)
from schemas.errors import RecordError
from schemas.records import RAW_BYTES

# The largest field that the csv module takes; its default of 131,072 is short for documents.
_FIELD_LIMIT = 2**31 - 1
_CUT_OFF = "The file ends inside a quoted field."
_OTHER_SEPARATORS = {";": "a semicolon", "\t": "a tab"}

Row = list[str] | LargeRecord | Exception


def read_csv(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of comma-separated values with a header row in, one record for each row out.

    Blank lines are no rows, nor the header. An empty id is a missing one, since csv knows no null.
    Raises ShardError when the header lacks the text column, and when the file ends inside a quoted
    field: what follows the quote is then not one record, but what is left of many.
    """
    config = builder.config
    rows = CsvRows(stream, config.longest_record)
    header = rows.header()
    if header is None:
        return
    text_column = _column(header, config.text_field, required=True)
    columns = [text_column, *(_column(header, name) for name in builder.names[1:])]
    builder.seen.look_at_columns(header, set(config.named_fields).difference(header))
    for number, row in enumerate(rows.below(len(header))):
        if isinstance(row, LargeRecord):
            yield builder.large(number, row)
            continue
        raw = rows.raw()
        if len(raw) > config.longest_record:
            yield builder.large(number, LargeRecord(raw, len(raw)))
        elif isinstance(row, Exception):
            yield builder.dead_letter(number, row, raw)
        else:
            text, identity, *kept = [None if at is None else row[at] for at in columns]
            yield builder.build(number, raw, Values(text, identity or None, tuple(kept)))


def _missing(stream: BinaryIO, builder: RecordBuilder) -> dict[str, str]:
    config = builder.config
    header = CsvRows(stream, config.longest_record).header()
    if header is None:
        raise ShardError("The file is empty.")
    for name in builder.names:
        _column(header, name, required=name == config.text_field)
    missing = [field for field in config.named_fields if field not in header]
    return {field: missing_column(field, header) for field in missing}


def _column(header: Sequence[str], name: str, *, required: bool = False) -> int | None:
    matches = [position for position, column in enumerate(header) if column == name]
    if len(matches) > 1:
        raise DoubledColumnError(name, len(matches))
    if not matches and required:
        hint = _separator_hint(header[0]) if len(header) == 1 else ""
        raise MissingColumnError(missing_column(name, header, hint))
    return matches[0] if matches else None


class CsvRows:
    """The rows of a stream, the first of which is the header; blank lines are none.

    Of a row of more than `longest` bytes, no more than these are held.
    """

    def __init__(self, stream: BinaryIO, longest: int) -> None:
        csv.field_size_limit(_FIELD_LIMIT)
        self._lines = _Lines(stream, longest)
        self._rows = csv.reader(self._lines, strict=True)

    def header(self) -> list[str] | None:
        """The header, None of an empty file.

        Raises ShardError where it cannot be read, MissingColumnError if for its separator.
        """
        try:
            while (row := next(self._rows, None)) == []:
                self._lines.begin_row()
        except csv.Error as error:
            hint = _separator_hint("".join(self._lines.taken))
            kind = MissingColumnError if hint else ShardError
            raise kind(f"The header cannot be read: {error}.{hint}") from error
        except _LargeRowError as error:
            raise ShardError("The header is larger than --max_record_mb allows.") from error
        return row

    def below(self, width: int) -> Iterator[Row]:
        """Each row below the header, of `width` fields, or what is wrong with it.

        Raises ShardError where the file ends inside a quoted field.
        """
        while True:
            self._lines.begin_row()
            try:
                row = next(self._rows, None)
                if row is None:
                    return
                if not row:
                    continue
                # Bytes that are not UTF-8 came through as surrogates; decoding names the byte.
                if not encodable("".join(row)):
                    self.raw().decode()
                if len(row) != width:
                    raise RecordError(f"The row has {len(row)} fields, the header has {width}.")
            except _LargeRowError:
                yield self._lines.pass_row()
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    raise ShardError(_CUT_OFF) from error
                yield RecordError(f"The row is malformed: {error}.")
            except (RecordError, UnicodeDecodeError) as error:
                yield error
            else:
                yield row

    def raw(self) -> bytes:
        """The bytes of the present row, exactly as they stand in the file."""
        return _bytes("".join(self._lines.taken))


def _separator_hint(header: str) -> str:
    """A header without the column that was sought in, what to add if its separator is another."""
    names = [name for sign, name in _OTHER_SEPARATORS.items() if sign in header]
    if not names or "," in header:
        return ""
    return (
        f" The separator seems to be {names[0]}, but csv is read with commas alone: convert the "
        "file first."
    )


class _LargeRowError(Exception):
    """The present row is larger than allowed, and was not read to its end."""


class _Lines:
    """Hands lines of text to the csv reader, and keeps those that the present row is made of."""

    def __init__(self, stream: BinaryIO, longest: int) -> None:
        self._text = io.TextIOWrapper(
            stream, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        self._most = longest + 1  # characters; no row has more of them than bytes
        self.begin_row()

    def begin_row(self) -> None:
        self.taken: list[str] = []
        self._room = self._most

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._room)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._room -= len(line)
        if self._room <= 0:
            raise _LargeRowError
        return line

    def pass_row(self) -> LargeRecord:
        """Read to the end of the present row, a piece at a time."""
        quotes = _Quotes()
        for line in self.taken:
            quotes.follow(line)
        start = _bytes("".join(self.taken))
        size, line = len(start), self.taken[-1]
        while quotes.open or not line.endswith(("\r", "\n")):
            line = self._text.readline(PIECE)
            if not line:
                if quotes.open:
                    raise ShardError(_CUT_OFF)
                break
            size += len(_bytes(line))
            quotes.follow(line)
        return LargeRecord(start[:RAW_BYTES], size)


class _Quotes:
    """Follows a row as the csv module reads it, piece by piece: `open` while inside of quotes.

    A row ends with the first line that does not end inside of them.
    """

    def __init__(self) -> None:
        # "start" of a field, "plain" in one, "quoted" in one, at a "quote" in a quoted one, or
        # behind a quote that nothing but a comma may follow: then the row is "malformed".
        self._at = "start"

    @property
    def open(self) -> bool:
        return self._at == "quoted"

    def follow(self, piece: str) -> None:
        position = 0
        while position < len(piece) and self._at != "malformed":
            if self._at in {"start", "quote"} and piece[position] == '"':
                self._at, found = "quoted", position
            elif self._at == "quote" and piece[position] != ",":
                self._at, found = "malformed", position
            else:
                sought, following = ('"', "quote") if self.open else (",", "start")
                found = piece.find(sought, position)
                self._at = following if found >= 0 else "quoted" if self.open else "plain"
            position = found + 1 if found >= 0 else len(piece)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


CSV = Format("csv", (".csv",), read_csv, columns=_missing)
