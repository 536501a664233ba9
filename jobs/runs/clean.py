"""Remove what runs and commands left behind that were killed.

On a disk whoever writes next does that too, and nothing else writes meanwhile. On an object store a
run may be under way: there, a run stays with all that it has while some of it is younger than
--older_than. Files with other names than gleaner gives stay everywhere.
"""

import argparse
import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from jobs.runs.outputs import add_dry_run, holding, tell
from pipeline.console.text import counted
from pipeline.filesystems.beam import filesystems, list_files
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.stores import store_of
from pipeline.outputs.catalog import clean, ownerless_reports, read_manifests
from pipeline.outputs.current import not_replaced
from pipeline.outputs.layout import REPORTS, RUNS, all_files, is_single, run_of_unnamed
from pipeline.outputs.storage import run_storage
from pipeline.outputs.transactions import settle_run
from schemas.errors import UsageError

_DAY = 86_400


class Leftover(NamedTuple):
    """A file that nothing names, or an upload that is no object.

    run_id: whose it is, or empty; modified: seconds since 1970.
    """

    run_id: str
    path: str
    bytes: int
    modified: float
    remove: Callable[[], None]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """How old what goes must be."""
    parser.add_argument(
        "--older_than",
        type=float,
        default=1.0,
        metavar="DAYS",
        help="on an object store, only runs whose last file is so old (default 1)",
    )
    add_dry_run(parser)


def run(flags: argparse.Namespace) -> int:
    """Remove it, and say what it was, run by run."""
    if not flags.older_than >= 0:
        raise UsageError(f"--older_than is {flags.older_than}, expected at least 0")
    with holding(flags) as root:
        before = time.time() - flags.older_than * _DAY if is_remote(root) else float("inf")
        found = _old(leftovers(root), before)
        if not flags.dry_run:
            clean(root)
            for left in _old(leftovers(root), before):
                left.remove()
            if not is_remote(root):
                for run_id in {left.run_id for left in found} - {""}:
                    settle_run(run_storage(root, run_id))  # whose folders may be empty now
    for run_id, own in groupby(sorted(found), key=lambda left: left.run_id):
        tell(flags, f"{run_id or 'of no run'}: {_in_words(list(own))}")
    tell(flags, f"{_in_words(found)} {'would be removed' if flags.dry_run else 'removed'}")
    return 0


def _old(left: Iterable[Leftover], before: float) -> list[Leftover]:
    """Of each run all or nothing: one that is under way for days has old files, and young ones."""
    of_runs: dict[str, list[Leftover]] = {}
    for each in left:
        of_runs.setdefault(each.run_id or each.path, []).append(each)
    aged = [own for own in of_runs.values() if max(each.modified for each in own) <= before]
    return [each for own in aged for each in own]


def leftovers(root: str) -> Iterator[Leftover]:
    """What is below an output with names that gleaner gives, and belongs to nothing that is there.

    Of a run that was merged into another one, all is left over. Raises as `read_manifests`.
    """
    # In this order: a run that commits meanwhile has its manifest by then.
    files = [*(_objects if is_remote(root) else _files)(root)]
    manifests = read_manifests(root)
    staying = not_replaced(manifests)
    owners = {manifest["run_id"] for manifest in staying}
    needless = {
        f"{REPORTS}/{run_id}.html": run_id for run_id in ownerless_reports(root, owners)
    } | {
        f"{RUNS}/{manifest['run_id']}.json": manifest["run_id"]
        for manifest in manifests
        if manifest["run_id"] not in owners
    }
    named = {path for manifest in staying for path in all_files(root, manifest)}
    for path, size, modified in files:
        own = path.removeprefix(f"{root}/")
        run_id = needless.get(own, run_of_unnamed(own))
        if run_id is not None and path not in named:
            yield Leftover(run_id, own, size, modified, partial(filesystems().delete, [path]))
    if is_remote(root):
        store = store_of(root)
        for upload in store.unfinished_uploads(root):
            own = upload.path.removeprefix(f"{root}/")
            run_id = run_of_unnamed(own)
            if run_id is None and not is_single(own):
                continue  # somebody else sends something there
            yield Leftover(run_id or "", own, 0, upload.started, partial(store.abort, upload))


def _files(root: str) -> Iterator[tuple[str, int, float]]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = f"{folder}/{name}"
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(path)
                if stat.S_ISREG(status.st_mode):
                    yield path, status.st_size, status.st_mtime


def _objects(root: str) -> Iterator[tuple[str, int, float]]:
    for file in list_files(f"{root}/**"):
        yield file.path, file.size_in_bytes, file.last_updated_in_seconds


def _in_words(found: Sequence[Leftover]) -> str:
    return f"{counted(len(found), 'file')}, {sum(left.bytes for left in found) / 1e6:,.2f} MB"
