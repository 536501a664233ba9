"""One file that a manifest names: its place, its bytes, and what its footer says."""

import hashlib
from collections.abc import Iterable, Iterator

import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.filesystems.beam import filesystems, open_file
from pipeline.outputs.table_reader import open_table, read_batches
from schemas.errors import JobError
from schemas.manifest import FileEntry, Manifest
from schemas.tables import SCHEMA_VERSION, TABLES, documents_schema, since, without_dictionaries

_BLOCK = 2**20


def file_problems(root: str, table: str, file: FileEntry, manifest: Manifest) -> Iterator[str]:
    """What is wrong with a file; of one that has other bytes, no more than that."""
    path = f"{root}/{file['path']}"
    if problems := byte_problems(path, file):
        yield from problems
    else:
        try:
            with open_table(path) as opened:
                yield from _footer_problems(opened, table, file, manifest)
        except JobError as error:
            cause = str(error).removeprefix(f"{path} cannot be read: ")
            yield f"is no Parquet file that can be read: {cause}"


def byte_problems(path: str, file: FileEntry) -> list[str]:
    """What is wrong with a file's bytes: it is missing, or size or checksum are others."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_file(path) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except Exception as error:  # noqa: BLE001 - each filesystem raises errors of its own
        missing = isinstance(error, FileNotFoundError) or not filesystems().exists(path)
        return ["is missing" if missing else f"cannot be read: {first_line(error)}"]
    if size != file["bytes"]:
        return [f"has {size:,} bytes, but the manifest says {file['bytes']:,}"]
    if digest.hexdigest() != file["sha256"]:
        return ["has another checksum than the manifest says, its bytes were changed"]
    return []


def _footer_problems(
    opened: pq.ParquetFile, table: str, file: FileEntry, manifest: Manifest
) -> Iterator[str]:
    """What is wrong with a file's rows, schema version and columns."""
    schema, rows = without_dictionaries(opened.schema_arrow), opened.metadata.num_rows
    if rows != file["rows"]:
        yield f"has {rows:,} rows, but the manifest says {file['rows']:,}"
    version = ((schema.metadata or {}).get(b"gleaner.schema_version") or b"").decode()
    if version not in map(str, range(1, SCHEMA_VERSION + 1)):
        yield f"has the schema version {version!r}, expected 1 to {SCHEMA_VERSION}"
        return
    if int(version) > manifest["schema_version"]:
        yield f"has the schema version {version}, but the manifest {manifest['schema_version']}"
    keep_fields = manifest["configuration"]["keep_fields"]
    whole = documents_schema(keep_fields) if table == "documents" else TABLES[table]
    expected = {f.name: f.type for f in whole if since(f) <= int(version)}
    columns = {field.name: field.type for field in schema}
    for name in expected:
        if name not in columns:
            yield f"lacks the column {name}"
    for name, kind in columns.items():
        if name not in expected:
            yield f"has a column {name} that version {version} of {table} does not know"
        elif kind != expected[name]:
            yield f"has {kind} in the column {name}, expected {expected[name]}"


def input_problems(root: str, files: Iterable[FileEntry], manifest: Manifest) -> Iterator[str]:
    """Where the manifest names other inputs than files, which are sound, have rows of."""
    for file in files:
        if "inputs" in file:
            named = {manifest["inputs"][number]["source"] for number in file["inputs"]}
            held: set[str] = set()
            for rows in read_batches(f"{root}/{file['path']}", ["source"]):
                held.update(rows["source"].unique().to_pylist())
            for source in sorted(held - named):
                yield f"{file['path']} has rows of {source}, which the manifest does not say"
            for source in sorted(named - held):
                yield f"{file['path']} has no row of {source}, but the manifest says so"
