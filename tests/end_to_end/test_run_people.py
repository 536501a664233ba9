"""What people and machines see of a run: on a terminal, and in JSON."""

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.runs.__main__ import run as runs
from pipeline.console.events import EventStream
from pipeline.run import run
from schemas.errors import DeadLettersError

ROOT = str(Path(__file__).parents[2])
# Those who run the tests may have wishes of their own.
ENVIRONMENT = {
    **{n: v for n, v in os.environ.items() if n not in ("NO_COLOR", "FORCE_COLOR")},
    "PYTHONPATH": ROOT,
}
RUN = [sys.executable, "-m", "pipeline.run"]
GOOD = "".join(f'{{"id": "{n}", "text": "Maria met Zoe in Oslo."}}\n' for n in range(40))
BAD = '{"id": "x"}\n'


def on_a_terminal(command: Sequence[str], folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code of a command, and all that a terminal of 60 columns got from it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**ENVIRONMENT, "TERM": "xterm", **environment},
    ) as process:
        os.close(theirs)
        got = b""
        while True:
            try:
                some = os.read(ours, 65536)
            except OSError:  # all that held the terminal are gone
                break
            if not some:
                break
            got += some
    os.close(ours)
    return process.returncode, got.decode()


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", text)


def test_a_terminal_shows_progress_then_the_summary_and_its_next_command_works(
    tiny_artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD)
    (tmp_path / "b.jsonl").write_text(BAD + GOOD)
    command = [*RUN, f"--model={tiny_artifact}", "--input", "a.jsonl", "b.jsonl", "--run_id=r1"]
    command += ["--direct_num_workers=2", "--batch_tokens=50", "--max_dead_letters=0.5"]
    code, got = on_a_terminal(command, tmp_path)
    assert code == 0, got
    progress, _, summary = got.rpartition("\x1b[K")
    shown = progress.removesuffix("\r").split("\x1b[K")
    assert re.fullmatch(r"\rstarting workers  0:\d\d", shown[0])
    assert re.fullmatch(r"\r[ \d]\d%  (ETA [-\d:]+|finishing)  \d+ of about 81 docu.*", shown[-2])
    assert max(map(len, shown)) <= 60  # with the carriage return: a column stays free
    assert "\n" not in progress
    assert "\x1b[32mcommitted\x1b[0m" in summary
    assert "\x1b[33m1 record, kept in dead_letters\x1b[0m" in summary
    lines = without_colours(summary).splitlines()
    assert lines[0].startswith("run r1 committed in")
    assert "\x1b" not in "".join(lines)

    monkeypatch.chdir(tmp_path)
    step = lines[-1].split()
    assert step[:4] == ["next", "python", "-m", "jobs.runs"]
    assert runs(step[4:]) == 0
    assert "written" in capsys.readouterr().out
    assert (tmp_path / "out/current.sql").exists()


def test_machines_get_an_event_for_each_run_that_is_committed(
    tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of two runs, the second of which fails; `main` tells of that, under the job's id."""
    (tmp_path / "a.jsonl").write_text(GOOD)
    (tmp_path / "b.jsonl").write_text(BAD)
    flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/o", "--run_id=r1"]
    flags += ["--input", f"{tmp_path}/a.jsonl", f"{tmp_path}/b.jsonl", "--commit_shards=1"]
    context: dict[str, Any] = {}
    out, errors = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", EventStream(out, "info", context))
    monkeypatch.setattr(sys, "stderr", EventStream(errors, "warning", context))
    with pytest.raises(DeadLettersError):
        run(flags)
    assert context == {"run_id": "r1"}
    assert errors.getvalue() == ""
    started, committed = map(json.loads, out.getvalue().splitlines())
    assert (started["event"], started["run_id"]) == ("job_started", "r1")
    assert started["output"] == f"{tmp_path}/o"
    assert (committed["event"], committed["run_id"]) == ("run_committed", "r1.1")
    assert (committed["status"], committed["counts"]["documents"]) == ("committed", 40)
    manifest = json.loads(Path(committed["manifest"]).read_text())
    assert committed["counts"] == manifest["counts"]
    assert committed["timings"] == manifest["timings"]
    for table in committed["tables"].values():
        assert list(Path(table["path"]).glob("*.parquet"))


def test_an_error_is_red_on_a_terminal_unless_colours_are_not_wanted(tmp_path: Path) -> None:
    wrong = [*RUN, "--keep_text=smaple"]
    told = " --keep_text is 'smaple', expected none, sample or all, did you mean sample?\r\n"
    assert on_a_terminal(wrong, tmp_path) == (2, f"\x1b[31merror:\x1b[0m{told}")
    assert on_a_terminal(wrong, tmp_path, NO_COLOR="1") == (2, f"error:{told}")
    assert on_a_terminal(wrong, tmp_path, TERM="dumb") == (2, f"error:{told}")
