"""An output as the commands get it: its place, the manifests of its runs, and what counts now."""

import argparse
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from pipeline.console.arguments import did_you_mean
from pipeline.console.commands import called
from pipeline.console.printing import account, answer
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.stores import require_filesystem
from pipeline.outputs.catalog import clean, held, output_root, read_manifests, require_writable
from pipeline.outputs.current import CurrentSource, by_age, current_sources, not_replaced
from pipeline.outputs.layout import RUNS
from pipeline.publication.publish import publish_all, required_targets
from pipeline.publication.targets import remembered_names, remembered_targets
from pipeline.publication.wanted import kept_fields
from schemas.errors import JobError, UsageError
from schemas.manifest import Manifest

# So long, whoever read the manifests before a change may take to open the files that they named.
READERS_SECONDS = 2.0

_MOST_DAYS = 36_500  # a hundred years; far more than that, and there is no such date


@dataclass(frozen=True)
class Output:
    """root: an absolute path or a URL; manifests: those of its runs, oldest first.

    outdated: what removes files that no manifest names any more, once the change is done.
    """

    root: str
    manifests: Sequence[Manifest]
    outdated: list[Callable[[], None]] = field(default_factory=list)

    @cached_property
    def by_id(self) -> Mapping[str, Manifest]:
        """The manifests by their run's id."""
        return {manifest["run_id"]: manifest for manifest in self.manifests}

    @cached_property
    def current(self) -> Mapping[str, CurrentSource]:
        """What counts of each source."""
        return current_sources(self.manifests)

    @cached_property
    def counting(self) -> Counter[str]:
        """For each run, of how many sources rows of it count."""
        return Counter(run_id for state in self.current.values() for run_id in state.runs)

    def runs_of(self, name: str) -> list[Manifest]:
        """The run of this id, or else the parts of the job; none where there is neither."""
        if name in self.by_id:
            return [self.by_id[name]]
        return [run for run in self.manifests if run.get("part", {}).get("of") == name]

    def named(self, names: Iterable[str]) -> list[Manifest]:
        """The manifests of these runs; the id of a job in parts stands for all its parts."""
        chosen: list[Manifest] = []
        for name in names:
            runs = self.runs_of(name)
            if not runs:
                jobs = [run["part"]["of"] for run in self.manifests if "part" in run]
                known = [*self.by_id, *jobs]
                raise UsageError(f"{self.root} has no run {name!r}" + did_you_mean(name, known))
            chosen += [manifest for manifest in runs if manifest not in chosen]
        return chosen


def find_output(flag: str) -> Output:
    """What `--output` said in, the output out; raises UsageError where there is none."""
    root = output_root(flag)
    _require_output(root)
    try:
        manifests = read_manifests(root)
    except OSError as error:
        raise UsageError(f"--output {root} cannot be read: {error}") from error
    if is_remote(root) and not manifests:
        raise _no_runs(root)
    return Output(root, by_age(manifests))


@contextmanager
def changing(flags: argparse.Namespace, going: Sequence[str] = ()) -> Iterator[Output]:
    """The flags `--output` and `--dry_run` in; the output, held and clean, out.

    going: the runs that will count no more. Raises UsageError where there is none, or none that can
    be written to, or where what stays cannot be published as it was before; OutputBusyError where a
    run is writing to it, JobError for what the disk refuses. What counts is published where it was
    before. What was half done when an error or an interrupt came is removed at once, and at the
    end, a moment after the change, what it left behind: readers go on.
    """
    with holding(flags) as root:
        if not flags.dry_run:
            require_publishable(root, going)
        manifests = not_replaced(read_manifests(root)) if flags.dry_run else clean(root)
        output = Output(root, by_age(manifests))
        try:
            yield output
            if not flags.dry_run:
                publish_all(root, remembered_targets(root))
            if output.outdated:
                time.sleep(READERS_SECONDS)
            _remove(output.outdated)
        except (OSError, JobError, KeyboardInterrupt):
            if not flags.dry_run:
                with contextlib.suppress(OSError, JobError):
                    _remove(output.outdated)
                    clean(root)
            raise


def require_publishable(root: str, going: Sequence[str] = (), *, makes_names: bool = False) -> None:
    """Raise UsageError where an output cannot be published once these runs are gone.

    makes_names: whether it will have a table of names.
    """
    names = remembered_names(root)
    if not names:
        return
    output = Output(root, read_manifests(root))
    gone = [manifest for name in going for manifest in output.runs_of(name)]
    staying = [manifest for manifest in output.manifests if manifest not in gone]
    try:
        required_targets(root, names, kept_fields(staying), makes_names=makes_names)
    except UsageError as error:
        raise UsageError(
            f"{error}; {called('jobs.publish')} --output {root} --stop TARGET ends publishing there"
        ) from error


@contextmanager
def holding(flags: argparse.Namespace) -> Iterator[str]:
    """As `changing`, of an output that is held and as it is; gives its place alone."""
    root = output_root(flags.output)
    _require_output(root)
    if not flags.dry_run:
        require_writable(root)
    try:
        with held(root):
            yield root
    except OSError as error:
        raise JobError(f"{error.filename or root}: {error.strerror or error}") from error


def _remove(outdated: list[Callable[[], None]]) -> None:
    while outdated:
        outdated.pop(0)()


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add the flag that all commands have which change an output."""
    parser.add_argument(
        "--dry_run", action="store_true", help="say what would happen, and change nothing"
    )


def tell(flags: argparse.Namespace, text: str) -> None:
    """Say what was changed; under `--dry_run` that is all the command was asked for."""
    (answer if flags.dry_run else account)(text)


def days_ago(days: int) -> str:
    """The time so many days ago, which `--older_than` gave, as manifests write it."""
    if days > _MOST_DAYS:
        raise UsageError(f"--older_than is {days}, expected at most {_MOST_DAYS}")
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def _require_output(root: str) -> None:
    """Raises UsageError where a store is out of reach, or a local directory is no output."""
    if is_remote(root):
        require_filesystem("--output", root)
    elif not Path(root).is_dir():
        raise UsageError(f"--output {root} does not exist")
    elif not Path(root, RUNS).is_dir():
        raise _no_runs(root)


def _no_runs(root: str) -> UsageError:
    maker = called("pipeline.run")
    return UsageError(f"--output {root} holds no runs: {maker} makes {root}/{RUNS}")
