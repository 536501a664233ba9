"""A file in, an object of a store out: whole, or not at all.

Beam's writers send what they are given as it comes, and finish the object whenever they are closed,
also by the garbage collector: of a bundle that failed, half a file would appear later.
"""

import errno
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from model.host.durable_files import replace_file
from pipeline.filesystems.beam import filesystems, refusal
from pipeline.filesystems.paths import is_remote
from pipeline.filesystems.stores import store_of


class Writer(Protocol):
    """What a new file is written through, on a disk or to a store."""

    def write(self, data: bytes, /) -> int: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


class Upload:
    """Gathers a file in the temporary folder, and makes it the object `path` when it is closed.

    One that is dropped, or left by an exception, leaves nothing: its file has no name there. So
    there is no `__del__`, and no base of Python's `io`, which would bring one that closes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="gleaner-")  # noqa: SIM115 - `close` and `__exit__` close it

    def write(self, data: bytes, /) -> int:
        return self._file.write(data)

    def close(self) -> None:
        """Upload the file, once; raises OSError where the store refuses it."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            try:
                store_of(self._path).send(self._file, self._path)
            except Exception as error:  # each filesystem raises errors of its own
                raise OSError(errno.EIO, refusal(error), self._path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if kind is None:
            self.close()
        self._file.close()


def write_whole(path: str, data: bytes) -> None:
    """Write a file whole or not at all, on a disk or to a store; raises OSError.

    In the place of the one that is there.
    """
    if is_remote(path):
        with Upload(path) as stream:
            stream.write(data)
    else:
        replace_file(Path(path), data)


def create_object(path: str, data: bytes) -> bool:
    """Make an object of the data; False, and nothing is written, where there is one of that name.

    On S3 and on Google's storage the store itself decides, so of two who try at once one succeeds.
    Beam's filesystems have no such call: elsewhere looking for the object first is all there is.
    """
    # Everywhere: a store that is only compatible with S3 may ignore the condition.
    if filesystems().exists(path):
        return False
    try:
        return store_of(path).create(path, data)
    except Exception as error:  # each store raises errors of its own
        raise OSError(errno.EIO, refusal(error), path) from error
