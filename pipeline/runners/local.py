"""Running a pipeline on this machine: the FnApiRunner, its workers' environment, and their watch.

`--runner=DirectRunner` would first try to download another runner, and behave differently with
and without a network; here the local runner is chosen explicitly.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, WorkerOptions
from apache_beam.portability.api import beam_provision_api_pb2, endpoints_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms import environments
from google.protobuf import json_format, text_format

from pipeline.configuration.beam_options import chosen_direct_options
from pipeline.filesystems.beam import filesystems
from pipeline.runners.runner import Build, Workers, forgo_folder, keep_loopback_off_proxies
from pipeline.runners.worker_pool import Preparation, WorkerPool, end_in_words, last_words
from schemas.errors import UsageError, WorkerLostError
from schemas.records import Shard

# Two worker processes start up about 3 s slower than none, which is what 5 MB of text take.
PARALLEL_BYTES = 5_000_000

_POLL = 0.2  # seconds
_NOTICE = 1.0  # seconds in which the end of a process is known after its connection broke
_ENVIRONMENT = "gleaner:env:local_worker:v1"
# Beam's names for the threads that listen to a worker process.
_LISTENERS = {"beam_control_read", "read_grpc_client_inputs"}


def usable_cores() -> int:
    """Cores that this process may use: those it is bound to, within a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return min(cores or 1, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file outside Linux, and "max" where there is no quota
        return cores or 1


def most_processes(options: PipelineOptions, cores: int) -> int:
    """How many worker processes `choose_mode` could come to, whatever the input."""
    _, workers = chosen_direct_options(options)
    return workers if workers and workers > 0 else cores


def mode_for(options: PipelineOptions, shards: Sequence[Shard]) -> Workers:
    """The mode in which this machine runs these shards; raises UsageError as `choose_mode` does."""
    size = sum(shard.size for shard in shards)
    return choose_mode(options, size, min(usable_cores(), max(1, len(shards))))


def choose_mode(options: PipelineOptions, input_bytes: int, cores: int) -> Workers:
    """The user's choice, or else one process a core where the input is worth their start-up.

    Raises UsageError for a choice that no local run could follow.
    """
    mode, workers = chosen_direct_options(options)
    if workers is not None and workers < 0:
        raise UsageError(f"--direct_num_workers is {workers}, expected at least 0")
    if mode == "multi_threading":
        raise UsageError(
            "--direct_running_mode multi_threading: Python's threads would share one core, "
            "expected in_memory or multi_processing"
        )
    if mode is None and workers is None and input_bytes <= PARALLEL_BYTES:
        workers = 1
    processes = workers or cores  # 0 is Beam's word for one a core
    if mode == "in_memory" or (mode is None and processes == 1):
        return Workers(0, None)
    return Workers(processes, max(1, cores // processes))


class LocalRunner:
    """Runs pipelines in this process and in worker processes of this machine."""

    waiting = "starting workers"
    is_here = True

    def __init__(self, options: PipelineOptions) -> None:
        keep_loopback_off_proxies()  # before the pool forks
        self._options = options
        self._most = most_processes(options, usable_cores())
        self._pool: WorkerPool | None = WorkerPool(self._most)

    def workers(self, shards: Sequence[Shard]) -> Workers:
        return mode_for(self._options, shards)

    def run(
        self, build: Build, workers: Workers, scratch: Path, on_tick: Callable[[], None]
    ) -> None:
        """`on_tick` is called about five times a second.

        Raises WorkerLostError when a worker process dies; no worker is left alive.
        """
        # Beam logs what it raises too, traceback and all; that stands in the failed run's manifest.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        pool = self._pool = self._pool or WorkerPool(self._most)
        with _quiet_listeners(), contextlib.closing(self):
            pool.prepare(workers.processes, Preparation(scratch, workers.threads))
            result = _in_background(lambda: self._run(build, workers, pool))
            while not result.done() and not pool.any_lost():
                wait([result], _POLL)
                on_tick()
            # When a worker dies, Beam hangs, or else fails over the broken connection.
            if not result.done() or (result.exception() and _comes_true(pool.any_lost, _NOTICE)):
                error = WorkerLostError(
                    f"a worker process {end_in_words(pool.exit_code_of_lost())}; its work is lost, "
                    "and the run has no result"
                )
                error.add_note(last_words(scratch))
                raise error
            result.result()

    def close(self) -> None:
        if self._pool:
            self._pool.close()
        self._pool = None  # a pool serves one run

    def _run(self, build: Build, workers: Workers, pool: WorkerPool) -> None:
        options = self._options
        options.view_as(WorkerOptions).default_sdk_harness_log_level = "WARNING"
        provision = fn_runner.ExtendedProvisionInfo(
            beam_provision_api_pb2.ProvisionInfo(
                pipeline_options=JobServiceHandle.encode_pipeline_options(
                    {**options.get_all_options(), **_direct(workers, None)}
                )
            )
        )
        environment: environments.Environment = environments.EmbeddedPythonEnvironment.default()
        if workers.processes:
            WorkerHandler.register_environment(_ENVIRONMENT, bytes)(partial(_PooledWorker, pool))
            environment = _LocalEnvironment(environments.python_sdk_capabilities())
        runner = fn_runner.FnApiRunner(default_environment=environment, provision_info=provision)
        local = PipelineOptions.from_dictionary(_direct(workers, "in_memory"))
        # Beam asks for six views of each transform, and each would parse flags: 0.1 s.
        vars(local)["view_as"] = cache(local.view_as)
        pipeline = beam.Pipeline(runner=runner, options=local)
        forgo_folder(pipeline)
        filesystems().set_options(options)  # the pipeline gave them its own
        build(pipeline)
        pipeline.run()


def _direct(workers: Workers, mode: str | None) -> dict[str, object]:
    return {"direct_num_workers": max(1, workers.processes), "direct_running_mode": mode}


@environments.Environment.register_urn(_ENVIRONMENT, None)
class _LocalEnvironment(environments.Environment):
    """The worker processes of this run's pool."""

    def to_runner_api_parameter(self, context: object) -> tuple[str, bytes]:
        return _ENVIRONMENT, b""

    @staticmethod
    def from_runner_api_parameter(*_: object) -> "_LocalEnvironment":
        return _LocalEnvironment(environments.python_sdk_capabilities())


class _PooledWorker(GrpcWorkerHandler):
    """A worker process of the pool, as Beam's runner starts and stops it."""

    def __init__(self, pool: WorkerPool, payload: bytes, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pool = pool

    def start_worker(self) -> None:
        control = endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
        options = self.provision_info.provision_info.pipeline_options
        self._process = self._pool.assign(
            {
                "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
                "PIPELINE_OPTIONS": json_format.MessageToJson(options),
                "WORKER_ID": self.worker_id,
            }
        )

    def stop_worker(self) -> None:
        self._process.join()


def _in_background(work: Callable[[], None]) -> Future[None]:
    """Run something beside the watch; in a daemon, since Beam hangs when a worker is lost."""
    result: Future[None] = Future()

    def run() -> None:
        try:
            work()
            result.set_result(None)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            result.set_exception(error)

    threading.Thread(target=run, name="pipeline", daemon=True).start()
    return result


@contextlib.contextmanager
def _quiet_listeners() -> Iterator[None]:
    """What Beam's threads raise when a worker dies is not printed: that connections broke.

    A thread may notice that late, so what is passed over is so for as long as one of them lives.
    """
    previous = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.thread is None or arguments.thread.name not in _LISTENERS:
            previous(arguments)

    threading.excepthook = hook
    try:
        yield
    except BaseException:
        for thread in _listeners():
            thread.join(_NOTICE)
        raise
    finally:
        if not _listeners():
            threading.excepthook = previous


def _listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name in _LISTENERS]


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_POLL / 10)
    return condition()
