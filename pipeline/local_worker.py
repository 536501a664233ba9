"""A worker process of a local run: `python -m pipeline.local_worker DIRECTORY`.

Beam's own worker, which also signs in (so that the run can end it), and leaves when the run dies.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

from pipeline.command_line import quiet_libraries

_POLL = 1.0  # seconds
_LOG_LINES = 30


def sign_in(directory: Path) -> None:
    """Leave this process's id where the run finds it."""
    (directory / f"worker-{os.getpid()}").touch()


def signed_in(directory: Path) -> list[int]:
    """The process ids of all workers that signed in."""
    return [int(path.name.removeprefix("worker-")) for path in directory.glob("worker-*")]


def leave_with(parent: int) -> None:
    """End this process when `parent` is no longer its parent; never returns while it is."""
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)


def speak_into(log: Path) -> None:
    """Let only the run itself speak on the user's terminal: what this process prints goes to `log`.

    What a worker raises reaches the run through Beam; the log is for one that could not even start.
    """
    logging.getLogger().handlers = [logging.NullHandler()]
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(stream, sys.stdout.fileno())
    os.dup2(stream, sys.stderr.fileno())


def last_words(directory: Path) -> str:
    """The end of every worker's log, for the manifest of a run that lost one."""
    logs = sorted(directory.glob("log-*.txt"))
    return "\n".join(
        "\n".join([log.name, *log.read_text(errors="replace").splitlines()[-_LOG_LINES:]])
        for log in logs
    )


def main() -> None:
    """Sign in, watch the parent, and work."""
    quiet_libraries()
    directory = Path(sys.argv[1])
    speak_into(directory / f"log-{os.getpid()}.txt")
    sign_in(directory)
    threading.Thread(target=leave_with, args=(os.getppid(),), daemon=True).start()
    # Beam logs at import, so it is imported once the libraries are quiet.
    from apache_beam.runners.worker import sdk_worker_main

    code = 1
    try:
        sdk_worker_main.main(sys.argv)
        code = 0
    finally:
        # As in `command_line.main`: TensorFlow would print tracebacks while it is taken down.
        os._exit(code)


if __name__ == "__main__":
    main()
