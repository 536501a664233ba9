"""The tables and what counts of them as SQL for Trino's Hive connector.

Trino reads no JSON that has several lines to a record, and so no manifest. What counts is therefore
written into the views: they show what counted when they were made, and are to be made again after
each run.
"""

from collections.abc import Sequence

import pyarrow as pa

from jobs.runs.outputs import Output
from pipeline.outputs.current import RunRows, rows_that_count
from pipeline.outputs.layout import NAMES
from schemas.manifest import Manifest
from schemas.tables import NAMES as NAMES_SCHEMA
from schemas.tables import TABLES, documents_schema

TRINO_FILE = "current.trino.sql"
_SCHEMA = "hive.gleaner"
_COMMA = ",\n    "
_KINDS = {
    "string": "varchar",
    "int32": "integer",
    "int64": "bigint",
    "float": "real",
    "binary": "varbinary",
    "list<item: string>": "array(varchar)",
    "list<element: string>": "array(varchar)",
    "timestamp[us, tz=UTC]": "timestamp",
}


def trino_sql(output: Output, root: str) -> str:
    """Statements that make tables `all_*` of what is there, and views `current_*` of what counts.

    root: where Trino finds the output.
    """
    statements = [f"{_head(output)}\nCREATE SCHEMA IF NOT EXISTS {_SCHEMA};"]
    statements += _table(root, NAMES, NAMES_SCHEMA, is_divided=False)
    kept = {name for run in output.manifests for name in run["configuration"]["keep_fields"]}
    for table, schema in (TABLES | {"documents": documents_schema(sorted(kept))}).items():
        statements += _table(root, table, schema)
        names = _NAMES if table == "entities" else ""
        statements.append(_view(output, table, schema.names, names))
    return "\n\n".join(statements) + "\n"


def _head(output: Output) -> str:
    last = output.manifests[-1]["run_id"]
    return f"""\
-- What counts of this output, for Trino with a Hive catalog `hive`;
-- `python -m jobs.runs view --engine trino` made it.
-- TRUE UP TO RUN {last}: what later runs add or supersede is not in these views.
-- Make this file again after each run, and run it."""


# What joins the name that stands for each entity, as in DuckDB's views.
_NAMES = f"""
LEFT JOIN {_SCHEMA}.all_{NAMES} AS names
    ON names.surface = found.text AND names.label = found.label
    AND names.entity_id IS NOT DISTINCT FROM found.entity_id"""


def _table(root: str, table: str, schema: pa.Schema, *, is_divided: bool = True) -> list[str]:
    """is_divided: whether its files stand in folders of runs."""
    columns = [f'"{field.name}" {_kind(field.type)}' for field in schema]
    if not is_divided:
        return [
            f"DROP TABLE IF EXISTS {_SCHEMA}.all_{table};",
            f"""\
CREATE TABLE {_SCHEMA}.all_{table} (
    {_COMMA.join(columns)}
) WITH (
    external_location = {_literal(f"{root}/{table}")},
    format = 'PARQUET'
);""",
        ]
    listed = _COMMA.join([*columns, '"run_id" varchar'])
    return [
        f"DROP TABLE IF EXISTS {_SCHEMA}.all_{table};",
        f"""\
CREATE TABLE {_SCHEMA}.all_{table} (
    {listed}
) WITH (
    external_location = {_literal(f"{root}/{table}")},
    format = 'PARQUET',
    partitioned_by = ARRAY['run_id']
);""",
        f"CALL hive.system.sync_partition_metadata('gleaner', 'all_{table}', 'FULL');",
    ]


def _kind(kind: pa.DataType) -> str:
    return _KINDS[str(kind)]


def _view(output: Output, table: str, columns: Sequence[str], joined: str) -> str:
    counting = [
        _condition(rows, output.by_id[rows.run_id], table)
        for rows in rows_that_count(output.current, table)
    ]
    names = ", ".join(f'"{name}"' for name in [*columns, "run_id"])
    condition = "\n   OR ".join(counting) or "false"
    query = f"SELECT {names}\nFROM {_SCHEMA}.all_{table}\nWHERE {condition}"
    if joined:
        shown = "found.*, coalesce(names.canonical, found.text) AS canonical"
        query = f"SELECT {shown}\nFROM (\n{query}\n) AS found{joined}"
    return f"""\
CREATE OR REPLACE VIEW {_SCHEMA}.current_{table} AS
{query};"""


def _condition(rows: RunRows, manifest: Manifest, table: str) -> str:
    """Rows of the run that count: in files that its manifest names, of sources that count."""
    files = [file["path"].rpartition("/")[2] for file in manifest["tables"][table]["files"]]
    parts = [
        f"run_id = {_literal(rows.run_id)}",
        f"regexp_extract(\"$path\", '[^/]+$') IN {_listed(files)}",
    ]
    others = {entry["source"] for entry in manifest["inputs"]}.difference(rows.sources)
    if others and len(others) < len(rows.sources):
        parts.append(f"source NOT IN {_listed(sorted(others))}")
    elif others:
        parts.append(f"source IN {_listed(rows.sources)}")
    if rows.whole_shards:
        parts.append("record IS NULL")
    return f"({' AND '.join(parts)})"


def _listed(values: Sequence[str]) -> str:
    return f"({', '.join(map(_literal, values))})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
