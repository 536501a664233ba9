"""What the commands that change an output share: it is held, cleaned, and its runs are at hand."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.stores import require_filesystem
from pipeline.outputs.catalog import clean, held, output_root, read_manifests, require_writable
from pipeline.outputs.current import by_age, not_replaced
from schemas.errors import JobError, UsageError
from schemas.manifest import Manifest

_MOST_DAYS = 36_500  # a hundred years; far more than that, and there is no such date


class HeldOutput(NamedTuple):
    """An output that this process alone writes to; the manifests of its runs, oldest first."""

    root: str
    manifests: Sequence[Manifest]


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add the flag that all commands have which change an output."""
    parser.add_argument(
        "--dry_run", action="store_true", help="say what would happen, and change nothing"
    )


def days_ago(days: int) -> str:
    """The time so many days ago, which `--older_than` gave, as manifests write it."""
    if days > _MOST_DAYS:
        raise UsageError(f"--older_than is {days}, expected at most {_MOST_DAYS}")
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def require_output(root: str) -> None:
    """Raises UsageError where a store is out of reach, or a local directory is no output."""
    if is_remote(root):
        require_filesystem("--output", root)
        return
    if not Path(root).is_dir():
        raise UsageError(f"--output {root} does not exist")
    if not Path(root, "runs").is_dir():
        raise no_runs(root)


def no_runs(root: str) -> UsageError:
    """What is said of a place that no run ever wrote to."""
    return UsageError(f"--output {root} holds no runs: python -m pipeline.run makes {root}/runs")


@contextmanager
def changing(flags: argparse.Namespace) -> Iterator[HeldOutput]:
    """The flags `--output` and `--dry_run` in; the output, held and clean, out.

    Raises UsageError where there is none, or none that can be written to; OutputBusyError where a
    run is writing to it, JobError for what the disk refuses. What was half done when an error came
    is removed.
    """
    root = output_root(flags.output)
    require_output(root)
    if not flags.dry_run:
        require_writable(root)
    try:
        with held(root):
            manifests = not_replaced(read_manifests(root)) if flags.dry_run else clean(root)
            try:
                yield HeldOutput(root, by_age(manifests))
            except (OSError, JobError):
                if not flags.dry_run:
                    with contextlib.suppress(OSError, JobError):
                        clean(root)
                raise
    except OSError as error:
        raise JobError(f"{error.filename or root}: {error.strerror or error}") from error
