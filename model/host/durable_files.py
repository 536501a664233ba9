"""Files that a crash, a kill or a full disk leaves whole: the one before, or the new one."""

import os
from pathlib import Path


def replace_file(file: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file whole or not at all, on the disk once this returns; raises OSError.

    What is written so far stands beside it, under a hidden name, which a kill alone leaves behind.
    mode: who may read and write the new file, whatever the process's umask says; None: the umask.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def sync_path(path: str) -> None:
    """Have what was written to a file, or renamed in a directory, on the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
