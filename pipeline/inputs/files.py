"""Patterns in, the files that they match out, each with its size and its state."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.filesystems.beam import filesystems, list_files, refusal
from pipeline.filesystems.paths import is_remote
from schemas.errors import UsageError

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileMetadata


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was matched: absolute path or URL, size in bytes, state when it was matched."""

    path: str
    size: int
    fingerprint: str


def match_files(patterns: Iterable[str], *, allow_none: bool = False) -> list[InputFile]:
    """Patterns of any Beam filesystem in, the files they match out, each once, sorted by path.

    A pattern is a path, a directory (the files in it, not those further below: `DIR/**` gives all)
    or a glob as Beam reads it (`*` stops at slashes, `**` does not, `?`, `[a-z]`). Local paths
    become absolute, and a local file whose name holds glob characters is found by that name.
    Files and directories whose name begins with `.` or `_` (`_SUCCESS`, `.crc`, our `_staging`)
    are matched only by a pattern that itself has such a name. Raises UsageError for a pattern
    that cannot be listed, or that matches nothing unless `allow_none`.
    """
    files: dict[str, InputFile] = {}
    for pattern in patterns:
        matched = _match(pattern)
        if not matched and not allow_none:
            raise UsageError(
                f"--input {pattern!r} matches no file (with --allow_no_input that is an empty run)."
            )
        for file in matched:
            try:
                file.path.encode()
            except UnicodeEncodeError as error:
                name = os.fsencode(file.path)
                raise UsageError(f"The name of the input file {name!r} is not UTF-8.") from error
            files.setdefault(file.path, file)
    return [files[path] for path in sorted(files)]


def _match(pattern: str) -> list[InputFile]:
    if not pattern:
        return []
    glob = pattern.removeprefix("file://")
    if not is_remote(glob):
        directory = glob.endswith("/")
        glob = os.path.abspath(glob)
        if os.path.isfile(glob):
            return [_local_file(glob)] if not directory else []
        if os.path.isdir(glob):
            return _files_in(pattern, glob)
    files = _listed(pattern, glob)
    if not files and is_remote(glob) and not re.search(r"[*?[]", glob):
        files = _listed(pattern, glob.rstrip("/") + "/*")
    return files


def _files_in(pattern: str, directory: str) -> list[InputFile]:
    """By `scandir`: Beam's globs would walk all that is below, and cannot quote a `[`."""
    try:
        with os.scandir(directory) as entries:
            paths = [entry.path for entry in entries if entry.is_file()]
    except OSError as error:
        raise UsageError(f"--input {pattern!r} cannot be listed: {error.strerror}.") from error
    return [_local_file(path) for path in paths if not _has_hidden(os.path.basename(path))]


def _listed(pattern: str, glob: str) -> list[InputFile]:
    try:
        listed = list_files(glob)
    except Exception as error:  # each filesystem raises errors of its own
        raise UsageError(f"--input {pattern!r} cannot be listed: {refusal(error)}.") from error
    fixed = re.split(r"[*?[]", glob)[0].rpartition("/")[0]
    if _has_hidden(glob[len(fixed) :]):
        wanted = listed
    else:
        wanted = [meta for meta in listed if not _has_hidden(meta.path[len(fixed) :])]
    if is_remote(glob):
        # Object stores have no directories, but tools leave empty objects with such names.
        return [_remote_file(meta) for meta in wanted if not meta.path.endswith("/")]
    return [_local_file(meta.path) for meta in wanted if not os.path.isdir(meta.path)]


def _has_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path.split("/"))


def _local_file(path: str) -> InputFile:
    try:
        state = os.stat(path)
    except OSError as error:
        raise UsageError(f"The input file {path} cannot be read: {error.strerror}.") from error
    return InputFile(path, state.st_size, f"{state.st_size}-{state.st_mtime_ns}")


def _remote_file(meta: "FileMetadata") -> InputFile:
    # Size and time come with the listing. An etag would cost a request for each file: at 50 ms,
    # more than an hour for 100,000 files.
    if meta.last_updated_in_seconds:
        state = f"{meta.size_in_bytes}-{round(meta.last_updated_in_seconds * 1000)}ms"
    else:
        state = f"{meta.size_in_bytes}-{filesystems().checksum(meta.path)}"
    return InputFile(meta.path, meta.size_in_bytes, state)


def current_fingerprint(path: str) -> str:
    """The path of a matched file in, its fingerprint now out; raises OSError if it is gone."""
    if not is_remote(path):
        state = os.stat(path)
        return f"{state.st_size}-{state.st_mtime_ns}"
    return _remote_file(filesystems().get_filesystem(path).metadata(path)).fingerprint
