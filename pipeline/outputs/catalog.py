"""An output as a whole: one run at a time writes to it, and its manifests say what is in it."""

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pipeline.filesystems.beam import filesystems, list_files, open_file, refusal
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.filesystems.stores import require_filesystem
from pipeline.filesystems.upload import Upload
from pipeline.outputs.current import RUN_ID, not_replaced
from pipeline.outputs.layout import LOCK, REPORTS, STAGING
from pipeline.outputs.lock import locked
from pipeline.outputs.manifest.encoding import parse_manifest
from pipeline.outputs.storage import run_storage
from pipeline.outputs.transactions import remove_run, settle_run
from schemas.errors import UsageError
from schemas.manifest import Manifest

_T = TypeVar("_T")

# What tells a report from other pages: its template has it near the top.
REPORT_MARK = b'<meta name="generator" content="gleaner report">'
_MARKED = 2048  # bytes

_READINGS = 4  # of manifests that go meanwhile, before that is an error
_REQUESTS = 8  # at once: an object store takes its time for each, and boto3 keeps 10 connections


def require_writable(root: str, flag: str = "--output") -> None:
    """Raise UsageError where an output is out of reach, or nothing can be written to it.

    flag: what named it.
    """
    if is_remote(root):
        require_filesystem(flag, root)
        probe = f"{root}/{STAGING}/probe-{uuid.uuid4().hex}"
        try:
            Upload(probe).close()
            filesystems().delete([probe])
        except Exception as error:  # each filesystem raises errors of its own
            raise UsageError(f"{flag} {root} cannot be written to: {refusal(error)}") from error
        return
    place = Path(root)
    existing = next(path for path in (place, *place.parents) if path.exists())
    if not existing.is_dir():
        raise UsageError(f"{flag} {root}: {existing} is not a directory")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"{flag} {root}: no permission to write to {existing}")


@contextmanager
def held(root: str) -> Iterator[None]:
    """Keep a local output to this process alone; an object store has no locks.

    Raises OutputBusyError where another one holds it, OSError where it cannot be written to.
    """
    if is_remote(root):
        yield
        return
    os.makedirs(root, exist_ok=True)
    with locked(f"{root}/{LOCK}", f"another run is writing to {root}"):
        yield


def clean(root: str) -> list[Manifest]:
    """Remove what stopped runs and jobs left; for a caller that holds the output.

    Whatever changes a run has a staging directory for it until it is done: of such a run, what
    its manifest names stays. Runs that were merged into another one go. Returns the manifests of
    those that stay; raises UsageError as `read_manifests` does.
    """
    manifests = read_manifests(root)
    if os.path.isdir(f"{root}/{STAGING}"):
        for run_id in os.listdir(f"{root}/{STAGING}"):
            if RUN_ID.fullmatch(run_id) and not os.path.islink(f"{root}/{STAGING}/{run_id}"):
                settle_run(run_storage(root, run_id))
        with contextlib.suppress(OSError):  # somebody else has something there
            os.rmdir(f"{root}/{STAGING}")
    left = not_replaced(manifests)
    staying = {manifest["run_id"] for manifest in left}
    for manifest in manifests:
        if manifest["run_id"] not in staying:
            remove_run(run_storage(root, manifest["run_id"]))
    return left


def read_manifests(root: str) -> list[Manifest]:
    """The manifests of an output, by run id; none where there is no output.

    Where one goes between being listed and being read, as those of merged runs do, all are read
    again: what took its place is there by then. Raises UsageError for one that is damaged, or
    written by a newer version of gleaner, and where an object store does not give them.
    """
    return [*_of_each_manifest(root, lambda path: _manifest(path, _content(path))).values()]


def manifest_contents(root: str) -> dict[str, bytes]:
    """What `read_manifests` reads, by path: the same as long as nobody changed the output."""
    return _of_each_manifest(root, _content)


def manifests_of(contents: Mapping[str, bytes]) -> list[Manifest]:
    """The manifests that `read_manifests` makes of what was read; raises UsageError as it does."""
    return [_manifest(path, data) for path, data in contents.items()]


def _of_each_manifest(root: str, read: Callable[[str], _T]) -> dict[str, _T]:
    for _ in range(_READINGS):
        with contextlib.suppress(FileNotFoundError):
            return _of_each_listed(root, read)
    return _of_each_listed(root, read)


def _of_each_listed(root: str, read: Callable[[str], _T]) -> dict[str, _T]:
    if not is_remote(root):
        return {path: read(path) for path in sorted(_local_files(f"{root}/runs", ".json"))}
    try:
        paths = sorted(file.path for file in list_files(f"{root}/runs/*.json"))
        with ThreadPoolExecutor(_REQUESTS) as pool:
            return dict(zip(paths, pool.map(read, paths), strict=True))
    except (UsageError, FileNotFoundError):
        raise
    except Exception as error:  # each filesystem raises errors of its own
        raise UsageError(f"--output {root} cannot be read: {refusal(error)}") from error


def ownerless_reports(root: str, owners: Collection[str]) -> list[str]:
    """The runs of an output that have a report, but are not among `owners`.

    Pages of others that stand there are none.
    """
    folder = f"{root}/{REPORTS}"
    if is_remote(root):
        paths = [file.path for file in list_files(f"{folder}/*.html")]
    else:
        paths = _local_files(folder, ".html")
    found = {path.rpartition("/")[2].removesuffix(".html"): path for path in paths}
    return sorted(name for name in found.keys() - set(owners) if _is_report(found[name]))


def _is_report(path: str) -> bool:
    try:
        with open_file(path) as stream:
            return REPORT_MARK in stream.read(_MARKED)
    except OSError:  # a directory, or a file that is nobody's business
        return False


def _local_files(directory: str, suffix: str) -> list[str]:
    """By `listdir`: a glob would take the brackets in a directory's name for its own."""
    if not os.path.isdir(directory):
        return []
    return [f"{directory}/{name}" for name in os.listdir(directory) if name.endswith(suffix)]


def _content(path: str) -> bytes:
    try:
        with open_file(path) as stream:
            return stream.read()
    except Exception as error:  # each filesystem raises errors of its own
        if is_remote(path) and not filesystems().exists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
        raise


def _manifest(path: str, data: bytes) -> Manifest:
    try:
        return parse_manifest(data, path)
    except ValueError as error:
        raise UsageError(str(error)) from error


def output_root(path: str, flag: str = "--output") -> str:
    """`--output` as it was given in, an absolute path or a URL without a slash at its end out.

    flag: what named it.
    """
    path = local_path(path)
    if not path:
        raise UsageError(f"{flag} must not be empty")
    if path.split("/")[0] == "~":
        raise UsageError(f"{flag} {path}: no shell made the home folder of ~, so write that out")
    if not is_remote(path):
        return os.path.abspath(path)
    if re.search(r"[*?[]", path):  # Beam lists objects by globs, and has no way to quote these
        raise UsageError(f"{flag} {path}: the URL of an output has no *, ? or [")
    return path.rstrip("/")
