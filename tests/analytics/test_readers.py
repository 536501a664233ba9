"""Whatever reads the tables finds the same columns, types, rows and times.

Spark reads them where the environment names its interpreter (`make test-spark`).
"""

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from jobs.runs.__main__ import run as look_after
from pipeline.outputs.current import read_table
from schemas.tables import TABLES, documents_schema, since, with_dictionaries

VIEW_WITH_SPARK = Path(__file__).parents[2] / ".ci/view_with_spark.py"
READ_WITH_SPARK = Path(__file__).parents[2] / ".ci/read_with_spark.py"
KEPT = ("title", "date")


class Table(NamedTuple):
    """What a reader finds: types in the words of Arrow, and times in microseconds."""

    types: Mapping[str, str]
    rows: int
    times: Mapping[str, list[int]]


Tables = Mapping[str, Table]


def micros(times: Mapping[str, list[datetime]]) -> dict[str, list[int]]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {
        name: sorted((time - epoch) // timedelta(microseconds=1) for time in found)
        for name, found in times.items()
    }


def arrow_word(kind: pa.DataType) -> str:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind  # of a partition
    words = {"large_string": "string", "list<item: string>": "list<string>"}
    words |= {"list<element: string>": "list<string>", "float": "float32"}
    return words.get(str(plain), str(plain))


@pytest.fixture(scope="module")
def expected(two_nights: Path) -> Tables:
    """Types by the schemas, rows and times by the manifests."""
    manifests = [json.loads(path.read_text()) for path in two_nights.glob("out/runs/*.json")]
    started = [datetime.fromisoformat(told["timings"]["started_at"]) for told in manifests]
    schemas = TABLES | {"documents": documents_schema(KEPT)}
    return {
        table: Table(
            {field.name: arrow_word(field.type) for field in schema} | {"run_id": "string"},
            sum(told["tables"][table]["rows"] for told in manifests),
            micros({"processed_at": started}) if table == "documents" else {},
        )
        for table, schema in schemas.items()
    }


def with_arrow(out: str) -> Tables:
    found = {}
    for table in TABLES:
        rows = ds.dataset(f"{out}/{table}", partitioning="hive").to_table()
        types = {field.name: arrow_word(field.type) for field in rows.schema}
        names = [field.name for field in rows.schema if pa.types.is_timestamp(field.type)]
        times = micros({name: rows[name].unique().to_pylist() for name in names})
        found[table] = Table(types, len(rows), times)
    return found


_DUCKDB = {
    "VARCHAR": "string",
    "INTEGER": "int32",
    "BIGINT": "int64",
    "FLOAT": "float32",
    "BLOB": "binary",
    "VARCHAR[]": "list<string>",
    "TIMESTAMP WITH TIME ZONE": "timestamp[us, tz=UTC]",
}


def with_duckdb(out: str) -> Tables:
    found = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        for table in TABLES:
            rows = connection.sql(f"FROM '{out}/{table}/*/*.parquet'")
            kinds = dict(zip(rows.columns, map(str, rows.types), strict=True))
            types = {name: _DUCKDB.get(kind, kind) for name, kind in kinds.items()}
            names = [name for name, kind in types.items() if kind.startswith("timestamp")]
            asked = {name: rows.select(f"epoch_us({name})").distinct().fetchall() for name in names}
            times = {name: sorted(value for (value,) in values) for name, values in asked.items()}
            found[table] = Table(types, len(rows.fetchall()), times)
    return found


_POLARS = {
    pl.String: "string",
    pl.Int32: "int32",
    pl.Int64: "int64",
    pl.Float32: "float32",
    pl.Binary: "binary",
    pl.List(pl.String): "list<string>",
    pl.Datetime("us", "UTC"): "timestamp[us, tz=UTC]",
}


def with_polars(out: str) -> Tables:
    found = {}
    for table in TABLES:
        rows = pl.read_parquet(f"{out}/{table}/*/*.parquet", hive_partitioning=True)
        types = {name: _POLARS.get(kind, str(kind)) for name, kind in rows.schema.items()}
        names = [name for name, kind in types.items() if kind.startswith("timestamp")]
        times = micros({name: rows[name].unique().to_list() for name in names})
        found[table] = Table(types, len(rows), times)
    return found


def with_pandas_of_arrow(out: str) -> Tables:
    found = {}
    for table in TABLES:
        rows = pd.read_parquet(f"{out}/{table}", dtype_backend="pyarrow")
        kinds = {str(name): kind for name, kind in rows.dtypes.items()}
        types = {
            name: arrow_word(kind.pyarrow_dtype)
            for name, kind in kinds.items()
            if isinstance(kind, pd.ArrowDtype)
        }
        names = [name for name, kind in types.items() if kind.startswith("timestamp")]
        times = micros({name: rows[name].drop_duplicates().tolist() for name in names})
        found[table] = Table(types, len(rows), times)
    return found


_SPARK = {
    "string": "string",
    "int": "int32",
    "bigint": "int64",
    "float": "float32",
    "binary": "binary",
    "array<string>": "list<string>",
    "timestamp": "timestamp[us, tz=UTC]",
}


def with_spark(out: str) -> Tables:
    interpreter = os.environ.get("GLEANER_SPARK")
    if not interpreter:
        pytest.skip("GLEANER_SPARK names no Python that has Spark (`make test-spark` does)")
    command = [interpreter, str(READ_WITH_SPARK), out]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = {}
    for table, told in json.loads(done.stdout.splitlines()[-1]).items():
        types = {name: _SPARK.get(kind, kind) for name, kind in told["types"].items()}
        found[table] = Table(types, told["rows"], told["times"])
    return found


@pytest.mark.parametrize(
    "read", [with_arrow, with_duckdb, with_polars, with_pandas_of_arrow, with_spark]
)
def test_every_reader_finds_the_same(
    read: Callable[[str], Tables], two_nights: Path, expected: Tables
) -> None:
    assert read(f"{two_nights}/out") == expected


@pytest.mark.parametrize("night", [0, 1])
@pytest.mark.parametrize("read", [with_arrow, with_duckdb, with_pandas_of_arrow, with_spark])
def test_runs_of_older_versions_are_read_beside_others(
    read: Callable[[str], Tables], night: int, two_nights: Path, expected: Tables, tmp_path: Path
) -> None:
    """Their files call what is repeated dictionaries, whichever run an engine opens first.

    Polars refuses globs over both, and is told to take `current.read_table`.
    """
    out = str(shutil.copytree(two_nights / "out", tmp_path / "out"))
    run = sorted(Path(out).glob("entities/run_id=*"))[night].name
    for path in Path(out).glob(f"*/{run}/*.parquet"):
        rows = pq.read_table(path)
        pq.write_table(rows.cast(with_dictionaries(rows.schema)), path)
    assert read(out) == expected
    for table in TABLES:
        kept = read_table(f"{two_nights}/out", table)
        assert read_table(out, table).equals(kept)


@pytest.mark.parametrize("night", [0, 1])
def test_entities_of_before_there_were_lists_are_read_beside_others(
    night: int, two_nights: Path, tmp_path: Path
) -> None:
    """By what takes columns by name: theirs are null there, and no confidence is."""
    out = str(shutil.copytree(two_nights / "out", tmp_path / "out"))
    run = sorted(Path(out).glob("entities/run_id=*"))[night].name
    for path in Path(out).glob(f"entities/{run}/*.parquet"):
        rows = pq.read_table(path, partitioning=None)
        kept = [field for field in rows.schema if since(field) < 5]
        fields = [f.with_nullable(nullable=f.nullable and f.name != "confidence") for f in kept]
        pq.write_table(rows.select([f.name for f in kept]).cast(pa.schema(fields)), path)
    files = f"{out}/entities/*/*.parquet"
    assert look_after(["view", f"--output={out}"]) == 0
    with duckdb.connect() as connection:
        by_name = connection.sql(f"FROM read_parquet('{files}', union_by_name=true)").pl()
        connection.execute(Path(f"{out}/current.sql").read_text())
        viewed = connection.sql("FROM current_entities").pl()
    read = pl.DataFrame(pl.from_arrow(read_table(out, "entities")))
    for rows in (by_name, viewed, read):
        assert rows["confidence"].null_count() == 0
        is_older = rows["run_id"].cast(pl.String) == run.removeprefix("run_id=")
        assert rows.filter(is_older)["origin"].null_count() == is_older.sum() > 0
        assert set(rows.filter(~is_older)["origin"].cast(pl.String)) == {"model"}


_PANDAS = {"str": "string", "category": "string", "datetime64[us, UTC]": "timestamp[us, tz=UTC]"}


def test_pandas_has_floats_for_integers_with_nulls_only(two_nights: Path, expected: Tables) -> None:
    """Its own types know neither integers with nulls, nor bytes and lists but as objects."""
    for table, wanted in expected.items():
        rows = pd.read_parquet(two_nights / "out" / table)
        kinds = {str(name): str(kind) for name, kind in rows.dtypes.items()}
        types = {name: _PANDAS.get(kind, kind) for name, kind in kinds.items()}
        weaker = {name for name in types if types[name] != wanted.types[name]}
        assert len(rows) == wanted.rows
        if table == "dead_letters":
            assert {name: types[name] for name in weaker} == {
                "record": "float64",
                "raw_size": "float64",
                "raw": "object",
                "kept_fields": "object",
            }
        else:
            assert not weaker


def test_spark_views_show_what_counts(two_nights: Path, tmp_path: Path) -> None:
    """In a copy whose path has characters of patterns; one run superseded files of another."""
    interpreter = os.environ.get("GLEANER_SPARK")
    if not interpreter:
        pytest.skip("GLEANER_SPARK names no Python that has Spark (`make test-spark` does)")
    out = Path(shutil.copytree(two_nights / "out", tmp_path / "it's [a] copy"))
    assert look_after(["view", f"--output={out}", "--engine=spark"]) == 0
    command = [interpreter, str(VIEW_WITH_SPARK), str(out / "current.spark.sql")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    for table in TABLES:
        rows = read_table(str(out), table, ["run_id", "source"]).to_pylist()
        wanted = Counter((row["run_id"], row["source"]) for row in rows)
        assert found[table] == sorted([*place, count] for place, count in wanted.items())
        assert wanted
