"""Published entities with the names that stand for them, joined as the page on them shows it."""

import re
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset as ds
from deltalake import DeltaTable

import jobs
from tests.pipeline.publication.readers import Rows

PAGES = Path(jobs.__file__).parent / "docs/pages/how-to"


def shown_query(page: str = "open-tables.md") -> str:
    """The SQL of a page, for DuckDB and Spark."""
    (query,) = re.findall(r"```sql\n( *SELECT entities\.\*.*?)\n *```", _text(page), re.DOTALL)
    return textwrap.dedent(query)


def _text(page: str) -> str:
    return (PAGES / page).read_text("utf-8")


def joined_by_duckdb(entities: object, names: object) -> Rows:
    """What the SQL finds in two tables or datasets of Arrow's."""
    with duckdb.connect() as connection:
        connection.register("entities", entities)
        connection.register("names", names)
        rows: Rows = connection.sql(shown_query()).to_arrow_table().to_pylist()
        return rows


def delta_datasets(place: Path) -> list[ds.Dataset]:
    """The two tables of a folder, as the page has DuckDB read them."""
    return [DeltaTable(place / table).to_pyarrow_dataset() for table in ("entities", "names")]


def joined_by_polars(place: Path) -> Rows:
    """What the code for Polars finds in the tables of a folder."""
    (code,) = re.findall(r"```python\n(import polars as pl\n\nent.*?)```", _shown(), re.DOTALL)
    known: dict[str, Any] = {}
    exec(code.replace("/srv/out", str(place)), known)  # noqa: S102 - it is ours
    named: pl.LazyFrame = known["named"]
    return named.collect().to_dicts()


def _shown() -> str:
    """The section of the page that shows it, without the indentation of tabs."""
    section = _text("open-tables.md").partition("\n## The names that stand for texts\n")[2]
    return textwrap.dedent(section)
