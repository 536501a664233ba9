"""The format `dead_letters`: records that an earlier run set aside, read again from what it kept.

A record keeps its source, its number there and its id, so that its rows are those that the earlier
run would have written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.inputs.formats.line import read_jsonl, read_lines
from pipeline.inputs.formats.records import STAGE, ReadConfig, Record, RecordBuilder
from pipeline.inputs.formats.text import read_text
from schemas.errors import RecordError
from schemas.records import RAW_BYTES, DeadLetter, Document, Repair

_ROWS = 64  # of up to 64 KiB each
_RUN_OF_PATH = re.compile(r"/run_id=([^/]+)/[^/]+$")

# A row of Parquet was kept as a JSON object of the fields that were read.
_READERS = {"jsonl": read_jsonl, "parquet": read_jsonl, "lines": read_lines, "text": read_text}


def run_of(path: str) -> str | None:
    """The path of a table's file in, the run that wrote it out; None for any other path."""
    found = _RUN_OF_PATH.search(path)
    return found[1] if found else None


def read_dead_letters(stream: BinaryIO, path: str, config: ReadConfig) -> Iterator[Record]:
    """The stream of a file of dead letters in, a record for each that is to be repaired out.

    What is left out: dead letters of whole shards, and of sources that `config.repairs` does not
    have for this file's run. Raises pyarrow's errors for a broken file.
    """
    run_id = run_of(path)
    file = pq.ParquetFile(pa.PythonFile(stream, mode="r"), pre_buffer=False, buffer_size=2**20)
    for batch in file.iter_batches(batch_size=_ROWS):
        for row in batch.to_pylist():
            repair = config.repairs.get(row["source"])
            if repair and repair.dead_letters == run_id and row["record"] is not None:
                yield _again(row, repair, config)


def _again(row: Mapping[str, Any], repair: Repair, config: ReadConfig) -> Record:
    """The record of a dead letter; where that cannot be, a dead letter that says why."""
    builder = _OneRecord(row["source"], row["record"], config)
    raw = row["raw"] or b""
    size = row.get("raw_size")  # version 1 of the tables lacks it
    try:
        if len(raw) < size if size is not None else len(raw) == RAW_BYTES:
            raise RecordError(f"Only its first {len(raw)} bytes were kept: process the file again.")
        if row["stage"] != STAGE:
            kept = dict(zip(repair.keep_fields, row.get("kept_fields") or (), strict=False))
            fields = tuple(kept.get(name) for name in config.keep_fields)
            return Document(row["doc_id"], row["source"], row["record"], raw.decode(), fields)
        if repair.format not in _READERS:
            raise RecordError(
                f"A row of {repair.format} is not clear without its header: process the file again."
            )
        records = list(_READERS[repair.format](BytesIO(raw), builder))
        if len(records) != 1:
            raise RecordError(f"What was kept of the record holds {len(records)} records.")
    except RecordError as error:
        letter = builder.dead_letter(row["record"], error, raw, row["doc_id"])
        return replace(letter, raw_size=size)
    return records[0]


class _OneRecord(RecordBuilder):
    """Builds the record that stood in another place than where it is read now."""

    def __init__(self, source: str, record: int, config: ReadConfig) -> None:
        super().__init__(source, config)
        self.record = record

    def build(
        self,
        record: int,
        raw: bytes,
        text: object,
        identity: object = None,
        kept: tuple[object, ...] = (),
    ) -> Record:
        return super().build(self.record, raw, text, identity, kept)

    def dead_letter(
        self, record: int, error: Exception, raw: bytes, doc_id: str | None = None
    ) -> DeadLetter:
        return super().dead_letter(self.record, error, raw, doc_id)
