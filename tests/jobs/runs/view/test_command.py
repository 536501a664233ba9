"""The command `view`: what it prints and writes, and where and how long that holds."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs.runs.__main__ import run
from schemas.errors import UsageError
from tests.builders import PART_A
from tests.jobs.runs.view.histories import committed, write


@pytest.fixture
def output(tmp_path: Path) -> Path:
    root = tmp_path / "it's out"
    root.mkdir()
    write(
        root,
        {**committed("r1", ["a"], keep_fields=["year"]), "schema_version": 1},
    )
    return root


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
