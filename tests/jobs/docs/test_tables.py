"""The README's tables are those of the schemas."""

from pathlib import Path

import pytest

from jobs.docs.tables import BEGIN, END, tables_markdown, with_tables
from schemas.tables import TABLES

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_has_the_tables_of_the_schemas() -> None:
    """Else: `python -m jobs.docs.tables`."""
    page = README.read_text("utf-8")
    assert with_tables(page) == page


def test_every_column_is_a_row_with_its_meaning() -> None:
    lines = tables_markdown().splitlines()
    for schema in TABLES.values():
        for field in schema:
            (line,) = {line for line in lines if line.startswith(f"| {field.name} |")} & {
                line for line in lines if field.metadata[b"doc"].decode() in line
            }
            assert ("or null" in line) == field.nullable


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        with_tables(page)
