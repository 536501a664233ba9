"""The views show in DuckDB what current.py reads with pyarrow, and what the rule says."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.runs.__main__ import run
from pipeline.outputs.current import read_table
from schemas.errors import UsageError
from schemas.tables import DEAD_LETTERS, ENTITIES, documents_schema
from tests.builders import PART_A, PART_B, configuration, input_of, manifest_of, table_of

Manifest = dict[str, Any]
Row = tuple[str, ...]

SOURCES = ("it's/a.jsonl", "[b*].jsonl", "c.jsonl")
# Kept fields differ between runs; one is called as DuckDB would call a column of its own.
FIELDS = ((), ("year",), ("filename", "year"))
TABLES = ("entities", "documents", "dead_letters")


@st.composite
def histories(draw: st.DrawFn) -> list[Manifest]:
    """Runs of every status and version over some of the sources, repairs and mergers among them."""
    runs: list[Manifest] = []
    for number in range(draw(st.integers(1, 7))):
        before = [told["run_id"] for told in runs]
        inputs = []
        for source in draw(st.lists(st.sampled_from(SOURCES), unique=True, min_size=1)):
            kind = draw(st.sampled_from(["complete", "broken", "repair"]))
            read = input_of(source, complete=kind != "broken")
            if before and kind == "repair":
                read["repairs"] = draw(st.sampled_from(before))
            inputs.append(read)
        at = draw(
            st.sampled_from(["2026-01-01T00:00:00+00:00", f"2026-01-01T00:00:0{number}.5+00:00"])
        )
        told: Manifest = manifest_of(
            f"r{number}",
            status=draw(st.sampled_from(["committed", "committed", "failed", "empty"])),
            schema_version=draw(st.sampled_from([1, 3])),
            timings={"started_at": at, "finished_at": at, "seconds": 1.0},
            configuration=configuration(draw(st.sampled_from(FIELDS))),
            inputs=inputs,
        )
        if before and draw(st.integers(0, 3)) == 0:
            told["replaces"] = draw(st.lists(st.sampled_from(before), min_size=1, unique=True))
        runs.append(told)
    runs[draw(st.integers(0, len(runs) - 1))]["status"] = "committed"
    return runs


def rows_of(told: Manifest, table: str) -> Iterator[dict[str, Any]]:
    """Two rows of a run for each source; of a source that broke off, a dead letter of the whole."""
    for entry in told["inputs"]:
        for number in range(2):
            name = f"{entry['source']}{number}"
            if "repairs" in entry:  # it has other records than the run that read the source
                name += told["run_id"]
            row = {"source": entry["source"], "doc_id": name}
            if table == "documents":
                fields = told["configuration"]["keep_fields"]
                yield {**row, "record": number, **{name: f"{name}{number}" for name in fields}}
            elif table == "entities":
                yield {**row, "start_char": number, "label": told["run_id"]}
            else:
                size = {"raw_size": 7} if told["schema_version"] > 1 else {}
                yield {**row, "record": number, "stage": "Read", **size}
        if table == "dead_letters" and not entry["complete"]:
            yield {"source": entry["source"], "record": None, "stage": "Read"}


def write(root: Path, told: Manifest) -> None:
    """The run's files, one beside them that no manifest names, and its manifest."""
    tables = {}
    for table in TABLES:
        schema = {
            "entities": ENTITIES,
            "documents": documents_schema(told["configuration"]["keep_fields"]),
            "dead_letters": DEAD_LETTERS,
        }[table]
        if table == "dead_letters" and told["schema_version"] == 1:
            schema = pa.schema([f for f in schema if f.name not in ("raw_size", "kept_fields")])
        schema = pa.schema([field.with_nullable(nullable=True) for field in schema])
        folder = root / table / f"run_id={told['run_id']}"
        folder.mkdir(parents=True)
        rows = pa.Table.from_pylist(list(rows_of(told, table)), schema=schema)
        for name in (PART_A, PART_B):
            pq.write_table(rows, folder / name)
        tables[table] = table_of(told["run_id"], table, PART_A)
    (root / "runs").mkdir(exist_ok=True)
    shown = {**told, "tables": tables if told["status"] == "committed" else {}}
    (root / "runs" / f"{told['run_id']}.json").write_text(json.dumps(shown, indent=1))


