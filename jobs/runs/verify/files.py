"""One file that a manifest names: its bytes, and what its footer says."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.text import first_line
from pipeline.filesystems.beam import filesystems, open_file
from schemas.manifest import FileEntry, Manifest
from schemas.tables import SCHEMA_VERSION, TABLES, documents_schema

_BLOCK = 2**20

# The version of the tables that brought a column.
_SINCE = {("dead_letters", "raw_size"): 2, ("dead_letters", "kept_fields"): 3}


def byte_problems(path: str, told: FileEntry) -> list[str]:
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
    if size != told["bytes"]:
        return [f"has {size:,} bytes, but the manifest says {told['bytes']:,}"]
    if digest.hexdigest() != told["sha256"]:
        return ["has another checksum than the manifest says, its bytes were changed"]
    return []


def footer_problems(
    file: pq.ParquetFile, table: str, told: FileEntry, manifest: Manifest
) -> list[str]:
    """What is wrong with a file's rows, schema version and columns."""
    problems = []
    if file.metadata.num_rows != told["rows"]:
        problems.append(
            f"has {file.metadata.num_rows:,} rows, but the manifest says {told['rows']:,}"
        )
    version = ((file.schema_arrow.metadata or {}).get(b"gleaner.schema_version") or b"").decode()
    if version not in map(str, range(1, SCHEMA_VERSION + 1)):
        return [*problems, f"has the schema version {version!r}, expected 1 to {SCHEMA_VERSION}"]
    if int(version) > manifest["schema_version"]:
        problems.append(
            f"has the schema version {version}, but the manifest {manifest['schema_version']}"
        )
    keep_fields = manifest["configuration"]["keep_fields"]
    return problems + column_problems(file.schema_arrow, table, int(version), keep_fields)


def column_problems(
    schema: pa.Schema, table: str, version: int, keep_fields: Sequence[str]
) -> list[str]:
    """Columns that are missing, of another type, or not known in this version of the table."""
    whole = documents_schema(keep_fields) if table == "documents" else TABLES[table]
    expected = {f.name: f.type for f in whole if _SINCE.get((table, f.name), 1) <= version}
    found = {field.name: field.type for field in schema}
    problems = [f"lacks the column {name}" for name in expected if name not in found]
    problems += [
        f"has a column {name} that version {version} of {table} does not know"
        for name in found
        if name not in expected
    ]
    problems += [
        f"has {found[name]} in the column {name}, expected {kind}"
        for name, kind in expected.items()
        if name in found and found[name] != kind
    ]
    return problems


def values(column: pa.Array) -> list[Any]:
    """The values of a column; those that are equal are one object, where they are strings.

    Three times as fast as `to_pylist`, and what looks them up finds their hashes made.
    """
    if column.null_count:
        return list(column.to_pylist())
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    known = column.dictionary.to_pylist()
    return [known[place] for place in column.indices.to_numpy().tolist()]
