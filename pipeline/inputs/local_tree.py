"""The folders of this machine's disks, as patterns are matched in them."""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.inputs.globs import MAGIC
from pipeline.inputs.walk import Entry, Unread

# Their files say that they are empty, or a page long, whatever they hold.
_VIRTUAL = ("/proc/", "/sys/")


@dataclass(frozen=True, slots=True)
class _Named:
    """A name that exists in a folder, which need not be listed for it."""

    name: str
    path: str

    def is_dir(self) -> bool:
        return os.path.isdir(self.path)

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return os.path.isfile(self.path) and (follow_symlinks or not self.is_symlink())

    def is_symlink(self) -> bool:
        return os.path.islink(self.path)


def list_folder(path: str, names: Sequence[str] | None) -> Iterable[Entry]:
    """The entries of a folder, or those of them that have these names; raises OSError."""
    if names is None:
        with os.scandir(path) as entries:
            return list(entries)
    paths = ((name, f"{path.rstrip('/')}/{name}") for name in names)
    return [_Named(name, its_path) for name, its_path in paths if os.path.lexists(its_path)]


def absolute(path: str) -> str:
    """A path or pattern in, its absolute form out, which leads where the system would go.

    Behind a link to a folder, `..` is not the folder that the link stands in. What a process has
    under a name of its own, such as /dev/stdin, has that of the file there, as far as it has one.
    """
    parts = path.split("/")
    if ".." in parts:
        last = len(parts) - parts[::-1].index("..")
        above, below = "/".join(parts[:last]), "/".join(parts[last:])
        if os.path.realpath(above) != os.path.realpath(os.path.abspath(above)):
            path = os.path.join(os.path.realpath(above), below)
    path = os.path.abspath(path)
    if path.startswith(("/dev/", "/proc/")):
        real = os.path.realpath(path)
        return real if os.path.isfile(real) else path
    return path


def base_of(pattern: str) -> tuple[str, str]:
    """An absolute pattern in; the folder that it counts from, and the rest that counts from it."""
    fixed = MAGIC.split(pattern)[0].rpartition("/")[0]
    return fixed or "/", pattern[len(fixed) + 1 :]


def kind_of(path: str) -> str:
    """What a path names, as far as it is no folder; empty where it is a file that can be read.

    A link that leads nowhere is a link; what does not exist is none of all. Raises OSError where
    the system does not tell.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "a link to nothing" if os.path.islink(path) else "nothing"
    real = os.path.realpath(path)
    return "" if is_file(mode, real) and os.path.exists(real) else kind_of_mode(mode)


def kind_of_mode(mode: int) -> str:
    """The mode of what is neither folder nor file on a disk in, its name out."""
    kinds = (
        (stat.S_ISREG, "a window into the system"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((kind for test, kind in kinds if test(mode)), "a device")


def is_file(mode: int, real: str) -> bool:
    """Whether what has this mode, and this path without links, is a file on a disk."""
    return stat.S_ISREG(mode) and not real.startswith(_VIRTUAL)


def why_lost(entry: Entry, error: OSError) -> Unread:
    """Why an entry is not read of which the system tells nothing but this error."""
    if isinstance(error, FileNotFoundError) and entry.is_symlink():
        return Unread(entry.path, "leads to nothing")
    return Unread(entry.path, "cannot be read", error.strerror or str(error))
