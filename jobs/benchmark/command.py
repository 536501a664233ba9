"""The whole command, watched from outside: its time, its start-up and its memory."""

import json
import multiprocessing
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import ParamSpec, TypeVar

from model.host.system import read_system
from pipeline.console.commands import child_command, child_environment
from pipeline.console.process import quiet_libraries
from schemas.errors import JobError, UsageError
from schemas.manifest import Manifest

_P = ParamSpec("_P")
_T = TypeVar("_T")
_POLL = 0.02  # seconds
_MEMORY_EVERY = 10  # polls


@dataclass(frozen=True)
class WatchedRun:
    """What one run of the command took.

    startup: seconds until the first batch was tagged; peak_mb: of its largest process, where the
    system tells (Linux).
    """

    seconds: float
    startup: float
    peak_mb: float | None
    manifest: Manifest


def run_command(flags: Sequence[str], scratch: Path) -> WatchedRun:
    """Run `pipeline.run` with `flags` into a new folder of `scratch`.

    Raises JobError if it fails.
    """
    place = scratch / f"run-{time.monotonic_ns()}"
    place.mkdir()
    command = [*child_command("pipeline.run"), *flags]
    command += ["--output", str(place / "out"), "--run_id", "benchmark"]
    environment, pipe = child_environment(TMPDIR=str(place)), subprocess.PIPE
    started, first, peak = time.monotonic(), None, 0
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=pipe, text=True
    ) as run:
        for polls in takewhile(lambda _: run.poll() is None, count()):
            # Workers leave a file there when their first documents have been tagged.
            if first is None and any(place.glob("gleaner-*/progress-*")):
                first = time.monotonic() - started
            if polls % _MEMORY_EVERY == 0:
                peak = max([peak, *map(peak_kb, [run.pid, *_children(run.pid)])])
            time.sleep(_POLL)
        seconds = time.monotonic() - started
        message = run.stderr.read() if run.stderr else ""
    if run.returncode == UsageError.exit_code:
        raise UsageError(message.strip().removeprefix("error: "))
    if run.returncode:
        raise JobError(f"the command failed with exit code {run.returncode}: {message.strip()}")
    manifest: Manifest = json.loads((place / "out" / "runs" / "benchmark.json").read_text())
    return WatchedRun(seconds, first or seconds, peak / 1024 or None, manifest)


def _children(pid: int) -> list[int]:
    return [int(child) for child in read_system(f"/proc/{pid}/task/{pid}/children").split()]


def apart(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it in a process that does nothing else, so that the peak of its memory is its own."""
    method = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, method, initializer=quiet_libraries) as process:
        return process.submit(function, *args, **kwargs).result()


def peak_kb(pid: int) -> int:
    """The most memory that a living process ever held, in KiB; 0 where the system does not tell."""
    peak = re.search(r"VmHWM:\s*(\d+)", read_system(f"/proc/{pid}/status"))
    return int(peak[1]) if peak else 0
