"""The views show in DuckDB what current.py reads with pyarrow, and what the rule says."""

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings

from jobs.runs.__main__ import run
from pipeline.outputs.current import read_table
from tests.builders import input_of
from tests.jobs.runs.view.histories import (
    LATER,
    TABLES,
    Manifest,
    committed,
    comparable,
    expected,
    histories,
    write,
)


def seen_by_duckdb(connection: duckdb.DuckDBPyConnection, table: str) -> pa.Table:
    return connection.sql(f"SELECT * FROM current_{table}").to_arrow_table()  # noqa: S608 - a name of ours


@given(history=histories())
@settings(max_examples=12)
def test_duckdb_pandas_and_the_rule_show_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[Manifest]
) -> None:
    """The file is made when half of the runs are there, in a place whose name is no pattern.

    Its views show the moment at which it was run; run again, it shows later runs.
    """
    root = tmp_path_factory.mktemp("out") / "record=7/year=1999" / "it's [a*]?"
    root.mkdir(parents=True)
    first = next(n for n, told in enumerate(history) if told["status"] == "committed")
    for told in history[: first + 1]:
        write(root, told)
    assert run(["view", f"--output={root}"]) == 0
    # One thread: the tables are tiny, and what takes time is to plan the queries.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute((root / "current.sql").read_text())
        for told in history[first + 1 :]:
            write(root, told)
        then = comparable(expected(history[: first + 1], "documents"))
        assert comparable(seen_by_duckdb(connection, "documents").to_pylist()) == then
        connection.execute((root / "current.sql").read_text())
        for folder in root.glob("*/run_id=*"):
            (folder / "half.parquet").write_bytes(b"PAR1")  # of somebody else, or half copied
        for table in TABLES:
            wanted = comparable(expected(history, table))
            rows = seen_by_duckdb(connection, table)
            assert comparable(rows.to_pylist()) == wanted
            if wanted:
                read = read_table(str(root), table)
                assert comparable(read.to_pylist()) == wanted
                assert set(rows.column_names) >= set(read.column_names)
                frame = read.to_pandas()
                assert len(frame) == len(wanted)
                assert "run_id" in frame.columns
        each = connection.sql("SELECT count(*), count(DISTINCT doc_id) FROM current_documents")
        assert len(set(*each.fetchall())) == 1
        counted = connection.sql("SELECT run_id, status FROM gleaner_runs").fetchall()
        assert sorted(counted) == sorted((told["run_id"], told["status"]) for told in history)
    shutil.rmtree(root)


@given(history=histories())
@settings(max_examples=10)
def test_what_trino_is_given_shows_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[Manifest]
) -> None:
    """DuckDB stands for Trino: it has the tables as Trino would have them, and runs the views."""
    root = tmp_path_factory.mktemp("out") / "it's"
    root.mkdir()
    for told in history:
        write(root, told)
    assert run(["view", f"--output={root}", "--engine=trino", "--root=s3://b/out"]) == 0
    text = (root / "current.trino.sql").read_text()
    last = max((told["timings"]["started_at"], told["run_id"]) for told in history)[1]
    assert f"TRUE UP TO RUN {last}:" in text
    statements = text.split(";\n")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("ATTACH ':memory:' AS hive; CREATE SCHEMA hive.gleaner")
        (declared,) = (one for one in statements if "CREATE TABLE hive.gleaner.all_names" in one)
        connection.execute(declared.partition(" WITH (")[0])
        for table in TABLES:
            (declared,) = (
                one for one in statements if f"CREATE TABLE hive.gleaner.all_{table}" in one
            )
            columns, _, settings = declared.partition(") WITH (")
            assert f"external_location = 's3://b/out/{table}'" in settings
            columns = columns.replace("array(varchar)", "varchar[]")
            connection.execute(f'{columns}, "$path" varchar)')
            files = f"{root}/{table}/*/*.parquet".replace("'", "''")
            connection.execute(
                f"INSERT INTO hive.gleaner.all_{table} BY NAME SELECT *, "  # noqa: S608 - names of ours
                "regexp_extract(\"$path\", 'run_id=([^/]+)/[^/]+$', 1) AS run_id FROM read_parquet("
                f"'{files}', hive_partitioning = false, union_by_name = true, filename = '$path')"
            )
            (view,) = (one for one in statements if f"VIEW hive.gleaner.current_{table}" in one)
            connection.execute(view)
            rows = connection.sql(f"SELECT * FROM hive.gleaner.current_{table}").to_arrow_table()  # noqa: S608 - as above
            assert comparable(rows.to_pylist()) == comparable(expected(history, table))


def test_folders_above_the_output_are_no_columns(tmp_path: Path) -> None:
    """`hive_partitioning` would take them for columns, and put their values over those of rows."""
    root = tmp_path / "source=news/model=x/record=7/year=1999/run_id=no/out"
    root.mkdir(parents=True)
    write(root, committed("r1", ["a"], keep_fields=["year"]))
    assert run(["view", f"--output={root}"]) == 0
    with duckdb.connect() as connection:
        connection.execute((root / "current.sql").read_text())
        rows = connection.execute(
            "SELECT run_id, source, record, year FROM current_documents ORDER BY record"
        ).fetchall()
        assert rows == [("r1", "a", 0, "year0"), ("r1", "a", 1, "year1")]
        columns = connection.sql("SELECT * FROM current_documents").columns
    assert columns.count("run_id") == 1


def test_runs_of_many_files_can_be_viewed_with_little_memory(tmp_path: Path) -> None:
    """Manifests of 20 MB, eight threads, one gigabyte, as on a laptop."""
    sources = [f"/data/news/2024/archive/{number:06}.jsonl.gz" for number in range(100_000)]
    write(tmp_path, committed("r0", ["a"]))
    write(tmp_path, {**committed("big", sources[:1]), "timings": LATER})
    big = json.loads((tmp_path / "runs/big.json").read_text())
    counts = {"records": 100, "documents": 99, "dead_letters": 1, "entities": 1000}
    big["inputs"] = [input_of(source, **counts) for source in sources]
    (tmp_path / "runs/big.json").write_text(json.dumps(big, indent=1))
    assert (tmp_path / "runs/big.json").stat().st_size > 2**24
    for number in range(9):
        write(tmp_path, committed(f"small{number}", [f"/s/{number}"]))
    assert run(["view", f"--output={tmp_path}"]) == 0
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1GB'; SET threads = 8")
        connection.execute((tmp_path / "current.sql").read_text())
        found = connection.execute("SELECT count(*) FROM gleaner_current_sources").fetchall()
        assert found == [(100_010,)]
        assert connection.execute("SELECT count(*) FROM current_documents").fetchall() == [(22,)]
