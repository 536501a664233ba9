"""Files of terms in, their rows out as they stand there, with the file and line of each."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from schemas.errors import UsageError

Policy = Literal["add", "override", "forbid"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
Case = Literal["any", "exact"]
CASES: tuple[Case, ...] = get_args(Case)

REQUIRED = ("term", "label")
COLUMNS = (*REQUIRED, "id", "case", "policy")

_LONGEST_FIELD = 2**31 - 1  # Python's csv takes 131,072 characters, Arrow's any number
_ROW = re.compile(r"Row #(\d+): ")  # as Arrow's csv counts them: the header is the first
_SIGNS = ";\t|"  # that other programs part columns by


class TermRows(NamedTuple):
    """The rows of one file; line: of the first, for what is a line of text.

    columns: those of COLUMNS, text without nulls; what a row leaves out is empty.
    """

    file: str
    columns: pa.Table
    unknown: Sequence[str]  # columns of other names
    line_of: Callable[[int], str]  # what a row is called, by its number from 0

    def place(self, row: int) -> str:
        """A row as messages name it."""
        return f"{self.file}{self.line_of(row)}"


class _Entry(msgspec.Struct):
    """A line of JSON; other keys are passed over."""

    term: str
    label: str
    id: str | int | None = None
    case: str | None = None
    policy: str | None = None


class _OnlyEntry(_Entry, forbid_unknown_fields=True):
    """A line of JSON without other keys."""


def read_rows(name: str, data: bytes) -> TermRows:
    """The rows of a file by the extension of its name: csv, jsonl or parquet.

    Raises UsageError, with the line where there is one, for what cannot be read so.
    """
    extension = name.rpartition(".")[2].lower()
    reader = _READERS.get(extension)
    if reader is None:
        raise UsageError(f"{name} is none of {', '.join(f'.{known}' for known in _READERS)}")
    try:
        rows = reader(name, data)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8") from error
    except pa.ArrowException as error:
        raise UsageError(f"{name} cannot be read: {' '.join(str(error).split())}") from error
    if not len(rows.columns):
        raise UsageError(f"{name} holds no term")
    return rows


def _csv_rows(name: str, data: bytes) -> TermRows:
    header = next(filter(None, csv.reader(_lines_of(data))), None)
    if header is None:
        raise UsageError(f"{name} holds no term")
    if len(header) == 1 and (sign := next((sign for sign in _SIGNS if sign in header[0]), "")):
        raise UsageError(f"{name} has columns with {sign!r} between them, expected ','")
    try:
        try:
            table = _read_csv(data, header)
        except pa.ArrowInvalid:  # one thread alone says which row is at fault
            table = _read_csv(data, header, threads=False)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{name}{_in_words(error, data)}") from error
    return _rows(name, table, lambda row: f":{_line_of_csv(data, row)}")


def _read_csv(data: bytes, header: Sequence[str], *, threads: bool = True) -> pa.Table:
    return pa.csv.read_csv(
        io.BytesIO(data),
        read_options=pa.csv.ReadOptions(use_threads=threads),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        ),
    )


def _lines_of(data: bytes) -> Iterator[str]:
    csv.field_size_limit(_LONGEST_FIELD)
    return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")


def _line_of_csv(data: bytes, row: int) -> int:
    """The line on which a row begins, which may follow rows of several lines and empty lines."""
    reader = csv.reader(_lines_of(data))
    begin = 1
    wanted = row + 1  # behind the header
    for fields in reader:
        if fields:
            if not wanted:
                return begin
            wanted -= 1
        begin = reader.line_num + 1
    return begin


def _in_words(error: pa.ArrowInvalid, data: bytes) -> str:
    """What Arrow says of a csv, in one line behind its name."""
    message = " ".join(str(error).removeprefix("CSV parse error: ").split())
    if message.startswith("Empty CSV file"):  # nothing ends the line of the header
        return " holds no term"
    row = _ROW.match(message)
    if row is None:
        return f": {message}"
    return f":{_line_of_csv(data, int(row[1]) - 2)}: {message[row.end() :]}"


def _jsonl_rows(name: str, data: bytes) -> TermRows:
    usual, decoder = msgspec.json.Decoder(_OnlyEntry), msgspec.json.Decoder(_Entry)
    entries: list[_Entry] = []
    lines: list[int] = []
    others: dict[str, None] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            try:
                entries.append(usual.decode(line))
            except msgspec.ValidationError:
                entries.append(decoder.decode(line))
                others.update(dict.fromkeys(msgspec.json.decode(line, type=dict[str, object])))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(f"{name}:{number}: {error}") from error
        lines.append(number)
    table = pa.table(
        {
            column: pa.array([getattr(entry, column) for entry in entries], pa.string())
            for column in COLUMNS
            if column != "id"
        }
    )
    ids = [None if entry.id is None else str(entry.id) for entry in entries]
    table = table.append_column("id", pa.array(ids, pa.string()))
    rows = _rows(name, table, lambda row: f":{lines[row]}")
    return rows._replace(unknown=[key or "''" for key in others if key not in COLUMNS])


def _parquet_rows(name: str, data: bytes) -> TermRows:
    return _rows(name, pq.ParquetFile(pa.BufferReader(data)).read(), lambda row: f", row {row}")


def _rows(name: str, table: pa.Table, line_of: Callable[[int], str]) -> TermRows:
    """The columns that terms have, as text; raises UsageError where one is missing or no text."""
    names = [column.strip() for column in table.column_names]
    table = table.rename_columns(names)
    if missing := [column for column in REQUIRED if column not in names]:
        raise UsageError(
            f"{name} has the columns {', '.join(names) or 'of none'}, and no {missing[0]}"
        )
    if repeated := [column for column in COLUMNS if names.count(column) > 1]:
        raise UsageError(f"{name} has the column {repeated[0]} twice")
    columns = {column: _text(name, table, column) for column in COLUMNS}
    unknown = [column or "''" for column in dict.fromkeys(names) if column not in COLUMNS]
    return TermRows(name, pa.table(columns), unknown, line_of)


def _text(name: str, table: pa.Table, column: str) -> pa.ChunkedArray:
    if column not in table.column_names:
        return pa.chunked_array([pa.repeat("", len(table))])
    values = table[column]
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) and column == "id":
        values, kind = values.cast(pa.string()), pa.string()
    if not any(is_kind(kind) for is_kind in _TEXT):
        raise UsageError(f"{name}: the column {column} is {kind}, expected text")
    values = values.cast(pa.string())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{name}: the column {column} is not UTF-8") from error
    return values.fill_null("")


_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)


_READERS: Mapping[str, Callable[[str, bytes], TermRows]] = {
    "csv": _csv_rows,
    "jsonl": _jsonl_rows,
    "parquet": _parquet_rows,
}
