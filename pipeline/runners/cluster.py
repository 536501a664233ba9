"""Running a pipeline elsewhere: on Flink, Prism, Dataflow, or whatever else Beam can submit to."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineState

from pipeline.console.text import first_line
from pipeline.runners.runner import Build, Workers, forgo_folder, keep_loopback_off_proxies
from schemas.errors import JobError
from schemas.records import Shard

_TICK = 1.0  # seconds


class ClusterRunner:
    """Submits pipelines to the runner that the options name, and waits for their end."""

    is_here = False

    def __init__(self, options: PipelineOptions) -> None:
        keep_loopback_off_proxies()  # Prism, and Flink's job server, run on this machine
        self._options = options
        self.waiting = f"running on {options.view_as(StandardOptions).runner}"

    def workers(self, _shards: Sequence[Shard]) -> Workers:
        """Each worker process serves one slot, which is one core."""
        return Workers(0, 1)

    def run(
        self, build: Build, _workers: Workers, _scratch: Path, on_tick: Callable[[], None]
    ) -> None:
        """`on_tick` is called about once a second, from a thread of its own.

        Raises JobError where the job could not be submitted, or ended otherwise than done. An
        interrupt of the wait cancels the job.
        """
        # Beam and its runners log each state and message, some of them as the root logger; what a
        # job fails of is raised here all the same.
        logging.getLogger().setLevel(logging.CRITICAL + 1)
        pipeline = beam.Pipeline(options=self._options)
        forgo_folder(pipeline)
        build(pipeline)
        try:
            result = pipeline.run()
        except Exception as error:
            raise JobError(f"the job could not be submitted ({first_line(error)})") from error
        try:
            with _ticking(on_tick):
                state = result.wait_until_finish()
        except KeyboardInterrupt:
            result.cancel()
            raise
        except AssertionError as error:  # Dataflow's, whose job goes on though nobody watches it
            with contextlib.suppress(Exception):
                result.cancel()
            raise JobError(
                f"the job was lost sight of, it may go on ({first_line(error)})"
            ) from error
        except Exception as error:
            # Dataflow raises for whatever is not done, what somebody cancelled among it.
            state = getattr(getattr(error, "result", None), "state", None)
            if state not in (PipelineState.CANCELLED, PipelineState.DRAINED):
                raise
        if state not in (None, PipelineState.DONE):
            raise JobError(f"the job was {str(state).lower()} before it was done")

    def close(self) -> None:
        """Nothing was started here."""


@contextlib.contextmanager
def _ticking(on_tick: Callable[[], None]) -> Iterator[None]:
    """Call `on_tick` while what is within waits: Beam's wait cannot be left and taken up again."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(_TICK):
            on_tick()

    ticker = threading.Thread(target=tick, name="progress", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        ended.set()
        ticker.join()
