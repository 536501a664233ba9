"""Each stage by itself: the functions of the pipeline, without Beam, in as many processes."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from model.runtime import start_tensorflow
from pipeline.console.process import quiet_libraries
from pipeline.inputs.formats import ReadConfig
from schemas.records import Shard

STAGES = ("read", "tokenize", "pad", "network", "decode", "write")


@dataclass(frozen=True)
class StagePlan:
    """What every process does: its share of the shards, with these settings."""

    shards: Sequence[Shard]
    read: ReadConfig
    model: Path
    batch_tokens: int
    folded_words: int
    threads: int | None
    target_bytes: int


@dataclass
class StageTimes:
    """Seconds of each stage in one process, and what went through."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    tokens: int = 0
    cells: int = 0

    @property
    def model_seconds(self) -> float:
        """The model alone: network, decoding and posteriors."""
        return self.seconds["network"] + self.seconds["decode"]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - started


def measure_stages(plan: StagePlan, processes: int) -> list[StageTimes]:
    """Run the stages in `processes` new processes at once, each with its share of the shards."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    running = []
    for number in range(processes):
        ours, theirs = context.Pipe()
        share = plan.shards[number::processes]
        process = context.Process(target=_measure, args=(plan, share, barrier, theirs), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    try:
        return [ours.recv() for _, ours in running]
    finally:
        for process, _ in running:
            process.join()


def _measure(
    plan: StagePlan, shards: Sequence[Shard], barrier: Barrier, results: Connection
) -> None:
    # Beam and TensorFlow log at import, so they are imported once the libraries are quiet.
    quiet_libraries()
    start_tensorflow(plan.threads)
    from jobs.benchmark.timed_stages import time_stages

    results.send(time_stages(plan, shards, barrier.wait))
