"""The tables of the documentation are those of the schemas."""

import pytest

from jobs.docs.tables import BEGIN, END, table_markdown, with_table
from schemas.tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_a_row_with_its_meaning(name: str) -> None:
    lines = table_markdown(name).splitlines()
    for field in TABLES[name]:
        (line,) = (line for line in lines if line.startswith(f"| `{field.name}` |"))
        assert field.metadata[b"doc"].decode() in line
        assert ("or null" in line) == field.nullable


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        with_table(page)
