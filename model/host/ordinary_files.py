"""Files that somebody else put on a disk, opened without waiting for one that is no file."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_ordinary(file: Path) -> BinaryIO:
    """A stream of the bytes of a file, or of what a link leads to; raises OSError.

    So it does for what is no ordinary file: a pipe would wait for a writer, a device has no end.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
