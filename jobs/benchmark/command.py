"""The whole command, watched from outside: its time, its start-up and its memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import JobError

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
    manifest: dict[str, Any]


def run_command(flags: Sequence[str], scratch: Path) -> WatchedRun:
    """Run `pipeline.run` with `flags` into a new folder of `scratch`.

    Raises JobError if it fails.
    """
    place = scratch / f"run-{time.monotonic_ns()}"
    place.mkdir()
    command = [sys.executable, "-m", "pipeline.run", *flags]
    command += ["--output", str(place / "out"), "--run_id", "benchmark"]
    started = time.monotonic()
    first = None
    peak = 0
    with subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        polls = 0
        while run.poll() is None:
            # Workers leave a file there when their first documents have been tagged.
            if first is None and any(place.glob("gleaner-*/progress-*")):
                first = time.monotonic() - started
            if polls % _MEMORY_EVERY == 0:
                peak = max([peak, *map(peak_kb, [run.pid, *_children(run.pid)])])
            polls += 1
            time.sleep(_POLL)
        seconds = time.monotonic() - started
        message = run.stderr.read() if run.stderr else ""
    if run.returncode:
        raise JobError(f"the command failed with exit code {run.returncode}: {message.strip()}")
    manifest = json.loads((place / "out" / "runs" / "benchmark.json").read_text())
    return WatchedRun(seconds, first or seconds, peak / 1024 or None, manifest)


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # ended meanwhile, or no Linux
        return []
    return [int(child) for child in listed.split()]


def peak_kb(pid: int) -> int:
    """The most memory that a living process ever held, in KiB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) if peaks else 0
