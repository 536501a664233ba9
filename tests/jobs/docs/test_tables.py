"""The tables of the documentation are those of the schemas."""

import pytest

from jobs.docs.tables import table_markdown
from schemas.tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_a_row_with_its_meaning(name: str) -> None:
    lines = table_markdown(name).splitlines()
    for field in TABLES[name]:
        (line,) = (line for line in lines if line.startswith(f"| `{field.name}` |"))
        assert field.metadata[b"doc"].decode() in line
        assert ("or null" in line) == field.nullable
