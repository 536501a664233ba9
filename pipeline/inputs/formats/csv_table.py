"""The format `csv`: rows of comma-separated values below a header."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pipeline.inputs.formats.columns import missing_column
from pipeline.inputs.formats.large import LargeRecord, Scanner
from pipeline.inputs.formats.records import (
    Format,
    MissingColumnError,
    Record,
    RecordBuilder,
    ShardError,
    Values,
    encodable,
)
from schemas.errors import RecordError

# The largest field that the csv module takes; its default of 131,072 is short for documents.
_FIELD_LIMIT = 2**31 - 1
_OTHER_SEPARATORS = {";": "a semicolon", "\t": "a tab"}
# A carriage return at the end of a piece may be half a line break.
_LINE_END = re.compile(rb"\n|\r\n|\r(?=.)", re.DOTALL)
_FIELD_END = re.compile(rb",|\n|\r\n|\r(?=.)", re.DOTALL)
_FIELD = rb'(?:[^",\r\n][^,\r\n]*+|"[^"]*+(?:""[^"]*+)*+")?+'
# A row that is whole and well-formed, which is passed five times as fast as field by field.
_ROW = re.compile(rb"%s(?:,%s)*+(?:\n|\r\n|\r(?=.))" % (_FIELD, _FIELD), re.DOTALL)


def read_csv(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of comma-separated values with a header row in, one record for each row out.

    Blank lines are no rows, nor the header. An empty id is a missing one, since csv knows no null.
    Raises ShardError when the header lacks the text column, and when the file ends inside a quoted
    field: what follows the quote is then not one record, but what is left of many.
    """
    longest = builder.config.longest_record
    rows = CsvRows(stream)
    header = rows.header(longest)
    if header is None:
        return
    text_column = _column(header, builder.config.text_field, required=True)
    columns = [text_column, *(_column(header, name) for name in builder.names[1:])]

    def parse(raw: bytes) -> Values:
        try:
            row = parse_row(raw)
        except csv.Error as error:
            raise RecordError(f"The row is malformed: {error}.") from error
        if not encodable("".join(row)):
            raw.decode()  # which names the byte
        if len(row) != len(header):
            raise RecordError(f"The row has {len(row)} fields, the header has {len(header)}.")
        text, identity, *kept = [None if at is None else row[at] for at in columns]
        return Values(text, identity or None, tuple(kept))

    for number, raw in enumerate(rows.below(longest)):
        yield builder.record(number, raw, parse)


def parse_row(raw: bytes) -> list[str]:
    """The bytes of a row in, its fields out; raises csv.Error. What is not UTF-8 is escaped."""
    return next(csv.reader([raw.decode(errors="surrogateescape")], strict=True))


def _missing(stream: BinaryIO, builder: RecordBuilder) -> dict[str, str]:
    config = builder.config
    header = CsvRows(stream).header(config.longest_record)
    if header is None:
        raise ShardError("The file is empty.")
    _column(header, config.text_field, required=True)
    missing = [field for field in config.named_fields if field not in header]
    return {field: missing_column(field, header) for field in missing}


def _column(header: Sequence[str], name: str, *, required: bool = False) -> int | None:
    matches = [position for position, column in enumerate(header) if column == name]
    if len(matches) > 1:
        raise ShardError(f"The header names the column {name!r} {len(matches)} times.")
    if not matches and required:
        hint = _separator_hint(header[0]) if len(header) == 1 else ""
        raise MissingColumnError(missing_column(name, header, hint))
    return matches[0] if matches else None


def _separator_hint(header: str) -> str:
    """A header without the column that was sought in, what to add if its separator is another."""
    names = [name for sign, name in _OTHER_SEPARATORS.items() if sign in header]
    if not names or "," in header:
        return ""
    return (
        f" The separator seems to be {names[0]}, but csv is read with commas alone: convert the "
        "file first."
    )


class CsvRows(Scanner):
    """The bytes of rows, which end where the csv module would end them; blank lines are none."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        csv.field_size_limit(_FIELD_LIMIT)

    def header(self, longest: int) -> list[str] | None:
        """The fields of the first row, None of an empty file.

        Raises ShardError where it cannot be read, MissingColumnError if for its separator.
        """
        raw = self._row(longest)
        if isinstance(raw, LargeRecord):
            raise ShardError("The header is larger than --max_record_mb allows.")
        try:
            return parse_row(raw) if raw else None
        except csv.Error as error:
            hint = _separator_hint(raw.decode(errors="surrogateescape"))
            kind = MissingColumnError if hint else ShardError
            raise kind(f"The header cannot be read: {error}.{hint}") from error

    def below(self, longest: int) -> Iterator[bytes | LargeRecord]:
        """Each further row. Raises ShardError where the file ends inside a quoted field."""
        while raw := self._row(longest):
            if not self.complete and self._state == "quoted":
                raise ShardError("The file ends inside a quoted field.")
            yield raw

    def _row(self, longest: int) -> bytes | LargeRecord:
        while True:
            # "start" of a field, "plain" in one, "quoted" in one, at a "quote" in a quoted one, or
            # behind a quote that nothing but a comma may follow: then the row is "malformed".
            self._state = "start"
            raw = self.take(longest)
            if isinstance(raw, LargeRecord) or not raw or raw.strip(b"\r\n"):
                return raw

    def _pass(self) -> bool:
        if self._state == "start" and (row := _ROW.match(self._piece, self._at)):
            self._at = row.end()
            return True
        while self._at < len(self._piece):
            sign = self._piece[self._at : self._at + 1]
            if self._state == "quoted":
                quote = self._piece.find(b'"', self._at)
                self._at = quote + 1 or len(self._piece)
                self._state = "quote" if quote >= 0 else "quoted"
                continue
            if sign == b'"' and self._state in {"start", "quote"}:
                self._at += 1
                self._state = "quoted"
                continue
            if self._state == "quote" and sign not in b",\r\n":
                self._state = "malformed"
            ends = _LINE_END if self._state == "malformed" else _FIELD_END
            match = ends.search(self._piece, self._at)
            if match is None:
                self._state = "malformed" if self._state == "malformed" else "plain"
                self._at = len(self._piece) - self._piece.endswith(b"\r")
                return False
            self._at = match.end()
            if match[0] != b",":
                return True
            self._state = "start"
        return False


CSV = Format("csv", (".csv",), read_csv, columns=_missing)