def expected(history: list[Manifest], table: str) -> list[dict[str, Any]]:
    """By search over all pairs of a source and a run."""
    committed = [told for told in history if told["status"] == "committed"]
    gone = {name for told in committed for name in told.get("replaces", ())}
    alive = {told["run_id"]: told for told in committed if told["run_id"] not in gone}

    def order(run_id: str) -> Row:
        return alive[run_id]["timings"]["started_at"], run_id

    rows = []
    for source in SOURCES:
        entries = {
            run_id: entry
            for run_id, told in alive.items()
            for entry in told["inputs"]
            if entry["source"] == source
        }
        reads = [
            (entry["complete"], order(run_id), run_id)
            for run_id, entry in entries.items()
            if "repairs" not in entry
        ]
        if not reads:
            continue
        *_, first = max(reads)
        repairs = sorted(
            (run_id for run_id, e in entries.items() if e.get("repairs") == first),
            key=order,
        )
        runs = [first, *(run_id for run_id in repairs if order(run_id) > order(first))]
        for run_id in runs:
            for row in rows_of(alive[run_id], table):
                last_word = run_id == runs[-1] or (run_id == first and row.get("record") is None)
                if row["source"] == source and (table != "dead_letters" or last_word):
                    rows.append({**row, "run_id": run_id})
    return rows


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    """What differs between rows, without the nulls that stand for missing columns."""
    return sorted(
        str(sorted((name, value) for name, value in row.items() if value is not None))
        for row in rows
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


@pytest.fixture
def output(tmp_path: Path) -> Path:
    root = tmp_path / "it's out"
    root.mkdir()
    write(
        root,
        {**committed("r1", ["a"], keep_fields=["year"]), "schema_version": 1},
    )
    return root


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
    write(tmp_path, {**committed("big", sources[:1]), "timings": _LATER})
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


_FIRST, _LATER = (
    {"started_at": time, "finished_at": time, "seconds": 1.0}
    for time in ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00")
)


def committed(run_id: str, sources: list[str], keep_fields: Sequence[str] = ()) -> Manifest:
    return manifest_of(
        run_id,
        timings=_FIRST,
        configuration=configuration(tuple(keep_fields)),
        inputs=[input_of(source) for source in sources],
    )


def test_what_view_prints_can_be_pasted(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines for Python as they stand; those for DuckDB through its module."""
    assert run(["view", f"--output={output}"]) == 0
    told = capsys.readouterr().out
    assert f"-init '{tmp_path}/it'\"'\"'s out/current.sql'" in told
    program = "".join(f"{line.strip()}\n" for line in told.splitlines()[-3:])
    done = subprocess.run(
        [sys.executable, "-c", f"{program}print(len(entities))"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "2\n"
    with duckdb.connect() as connection:
        connection.execute((output / "current.sql").read_text())
        found = connection.execute("SELECT label, count(*) FROM current_entities GROUP BY ALL")
        assert found.fetchall() == [("r1", 2)]
    assert not list(output.glob(".*"))


def counted_by_duckdb(sql: Path, *before: str) -> Any:  # noqa: ANN401 - rows as DuckDB has them
    with duckdb.connect() as connection:
        for statement in (*before, sql.read_text()):
            connection.execute(statement)
        return connection.sql(
            "SELECT run_id, source, count(*) FROM current_documents GROUP BY ALL ORDER BY ALL"
        ).fetchall()


@pytest.fixture
def moved(output: Path, tmp_path: Path) -> Path:
    """An output that was viewed, and then moved to where its manifests do not know of it."""
    assert run(["view", f"--output={output}"]) == 0
    return Path(shutil.move(output, tmp_path / "mounted [here]?"))


def test_an_output_that_was_moved_is_viewed_where_the_session_says_it_is(moved: Path) -> None:
    place = f"SET VARIABLE gleaner_output = '{moved}'"
    assert counted_by_duckdb(moved / "current.sql", place) == [("r1", "a", 2)]


def test_a_copy_is_not_taken_for_what_it_was_copied_from(output: Path, tmp_path: Path) -> None:
    assert run(["view", f"--output={output}"]) == 0
    copy = Path(shutil.copytree(output, tmp_path / "copy"))
    write(copy, committed("r2", ["b"]))
    place = f"SET VARIABLE gleaner_output = '{copy}'"
    assert counted_by_duckdb(copy / "current.sql", place) == [("r1", "a", 2), ("r2", "b", 2)]
    assert counted_by_duckdb(copy / "current.sql") == [("r1", "a", 2)]


def test_a_place_that_is_relative_holds_wherever_the_folder_goes(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["view", f"--output={output}", "--root=."]) == 0
    there = Path(shutil.move(output, tmp_path / "there"))
    monkeypatch.chdir(there)
    assert counted_by_duckdb(Path("current.sql")) == [("r1", "a", 2)]


def test_a_database_that_is_opened_again_never_shows_less_than_all(
    output: Path, tmp_path: Path
) -> None:
    """It keeps the views, and not which files count: a file that was rewritten since is missed."""
    assert run(["view", f"--output={output}"]) == 0
    count = "SELECT count(*) FROM current_documents"
    database = tmp_path / "kept.db"
    with duckdb.connect(database) as connection:
        connection.execute((output / "current.sql").read_text())
    write(output, committed("r2", ["b"]))
    with duckdb.connect(database) as connection:
        assert connection.sql(count).fetchall() == [(2,)]
        file = output / "documents/run_id=r1" / PART_A
        file.rename(file.with_name(f"part-{'9' * 32}.parquet"))
        for each in (connection, connection.cursor()):
            with pytest.raises(duckdb.Error, match=r"run current\.sql again"):
                each.execute(count).fetchall()


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


def test_views_are_written_again_in_one_piece(output: Path) -> None:
    (output / "current.sql").write_text("old")
    run(["view", f"--output={output}"])
    first = (output / "current.sql").read_text()
    run(["view", f"--output={output}"])
    assert (output / "current.sql").read_text() == first != "old"


def test_without_a_committed_run_there_is_nothing_to_view(output: Path) -> None:
    told = json.loads((output / "runs/r1.json").read_text())
    (output / "runs/r1.json").write_text(json.dumps({**told, "status": "failed"}))
    with pytest.raises(UsageError, match="has no committed run yet, so there is nothing to view"):
        run(["view", f"--output={output}"])
    assert not (output / "current.sql").exists()


def test_a_manifest_that_names_files_elsewhere_is_an_error_in_sql_too(output: Path) -> None:
    assert run(["view", f"--output={output}"]) == 0
    told = json.loads((output / "runs/r1.json").read_text())
    told["tables"]["entities"]["files"][0]["path"] = f"../secret/{PART_A}"
    (output / "runs/r1.json").write_text(json.dumps(told))
    with (
        duckdb.connect() as connection,
        pytest.raises(duckdb.Error, match=r"r1 names \.\./secret/.*, which is no file of this run"),
    ):
        connection.execute((output / "current.sql").read_text())
