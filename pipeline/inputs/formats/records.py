"""What all formats share: what one is, and how a record's values become a `Document`."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO
from math import isnan
from operator import methodcaller
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from pipeline.console.text import cause
from pipeline.inputs.contents import looks_wide
from pipeline.inputs.fields import FieldsSeen
from pipeline.inputs.formats.large import LargeRecord
from pipeline.inputs.formats.logical import OtherValue
from schemas.errors import RecordError, RecordSizeError, ShardError
from schemas.records import RAW_BYTES, DeadLetter, Document, Shard

if TYPE_CHECKING:
    from pipeline.inputs.formats import ReadConfig

STAGE = "ReadDocuments"
# Above this a float may stand for several integers, so it is no id.
_EXACT = 2**53
PREVIEW_BYTES = 256 * 1024
# Of an id, which is written again with each entity: enough for any URL.
ID_BYTES = 16_384

Record = Document | DeadLetter

# Made once: `json.dumps` with these settings would build it anew for each field.
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


class MissingColumnError(ShardError):
    """A table lacks the text column; the message says what it has instead."""


class DoubledColumnError(ShardError):
    """A table has several columns of one name, so that it is not clear which is meant."""

    def __init__(self, name: str, columns: int) -> None:
        super().__init__(f"The header names the column {name!r} {columns} times.")
        self.name = name


class Values(NamedTuple):
    """What a record holds, as its format gives it."""

    text: object
    identity: object = None
    kept: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """Records at the beginning of a file, and how many bytes they take; None: all of the file."""

    records: int
    size: int | None = None


class RecordBuilder:
    """Turns the values of one record into a `Document`, or into the `DeadLetter` it deserves.

    first: the number of the shard's first record, where it stood in another place than it is read.
    seen: of the text and the fields that were named, which the records have.
    """

    def __init__(
        self,
        shard: Shard,
        config: "ReadConfig",
        first: int = 0,
        seen: FieldsSeen | None = None,
    ) -> None:
        self.shard = shard
        self.config = config
        self.names = (config.text_field, config.id_field, *config.keep_fields)
        self.seen = seen or FieldsSeen(config.sought)
        self._first = first
        # Formats without fields (text, lines) have none of the kept ones either.
        self._no_fields = (None,) * len(config.keep_fields)

    def record(
        self, number: int, raw: bytes | LargeRecord, parse: Callable[[bytes], Values]
    ) -> Record:
        """A record's bytes and what makes values of them in, `Document` or `DeadLetter` out."""
        if isinstance(raw, LargeRecord):
            return self.large(number, raw)
        try:
            values = parse(raw)
        except (RecordError, ValueError, RecursionError) as error:
            return self.dead_letter(number, error, raw)
        return self.build(number, raw, values)

    def build(self, number: int, raw: bytes, values: Values) -> Record:
        """A record's values in, its `Document` or `DeadLetter` out; never raises.

        `raw` are the record's bytes for the dead letter. Text that UTF-8 cannot write (JSON's
        escapes can name lone surrogates) is refused in the id, the text and the kept fields, and so
        is an id of more than 16 KiB.
        """
        text, identity, kept = values
        doc_id = None
        try:
            doc_id = self._doc_id(number, identity)
            if not isinstance(text, str):
                raise RecordError(_describe(text, self.config.text_field))
            if "\0" in text and looks_wide(text):
                raise RecordError("The text is full of NUL characters: it looks like UTF-16.")
            # ASCII is a flag of the string. Looking for the escape in `raw` takes longer: 650 MB/s.
            if not text.isascii():
                text.encode()
            if len(doc_id.encode()) > ID_BYTES:
                raise RecordError(self._long_id(doc_id))
            fields = tuple(map(field_text, kept)) if kept else self._no_fields
            for value in fields:
                if value is not None:
                    value.encode()
            return Document(doc_id, self.shard.source, self._first + number, text, fields)
        except (RecordError, ValueError, RecursionError) as error:
            return self.dead_letter(number, error, raw, doc_id)

    def dead_letter(
        self, number: int, error: Exception, raw: bytes, doc_id: str | None = None
    ) -> DeadLetter:
        """The dead letter of one record: class and message of `error`, and up to 64 KiB of `raw`.

        `doc_id` is left out where no table could hold it: for lone surrogates, or its length.
        """
        if doc_id is not None and not (encodable(doc_id) and len(doc_id.encode()) <= ID_BYTES):
            doc_id = None
        source, record = self.shard.source, self._first + number
        name, message = type(error).__name__, explain(error)
        return DeadLetter(source, record, doc_id, STAGE, name, message, raw[:RAW_BYTES], len(raw))

    def large(self, number: int, large: LargeRecord) -> DeadLetter:
        """The dead letter of a record that is larger than `--max_record_mb`."""
        error = RecordSizeError(
            f"The record has {large.size:,} bytes, more than the {self.config.max_record_mb} MB of "
            "--max_record_mb."
        )
        letter = self.dead_letter(number, error, large.head)
        return replace(letter, raw_size=large.size)

    def _long_id(self, doc_id: str) -> str:
        size = len(doc_id.encode())
        return (
            f"The id field {self.config.id_field!r} holds {size:,} bytes, more than the "
            f"{ID_BYTES:,} that an id may have."
        )

    def _doc_id(self, number: int, identity: object) -> str:
        if isinstance(identity, str):
            return identity
        if isinstance(identity, float):
            # pandas writes a column of integers with gaps as floats, and the gaps as NaN.
            if isnan(identity):
                identity = None
            elif identity.is_integer() and abs(identity) < _EXACT:
                identity = int(identity)
        if identity is None:
            return f"{self.shard.source}#{self._first + number}"
        if isinstance(identity, int) and not isinstance(identity, bool):
            return str(identity)
        kind = json_kind(identity)
        raise RecordError(
            f"The id field {self.config.id_field!r} holds {kind}, not a string or an integer."
        )


