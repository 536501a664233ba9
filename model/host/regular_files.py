"""Files that lie on a disk, opened so that nothing else is waited for."""

import errno
import io
import os
import stat

NO_REGULAR_FILE = "it is no regular file but a pipe, a device or the like; save it to a file first"


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """An unbuffered stream of a file's bytes; raises OSError, also for what is no regular file.

    To open a pipe waits for who writes to it, and a device may have no end. What was looked at
    before may be another thing by now, so what was opened is looked at.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, NO_REGULAR_FILE, os.fspath(path))
        return io.FileIO(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
