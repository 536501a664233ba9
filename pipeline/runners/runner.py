"""What a runner is: where the pipelines of a job run, one after the other."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import apache_beam as beam

from schemas.records import Shard

# gRPC compares the ends of host names with these.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

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


def forgo_folder(pipeline: beam.Pipeline) -> None:
    """Remove a new pipeline's temporary folder at once: a run that is interrupted would leave it.

    Only transforms in Java put anything there.
    """
    with contextlib.suppress(OSError):
        os.rmdir(pipeline.local_tempdir)


def keep_loopback_off_proxies() -> None:
    """Let gRPC, by which Beam's processes talk on one machine, reach that machine directly.

    It takes `http_proxy` and the like for loopback too. `no_grpc_proxy` is read by gRPC alone, and
    in the place of `no_proxy`, whose hosts it therefore repeats: for all others, and for whatever
    else reads these variables, nothing changes.
    """
    direct = os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy") or ""  # noqa: SIM112 - gRPC reads no other
    hosts = [host for host in direct.split(",") if host.strip()]
    hosts += [host for host in _LOOPBACK if host not in hosts]
    os.environ["no_grpc_proxy"] = ",".join(hosts)  # noqa: SIM112 - gRPC reads no other
