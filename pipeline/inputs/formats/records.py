"""What all formats share: the configuration, and how a record's values become a `Document`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isnan
from operator import methodcaller
from typing import Any

from pipeline.console.text import first_line
from pipeline.inputs.formats.large import LargeRecord
from schemas.errors import GleanerError, RecordError, RecordSizeError, UsageError
from schemas.records import RAW_BYTES, DeadLetter, Document, Repair
from schemas.tables import DOCUMENTS

FORMATS = ("jsonl", "lines", "text", "csv", "parquet", "dead_letters")
STAGE = "ReadDocuments"
_ID_FIELD = "id"
# Above this a float may stand for several integers, so it is no id.
_EXACT = 2**53
BOM = b"\xef\xbb\xbf"
_MB = 1_000_000
# A document of 50 MB (9.2 million tokens) takes its process 2.3 GB and two minutes.
MAX_RECORD_MB = 64
_MOST_MB = 2000  # offsets in a document, and those of a string in Arrow, have 32 bits

Record = Document | DeadLetter

# Made once: `json.dumps` with these settings would build it anew for each field.
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


class ShardError(GleanerError):
    """The rest of a shard cannot be read; the message says why, in one sentence."""


class MissingColumnError(ShardError):
    """A table lacks the text column; the message says what it has instead."""


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """How shards are read: the flags of the same names.

    Field names are column names (csv), or dotted paths (jsonl, parquet); `lines` and `text` have
    no fields. repairs: of `dead_letters`, the sources to read again. Raises UsageError for values
    that no input could fit.
    """

    input_format: str = "auto"
    id_field: str = _ID_FIELD
    text_field: str = "text"
    keep_fields: tuple[str, ...] = ()
    max_record_mb: int = MAX_RECORD_MB
    repairs: Mapping[str, Repair] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse unknown formats, empty names, and kept fields that `documents` could not hold."""
        if self.input_format not in ("auto", *FORMATS):
            choices = ", ".join(("auto", *FORMATS))
            raise UsageError(f"--input_format {self.input_format!r} is none of {choices}.")
        for flag, name in (("--id_field", self.id_field), ("--text_field", self.text_field)):
            if not name:
                raise UsageError(f"{flag} must not be empty.")
        for position, name in enumerate(self.keep_fields):
            if not name:
                raise UsageError("--keep_fields holds an empty name.")
            if name in self.keep_fields[:position]:
                raise UsageError(f"--keep_fields names {name!r} twice.")
            if name in (*DOCUMENTS.names, "run_id"):  # the name of the tables' partitions
                raise UsageError(
                    f"--keep_fields {name!r} is already a column of the documents table."
                )
        if not 1 <= self.max_record_mb <= _MOST_MB:
            raise UsageError(f"--max_record_mb is {self.max_record_mb}, expected 1 to {_MOST_MB}.")

    @property
    def named_fields(self) -> tuple[str, ...]:
        """The fields that the user named and that a record may lack: not the text, nor `id`."""
        identity = () if self.id_field == _ID_FIELD else (self.id_field,)
        return (*identity, *self.keep_fields)

    @property
    def longest_record(self) -> int:
        """The bytes of the largest record that is processed."""
        return self.max_record_mb * _MB


