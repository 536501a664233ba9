"""The format `dead_letters`: records that an earlier run set aside, read again from what it kept.

A record keeps its source, its number there and its id, so that its rows are those that the earlier
run would have written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from pipeline.inputs.formats.parquet import count_rows, open_parquet
from pipeline.inputs.formats.records import STAGE, Format, Reader, Record, RecordBuilder
from schemas.errors import RecordError, ShardError
from schemas.records import RAW_BYTES, Document, Repair, Shard

_ROWS = 64  # of up to 64 KiB each
_RUN_OF_PATH = re.compile(r"/run_id=([^/]+)/[^/]+$")

Readers = Mapping[str, Reader | None]


def run_of(path: str) -> str | None:
    """The path of a table's file in, the run that wrote it out; None for any other path."""
    match = _RUN_OF_PATH.search(path)
    return match[1] if match else None


def dead_letters_of(formats: Mapping[str, Format]) -> Format:
    """The formats that records may have been read in, the format of their dead letters out."""
    readers = {name: known.read_again for name, known in formats.items()}
    read = partial(_read_dead_letters, readers)
    return Format("dead_letters", (), read, estimate=count_rows)


def _read_dead_letters(
    readers: Readers, stream: BinaryIO, builder: RecordBuilder
) -> Iterator[Record]:
    """The stream of a file of dead letters in, a record for each that is to be repaired out.

    What is left out: dead letters of whole shards, and of sources that `config.repairs` does not
    have for this file's run. Raises pyarrow's errors for a broken file.
    """
    run_id = run_of(builder.shard.source)
    for batch in open_parquet(stream).iter_batches(batch_size=_ROWS):
        for row in batch.to_pylist():
            repair = builder.config.repairs.get(row["source"])
            if repair and repair.dead_letters == run_id and row["record"] is not None:
                yield _again(row, repair, builder, readers)


def _again(
    row: Mapping[str, Any], repair: Repair, letters: RecordBuilder, readers: Readers
) -> Record:
    """The record of a dead letter; where that cannot be, a dead letter that says why."""
    raw = row["raw"] or b""
    size = row.get("raw_size")  # version 1 of the tables lacks it
    shard = Shard(row["source"], repair.format, 0, None, len(raw), "")
    builder = RecordBuilder(shard, letters.config, first=row["record"])
    try:
        if len(raw) < size if size is not None else len(raw) == RAW_BYTES:
            raise RecordError(f"Only its first {len(raw)} bytes were kept: process the file again.")
        if row["stage"] != STAGE:
            kept = dict(zip(repair.keep_fields, row.get("kept_fields") or (), strict=False))
            fields = tuple(kept.get(name) for name in builder.config.keep_fields)
            return Document(row["doc_id"], row["source"], row["record"], raw.decode(), fields)
        read = readers.get(repair.format)
        if read is None:
            raise RecordError(
                f"A row of {repair.format} is not clear without its header: process the file again."
            )
        records = list(read(BytesIO(raw), builder))
        if len(records) != 1:
            raise RecordError(f"What was kept of the record holds {len(records)} records.")
    except (RecordError, ShardError) as error:
        cause = error if isinstance(error, RecordError) else RecordError(error.nameless)
        return replace(builder.dead_letter(0, cause, raw, row["doc_id"]), raw_size=size)
    return records[0]
