"""Patterns in, files and shards out: what is to be read, how it is cut, and what state it is in."""

import io
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import BinaryIO, cast

from pipeline.filesystems.beam import open_file
from pipeline.filesystems.paths import is_remote
from pipeline.inputs.compression import EXTENSIONS, WINDOW_MB, compression_of, decompressed
from pipeline.inputs.contents import archive_named
from pipeline.inputs.encodings import UTF8
from pipeline.inputs.files import InputFile
from pipeline.inputs.formats import FILE_FORMATS, FORMATS, ReadConfig, no_outer_compression
from pipeline.inputs.formats.json_array import JSON
from pipeline.inputs.formats.text import TEXT
from schemas.errors import UsageError
from schemas.records import Shard

RANGE_BYTES = 4 * 2**20
# Beam's readers of object stores fetch 16 MiB at a time, so small ranges would fetch most bytes
# several times.
REMOTE_RANGE_BYTES = 64 * 2**20
# The commit holds some KB for each shard: large inputs get larger ranges, not ever more of them.
MOST_RANGES = 100_000
# Unpacking takes a thirtieth of the time that tagging takes, so a few may do it over again.
_QUICKLY_UNPACKED = (".gz", ".zst")
_PARTED_BYTES = 16 * 2**20
_MOST_PARTS = 8

_BUFFER = 256 * 1024
_FORMAT_BY_EXTENSION = {
    extension: name for name, known in FORMATS.items() for extension in known.extensions
}


def format_of(path: str) -> str:
    """A path in, its format by extension out, after that of a compression.

    An archive counts as text, which reading it then refuses. Raises UsageError for any other
    extension that says nothing of the format.
    """
    extension = os.path.splitext(path)[1]
    if extension in _FORMAT_BY_EXTENSION:  # of most files, in a third of the time
        return _FORMAT_BY_EXTENSION[extension]
    name = path.lower().removesuffix(compression_of(path))
    extension = os.path.splitext(name)[1]
    if extension not in _FORMAT_BY_EXTENSION and archive_named(path):
        return TEXT.name
    if extension not in _FORMAT_BY_EXTENSION:
        known = ", ".join(_FORMAT_BY_EXTENSION)
        raise UsageError(
            f"The format of {path} is not clear from its name (known: {known}, and these followed "
            f"by {', '.join(EXTENSIONS)}); name it with --input_format {'|'.join(FILE_FORMATS)}."
        )
    return _FORMAT_BY_EXTENSION[extension]


def is_known(path: str, input_format: str) -> bool:
    """Whether a path and `--input_format` say in which format it is read."""
    if input_format != "auto":
        return True
    try:
        format_of(path)
    except UsageError:
        return False
    return True


def format_read_as(path: str, input_format: str) -> str:
    """A path and `--input_format` in, the format that it is read in out; raises as `format_of`."""
    return format_of(path) if input_format == "auto" else input_format


def unreadable_named(path: str, input_format: str) -> str | None:
    """Why a file cannot be read that is called so, in a sentence; None where it may be."""
    if archive := archive_named(path):
        return f"{path} is {archive}: unpack it"
    if compression_of(path) and is_known(path, input_format):
        name = format_read_as(path, input_format)
        if not FORMATS[name].compressible:
            return f"{path} is a compressed {name.capitalize()} file; {no_outer_compression(name)}"
    return None


def plan_shards(
    files: Sequence[InputFile], config: ReadConfig, range_bytes: int | None = None
) -> list[Shard]:
    """Files in, the shards to read out, in the same order.

    Uncompressed jsonl and lines, but for UTF-16 and UTF-32, are cut into equal ranges of at most
    `range_bytes` (by default 4 MiB, on object stores 64 MiB, and more where there would be more
    than 100,000 ranges). Local ones in gzip or zstd, from 16 MiB on, are read in parts where one
    core would else have more than its share of all; any other file is one shard. `Shard.size`
    counts the bytes of that range or part, so sizes add up to the input's. Raises UsageError for
    unknown formats, and for json in another encoding than UTF-8.
    """
    if range_bytes is not None and range_bytes < 1:
        raise UsageError(f"Byte ranges must hold at least 1 byte, not {range_bytes}.")
    total = sum(file.size for file in files)
    least = total // MOST_RANGES
    is_wide = config.is_wide
    shards: list[Shard] = []
    for file in files:
        name = format_read_as(file.path, config.input_format)
        path = file.path if file.source else ""
        compressed = bool(compression_of(file.path))
        if name == JSON.name and config.encoding != UTF8.name:
            raise UsageError(
                f"--encoding {config.encoding} is for jsonl, lines, text and csv, and {file.path} "
                "is read as json, which is UTF-8: convert it first, or leave it out"
            )
        usual = REMOTE_RANGE_BYTES if is_remote(file.path) else RANGE_BYTES
        bound = range_bytes or max(usual, least)
        can_be_cut = FORMATS[name].splittable and not is_wide
        if can_be_cut and compressed:
            shards += _parts(file, name, path, total)
            continue
        pieces = -(-file.size // bound) if can_be_cut else 1
        if pieces <= 1:
            shards.append(Shard(file.name, name, 0, None, file.size, file.fingerprint, path))
            continue
        cuts = [file.size * piece // pieces for piece in range(pieces + 1)]
        for start, stop in pairwise(cuts):
            size = stop - start
            shards.append(Shard(file.name, name, start, stop, size, file.fingerprint, path))
    return shards


def _parts(file: InputFile, name: str, path: str, total: int) -> Iterator[Shard]:
    """A compressed file as one shard, or as several that each unpack all of it."""
    usual = 1
    if (
        file.size >= _PARTED_BYTES
        and not is_remote(file.path)
        and compression_of(file.path) in _QUICKLY_UNPACKED
    ):
        usual = min(_MOST_PARTS, -(-file.size * (os.cpu_count() or 1) // total))
    for part in range(usual):
        size = file.size * (part + 1) // usual - file.size * part // usual
        yield Shard(file.name, name, part, None, size, file.fingerprint, path, usual)


def spread(shards: Sequence[Shard], processes: int) -> list[Shard]:
    """The shards in an order in which each of so many processes gets about as many bytes.

    A local run deals them out one by one before any is read: so of each round of them, largest
    first, the process that has least gets the largest.
    """
    if processes < 2:  # noqa: PLR2004 - one alone gets all
        return list(shards)
    ordered = sorted(shards, key=lambda shard: -shard.size)
    dealt: list[Shard] = []
    loads = [0] * processes
    for first in range(0, len(ordered), processes):
        largest = ordered[first : first + processes]
        places = sorted(range(len(largest)), key=loads.__getitem__)
        its = dict(zip(places, largest, strict=True))
        for place in sorted(its):
            loads[place] += its[place].size
            dealt.append(its[place])
    return dealt


def open_shard(path: str, window_mb: int = WINDOW_MB) -> BinaryIO:
    """The path of a matched file in, a buffered stream of its decompressed bytes out.

    window_mb: what zstd and xz may need.

    Opening raises OSError; reading raises EOFError or OSError, where a compressed stream is
    truncated or damaged.
    """
    stream = open_file(path)
    if not compression_of(path) and not is_remote(path):
        # Python's own 8 KiB buffer costs a system call every four documents; this
        # reads about a quarter faster.
        return io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER)
    return decompressed(stream, path, window_mb)
