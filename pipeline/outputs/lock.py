"""A place that one process at a time may use."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import OutputBusyError


@contextmanager
def locked(path: str, in_use: str | None) -> Iterator[int]:
    """Lock a directory, or a file that is made where there is none; gives its descriptor.

    The lock goes with the context, or with the last process that has the descriptor, however that
    one ends. Where somebody else holds it, raises OutputBusyError with the message `in_use`, or
    waits where that is None.
    """
    # A file is opened for writing, since NFS locks no other.
    mode = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, mode, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if in_use else 0))
        except BlockingIOError as error:
            raise OutputBusyError(in_use) from error
        yield descriptor
    finally:
        os.close(descriptor)
