"""Patterns in, files and shards out: what is to be read, how it is cut, and what state it is in."""

import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, cast

from apache_beam.io.filesystem import CompressionTypes, FileMetadata

from pipeline.decompress import EXTENSIONS, compression_of, decompressed
from pipeline.filesystems import filesystems, refusal
from pipeline.formats import FORMATS, ReadConfig
from schemas.errors import UsageError
from schemas.records import Shard

RANGE_BYTES = 4 * 2**20
# Beam's readers of object stores fetch 16 MiB at a time, so small ranges would fetch most bytes
# several times.
REMOTE_RANGE_BYTES = 64 * 2**20
# The commit holds some KB for each shard: large inputs get larger ranges, not ever more of them.
MOST_RANGES = 100_000

_BUFFER = 256 * 1024
_SPLITTABLE = ("jsonl", "lines")
_FORMAT_BY_EXTENSION = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


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
    found: dict[str, InputFile] = {}
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
            found.setdefault(file.path, file)
    return [found[path] for path in sorted(found)]


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
        listed = filesystems().match([glob])[0].metadata_list
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


def is_remote(path: str) -> bool:
    """Whether a path names a filesystem (`gs://...`) rather than the local disk."""
    return "://" in path


def _local_file(path: str) -> InputFile:
    try:
        state = os.stat(path)
    except OSError as error:
        raise UsageError(f"The input file {path} cannot be read: {error.strerror}.") from error
    return InputFile(path, state.st_size, f"{state.st_size}-{state.st_mtime_ns}")


def _remote_file(meta: FileMetadata) -> InputFile:
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


def format_of(path: str) -> str:
    """A path in, its format by extension out, after `.gz`, `.bz2` or `.zst`.

    Raises UsageError for an extension that says nothing of the format.
    """
    name = path.lower().removesuffix(compression_of(path))
    extension = os.path.splitext(name)[1]
    if extension not in _FORMAT_BY_EXTENSION:
        known = ", ".join(_FORMAT_BY_EXTENSION)
        choices = [name for name in FORMATS if name != "dead_letters"]  # which only a run writes
        raise UsageError(
            f"The format of {path} is not clear from its name (known: {known}, and these followed "
            f"by {', '.join(EXTENSIONS)}); name it with --input_format {'|'.join(choices)}."
        )
    return _FORMAT_BY_EXTENSION[extension]


def format_read_as(path: str, input_format: str) -> str:
    """A path and `--input_format` in, the format that it is read in out; raises as `format_of`."""
    return format_of(path) if input_format == "auto" else input_format


def plan_shards(
    files: Sequence[InputFile], config: ReadConfig, range_bytes: int | None = None
) -> list[Shard]:
    """Files in, the shards to read out, in the same order.

    Uncompressed jsonl and lines are cut into equal ranges of at most `range_bytes` (by default
    4 MiB, on object stores 64 MiB, and more where there would be more than 100,000 ranges); any
    other file is one shard. `Shard.size` counts the bytes of that range, so sizes add up to the
    input's. Raises UsageError for unknown or compressed formats that cannot be read.
    """
    if range_bytes is not None and range_bytes < 1:
        raise UsageError(f"Byte ranges must hold at least 1 byte, not {range_bytes}.")
    least = sum(file.size for file in files) // MOST_RANGES
    shards: list[Shard] = []
    for file in files:
        name = format_read_as(file.path, config.input_format)
        compressed = bool(compression_of(file.path))
        if name == "parquet" and compressed:
            raise UsageError(
                f"{file.path} is a compressed Parquet file; Parquet is compressed inside, and can "
                "only be read without an outer compression."
            )
        usual = REMOTE_RANGE_BYTES if is_remote(file.path) else RANGE_BYTES
        bound = range_bytes or max(usual, least)
        pieces = 1 if compressed or name not in _SPLITTABLE else -(-file.size // bound)
        if pieces <= 1:
            shards.append(Shard(file.path, name, 0, None, file.size, file.fingerprint))
            continue
        cuts = [file.size * piece // pieces for piece in range(pieces + 1)]
        for start, stop in pairwise(cuts):
            shards.append(Shard(file.path, name, start, stop, stop - start, file.fingerprint))
    return shards


def open_shard(path: str) -> BinaryIO:
    """The path of a matched file in, a buffered stream of its decompressed bytes out.

    Opening raises OSError; reading raises EOFError or OSError, where a compressed stream is
    truncated or damaged.
    """
    stream = filesystems().open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    if not compression_of(path) and not is_remote(path):
        # Python's own 8 KiB buffer costs a system call every four documents; this
        # reads about a quarter faster.
        return io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER)
    return decompressed(stream, path)
