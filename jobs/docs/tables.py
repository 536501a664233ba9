"""The schemas' documentation in, the tables of README.md out.

python -m jobs.docs.tables        # from the repository's top: writes what stands between the marks
"""

from pathlib import Path

import pyarrow as pa

from schemas.tables import SORTED_BY, TABLES

BEGIN, END = "<!-- tables -->", "<!-- /tables -->"


def tables_markdown() -> str:
    """The tables of the output, with the type and the meaning of each column, as Markdown."""
    return "\n\n".join(_table(name, schema) for name, schema in TABLES.items())


def with_tables(page: str) -> str:
    """A page in, the same with the tables between its marks out.

    Raises ValueError where the page does not have each mark once.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or page.count(BEGIN) + page.count(END) != len((begin, end)):
        raise ValueError(f"the page must have {BEGIN} and then {END}, once each")
    return f"{before}{begin}\n\n{tables_markdown()}\n\n{end}{after}"


def _table(name: str, schema: pa.Schema) -> str:
    meaning = schema.metadata[b"doc"].decode()
    lines = [
        f"`{name}`: {meaning}, sorted by {', '.join(SORTED_BY[name])}",
        "",
        "| column | type | |",
        "|---|---|---|",
        *(f"| {field.name} | {_type(field)} | {_cell(field)} |" for field in schema),
    ]
    return "\n".join(lines)


def _type(field: pa.Field) -> str:
    kind = field.type
    if pa.types.is_dictionary(kind):
        name = f"dictionary<{kind.value_type}>"
    elif pa.types.is_list(kind):
        name = f"list<{kind.value_type}>"
    elif pa.types.is_timestamp(kind):
        name = f"timestamp, {kind.unit}, {kind.tz}"
    else:
        name = {"float": "float32"}.get(str(kind), str(kind))
    escaped = name.replace("<", r"\<").replace(">", r"\>")
    return escaped + (" or null" if field.nullable else "")


def _cell(field: pa.Field) -> str:
    doc: str = field.metadata[b"doc"].decode()
    return doc.replace("|", r"\|")


if __name__ == "__main__":
    README = Path("README.md")
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
