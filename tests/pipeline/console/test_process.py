"""What every command does with errors, and with a reader that leaves."""

import os
import subprocess
import sys

import pytest

_RUN = (
    "from pipeline.console.printing import account; from pipeline.console.process import main; "
    "from schemas.errors import *; main({})"
)


def started(job: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _RUN.format(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [("UsageError", 2), ("WorkerLostError", 1), ("DriftError", 4), ("OutputBusyError", 5)],
)
def test_a_job_error_is_one_sentence_and_its_exit_code(error: str, code: int) -> None:
    with started(f"lambda _: (_ for _ in ()).throw({error}('what was wrong'))") as job:
        assert job.communicate(timeout=60) == ("", "error: what was wrong\n")
    assert job.returncode == code


def test_an_exit_with_a_reason_is_that_reason_and_a_failure() -> None:
    """As a module that somebody wrote as a script leaves when a library imports it."""
    with started("lambda _: exit('not here')") as job:
        assert job.communicate(timeout=60) == ("", "error: not here\n")
    assert job.returncode == 1


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    with started("lambda _: account('what was done') or 0") as job:
        assert job.stdout is not None
        assert job.stderr is not None
        job.stdout.close()
        assert job.stderr.read() == ""
    assert job.returncode == 0


def test_a_reader_that_leaves_unfinished_work_is_a_failure() -> None:
    """`jobs.train | head -1` stops in the middle of an epoch: that must not look like success."""
    with started("lambda _: print('progress', flush=True) or 0") as job:
        assert job.stdout is not None
        assert job.stderr is not None
        job.stdout.close()
        assert "BrokenPipeError" in job.stderr.read()
    assert job.returncode != 0  # 1, or Python's own 120 where its last flush fails too


@pytest.mark.parametrize("flag", ["--log_format=text", "--log_format=json"])
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2> >(:)"])
def test_an_exit_code_does_not_depend_on_who_reads_errors(flag: str, stderr: str) -> None:
    """Standard error that is closed, full, or a pipe whose reader has left."""
    job = "lambda _: warn('odd') or time.sleep(0.1) or (_ for _ in ()).throw(UsageError('wrong'))"
    program = "import time; from pipeline.console.printing import warn; " + _RUN.format(job)
    command = f'"$@" {stderr}'
    done = subprocess.run(
        ["/bin/bash", "-c", command, "bash", sys.executable, "-c", program, flag],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_reader_that_leaves_events_is_no_failure() -> None:
    """`pipeline.run --log_format json | head -1`: what is left to do is done."""
    job = "lambda _: [print('part', n, flush=True) for n in range(2)] and 3"
    program = _RUN.format(job)
    with subprocess.Popen(
        [sys.executable, "-c", program, "--log_format=json"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 3


def test_a_request_to_terminate_lets_the_job_tidy_up_once() -> None:
    """What follows does not interrupt the tidying."""
    program = """lambda _: wait()
def wait():
    try:
        print("at work", flush=True)
        time.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("tidied up", flush=True)
"""
    job, _, wait = program.partition("\n")
    lines = ["import os, signal, time", wait, _RUN.format(job)]
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.terminate()
        assert process.communicate(timeout=60) == ("tidied up\n", "error: terminated\n")
    assert process.returncode == 1


@pytest.mark.parametrize("flag", ["--log_format=text", "--log_format=json"])
def test_what_ends_a_job_is_told_while_tensorflow_starts(flag: str) -> None:
    """A thread that imports TensorFlow keeps its C++ code, and nobody else, from being heard."""
    program = """
import os
from model.runtime import _silenced_stderr
from pipeline.console.process import main
silenced = _silenced_stderr()
def run(_):
    silenced.__enter__()
    os.write(2, b"I am C++")
    os.kill(os.getpid(), 15)
main(run)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, flag], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "terminated" in done.stderr


def test_on_a_terminal_errors_are_coloured() -> None:
    controller, terminal = os.openpty()
    job = "lambda _: (_ for _ in ()).throw(UsageError('wrong'))"
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", _RUN.format(job)], stderr=terminal, env=environment, check=False
    )
    os.close(terminal)
    assert os.read(controller, 1000) == b"\x1b[31merror:\x1b[0m wrong\r\n"
    os.close(controller)


def test_an_argument_that_is_not_utf8_is_refused() -> None:
    command: list[str | bytes] = [sys.executable, "-c", _RUN.format("lambda _: 0")]
    command.append(b"--input=caf\xe9")
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr == b"error: the argument b'--input=caf\\xe9' is not UTF-8\n"
