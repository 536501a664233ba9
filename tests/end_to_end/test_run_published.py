"""`pipeline.run --publish`: what counts, as tables, once the job is done; nothing of it without."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipeline.run import run
from schemas.errors import DeadLettersError, JobError, UsageError
from schemas.tables import TABLES
from tests.builders import stored_rows
from tests.jobs.runs.view.histories import comparable
from tests.pipeline.publication.readers import delta_rows, iceberg_rows


def write(path: Path, *texts: str | None) -> None:
    records = [{"id": f"{path.stem}{n}", "text": text} for n, text in enumerate(texts)]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


@pytest.fixture
def flags(tmp_path: Path, tiny_artifact: Path) -> list[str]:
    """Of a job over a folder with two files."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/a.jsonl", "Maria met the council in Lisbon.", "Ships met on Monday.")
    write(tmp_path / "in/b.jsonl", "Maria left Oslo.")
    return [f"--input={tmp_path}/in", f"--output={tmp_path}/out", f"--model={tiny_artifact}"]


def require_published(root: Path) -> None:
    for table in TABLES:
        wanted = comparable(stored_rows(str(root), table).to_pylist())
        assert comparable(delta_rows(root / table)) == wanted
        assert comparable(iceberg_rows(root, table)) == wanted


def test_each_night_the_tables_are_what_counts(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New files, files that changed, and a night with nothing to do."""
    root = tmp_path / "out"
    flags += ["--only_new", "--publish", f"delta={root}", "iceberg=open", "--publish=iceberg=open"]
    assert run(flags) == 0
    require_published(root)
    told = capsys.readouterr().out
    assert told.count(f"published delta={root}\n") == told.count("published iceberg=open\n") == 1
    write(tmp_path / "in/b.jsonl", "Maria left Oslo.", "She met Ada in Rome.")
    write(tmp_path / "in/c.jsonl", "Bo met Maria in Lisbon.")
    assert run(flags) == 0
    require_published(root)
    assert len(delta_rows(root / "documents")) == 5
    versions = [DeltaTable(root / table).version() for table in TABLES]
    assert run(flags) == 0
    require_published(root)
    assert [DeltaTable(root / table).version() for table in TABLES] == versions


def test_parts_before_a_refused_one_are_published(flags: list[str], tmp_path: Path) -> None:
    """And the exit code is that of the refusal."""
    root = tmp_path / "out"
    write(tmp_path / "in/c.jsonl", None, None)
    flags += ["--commit_shards=1", "--publish", f"delta={root}", "iceberg=open"]
    with pytest.raises(DeadLettersError) as refused:
        run(flags)
    assert refused.value.exit_code == 3
    require_published(root)
    assert len(delta_rows(root / "documents")) == 3


def test_a_refusal_stays_one_where_publishing_fails_too(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in/c.jsonl", None, None)
    fail_to_publish(monkeypatch)
    message = r"dead letters.*; iceberg=open: the disk is full; what counts of"
    with pytest.raises(DeadLettersError, match=message):
        run([*flags, "--publish=iceberg=open"])


def test_a_publish_that_fails_leaves_the_run_committed(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, and what to do; the next publish does the rest."""
    from jobs.publish.__main__ import run as publish_again

    with monkeypatch.context() as patch:
        fail_to_publish(patch)
        again = f"jobs.publish --output={tmp_path}/out delta={tmp_path}/out iceberg=open publishes"
        with pytest.raises(JobError, match=f"the disk is full; .*{again} it") as told:
            run([*flags, "--publish", f"delta={tmp_path}/out", "iceberg=open"])
    assert told.value.exit_code == 1
    assert stored_rows(f"{tmp_path}/out", "documents").num_rows == 3
    assert publish_again([f"--output={tmp_path}/out", f"delta={tmp_path}/out", "iceberg=open"]) == 0
    require_published(tmp_path / "out")


def fail_to_publish(patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise JobError("the disk is full")

    patch.setattr("pipeline.publication.publish.publish", fail)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delta=", "'delta=' is no target, expected delta=FOLDER"),
        ("delta={}/in/a.jsonl", "a.jsonl is not a directory"),
        ("iceberg=lake/open", "pyiceberg's configuration has no catalog 'lake'"),
        ("delta={}/out/tables", "is inside of the output"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_anything_is_written(
    flags: list[str], tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        run([*flags, "--publish", f"delta={tmp_path}/out", text.format(tmp_path)])
    assert refused.value.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("Day", "the columns 'day' and 'Day' cannot be in one published table"),
        ("the day", "Delta Lake takes no blanks"),
    ],
)
def test_fields_that_no_table_can_have_are_refused_before_the_run(
    flags: list[str], tmp_path: Path, field: str, message: str
) -> None:
    assert run([*flags, "--keep_fields=day"]) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(UsageError, match=message):
        run([*flags, f"--keep_fields={field}", f"--publish=delta={tmp_path}/out"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_input_that_is_not_there_is_told_before_anything_is_written(
    flags: list[str], tmp_path: Path
) -> None:
    """Also for the places of tables."""
    with pytest.raises(UsageError):
        run([*flags, f"--input={tmp_path}/none", f"--publish=delta={tmp_path}/out", "iceberg=open"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("is_published", [False, True])
def test_the_libraries_are_imported_by_who_publishes_alone(
    flags: list[str], tmp_path: Path, *, is_published: bool
) -> None:
    named = ["--publish", f"delta={tmp_path}/out", "iceberg=open"] if is_published else []
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipeline.run", *flags, *named],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109 - the folder of the tests
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    libraries = {"deltalake", "pyiceberg", "sqlalchemy"}
    assert imported & libraries == (libraries if is_published else set())


Keys = Callable[[str], list[str]]


def test_a_job_on_an_object_store_publishes_there(
    there: list[str], bucket: str, keys: Keys
) -> None:
    assert run([*there, "--publish", f"delta=s3://{bucket}/out", f"delta=s3://{bucket}/lake"]) == 0
    for table in TABLES:
        wanted = comparable(stored_rows(f"s3://{bucket}/out", table).to_pylist())
        for place in ("out", "lake"):
            assert keys(f"{place}/{table}/_delta_log/")
            store = {"AWS_ALLOW_HTTP": "true"}
            delta = DeltaTable(f"s3://{bucket}/{place}/{table}", storage_options=store)
            assert comparable(delta.to_pyarrow_table().to_pylist()) == wanted


def test_a_store_that_the_catalog_alone_names_is_written_to(
    flags: list[str], tmp_path: Path, bucket: str, keys: Keys
) -> None:
    """In a process of its own, which has no object stores unless a flag names one."""
    settings = {"URI": f"sqlite:///{tmp_path}/catalog.db", "WAREHOUSE": f"s3://{bucket}/lake"}
    own = {f"PYICEBERG_CATALOG__LAKE__{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "pipeline.run", *flags]
    for text in ("Bo left Oslo.", "Ada left Rome."):
        write(tmp_path / "in/b.jsonl", text)
        write(tmp_path / "in/c.jsonl", text, text)
        subprocess.run(
            [*command, "--only_new", "--publish=iceberg=lake/a"],
            check=True,
            env={**os.environ, **own, "PYTHONPATH": os.getcwd()},  # noqa: PTH109 - as above
        )
    assert [key for key in keys("lake/a/documents/data/") if key.endswith(".parquet")]
