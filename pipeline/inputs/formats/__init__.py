r"""Open binary streams of shards in, documents and dead letters out; nothing here knows Beam.

What a record is, and what `record` counts:

| format  | a record                                       | `record`                  |
|---------|------------------------------------------------|---------------------------|
| jsonl   | a line that is not blank, a JSON object        | byte offset, decompressed |
| lines   | a line without its `\n` or `\r\n`              | byte offset, decompressed |
| text    | the whole file                                 | 0                         |
| csv     | a row below the header, blank lines apart      | row number from 0         |
| parquet | a row                                          | row number from 0         |
| json    | an element of the array, a JSON object         | byte offset, decompressed |
| avro    | a record of the schema on top                  | row number from 0         |

Those of `dead_letters`, which an earlier run set aside, are what they were there. To add a format:
a module that makes a `Format`, and its place in `FILE_FORMATS`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from pipeline.inputs.compression import WINDOW_MB, compression_of
from pipeline.inputs.encodings import UTF8, encoding_name, is_wide
from pipeline.inputs.fields import FieldsSeen
from pipeline.inputs.formats.avro import AVRO
from pipeline.inputs.formats.csv.table import AUTO, CSV, require_dialect
from pipeline.inputs.formats.dead_letters import dead_letters_of, run_of
from pipeline.inputs.formats.json_array import JSON
from pipeline.inputs.formats.jsonl import JSONL
from pipeline.inputs.formats.lines import LINES
from pipeline.inputs.formats.parquet import PARQUET
from pipeline.inputs.formats.records import (
    STAGE,
    DoubledColumnError,
    Format,
    MissingColumnError,
    Record,
    RecordBuilder,
    Values,
)
from pipeline.inputs.formats.text import TEXT
from schemas.errors import ShardError, UsageError
from schemas.records import Repair, Shard
from schemas.tables import DOCUMENTS

__all__ = [
    "AUTO",
    "FILE_FORMATS",
    "FORMATS",
    "MAX_RECORD_MB",
    "STAGE",
    "DoubledColumnError",
    "Format",
    "MissingColumnError",
    "ReadConfig",
    "Record",
    "RecordBuilder",
    "ShardError",
    "Values",
    "no_outer_compression",
    "read_records",
    "run_of",
]

# The formats by the values of --input_format: those of people's files, and the one of our own.
FILE_FORMATS = {known.name: known for known in (JSONL, LINES, TEXT, CSV, PARQUET, JSON, AVRO)}
FORMATS = FILE_FORMATS | {"dead_letters": dead_letters_of(FILE_FORMATS)}

_ID_FIELD = "id"
_MB = 1_000_000
# Those of the table, of its partitions, and what the view of it calls a row's file.
_COLUMNS = (*DOCUMENTS.names, "run_id", "gleaner_file")
# A document of 64 MB (14 million tokens) takes its process 1.8 GB and two minutes.
MAX_RECORD_MB = 64
_MOST_MB = 2000  # offsets in a document, and those of a string in Arrow, have 32 bits


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """How shards are read: the flags of the same names.

    Field names are column names (csv), or dotted paths (jsonl, json, parquet, avro); `lines` and
    `text` have no fields. repairs: of `dead_letters`, the sources to read again. Raises UsageError
    for values that no input could fit.
    """

    input_format: str = "auto"
    id_field: str = _ID_FIELD
    text_field: str = "text"
    keep_fields: tuple[str, ...] = ()
    max_record_mb: int = MAX_RECORD_MB
    encoding: str = UTF8.name
    csv_delimiter: str = AUTO
    csv_escape: str = ""
    max_window_mb: int = WINDOW_MB
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
            self._require_column(name, self.keep_fields[:position])
        object.__setattr__(self, "encoding", encoding_name(self.encoding))
        require_dialect(self.csv_delimiter, self.csv_escape)
        if not 1 <= self.max_record_mb <= _MOST_MB:
            raise UsageError(f"--max_record_mb is {self.max_record_mb}, expected 1 to {_MOST_MB}.")

    @staticmethod
    def _require_column(name: str, others: Iterable[str]) -> None:
        """SQL does not tell names apart that differ in case only."""
        for column in _COLUMNS:
            if name == column:
                raise UsageError(
                    f"--keep_fields {name!r} is already a column of the documents table."
                )
            if name.lower() == column:
                raise UsageError(
                    f"--keep_fields {name!r} is the column {column!r} of the documents table to "
                    "SQL, which does not tell upper from lower case."
                )
        for other in others:
            if name.lower() == other.lower():
                raise UsageError(
                    f"--keep_fields {other!r} and {name!r} are one column to SQL, which does not "
                    "tell upper from lower case."
                )

    @property
    def named_fields(self) -> tuple[str, ...]:
        """The fields that the user named and that a record may lack: not the text, nor `id`."""
        identity = () if self.id_field == _ID_FIELD else (self.id_field,)
        return (*identity, *self.keep_fields)

    @property
    def sought(self) -> tuple[str, ...]:
        """The text and the named fields: a flag is wrong where no record has one of them."""
        return (self.text_field, *self.named_fields)

    @property
    def is_wide(self) -> bool:
        """Whether a line break may have several bytes: a range does not tell where lines begin."""
        return is_wide(self.encoding)

    @property
    def longest_record(self) -> int:
        """The bytes of the largest record that is processed."""
        return self.max_record_mb * _MB


def no_outer_compression(name: str) -> str:
    """What is wrong with a compressed file of a format that none may be around."""
    title = name.capitalize()
    return f"{title} is compressed inside, and can only be read without an outer compression"


def read_records(
    stream: BinaryIO, shard: Shard, config: ReadConfig, seen: FieldsSeen | None = None
) -> Iterator[Record]:
    """The decompressed stream of `shard` in, a `Document` or `DeadLetter` for each record out.

    Records come in the order of the file, and one at a time. Errors of a single record become its
    dead letter. seen: takes note of the fields that records have. Raises ShardError, OSError or
    pyarrow's errors where the rest cannot be read.
    """
    if shard.format not in FORMATS:
        raise UsageError(f"{shard.source} has the unknown format {shard.format!r}.")
    known = FORMATS[shard.format]
    if not known.compressible and compression_of(shard.place):
        raise ShardError(f"{no_outer_compression(shard.format)}.")
    if seen and not known.has_fields:
        seen.look_at_columns((), config.named_fields)
    return known.read(stream, RecordBuilder(shard, config, seen=seen))
