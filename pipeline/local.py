"""Running a pipeline on this machine: the FnApiRunner, its worker processes, and their watch.

`--runner=DirectRunner` would first try to download another runner, and behave differently with
and without a network; here the local runner is chosen explicitly.
"""

import contextlib
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, WorkerOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms import environments

from pipeline.local_worker import last_words, signed_in
from pipeline.options import chosen_direct_options
from schemas.errors import JobError, UsageError, WorkerLostError

# Two worker processes start up about 3 s slower than none, which is what 5 MB of text take.
PARALLEL_BYTES = 5_000_000

_POLL = 0.2  # seconds
_NOTICE = 1.0  # seconds in which the end of a process is known after its connection broke
_PATIENCE = 5.0  # seconds
# Beam's names for the threads that wait for a worker process, and that listen to one.
_WORKER_THREAD = "run_worker"
_WORKER_THREADS = {_WORKER_THREAD, "beam_control_read", "read_grpc_client_inputs"}


@dataclass(frozen=True)
class LocalMode:
    """How a local run uses the machine: worker processes (0: none but this) and threads of each."""

    processes: int
    threads: int | None


def choose_mode(options: PipelineOptions, input_bytes: int, cores: int) -> LocalMode:
    """The user's choice, or else one process a core where the input is worth their start-up.

    Raises UsageError for a choice that no local run could follow.
    """
    mode, workers = chosen_direct_options(options)
    if workers == 0:  # Beam's word for one a core
        workers = cores
    if workers is not None and workers < 0:
        raise UsageError(f"--direct_num_workers is {workers}, expected at least 0")
    if mode == "multi_threading":
        raise UsageError(
            "--direct_running_mode multi_threading: Python's threads would share one core, "
            "expected in_memory or multi_processing"
        )
    if mode is None:
        if workers is None:
            workers = cores if input_bytes > PARALLEL_BYTES else 1
        mode = "multi_processing" if workers > 1 else "in_memory"
    if mode == "multi_processing":
        processes = workers or cores
        return LocalMode(processes, max(1, cores // processes))
    return LocalMode(0, None)


def run_locally(
    build: Callable[[beam.Pipeline], object],
    options: PipelineOptions,
    mode: LocalMode,
    scratch: Path,
    on_tick: Callable[[], None],
) -> beam.runners.runner.PipelineResult:
    """Build and run a pipeline, calling `on_tick` about five times a second meanwhile.

    scratch: a directory that workers can write to. Raises whatever the pipeline raises, and
    WorkerLostError when a worker process dies; then no worker is left alive.
    """
    # Beam logs what it raises too, traceback and all; that stands in the failed run's manifest.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    run = _BackgroundRun(lambda: _run(build, options, mode, scratch))
    with _worker_deaths() as lost:
        run.start()
        try:
            while run.is_alive() and not lost.is_set():
                run.join(_POLL)
                on_tick()
            # When a worker dies, Beam hangs, or else fails over the broken connection.
            if run.is_alive() or (run.failed and mode.processes and lost.wait(_NOTICE)):
                error = WorkerLostError(
                    "a worker process died; its work is lost, and the run has no result"
                )
                error.add_note(last_words(scratch))
                raise error
            return run.outcome()
        except BaseException:
            # Else they would go on writing what the failed run takes back.
            _end_workers(scratch)
            raise


def _run(
    build: Callable[[beam.Pipeline], object],
    options: PipelineOptions,
    mode: LocalMode,
    scratch: Path,
) -> beam.runners.runner.PipelineResult:
    options.view_as(WorkerOptions).default_sdk_harness_log_level = "WARNING"
    all_options = options.get_all_options()
    all_options |= {"direct_num_workers": max(1, mode.processes), "direct_running_mode": None}
    provision = fn_runner.ExtendedProvisionInfo(
        beam_provision_api_pb2.ProvisionInfo(
            pipeline_options=JobServiceHandle.encode_pipeline_options(all_options)
        )
    )
    runner = fn_runner.FnApiRunner(
        default_environment=_environment(mode, scratch), provision_info=provision
    )
    local = PipelineOptions.from_dictionary(
        {"direct_num_workers": max(1, mode.processes), "direct_running_mode": "in_memory"}
    )
    pipeline = beam.Pipeline(runner=runner, options=local)
    build(pipeline)
    return pipeline.run()


def _environment(mode: LocalMode, scratch: Path) -> environments.Environment:
    if not mode.processes:
        return environments.EmbeddedPythonEnvironment.default()
    # `exec` leaves no shell between us and the worker, so that signals and exit codes are its own.
    worker = [sys.executable, "-m", "pipeline.local_worker", str(scratch)]
    return environments.SubprocessSDKEnvironment.from_command_string("exec " + shlex.join(worker))


class _BackgroundRun(threading.Thread):
    """Runs the pipeline beside the watch; a daemon, since Beam hangs when a worker is lost."""

    def __init__(self, run: Callable[[], beam.runners.runner.PipelineResult]) -> None:
        super().__init__(name="pipeline", daemon=True)
        self._run_pipeline = run
        self._result: beam.runners.runner.PipelineResult | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._run_pipeline()
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            self._error = error

    @property
    def failed(self) -> bool:
        return self._error is not None

    def outcome(self) -> beam.runners.runner.PipelineResult:
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise JobError("the pipeline ended without a result")
        return self._result


@contextlib.contextmanager
def _worker_deaths() -> Iterator[threading.Event]:
    """An event that is set when Beam's waiting thread finds that its worker failed.

    What Beam's threads raise then is not printed: it only says that connections broke.
    """
    lost = threading.Event()
    previous = threading.excepthook

    def notice(arguments: threading.ExceptHookArgs) -> None:
        if arguments.thread is None or arguments.thread.name not in _WORKER_THREADS:
            previous(arguments)
        elif arguments.thread.name == _WORKER_THREAD:
            lost.set()

    threading.excepthook = notice
    try:
        yield lost
    finally:
        threading.excepthook = previous


def _end_workers(scratch: Path) -> None:
    """Kill all workers, those that are just starting too, and wait until Beam has noticed."""
    deadline = time.monotonic() + _PATIENCE
    for thread in threading.enumerate():
        while thread.name in _WORKER_THREADS and thread.is_alive() and time.monotonic() < deadline:
            for pid in signed_in(scratch):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            thread.join(_POLL)
