"""The format `csv`: rows of values below a header, separated by commas or as the header is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from pipeline.inputs.compression import compression_of
from pipeline.inputs.formats.columns import missing_column, missing_text
from pipeline.inputs.formats.csv.rows import MOST_LINES, CsvRows
from pipeline.inputs.formats.large import LargeRecord
from pipeline.inputs.formats.records import (
    DoubledColumnError,
    Format,
    Record,
    RecordBuilder,
    Values,
)
from pipeline.inputs.formats.text import open_text
from schemas.errors import RecordError, ShardError, UsageError

_MANY_LINES = f"The row has more than {MOST_LINES:,} lines."
AUTO = "auto"
# The separators that `auto` knows, the usual one first.
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}


def require_dialect(delimiter: str, escape: str) -> None:
    """Raise UsageError for a `--csv_delimiter` or a `--csv_escape` that csv cannot have."""
    if delimiter not in (AUTO, "tab", "\\t") and not _is_sign(delimiter):
        raise UsageError(
            f"--csv_delimiter is {delimiter!r}, expected auto, tab or one character, but no quote "
            "and no line break"
        )
    if escape and (not _is_sign(escape) or escape in _separators(delimiter, "")):
        raise UsageError(
            f"--csv_escape is {escape!r}, expected one character, neither a quote nor a line break "
            "nor the delimiter"
        )


def _is_sign(text: str) -> bool:
    return len(text) == 1 and text not in '"\r\n\0'


def _separators(delimiter: str, source: str) -> Sequence[str]:
    """The separators that a file may have by the flag and by its name, the likeliest first."""
    if delimiter != AUTO:
        return ("\t",) if delimiter in ("tab", "\\t") else (delimiter,)
    usual = usual_separator(source)
    return (usual, *(separator for separator in SEPARATORS if separator != usual))


def usual_separator(source: str) -> str:
    """What separates values in a file by its name."""
    name = source.lower().removesuffix(compression_of(source))
    return "\t" if name.endswith(".tsv") else ","


def read_csv(stream: BinaryIO, builder: RecordBuilder) -> Iterator[Record]:
    """A stream of separated values with a header row in, one record for each row out.

    Blank lines are no rows, nor the header. An empty id is a missing one, since csv knows no null.
    Raises ShardError when the header lacks the text column, and when the file ends inside a quoted
    field: what follows the quote is then not one record, but what is left of many.
    """
    config = builder.config
    rows, header = _opened(stream, builder)
    if header is None:
        return
    text_column = _column(header, builder, config.text_field, required=True)
    columns = [text_column, *(_column(header, builder, name) for name in builder.names[1:])]
    builder.seen.look_at_columns(header, set(config.named_fields).difference(header))
    for number, row in enumerate(rows.below(header)):
        if isinstance(row, LargeRecord):
            if row.size > config.longest_record:
                yield builder.large(number, row)
            else:
                letter = builder.dead_letter(number, RecordError(_MANY_LINES), row.head)
                yield replace(letter, raw_size=row.size)
            continue
        raw = rows.raw()
        if len(raw) > config.longest_record:
            yield builder.large(number, LargeRecord(raw, len(raw)))
        elif isinstance(row, Exception):
            yield builder.dead_letter(number, row, raw)
        else:
            text, identity, *kept = [None if at is None else row[at] for at in columns]
            yield builder.build(number, raw, Values(text, identity or None, tuple(kept)))


def separator_of(stream: BinaryIO, builder: RecordBuilder) -> str:
    """A stream in, what separates its values out; raises as `read_csv` does."""
    return _opened(stream, builder)[0].separator


def _opened(stream: BinaryIO, builder: RecordBuilder) -> tuple["CsvRows", list[str] | None]:
    config = builder.config
    opened, encoding, _ = open_text(stream, builder)
    rows = CsvRows(opened, config.longest_record, encoding, config.csv_escape)
    separators = _separators(config.csv_delimiter, builder.shard.place)
    return rows, rows.header(separators, config.text_field)


def _missing(stream: BinaryIO, builder: RecordBuilder) -> dict[str, str]:
    config = builder.config
    _, header = _opened(stream, builder)
    if header is None:
        raise ShardError("The file is empty.")
    for name in builder.names:
        _column(header, builder, name, required=name == config.text_field)
    missing = [field for field in config.named_fields if field not in header]
    return {field: missing_column(field, header) for field in missing}


def _column(
    header: Sequence[str], builder: RecordBuilder, name: str, *, required: bool = False
) -> int | None:
    matches = [position for position, column in enumerate(header) if column == name]
    if len(matches) > 1:
        raise DoubledColumnError(name, len(matches))
    if not matches and required:
        raise missing_text(name, header, _hint(header, builder, name))
    return matches[0] if matches else None


def _hint(header: Sequence[str], builder: RecordBuilder, name: str) -> str:
    """What may be wrong with a header that lacks a column, or nothing."""
    if f"'{name}'" in header:
        return " Its single quotes are part of the names: csv quotes with double ones."
    delimiter = builder.config.csv_delimiter
    if len(header) == 1 and delimiter != AUTO and any(sign in header[0] for sign in SEPARATORS):
        return f" Its values are not separated by --csv_delimiter {delimiter!r}: give {AUTO}."
    return ""


CSV = Format("csv", (".csv", ".tsv"), read_csv, columns=_missing)
