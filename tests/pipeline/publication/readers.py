"""Published tables as their readers find them: all rows, each with its columns by name."""

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

Rows = list[dict[str, Any]]


def delta_rows(place: Path) -> Rows:
    """With delta-rs."""
    rows: Rows = pa.table(DeltaTable(place).to_pyarrow_table()).to_pylist()
    return rows


def polars_rows(place: Path) -> Rows:
    """With Polars, which reads partitions out of paths."""
    return pl.read_delta(str(place)).to_dicts()


def iceberg_table(root: Path, table: str, namespace: str = "open") -> Table:
    """A table of the catalog below an output."""
    place = root / "_iceberg"
    catalog = SqlCatalog("gleaner", uri=f"sqlite:///{place}/catalog.db", warehouse=str(place))
    return catalog.load_table((namespace, table))


def iceberg_rows(root: Path, table: str) -> Rows:
    """With pyiceberg."""
    rows: Rows = iceberg_table(root, table).scan().to_arrow().to_pylist()
    return rows
