"""The tables of an output, from the documentation in their schemas."""

import pyarrow as pa

from jobs.docs.markdown import table
from schemas.tables import NAMES, SORTED_BY, TABLES

_HEAD = """# Tables

Below the output, each as `TABLE/run_id=ID/*.parquet`; engines read `run_id` as a column of text.
Later versions only add columns, or let one be null, as version 5 did `confidence`; every file
carries its version (`gleaner.schema_version`).
Files have zstd pages with statistics and a page index, Bloom filters of `doc_id`, and row groups of
128 Ki rows that are sorted as said below. A table without rows has one file in a run. What a field
means is in the files too, as Arrow's metadata (`doc`). For other tools the same is a
[data contract](../how-to/contract.md)."""


def tables_page() -> str:
    """The page in Markdown: each table with its columns."""
    parts = [_HEAD]
    for name in TABLES:
        parts += [f"## {name}", table_markdown(name)]
    parts += ["## names", _names()]
    return "\n\n".join(parts) + "\n"


def _names() -> str:
    """The table that is of the whole output, and not of one run."""
    return (
        f"`names/names.parquet`: {_meaning(NAMES)}, sorted by label, surface, entity_id; of what "
        f"counted when it was made ([how](../how-to/names.md)). `current_entities` and "
        f"`current.read_table` give each entity its `canonical`, or its text where it has none.\n\n"
        f"{_columns(NAMES)}"
    )


def table_markdown(name: str) -> str:
    """A table of the output in one sentence, and its columns with their types and meanings."""
    schema = TABLES[name]
    sorted_by = ", ".join(SORTED_BY[name])
    return f"`{name}`: {_meaning(schema)}, sorted by {sorted_by}.\n\n{_columns(schema)}"


def _meaning(schema: pa.Schema) -> str:
    meaning: str = schema.metadata[b"doc"].decode()
    return meaning


def _columns(schema: pa.Schema) -> str:
    rows = [(f"`{field.name}`", _type(field), field.metadata[b"doc"].decode()) for field in schema]
    return table(("column", "type", ""), rows)


def _type(field: pa.Field) -> str:
    kind = field.type
    if pa.types.is_list(kind):
        name = f"list<{kind.value_type}>"
    elif pa.types.is_timestamp(kind):
        name = f"timestamp, {kind.unit}, {kind.tz}"
    else:
        name = {"float": "float32"}.get(str(kind), str(kind))
    return f"`{name}`" + (" or null" if field.nullable else "")
