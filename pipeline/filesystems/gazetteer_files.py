"""The files of a gazetteer: users' lists, wherever they are, and what workers load of them."""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from model.gazetteer.lists import gazetteer_of
from model.gazetteer.matching import Gazetteer
from model.text.segmentation import Segmentation
from pipeline.filesystems.beam import open_file, refusal
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.filesystems.stores import require_filesystem
from schemas.errors import UsageError

_FLAG = "--gazetteer"
_DIGEST = 16  # bytes


class ReadGazetteer(NamedTuple):
    """A gazetteer, the hash of each of its files, and sentences on what is odd about them."""

    gazetteer: Gazetteer
    digests: Sequence[str]
    warnings: Sequence[str]


def read_gazetteer(paths: Sequence[str], segmentation: Segmentation) -> ReadGazetteer | None:
    """The terms of files, cut as a model cuts texts; None without files.

    Raises UsageError for a file that cannot be read, or is no list of terms.
    """
    return read_lists(_FLAG, paths, segmentation) if paths else None


def read_lists(flag: str, paths: Sequence[str], segmentation: Segmentation) -> ReadGazetteer:
    """The same of the files that a flag names, of which there is one at least."""
    files = {path: _read(flag, path) for path in map(local_path, paths)}
    if len(files) < len(paths):
        raise UsageError(f"{flag} names a file twice: {' '.join(paths)}")
    gazetteer, warnings = gazetteer_of(files, segmentation)
    digests = [hashlib.blake2b(data, digest_size=_DIGEST).hexdigest() for data in files.values()]
    return ReadGazetteer(gazetteer, digests, [f"{flag} {warning}" for warning in warnings])


def gazetteer_loader(
    paths: Sequence[str], segmentation: Segmentation
) -> Callable[[], Gazetteer] | None:
    """What reads these files on any worker, where they must be as they are now; None without files.

    What is odd about them becomes warnings. Raises UsageError as `read_gazetteer`.
    """
    read = read_gazetteer(paths, segmentation)
    for sentence in read.warnings if read else ():
        warnings.warn(sentence, stacklevel=2)
    return partial(_load, tuple(paths), segmentation, tuple(read.digests)) if read else None


def _load(paths: Sequence[str], segmentation: Segmentation, digests: Sequence[str]) -> Gazetteer:
    read = read_gazetteer(paths, segmentation)
    if read is None or tuple(read.digests) != digests:
        raise UsageError(f"{_FLAG} {' '.join(paths)} changed since the job was submitted")
    return read.gazetteer


def open_gazetteer(path: str) -> Gazetteer:
    """A gazetteer that was written; processes of one machine share its bytes."""
    if not is_remote(path):
        with pa.memory_map(path) as stream:
            return Gazetteer.decode(stream.read_buffer())
    with open_file(path) as stream:
        return Gazetteer.decode(pa.py_buffer(stream.read()))


def _read(flag: str, path: str) -> bytes:
    if is_remote(path):
        require_filesystem(flag, path)
    try:
        with open_file(path) as stream:
            return stream.read()
    except Exception as error:  # each filesystem raises errors of its own
        reason = error.strerror if isinstance(error, OSError) and error.strerror else refusal(error)
        raise UsageError(f"{flag} {path} cannot be read: {reason}") from error