class RecordBuilder:
    """Turns the values of one record into a `Document`, or into the `DeadLetter` it deserves."""

    def __init__(self, source: str, config: ReadConfig) -> None:
        self.source = source
        self.config = config
        # Formats without fields (text, lines) have none of the kept ones either.
        self._no_fields = (None,) * len(config.keep_fields)

    def build(
        self,
        record: int,
        raw: bytes,
        text: object,
        identity: object = None,
        kept: tuple[object, ...] = (),
    ) -> Record:
        """A record's values in, its `Document` or `DeadLetter` out; never raises.

        `raw` are the record's bytes for the dead letter. Text that UTF-8 cannot write (JSON's
        escapes can name lone surrogates) is refused in the id, the text and the kept fields.
        """
        doc_id = None
        try:
            doc_id = self._doc_id(record, identity)
            if not isinstance(text, str):
                raise RecordError(_describe(text, self.config.text_field))
            # ASCII is a flag of the string. Looking for the escape in `raw` takes longer: 650 MB/s.
            if not text.isascii():
                text.encode()
            doc_id.encode()
            fields = tuple(map(field_text, kept)) if kept else self._no_fields
            for value in fields:
                if value is not None:
                    value.encode()
            return Document(doc_id, self.source, record, text, fields)
        except (RecordError, ValueError, RecursionError) as error:
            return self.dead_letter(record, error, raw, doc_id)

    def dead_letter(
        self, record: int, error: Exception, raw: bytes, doc_id: str | None = None
    ) -> DeadLetter:
        """The dead letter of one record: class and message of `error`, and up to 64 KiB of `raw`.

        `doc_id` is left out where it holds lone surrogates, since no table could hold it.
        """
        if doc_id is not None and not encodable(doc_id):
            doc_id = None
        name, message = type(error).__name__, explain(error)
        return DeadLetter(
            self.source, record, doc_id, STAGE, name, message, raw[:RAW_BYTES], len(raw)
        )

    def large(self, record: int, found: LargeRecord) -> DeadLetter:
        """The dead letter of a record that is larger than `--max_record_mb`."""
        error = RecordSizeError(
            f"The record has {found.size:,} bytes, more than the {self.config.max_record_mb} MB of "
            "--max_record_mb."
        )
        letter = self.dead_letter(record, error, found.head)
        return replace(letter, raw_size=found.size)

    def _doc_id(self, record: int, identity: object) -> str:
        if isinstance(identity, str):
            return identity
        if isinstance(identity, float):
            # pandas writes a column of integers with gaps as floats, and the gaps as NaN.
            if isnan(identity):
                identity = None
            elif identity.is_integer() and abs(identity) < _EXACT:
                identity = int(identity)
        if identity is None:
            return f"{self.source}#{record}"
        if isinstance(identity, int) and not isinstance(identity, bool):
            return str(identity)
        kind = json_kind(identity)
        raise RecordError(
            f"The id field {self.config.id_field!r} holds {kind}, not a string or an integer."
        )


def getter(path: str) -> Callable[[Mapping[str, Any]], object]:
    """A dotted path in, a function from an object to the value there (None if absent) out.

    A key that holds the dots itself comes before the path through nested objects.
    """
    if "." not in path:
        return methodcaller("get", path)
    keys = path.split(".")

    def walk(top: Mapping[str, Any]) -> object:
        if path in top:
            return top[path]
        value: Any = top
        for key in keys:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    return walk


def field_text(value: object) -> str | None:
    """A kept field's value in, its text out: strings and null as they are, the rest as JSON.

    What JSON has no form for (dates, decimals of Parquet) becomes its `str`, bytes their UTF-8.
    Raises ValueError where there is no text for the value.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, bool | int | float | list | dict):
        return _JSON.encode(value)
    return str(value)


def json_kind(value: object) -> str:
    """What a value is called in JSON, with its article, for messages."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    kinds = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def explain(error: Exception) -> str:
    """An error of one record in, one sentence for its dead letter out."""
    match error:
        case UnicodeDecodeError():
            byte = error.object[error.start]
            return f"The record is not valid UTF-8: byte 0x{byte:02x} at offset {error.start}."
        case UnicodeEncodeError():
            point = ord(error.object[error.start])
            return f"The record holds a lone surrogate, U+{point:04X}, which UTF-8 cannot write."
        case json.JSONDecodeError():
            return f"The record is not valid JSON: {error.msg} at character {error.pos}."
        case RecursionError():
            return "The record is JSON nested too deeply to be read."
        case RecordError():
            return str(error)
        case _:
            return f"The record cannot be read: {first_line(error)}."


def _describe(text: object, field: str) -> str:
    if text is None:
        return f"The text field {field!r} is missing or null."
    return f"The text field {field!r} holds {json_kind(text)}, not a string."


def encodable(text: str) -> bool:
    """Whether UTF-8 can write the text, that is, whether it holds no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
