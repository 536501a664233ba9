"""One trial: a training in a process of its own, and the figure that it reaches."""

import ctypes
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.train.state_file import is_interrupted
from pipeline.console.commands import child_command, child_environment

TRAINER = tuple(child_command("jobs.train"))

_YEAR = 365 * 24 * 3600.0  # seconds; no training takes as long
_GRACE = 5.0  # seconds for a training to leave by itself, once it is told to
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Outcome:
    """What became of a training: its figure, or the last line of its log where it failed."""

    figure: float | None
    error: str | None
    seconds: float


def train(command: Sequence[str], directory: Path, monitor: str, lock: int) -> Outcome:
    """Run `command`, which leaves a model in `directory`; its log is `directory`.log.

    Where the same trial was interrupted, it is resumed.

    monitor: the logged value whose figure is taken. lock: a file descriptor that the training
    holds, so that nobody takes its folder while it lives. It ends with this process, and where this
    is interrupted.
    """
    directory.parent.mkdir(exist_ok=True)
    # An interrupted run of the same trial may have left part of a model, and its state.
    shutil.rmtree(directory, ignore_errors=True)
    if is_interrupted(directory):
        command = [*command, "--resume"]
    log = directory.with_name(f"{directory.name}.log")
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        stream.write(shlex.join(command) + "\n")
        stream.flush()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            # Lines in the order they were written: the last one says why it failed.
            env=child_environment(PYTHONUNBUFFERED="1"),
            pass_fds=(lock,),
            # An interrupt from the keyboard is for the search, which ends the training in order.
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, no Python threads here
        )
        try:
            # With a time to wait it looks again and again: a signal that another thread was given
            # wakes no thread that waits for a process, and the search would go on for hours.
            code = process.wait(_YEAR)
        finally:
            _end(process)
    seconds = time.monotonic() - started
    if code:
        return Outcome(None, _why(code, log), seconds)
    try:
        metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
        figure = monitored(metrics, monitor)
    except (OSError, ValueError, LookupError, TypeError):
        return Outcome(None, f"it left no figure for {monitor}", seconds)
    if not math.isfinite(figure):
        return Outcome(None, f"{monitor} is {figure}", seconds)
    return Outcome(figure, None, seconds)


def monitored(metrics: Mapping[str, Any], monitor: str) -> float:
    """The monitored value of the kept epoch, from an artifact's metrics.

    Entity scores are those that extraction's code reaches on dev.
    """
    score = monitor.removeprefix("val_")
    micro = metrics["scores"]["dev"]["micro"]
    if score in micro:
        return float(micro[score])
    return float(metrics["history"][monitor][metrics["kept_epoch"] - 1])


def _why(code: int, log: Path) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    lines = [line.strip() for line in said if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else f"exit code {code}"


def _end_with_parent() -> None:
    # Even a search that is killed leaves no training behind; elsewhere than on Linux, the lock that
    # such a training holds keeps others off its folder.
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of the process and its children: with time to tidy up, then without."""
    try:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
    finally:  # a second Ctrl-C does not wait
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
