"""What tests of several packages build their data with."""

import tarfile
import zipfile
from collections.abc import Sequence
from io import BytesIO
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from pipeline.outputs.current import read_table
from schemas.manifest import Configuration
from schemas.records import Shard
from schemas.tables import SCHEMA_VERSION, TABLES


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


# Names of a table's files.
PART_A, PART_B = (f"part-{digit * 32}.parquet" for digit in "ab")


def manifest_of(run_id: str, *files: str, **more: Any) -> dict[str, Any]:
    """The manifest of a committed run without rows, whose tables have these files."""
    counts = dict.fromkeys(
        (
            *("files", "broken_files", "records", "documents", "dead_letters", "sentences"),
            *("tokens", "unknown_tokens", "characters", "entities"),
        ),
        0,
    )
    time = "2026-11-22T02:00:00+00:00"
    return {
        "run_id": run_id,
        "status": "committed",
        "schema_version": SCHEMA_VERSION,
        "model": "tiny@0123456789ab",
        "configuration": configuration(),
        "versions": {"gleaner": "0.1.0"},
        "timings": {"started_at": time, "finished_at": time, "seconds": 0.0},
        "counts": {**counts, "entities_by_label": {}},
        "inputs": [],
        "tables": {table: table_of(run_id, table, *files or (PART_A,)) for table in TABLES},
        **more,
    }


def input_of(source: str, **more: Any) -> dict[str, Any]:
    """What a manifest says of a source that gave nothing."""
    counts = dict.fromkeys(("records", "documents", "dead_letters", "entities"), 0)
    return {"source": source, "fingerprint": "1-1", "complete": True, **counts, **more}


def stored_rows(root: str, table: str) -> pa.Table:
    """What counts of a table, with the columns that its files have, and published tables too."""
    rows = read_table(root, table)
    return rows.drop_columns(["canonical"]) if table == "entities" else rows


def table_of(run_id: str, table: str, *files: str) -> dict[str, Any]:
    """What a manifest says of a table without rows that has these files."""
    told = [
        {"path": f"{table}/run_id={run_id}/{name}", "rows": 0, "bytes": 4, "sha256": "0" * 64}
        for name in files
    ]
    return {"rows": 0, "bytes": 4 * len(told), "files": told}


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


def parquet_of(**columns: list[Any]) -> bytes:
    """A Parquet file with these columns."""
    sink = BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()
