"""Every run writes a report, and no report changes what the run did."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.report import write as report_writer
from pipeline.run import run
from schemas.errors import DeadLettersError, JobError

TEXT = "Maria met two ships in Lisbon. The river froze on Monday."


@pytest.fixture
def flags(tmp_path: Path, tiny_artifact: Path) -> list[str]:
    lines = [json.dumps({"id": f"d{n}", "text": TEXT}) for n in range(5)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    return [
        *(f"--model={tiny_artifact}", f"--input={tmp_path}/in.jsonl"),
        *(f"--output={tmp_path}/out", "--run_id=r1"),
    ]


def report_of(tmp_path: Path, run_id: str = "r1") -> str:
    return (tmp_path / f"out/reports/{run_id}.html").read_text("utf-8")


def status_of(tmp_path: Path) -> str:
    return str(json.loads((tmp_path / "out/runs/r1.json").read_text())["status"])


def reported(summary: str) -> str:
    """The path of the last report that a summary names."""
    named = [line.split()[1] for line in summary.splitlines() if line.startswith("  report ")]
    return named[-1] if named else ""


def test_a_run_tells_the_path_of_its_report(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(flags) == 0
    out, err = capsys.readouterr()
    assert reported(out).endswith("out/reports/r1.html")
    assert "warning" not in err
    assert ">d0</bdi>" in report_of(tmp_path)
    assert not (tmp_path / "out/_staging").exists()


def test_an_empty_run_has_one_too(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(flags) == 0
    assert run([*flags[:-1], "--run_id=r2", "--only_new"]) == 0
    assert reported(capsys.readouterr().out).endswith("out/reports/r2.html")
    assert "1 file was done already" in report_of(tmp_path, "r2")


def test_an_error_in_the_report_is_a_warning_and_the_run_is_committed(
    flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_arguments: object) -> str:
        raise MemoryError

    monkeypatch.setattr(report_writer, "report_page", broken)
    assert run(flags) == 0
    out, err = capsys.readouterr()
    why = "MemoryError without a message"
    warning = f"warning: run r1 has no report ({why}); python -m jobs.report makes one"
    assert [line for line in err.splitlines() if "warning" in line] == [warning]
    assert not reported(out)
    assert status_of(tmp_path) == "committed"
    assert not (tmp_path / "out/reports").exists()


def test_an_interrupt_while_the_report_is_made_leaves_the_run_committed(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(report_writer, "report_page", interrupted)
    with pytest.raises(KeyboardInterrupt, match="interrupted; run r1 is committed"):
        run(flags)
    assert status_of(tmp_path) == "committed"
    assert list((tmp_path / "out/entities/run_id=r1").iterdir())


def test_a_run_with_too_many_dead_letters_reports_them(flags: list[str], tmp_path: Path) -> None:
    with (tmp_path / "in.jsonl").open("a") as stream:
        stream.write('\n{"id": "x"}\n')
    with pytest.raises(DeadLettersError, match=f"; see {tmp_path}/out/reports/r1.html$"):
        run([*flags, "--max_dead_letters=0"])
    report = report_of(tmp_path)
    assert "The run failed." in report
    assert "Its dead letters alone were written." in report
    assert "--max_dead_letters is 0" in report


def test_without_a_report_of_them_the_table_is_named(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> str:
        raise MemoryError

    monkeypatch.setattr(report_writer, "report_page", broken)
    (tmp_path / "in.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(DeadLettersError, match=f"; see {tmp_path}/out/dead_letters/run_id=r1$"):
        run(flags)


def test_a_failed_run_reports_why(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("the graph is broken")

    monkeypatch.setattr("pipeline.extraction.extract", broken)
    with pytest.raises(JobError):
        run(flags)
    assert status_of(tmp_path) == "failed"
    assert "the graph is broken" in report_of(tmp_path)


IMPORTED = (
    "import sys\n"
    "import pipeline.run, pipeline.extraction, pipeline.report.write, jobs.runs.compact.merge\n"
    "early = {'pygal', 'jinja2'} & sys.modules.keys()\n"
    "before = set(sys.modules)\n"
    "import pathlib, pipeline.console.html\n"
    "pipeline.console.html._environment(pathlib.Path())\n"
    "late = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
    "print(sorted(early), 'jinja2' in late, 'tensorflow' in sys.modules)\n"
)


def test_what_makes_pages_is_imported_once_the_work_is_done_and_needs_no_tensorflow() -> None:
    told = subprocess.run(
        [sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True
    ).stdout
    assert told == "[] True False\n"
