"""What a runner is: where the pipelines of a job run, one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import apache_beam as beam

from schemas.records import Shard

Build = Callable[[beam.Pipeline], object]


@dataclass(frozen=True)
class Workers:
    """Worker processes that a run starts (0: none but this), and TensorFlow's threads in each."""

    processes: int
    threads: int | None  # None: all cores


class Runner(Protocol):
    """Runs pipelines. It is made before its job opens anything that a fork would share.

    waiting: what a run waits for until its first document is done. is_here: whether workers can
    write to a directory of this machine.
    """

    waiting: str
    is_here: bool

    def workers(self, shards: Sequence[Shard]) -> Workers:
        """What it runs these with; raises UsageError for a choice that it could not follow."""
        ...

    def run(
        self, build: Build, workers: Workers, scratch: Path, on_tick: Callable[[], None]
    ) -> None:
        """Build a pipeline and run it to its end, with calls of `on_tick` meanwhile.

        scratch: a directory for whatever runs here. Raises what the pipeline raises, JobError where
        it ended otherwise than done.
        """
        ...

    def close(self) -> None:
        """Leave no process behind."""
        ...
