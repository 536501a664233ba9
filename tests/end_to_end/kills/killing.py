"""A command in a process of its own, which is killed before one of its file operations.

Or after some time, for what operates on files by itself, as libraries in Rust and C++ do.
"""

import builtins
import io
import itertools
import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from jobs.runs.outputs import READERS_SECONDS

# What changes files or folders, and has them on the disk.
_OPERATIONS = (
    *("rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir", "truncate", "fsync"),
)
# A fork of a process that has these is a command at once: imports take longer than all else.
_IMPORTED = [
    *("pipeline.run", "pipeline.extraction", "jobs.runs.__main__", "jobs.runs.forget.erase"),
    *("tensorflow", "model.tagger.tagger", "pipeline.runners.local", "jobs.runs.compact.merge"),
    *("jobs.publish.__main__", "deltalake", "deltalake.transaction", "pyarrow.dataset"),
    *("pyiceberg.catalog.sql", "pyiceberg.io.pyarrow"),
]

# The name of a command, as `run`, `publish` or one of `jobs.runs`, and its flags.
Command = Sequence[str]


def killed_at(operation: int, root: str, command: Command) -> int:
    """Run a command, kill it before its so manyth operation below `root`: its exit code, or -9."""
    process = started(root, command, operation, readers_seconds=0)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def killed_after(seconds: float, root: str, command: Command) -> int:
    """Run a command and kill it after some time: its exit code, or -9."""
    process = started(root, command, readers_seconds=0)
    time.sleep(seconds)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def finished(root: str, command: Command) -> int:
    """Run a command to its end in a process of its own; its exit code."""
    return killed_at(-1, root, command)


def started(
    root: str, command: Command, operation: int = -1, readers_seconds: float = READERS_SECONDS
) -> BaseProcess:
    """The process of a command, which is not waited for."""
    process = _forks.Process(target=_run, args=(operation, root, command, readers_seconds))
    process.start()
    return process


def _run(operation: int, root: str, command: Command, readers_seconds: float) -> None:
    import jobs.publish.__main__
    import jobs.runs.__main__
    import jobs.runs.outputs
    import pipeline.run
    from schemas.errors import JobError

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    own = {"run": pipeline.run.run, "publish": jobs.publish.__main__.run}.get(command[0])
    jobs.runs.outputs.READERS_SECONDS = readers_seconds
    _kill_before(operation, root)
    try:
        code = own(command[1:]) if own else jobs.runs.__main__.run(command)
    except JobError as error:
        code = error.exit_code
    os._exit(code)


def _kill_before(operation: int, root: str) -> None:
    """Have this process kill itself before its so manyth operation on what is below `root`."""
    numbers = itertools.count()

    def passed(place: object) -> None:
        if _path(place).startswith(root) and next(numbers) == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(place: object, *arguments: object, **named: object) -> object:
            passed(place)
            return work(place, *arguments, **named)

        return wrapped

    class Raw(io.FileIO):
        def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
            passed(self.name)
            return super().write(data)

    opened = builtins.open

    def watched_open(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as `open`
        if mode not in ("w", "wb") or not _path(file).startswith(root):
            return opened(file, mode, *arguments, **named)
        passed(file)
        raw = io.BufferedWriter(Raw(file, "w"))
        return raw if mode == "wb" else io.TextIOWrapper(raw, "utf-8", newline="\n")

    for name in _OPERATIONS:
        setattr(os, name, watched(getattr(os, name)))
    builtins.open = io.open = watched_open


def _path(place: object) -> str:
    if isinstance(place, int):
        return str(Path(f"/proc/self/fd/{place}").readlink())
    return os.fsdecode(place)  # type: ignore[arg-type]


_forks = get_context("forkserver")
_forks.set_forkserver_preload(_IMPORTED)
