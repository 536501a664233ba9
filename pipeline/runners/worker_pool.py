"""The worker processes of a local run: Beam's own workers, made ready before they are needed.

Importing Beam takes a worker longer than a small corpus. So workers are forked from the run as soon
as it has imported Beam, wait until it is known how many are needed, and make ready what they will
need while the run builds its graph.
"""

import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from model.tagger.arithmetic import start_arithmetic
from model.text.segmentation import token_offsets
from pipeline.console.process import quiet_libraries

_POLL = 1.0  # seconds
_PATIENCE = 5.0  # seconds for a worker to leave
_LOG_LINES = 30


@dataclass(frozen=True)
class Preparation:
    """What a worker does first: speak into a log of its own, and start what computes for it."""

    scratch: Path
    threads: int | None


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    orders: Connection  # a Preparation, then the environment that Beam's worker reads


class WorkerPool:
    """At most `most` worker processes. Made before the run opens files, connections or threads."""

    def __init__(self, most: int) -> None:
        self._context = _context()
        forks = self._context.get_start_method() == "fork"
        self._waiting: list[_Worker] = []
        self._working: list[_Worker] = []
        try:
            for _ in range(most if forks else 0):
                self._start()
        except BaseException:
            self.close()
            raise

    def prepare(self, count: int, preparation: Preparation) -> None:
        """Make `count` workers ready, and let the others go."""
        for _ in range(count):
            if not self._waiting:
                self._start()
            worker = self._waiting.pop()
            worker.orders.send(preparation)
            self._working.append(worker)
        self._ready = iter(self._working)
        for worker in self._waiting:
            worker.process.kill()

    def assign(self, environment: Mapping[str, str]) -> BaseProcess:
        """Let the next worker that is ready run Beam's worker in this environment."""
        worker = next(self._ready)
        worker.orders.send(dict(environment))
        return worker.process

    @property
    def processes(self) -> Sequence[BaseProcess]:
        """Those that were made ready."""
        return [worker.process for worker in self._working]

    def any_lost(self) -> bool:
        """Whether a worker ended otherwise than it should."""
        return any(process.exitcode for process in self.processes)

    def exit_code_of_lost(self) -> int | None:
        """That of the first worker that ended otherwise than it should; negative: a signal."""
        codes = (process.exitcode for process in self.processes)
        return next((code for code in codes if code), None)

    def close(self) -> None:
        """Leave no worker behind: killed, since Python drops what else reaches a fresh fork."""
        for worker in [*self._waiting, *self._working]:
            worker.process.kill()
            worker.process.join(_PATIENCE)

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, os.getpid()), daemon=True)  # type: ignore[attr-defined]  # every context has its class
        with _interrupts_put_off():
            process.start()
            self._waiting.append(_Worker(process, ours))
        theirs.close()


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Let a request to stop come after what is done here.

    Python drops what a handler raises in a hook of a fork. The run would go on, and the lock of
    `logging`, which that hook was to release, would be held for good.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread alone
        return
    run, came = os.getpid(), list[int]()

    def put_off(number: int, _frame: object) -> None:
        if os.getpid() != run:
            os._exit(1)  # the fork itself, before it has a say in the matter
        came.append(number)

    kept = [(number, signal.signal(number, put_off)) for number in (signal.SIGINT, signal.SIGTERM)]
    # A new interpreter, which has no handler yet, is not to hear of the terminal's interrupts.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in kept:
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _context() -> BaseContext:
    """Fork where nothing runs yet that a fork would break, else a new interpreter."""
    alone = threading.active_count() == 1 and "tensorflow" not in sys.modules
    return multiprocessing.get_context("fork" if alone and sys.platform == "linux" else "spawn")


def end_in_words(code: int | None) -> str:
    """How a process ended, by its exit code; memory is named only where that may be the cause."""
    if code is None or code >= 0:
        return "died" if code is None else f"ended with exit code {code}"
    number = -code
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    if number == signal.SIGKILL:
        return (
            f"was killed (signal {number}, {name}; the system does that where memory runs out, "
            "and a smaller --direct_num_workers needs less)"
        )
    return f"was ended by signal {number} ({name})"


def last_words(directory: Path) -> str:
    """The end of every worker's log, for the manifest of a run that lost one."""
    logs = sorted(directory.glob("log-*.txt"))
    return "\n".join(
        "\n".join([log.name, *log.read_text(errors="replace").splitlines()[-_LOG_LINES:]])
        for log in logs
    )


def _work(orders: Connection, run: int) -> None:
    """Follow the orders, in the worker's process; never returns."""
    code = 1
    try:
        # An interrupt reaches the whole terminal; the run decides what becomes of its workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=_leave_with, args=(run,), daemon=True).start()
        preparation: Preparation = orders.recv()
        quiet_libraries()
        _speak_into(preparation.scratch / f"log-{os.getpid()}.txt")
        start_arithmetic(preparation.threads)
        token_offsets("é")  # makes the table of characters
        gc.freeze()  # what was imported stays, so no later collection needs to look at it
        gc.set_threshold(20_000)  # documents hold no cycles: to look for some seldom saves 1.5%
        os.environ.update(orders.recv())
        # Beam logs at import, so it is imported once the libraries are quiet.
        from apache_beam.runners.worker import sdk_worker_main

        sdk_worker_main.main(sys.argv)
        code = 0
    finally:
        # As in `command_line.main`: TensorFlow would print tracebacks while it is taken down.
        os._exit(code)


def _leave_with(run: int) -> None:
    """End this process when `run` is no longer its parent."""
    while os.getppid() == run:
        time.sleep(_POLL)
    os._exit(1)


def _speak_into(log: Path) -> None:
    """Let only the run itself speak on the user's terminal: what this process prints goes to `log`.

    What a worker raises reaches the run through Beam; the log is for one that could not even start.
    """
    logging.getLogger().handlers = [logging.NullHandler()]
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    # A fork has the run's own streams, which may lead past these two.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
