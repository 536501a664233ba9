"""A worker process of a local run: `python -m pipeline.local_worker DIRECTORY`.

Beam's own worker, which also signs in (so that the run can end it), and leaves when the run dies.
"""

import os
import sys
import threading
import time
from pathlib import Path

from pipeline.command_line import quiet_libraries

_POLL = 1.0  # seconds


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


def main() -> None:
    """Sign in, watch the parent, and work."""
    quiet_libraries()
    sign_in(Path(sys.argv[1]))
    threading.Thread(target=leave_with, args=(os.getppid(),), daemon=True).start()
    # Beam logs at import, so it is imported once the libraries are quiet.
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
