"""What is asked of an object store beside Beam's filesystem, and how one without more does it."""

import shutil
from typing import BinaryIO, NamedTuple

from pipeline.console.text import first_line
from pipeline.filesystems.beam import create_file
from pipeline.filesystems.paths import bucket_and_key

_BLOCK = 8 * 2**20


class UnfinishedUpload(NamedTuple):
    """What was sent of an object `path` from `started` on, seconds since 1970, and is none yet."""

    path: str
    started: float
    token: str


class Store:
    """A store that has nothing but Beam's filesystem.

    package: what a plain installation lacks for it, which the extra brings; none where it is empty.
    """

    package = ""
    extra = ""

    def require(self, flag: str, path: str) -> None:
        """Raise UsageError where a flag names a path that is out of reach."""

    def send(self, file: BinaryIO, path: str) -> None:
        """Make the object `path` of a whole file; raises what the store raises."""
        with create_file(path) as stream:
            shutil.copyfileobj(file, stream, _BLOCK)

    def create(self, path: str, data: bytes) -> bool:
        """Make an object of the data; False where the store itself finds one of that name."""
        with create_file(path) as stream:
            stream.write(data)
        return True

    def unfinished_uploads(self, root: str) -> list[UnfinishedUpload]:
        """The uploads of objects below a URL that are under way, or were never finished."""
        return []

    def abort(self, upload: UnfinishedUpload) -> None:
        """Remove what was sent of an object."""


def no_bucket(flag: str, path: str) -> str:
    """The sentence for a bucket that does not exist."""
    return f"{flag} {path}: there is no bucket {bucket_and_key(path)[0]!r}"


def unreachable(flag: str, path: str, error: Exception) -> str:
    """The sentence for a store that does not answer, or for lack of credentials."""
    return f"{flag} {path} cannot be reached: {first_line(error)}"
