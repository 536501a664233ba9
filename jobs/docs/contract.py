"""The tables as a data contract that other tools test, and as sources of dbt; both from `schemas`.

The contract is one of the Open Data Contract Standard (ODCS, https://bitol.io), which
`datacontract test` runs against the files of an output.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import yaml

from schemas.manifest import TableName
from schemas.rules import RULES, Rule
from schemas.tables import SCHEMA_VERSION, SORTED_BY, TABLES, since

API_VERSION = "v3.1.0"
NAME = "gleaner"
# Tables that have a row wherever anything was read.
NOT_EMPTY = ("entities", "documents")

_HEAD = "# `python -m jobs.docs` makes this file of schemas/tables.py and schemas/rules.py.\n"
_PURPOSE = "Named entities of document collections, as gleaner writes them."
_USAGE = (
    "Parquet files below an output, TABLE/run_id=ID/*.parquet; the manifests in runs/ say which of "
    "them count. Later versions only add columns, or let one be null."
)
_LIMITATIONS = (
    "A document that several runs have read has rows of each; the views of `jobs.runs view` show "
    "it once. --keep_fields adds columns of text to documents."
)
# What engines make of the folders.
_RUN_ID = pa.field(
    "run_id",
    pa.string(),
    nullable=False,
    metadata={"doc": "name of the run that wrote the row, from the folder of its file"},
)
# Where dbt-duckdb finds a table; other adapters pass over it.
_LOCATION = (
    'read_parquet(\'{{ env_var("GLEANER_OUTPUT", "out") }}/{name}/*/*.parquet\', '
    "hive_partitioning=true, hive_types_autocast=false, union_by_name=true)"
)

# The columns that no two rows of a table share. An entity's record may be null in older files.
_KEYS: Mapping[str, tuple[str, ...]] = {"documents": ("run_id", "source", "record")}
# What an entity and its document share.
_DOCUMENT = _KEYS["documents"]


class ColumnType(NamedTuple):
    """A type in the words of ODCS, where it has one; of contracts' tools; and of DuckDB."""

    logical: str | None
    physical: str
    duckdb: str


def contract_yaml() -> str:
    """The contract, without servers: where an output is, its users know."""
    contract = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": NAME,
        "name": NAME,
        "version": str(SCHEMA_VERSION),
        "status": "active",
        "description": {"purpose": _PURPOSE, "usage": _USAGE, "limitations": _LIMITATIONS},
        "schema": [_table(name) for name in RULES],
    }
    return _HEAD + _dumped(contract)


def dbt_sources_yaml() -> str:
    """The tables as sources of a dbt project: their columns, and tests that none is null."""
    tables = [
        {
            "name": name,
            "description": _meaning(schema),
            "columns": [_dbt_column(field) for field in (_RUN_ID, *schema)],
        }
        for name, schema in TABLES.items()
    ]
    source = {
        "name": NAME,
        "description": _PURPOSE,
        "config": {"meta": {"external_location": _LOCATION}},
        "tables": tables,
    }
    return _HEAD + _dumped({"version": 2, "sources": [source]})


def column_type(kind: pa.DataType) -> ColumnType:
    """Raises KeyError for a type that no table has. Text may be encoded by a dictionary."""
    if pa.types.is_dictionary(kind):
        return column_type(kind.value_type)
    if pa.types.is_list(kind):
        inner = column_type(kind.value_type)
        return ColumnType("array", f"ARRAY<{inner.physical}>", f"{inner.duckdb}[]")
    return {
        pa.string(): ColumnType("string", "VARCHAR", "VARCHAR"),
        pa.int32(): ColumnType("integer", "INTEGER", "INTEGER"),
        pa.int64(): ColumnType("integer", "BIGINT", "BIGINT"),
        pa.float32(): ColumnType("number", "FLOAT", "FLOAT"),
        pa.binary(): ColumnType(None, "BLOB", "BLOB"),
        pa.timestamp("us", "UTC"): ColumnType(
            "timestamp", "TIMESTAMP_TZ", "TIMESTAMP WITH TIME ZONE"
        ),
    }[kind]


def _table(name: TableName) -> dict[str, Any]:
    schema = TABLES[name]
    table: dict[str, Any] = {
        "name": name,
        "physicalName": name,
        "physicalType": "table",
        "logicalType": "object",
        "description": _meaning(schema),
        "properties": [_column(field, name) for field in (_RUN_ID, *schema)],
    }
    if name == "entities":
        ends = [[f"{end}.{column}" for column in _DOCUMENT] for end in (name, "documents")]
        table["relationships"] = [{"type": "foreignKey", "from": ends[0], "to": ends[1]}]
    table["quality"] = [*([_has_rows()] if name in NOT_EMPTY else []), *map(_quality, RULES[name])]
    table["customProperties"] = [{"property": "sortedBy", "value": [*SORTED_BY[name]]}]
    return table


def _column(field: pa.Field, table: str) -> dict[str, Any]:
    logical, physical, _ = column_type(field.type)
    column: dict[str, Any] = {"name": field.name}
    column |= {"logicalType": logical} if logical else {}
    column |= {"physicalType": physical, "description": _meaning(field)}
    column |= {"required": not field.nullable}
    if field.name in _KEYS.get(table, ()):
        position = _KEYS[table].index(field.name) + 1
        column |= {"primaryKey": True, "primaryKeyPosition": position}
    if field is _RUN_ID:
        column |= {"partitioned": True, "partitionKeyPosition": 1}
    if pa.types.is_list(field.type):
        inner = column_type(field.type.value_type)
        column["items"] = {"logicalType": inner.logical, "physicalType": inner.physical}
    column["customProperties"] = [{"property": "since", "value": since(field)}]
    return column


def _has_rows() -> dict[str, Any]:
    return {
        "name": "has_rows",
        "description": "there are rows",
        "dimension": "completeness",
        "type": "library",
        "metric": "rowCount",
        "mustBeGreaterThan": 0,
    }


def _quality(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.text,
        "dimension": "consistency",
        "type": "sql",
        "query": rule.query,
        "mustBe": 0,
    }


def _dbt_column(field: pa.Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "description": _meaning(field),
        "data_type": column_type(field.type).duckdb,
        **({} if field.nullable else {"data_tests": ["not_null"]}),
    }


def _meaning(described: pa.Schema | pa.Field) -> str:
    return str(described.metadata[b"doc"].decode())


def _dumped(content: object) -> str:
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
