"""Published tables as their readers find them: all rows, each with its columns by name."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
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


def as_counts(rows: Iterable[Mapping[str, object]]) -> Counter[str]:
    """Rows as text with how often each is there, without nulls, as .ci/published_with_spark.py."""
    return Counter(map(_as_text, rows))


def _as_text(row: Mapping[str, object]) -> str:
    known = {name: value for name, value in row.items() if value is not None}
    return json.dumps(known, sort_keys=True, default=_bytes_or_time)


def _bytes_or_time(value: bytes | datetime) -> str | int:
    if isinstance(value, bytes):
        return value.hex()
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
