"""What tests of several packages build their data with."""

import tarfile
import zipfile
from collections.abc import Sequence
from io import BytesIO
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from schemas.manifest import Configuration
from schemas.records import Shard


def configuration(keep_fields: tuple[str, ...] = ()) -> Configuration:
    """What a run with few flags records of them."""
    return Configuration(
        input=["/in/*.jsonl"],
        input_format="jsonl",
        id_field="id",
        text_field="text",
        keep_fields=list(keep_fields),
        keep_text="all",
        min_confidence=0.0,
        max_dead_letters=1.0,
        batch_tokens=1000,
        folded_words=1000,
        target_file_mb=1,
        only_new=False,
        backfill=False,
        commit_shards=None,
        runner="DirectRunner",
    )


def last_of_each(flags: Sequence[str]) -> list[str]:
    """Flags as `--name=value` in, those out that no later one replaces; `--search` may repeat."""
    names = [flag.partition("=")[0] for flag in flags]
    return [
        flag
        for place, (name, flag) in enumerate(zip(names, flags, strict=True))
        if name == "--search" or name not in names[place + 1 :]
    ]


def records_until_error(
    stream: BinaryIO, config: ReadConfig, name: str
) -> tuple[list[Record], Exception | None]:
    """The records of a file in the format of this name, and what broke them off."""
    records: list[Record] = []
    try:
        for record in read_records(stream, Shard("in.x", name, 0, None, 0, ""), config):
            records.append(record)  # noqa: PERF402 - what came before an error is kept
    except (ShardError, EOFError) as error:
        return records, error
    return records, None


def zip_of(name: str, content: bytes) -> bytes:
    """A zip archive with one file, the same whenever it is made: its bytes may name a test."""
    sink = BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return sink.getvalue()


def tar_of(name: str, content: bytes) -> bytes:
    """A tar archive with one file."""
    sink = BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, BytesIO(content))
    return sink.getvalue()


def parquet_of(**columns: list[str]) -> bytes:
    """A Parquet file with these columns."""
    sink = BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()
