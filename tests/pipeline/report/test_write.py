"""A report is whole or not there, and what keeps it from being made changes nothing of the run."""

import os
from pathlib import Path

import pytest

from pipeline.outputs.catalog import clean
from pipeline.outputs.layout import table_file
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.outputs.transactions import remove_run
from pipeline.report.write import try_report, write_report
from schemas.errors import JobError
from tests.pipeline.report.conftest import Made, MadeRun, MakeRun, Span


@pytest.fixture
def run(make_run: MakeRun) -> MadeRun:
    return make_run([Made("d", "Bo in Oslo", [Span(0, 2)])])


def files(run: MadeRun) -> set[str]:
    root = Path(run.storage.root)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_report_stands_beside_the_tables_and_nothing_else_is_left(run: MadeRun) -> None:
    before = files(run)
    write_report(run.storage, run.manifest)
    assert files(run) == before | {"reports/r1.html"}
    assert not Path(run.storage.root, "_staging").exists()
    write_report(run.storage, run.manifest)
    assert "in Oslo" in Path(run.storage.report).read_text("utf-8")


def test_the_same_run_gives_the_same_report(run: MadeRun) -> None:
    write_report(run.storage, run.manifest)
    before = Path(run.storage.report).read_bytes()
    write_report(run.storage, run.manifest)
    assert Path(run.storage.report).read_bytes() == before


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_report_that_cannot_be_written_is_not_there_and_warned_of(
    run: MadeRun, step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(run)

    def refuse(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, refuse)
        assert not try_report(run.storage, run.manifest)
    assert files(run) == before
    said = capsys.readouterr().err
    assert said.startswith("warning: run r1 has no report (")
    assert "No space left on device" in said
    assert said.endswith("; python -m jobs.report makes one\n")
    assert said.count("\n") == 1


def test_tables_that_cannot_be_read_are_a_warning(
    run: MadeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = run.manifest["tables"]["documents"]["files"]
    Path(run.storage.root, file["path"]).write_bytes(b"no table")
    assert not try_report(run.storage, run.manifest)
    assert "part-" in capsys.readouterr().err
    with pytest.raises(JobError):
        write_report(run.storage, run.manifest)


def test_what_was_half_written_when_the_process_was_killed_goes(
    run: MadeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the next run that writes to the output; the run itself stays."""
    before = files(run)

    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        patch.setattr(DiskStorage, "discard_staging", stop)
        with pytest.raises(KeyboardInterrupt):
            write_report(run.storage, run.manifest)
    (partial,) = files(run) - before
    assert partial.startswith("_staging/report-")
    clean(run.storage.root)
    assert files(run) == before
    assert not Path(run.storage.root, "_staging").exists()


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_report_leaves_what_tells_of_a_run_that_is_being_changed(
    run: MadeRun, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would clean up behind that change where it is stopped."""
    run.storage.prepare()
    half = Path(run.storage.table_directory("entities"), table_file("c" * 32))
    half.write_bytes(b"half")
    with monkeypatch.context() as patch:
        if is_refused:
            patch.delattr(os, "replace")
        assert try_report(run.storage, run.manifest) is not is_refused
    assert [path.name for path in Path(run.storage.root, "_staging").iterdir()] == ["r1"]
    clean(run.storage.root)
    assert not half.exists()


def test_a_report_goes_with_its_run(run: MadeRun) -> None:
    write_report(run.storage, run.manifest)
    remove_run(run.storage)
    assert files(run) == set()
    assert not Path(run.storage.root, "reports").exists()


def test_removing_a_report_leaves_those_of_others(run: MadeRun, make_run: MakeRun) -> None:
    other = make_run([Made("d", "Bo", [Span(0, 2)])], run_id="r2")
    for each in (run, other):
        write_report(each.storage, each.manifest)
    run.storage.remove_report()
    run.storage.remove_report()
    assert "reports/r2.html" in files(run)
    assert not run.storage.has_report()
    assert other.storage.has_report()
