"""Progress: what all workers report, on one line of a terminal, and never in a pipe."""

import io
import re
from pathlib import Path

import pytest

from pipeline.progress import Progress, ProgressLine, ProgressLog, read_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_counts_of_all_processes_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pid in (11, 12):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        log = ProgressLog(str(tmp_path))
        for _ in range(10):
            log.add(documents=1, tokens=pid)
        log.flush()
        log.add(documents=1, tokens=1)
        log.flush()
    assert read_progress(tmp_path) == Progress(22, 110 + 120 + 2)


def test_nothing_reported_is_nothing_done(tmp_path: Path) -> None:
    assert read_progress(tmp_path) == Progress(0, 0)


def test_a_line_that_is_just_being_written_counts_next_time(tmp_path: Path) -> None:
    path = tmp_path / "progress-7.jsonl"
    path.write_text("[1, 10]\n[2, 2")
    assert read_progress(tmp_path) == Progress(1, 10)
    path.write_text("[1, 10]\n[2, 20]\n")
    assert read_progress(tmp_path) == Progress(3, 30)


def test_a_worker_reports_at_most_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("pipeline.progress.time.monotonic", lambda: clock[0])
    log = ProgressLog(str(tmp_path))
    for _ in range(1001):  # ten seconds
        log.add(documents=1, tokens=2)
        clock[0] += 0.01
    (path,) = tmp_path.iterdir()
    assert 15 <= len(path.read_text().splitlines()) <= 21
    log.flush()
    assert read_progress(tmp_path) == Progress(1001, 2002)


def test_progress_is_no_reason_to_fail(tmp_path: Path) -> None:
    log = ProgressLog(str(tmp_path / "gone"))
    log.add(documents=1, tokens=1)
    log.flush()


def test_a_terminal_shows_one_line_and_gets_it_back_clean(tmp_path: Path) -> None:
    (tmp_path / "progress-1.jsonl").write_text("[1500, 40000]\n")
    terminal = Terminal()
    line = ProgressLine(tmp_path, 2000, terminal)
    line.update()
    shown = terminal.getvalue()
    assert re.fullmatch(r"\r1,500 of about 2,000 documents, [\d,]+ tokens/s\x1b\[K", shown), shown
    line.clear()
    assert terminal.getvalue() == shown + "\r\x1b[K"


def test_an_estimate_that_was_too_low_is_corrected(tmp_path: Path) -> None:
    (tmp_path / "progress-1.jsonl").write_text("[1500, 1]\n")
    terminal = Terminal()
    ProgressLine(tmp_path, 3, terminal).update()
    assert "1,500 of about 1,500 documents" in terminal.getvalue()


def test_what_is_no_terminal_stays_quiet(tmp_path: Path) -> None:
    stream = io.StringIO()
    line = ProgressLine(tmp_path, 10, stream)
    line.update()
    line.clear()
    assert stream.getvalue() == ""