Reader = Callable[[BinaryIO, RecordBuilder], Iterator[Record]]
Columns = Callable[[BinaryIO, RecordBuilder], Mapping[str, str]]
Estimate = Callable[[BinaryIO, RecordBuilder], Counted]


@dataclass(frozen=True, slots=True)
class Format:
    """An input format: all that depends on it.

    extensions: of the files that are read so where no format is named.
    read: the decompressed stream of a shard in, its records out, one at a time and in their order.
    splittable: whether `read` takes byte ranges, those of `builder.shard`.
    compressible: whether its files are read in an outer compression, such as `.gz`.
    has_fields: whether a record has fields beside its text.
    columns: a stream in, those of the named fields that no record can have, and why, out; raises
    MissingColumnError if they can have no text. None: that shows in the records alone.
    separator: what stands between records. None: a file is one.
    estimate: how many records the beginning of a file holds, where it says so itself.
    read_again: as `read`, but for what a dead letter keeps of one record. None: that is too little.
    """

    name: str
    extensions: tuple[str, ...]
    read: Reader
    splittable: bool = False
    compressible: bool = True
    has_fields: bool = True
    columns: Columns | None = None
    separator: bytes | None = b"\n"
    estimate: Estimate | None = None
    read_again: Reader | None = None

    def count(self, stream: BinaryIO, builder: RecordBuilder) -> Counted:
        """How many records a file begins with: by `estimate`, or in the first 256 KiB."""
        if self.estimate:
            return self.estimate(stream, builder)
        data = stream.read(PREVIEW_BYTES)
        whole = len(data) < PREVIEW_BYTES
        end = len(data) if whole else data.rfind(self.separator or b"") + 1
        if not whole and not end:
            return Counted(1)
        records = 0
        try:
            for _ in self.read(BufferedReader(BytesIO(data[:end]), PREVIEW_BYTES), builder):
                records += 1
        except (MissingColumnError, DoubledColumnError):
            raise
        except Exception:  # noqa: BLE001 - the piece may end within a record
            records += 0 if whole else 1
        return Counted(records, None if whole else end)


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
    if isinstance(value, OtherValue):
        return f"a {value.kind}"
    kinds = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def explain(error: Exception) -> str:
    """An error of one record in, one sentence for its dead letter out."""
    match error:
        case UnicodeDecodeError():
            byte, name = error.object[error.start], error.encoding.upper()
            return f"The record is not valid {name}: byte 0x{byte:02x} at offset {error.start}."
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
            return f"The record cannot be read: {cause(error)}."


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
