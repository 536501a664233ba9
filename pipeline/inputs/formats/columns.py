"""What formats with named columns share: which are missing, and records made of a row's values."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pipeline.console.arguments import did_you_mean
from pipeline.console.text import listed
from pipeline.inputs.formats.large import LargeRecord
from pipeline.inputs.formats.logical import BadValue
from pipeline.inputs.formats.records import (
    ID_BYTES,
    DoubledColumnError,
    MissingColumnError,
    Record,
    RecordBuilder,
    Values,
    encodable,
    explain,
)
from schemas.errors import RecordError
from schemas.records import RAW_BYTES, DeadLetter, Document

_UTF8_BYTES = 4  # of a code point, at most


def missing_columns(
    builder: RecordBuilder, columns: Sequence[str], ways: Callable[[str], int]
) -> dict[str, str]:
    """The columns of a table in; the named fields that it cannot have, and why, out.

    ways: how many columns a dotted path may mean. Raises MissingColumnError for the text, and
    DoubledColumnError for a name that several columns have.
    """
    config = builder.config
    for name in builder.names:
        if ways(name) > 1:
            raise DoubledColumnError(name, ways(name))
    if not ways(config.text_field):
        raise missing_text(config.text_field, columns)
    missing = [field for field in config.named_fields if not ways(field)]
    builder.seen.look_at_columns(columns, missing)
    return {field: missing_column(field, columns) for field in missing}


def missing_text(name: str, columns: Sequence[str], hint: str = "") -> MissingColumnError:
    """As `missing_column`, for the text; what is written down of it names no other column."""
    nameless = f"There is no column {name!r} among the {len(columns)} of the file.{hint}"
    return MissingColumnError(missing_column(name, columns, hint), nameless)


def missing_column(name: str, columns: Sequence[str], hint: str = "") -> str:
    """A column that is sought and those that there are in, the sentence that says so out."""
    quoted = [repr(column)[1:-1] for column in columns]
    near = "" if hint else did_you_mean(name, quoted)
    joint = f"{near} The" if near else "; the"
    return f"There is no column {name!r}{joint} columns are {listed(quoted)}.{hint}"


def row_record(builder: RecordBuilder, number: int, values: Sequence[Any]) -> Record:
    """The values that a row has for `builder.names` in, its `Document` or `DeadLetter` out.

    Bytes count as UTF-8 text.
    """
    for value in values:
        large = _large(value, builder.config.longest_record)
        if large:
            return large_row(builder, number, large, values[1])
    try:
        text, identity, *kept = [
            _decoded(builder, name, value) if isinstance(value, bytes | BadValue) else value
            for name, value in zip(builder.names, values, strict=True)
        ]
        record = builder.build(number, b"", Values(text, identity, tuple(kept)))
    except (RecordError, UnicodeDecodeError) as error:
        record = builder.dead_letter(number, error, b"", _known_id(values[1]))
    if isinstance(record, Document):
        return record
    # A row has no bytes of its own: the bytes of its text, or else what was read of it, as JSON.
    raw = values[0].raw if isinstance(values[0], BadValue) else values[0]
    if not isinstance(raw, bytes):
        row = dict(zip(builder.names, values, strict=True))
        raw = json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return replace(record, raw=raw[:RAW_BYTES], raw_size=len(raw))


def large_row(
    builder: RecordBuilder, number: int, large: LargeRecord, identity: object
) -> DeadLetter:
    """The dead letter of a row with a value that is too large, and its id where that is known."""
    return replace(builder.large(number, large), doc_id=_known_id(identity))


def _decoded(builder: RecordBuilder, name: str, value: bytes | BadValue) -> str:
    """Bytes as text; raises what is wrong, which names the field unless that is the text."""
    try:
        if isinstance(value, BadValue):
            # Anew, since its traceback would hold all that was read with it, in a circle.
            raise type(value.error)(*value.error.args)
        return value.decode()
    except UnicodeDecodeError as error:
        if name == builder.config.text_field:
            raise
        message = explain(error).replace("The record", f"The field {name!r}", 1)
        raise RecordError(message) from error
    except RecordError as error:
        raise RecordError(f"The field {name!r} cannot be read: {error}.") from error


def _known_id(identity: object) -> str | None:
    """The id of a row whose text cannot be taken, for its dead letter."""
    if isinstance(identity, int) and not isinstance(identity, bool):
        return str(identity)
    if isinstance(identity, str) and len(identity) <= ID_BYTES and encodable(identity):
        return identity
    return None


def _large(value: object, longest: int) -> LargeRecord | None:
    """What the dead letter of a string needs to know that is too long."""
    if not isinstance(value, str | bytes) or len(value) * _UTF8_BYTES <= longest:
        return None
    size = len(value if isinstance(value, bytes) else value.encode())
    if size <= longest:
        return None
    head = value[:RAW_BYTES]
    return LargeRecord(head if isinstance(head, bytes) else head.encode(), size)
