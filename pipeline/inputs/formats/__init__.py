r"""Open binary streams of shards in, documents and dead letters out; nothing here knows Beam.

What a record is, and what `record` counts:

| format  | a record                                   | `record`                    |
|---------|--------------------------------------------|-----------------------------|
| jsonl   | a line that is not blank, a JSON object    | byte offset, decompressed   |
| lines   | a line without its `\n` or `\r\n`          | byte offset, decompressed   |
| text    | the whole file                             | 0                           |
| csv     | a row below the header, blank lines apart  | row number from 0           |
| parquet | a row                                      | row number from 0           |

Those of `dead_letters`, which an earlier run set aside, are what they were there.
"""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.console.text import first_line
from pipeline.inputs.formats.dead_letters import read_dead_letters, run_of
from pipeline.inputs.formats.line import read_jsonl, read_lines
from pipeline.inputs.formats.records import (
    FORMATS,
    MAX_RECORD_MB,
    STAGE,
    MissingColumnError,
    ReadConfig,
    Record,
    RecordBuilder,
    ShardError,
)
from pipeline.inputs.formats.table import missing_fields, read_csv, read_parquet
from pipeline.inputs.formats.text import read_text
from schemas.errors import UsageError
from schemas.records import Shard

__all__ = [
    "FORMATS",
    "MAX_RECORD_MB",
    "STAGE",
    "MissingColumnError",
    "ReadConfig",
    "Record",
    "ShardError",
    "first_line",
    "missing_fields",
    "read_records",
    "run_of",
]


def read_records(stream: BinaryIO, shard: Shard, config: ReadConfig) -> Iterator[Record]:
    """The decompressed stream of `shard` in, a `Document` or `DeadLetter` for each record out.

    Records come in the order of the file, and one at a time. Errors of a single record become its
    dead letter. Raises ShardError, OSError or pyarrow's errors where the rest cannot be read.
    """
    if shard.format == "dead_letters":
        return read_dead_letters(stream, shard.source, config)
    builder = RecordBuilder(shard.source, config)
    match shard.format:
        case "jsonl":
            return read_jsonl(stream, builder, shard.start, shard.stop)
        case "lines":
            return read_lines(stream, builder, shard.start, shard.stop)
        case "text":
            return read_text(stream, builder)
        case "csv":
            return read_csv(stream, builder)
        case "parquet":
            return read_parquet(stream, builder)
    raise UsageError(f"{shard.source} has the unknown format {shard.format!r}.")
