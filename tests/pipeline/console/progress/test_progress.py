"""Progress: what all workers report is added up, each line once."""

import io
from pathlib import Path

import pytest

from pipeline.console.progress import Progress, ProgressLog, ProgressReader


def progress_in(directory: Path, *sources: str) -> Progress:
    return ProgressReader(directory, sources).read()


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
    assert progress_in(tmp_path) == Progress(22, 110 + 120 + 2)


def test_a_file_is_done_when_all_its_parts_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads them."""
    reader = ProgressReader(tmp_path, ["split", "split", "split", "whole"])
    assert reader.expected_files == 2
    done = []
    for pid, source in ((1, "split"), (2, "split"), (2, "whole"), (1, "split")):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        log = ProgressLog(str(tmp_path))
        log.add(sources=[source])
        log.flush()
        done.append(reader.read().files)
    assert done == [0, 0, 1, 2]


def test_nothing_reported_is_nothing_done(tmp_path: Path) -> None:
    assert progress_in(tmp_path, "a") == Progress(0, 0, 0)


def test_a_line_that_is_just_being_written_counts_next_time(tmp_path: Path) -> None:
    path = tmp_path / "progress-7.jsonl"
    reader = ProgressReader(tmp_path, [])
    path.write_text("[1, 10]\n[2, 2")
    assert reader.read() == Progress(1, 10)
    path.write_text("[1, 10]\n[2, 20]\n")
    assert reader.read() == Progress(3, 30)
    assert reader.read() == Progress(3, 30)


def test_a_line_whose_rest_arrives_while_it_is_read_counts_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Growing(io.BytesIO):
        """The worker writes on as soon as what is there has been read."""

        def __next__(self) -> bytes:
            line = super().__next__()
            if not line.endswith(b"\n"):
                self.seek(-self.write(b"0]\n"), io.SEEK_CUR)
            return line

    path = tmp_path / "progress-7.jsonl"
    path.write_text("[1, 10]\n[2, 2")
    reader = ProgressReader(tmp_path, [])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda _path, _mode: Growing(b"[1, 10]\n[2, 2"))
        assert reader.read() == Progress(1, 10)
    path.write_text("[1, 10]\n[2, 20]\n")
    assert reader.read() == Progress(3, 30)


def test_a_worker_reports_at_most_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("pipeline.console.progress.time.monotonic", lambda: clock[0])
    log = ProgressLog(str(tmp_path))
    for _ in range(1001):  # ten seconds
        log.add(documents=1, tokens=2, sources=["a"])
        clock[0] += 0.01
    for path in tmp_path.iterdir():
        assert 15 <= len(path.read_text().splitlines()) <= 21
    log.flush()
    assert progress_in(tmp_path, *["a"] * 1001) == Progress(1001, 2002, 1)


def test_progress_is_no_reason_to_fail(tmp_path: Path) -> None:
    log = ProgressLog(str(tmp_path / "gone"))
    log.add(documents=1, tokens=1)
    log.flush()
    log.add(sources=["a"])
