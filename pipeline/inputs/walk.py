"""What a pattern matches in a tree of folders, on a disk or an object store, and what it passes."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal, Protocol

from pipeline.inputs.globs import HIDING, Glob, Positions, is_hidden

Reason = Literal[
    "hidden by name",
    "of the output",
    "the same as another",
    "cannot be listed",
    "cannot be read",
    "no regular file",
    "leads to nothing",
    "in a folder, with --flat",
    "read as a pattern",
    "metadata of a table",
    "of no known format",
    "not UTF-8 by its name",
]

# What somebody may have to mend.
FAULTS: frozenset[Reason] = frozenset(
    {
        "cannot be listed",
        "cannot be read",
        "no regular file",
        "leads to nothing",
        "of no known format",
        "not UTF-8 by its name",
    }
)

# What stands beside the files of a table whose log says which of them count.
_LOGS: Mapping[str, str] = {
    "_delta_log": "Delta table",
    ".hoodie": "Hudi table",
    "_spark_metadata": "stream of Spark",
}
_ICEBERG = re.compile(r".*\.metadata\.json(\.gz)?|version-hint\.text")


@dataclass(frozen=True, slots=True)
class Unread:
    """What was seen and is not read, and why: a file, or a folder with all that is in it.

    detail: the other name of what is there twice, or what the system says.
    """

    path: str
    reason: Reason
    detail: str = ""


class Entry(Protocol):
    """A name in a folder, as `os.scandir` gives it."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    def is_dir(self) -> bool: ...
    def is_file(self, *, follow_symlinks: bool) -> bool: ...
    def is_symlink(self) -> bool: ...


# What a pattern matches that is no folder, and its path without links.
Match = tuple[Entry, str]


# The entries of a folder: all of them, or those of these names.
Lister = Callable[[str, Sequence[str] | None], Iterable[Entry]]


@dataclass(frozen=True)
class OwnOutput:
    """Where a job writes: what stands there is not its input.

    is_own: whether a path below `root`, without it, is one that gleaner writes. Where the input is
    the output or stands in it, that is left out; else all that is in the output.
    """

    root: str
    is_own: Callable[[str], bool]

    def holds(self, real: str, base: str) -> bool:
        """Whether a path is left out of an input that begins at `base`; both without links."""
        if base != self.root and not base.startswith(f"{self.root}/"):
            return real == self.root or real.startswith(f"{self.root}/")
        return real.startswith(f"{self.root}/") and self.is_own(real[len(self.root) + 1 :])

    def is_near(self, folder: str) -> bool:
        """Whether names in a folder may be of the output: those of others are not looked at."""
        above = self.root.rpartition("/")[0]
        return folder in (self.root, above) or folder.startswith(f"{self.root}/")


@dataclass
class Walk:
    """One way through all folders that a pattern leads to, each of them entered once.

    Folders are entered in the order of their names, so what has several has the first of them.
    unread: what was passed; tables: folders of tables whose log tells which files count, by kind.
    """

    glob: Glob
    entries: Lister
    output: OwnOutput | None = None
    unread: list[Unread] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)

    def matches(self, base: str, real: str) -> list[Match]:
        """What the pattern matches from a folder on; raises OSError where that has no list."""
        self._entered: dict[str, tuple[str, Positions]] = {}
        self._base = real
        if self.output and self.output.holds(real, real):
            self.unread.append(Unread(base, "of the output"))
            return []
        matches: list[Match] = []
        ahead = [(base, real, self.glob.start)]
        while ahead:
            path, real, positions = ahead.pop()
            first, done = self._entered.get(real, (path, Positions()))
            if positions <= done:
                self.unread.append(Unread(path, "the same as another", first))
                continue
            self._entered[real] = (first, done | positions)
            try:
                entries = sorted(
                    self.entries(path, self.glob.literals(positions)), key=attrgetter("name")
                )
            except OSError as error:
                if path == base:
                    raise
                reason = error.strerror or str(error)
                self.unread.append(Unread(path, "cannot be listed", reason))
                continue
            folders: list[tuple[str, str, Positions]] = []
            matches += self._in_folder(path, real, positions - done, entries, folders)
            ahead.extend(reversed(folders))
        return matches

    def _in_folder(
        self,
        path: str,
        real: str,
        positions: Positions,
        entries: Sequence[Entry],
        folders: list[tuple[str, str, Positions]],
    ) -> list[Match]:
        """The matches in one folder; the folders in it that are to be entered join `folders`."""
        glob, output = self.glob, self.output
        is_near = output is not None and output.is_near(real)
        logs = _LOGS
        by_name: Positions = Positions()
        if any("[" in part for part in glob.parts):
            by_name, left = glob.read_by_name(positions, {entry.name for entry in entries})
            reason: Reason = "read as a pattern"
            self.unread += [Unread(f"{path.rstrip('/')}/{name}", reason) for name in left]
        if real != self._base and glob.is_open(positions) and _is_iceberg(path, entries):
            self.unread.append(Unread(path, "metadata of a table"))
            self.tables[path.rpartition("/")[0]] = "Iceberg table"
            return []
        matches = []
        below = f"{real.rstrip('/')}/"
        # Most names are those of files in a folder that is read whole: they take a third less so.
        takes_all, is_real = glob.takes_all(positions) and not is_near, path == real
        for entry in entries:
            name = entry.name
            if takes_all and entry.is_file(follow_symlinks=False) and not name.startswith(HIDING):
                matches.append((entry, entry.path if is_real else below + name))
                continue
            if name in logs:
                self.tables[path] = logs[name]
            problem = None
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # links that go round in circles
                is_folder, problem = False, error.strerror
            behind = glob.behind(positions, name, is_folder=is_folder, by_name=by_name)
            is_meant = bool(behind) if is_folder else glob.is_matched(behind)
            if not is_meant:
                self._pass(entry, below + name, positions, is_folder=is_folder)
                continue
            is_link = entry.is_symlink()
            its_real = os.path.realpath(entry.path) if is_link else below + name
            if problem:
                self.unread.append(Unread(entry.path, "cannot be read", problem))
            elif output and (is_link or is_near) and output.holds(its_real, self._base):
                self.unread.append(Unread(entry.path, "of the output"))
            elif is_folder:
                folders.append((entry.path, its_real, behind))
            else:
                matches.append((entry, its_real))
        return matches

    def _pass(self, entry: Entry, real: str, positions: Positions, *, is_folder: bool) -> None:
        """Note a name that would be meant but for a rule that its user may not think of."""
        glob = self.glob
        if not is_hidden(entry.name):
            if is_folder and glob.flat and glob.is_matched(positions):
                self.unread.append(Unread(entry.path, "in a folder, with --flat"))
            return
        behind = glob.behind(positions, entry.name, is_folder=is_folder, hidden_too=True)
        if behind if is_folder else glob.is_matched(behind):
            is_own = self.output and self.output.holds(real, self._base)
            reason: Reason = "of the output" if is_own else "hidden by name"
            self.unread.append(Unread(entry.path, reason))


def _is_iceberg(path: str, entries: Iterable[Entry]) -> bool:
    return path.endswith("/metadata") and any(_ICEBERG.fullmatch(entry.name) for entry in entries)


def tables_above(path: str, exists: Callable[[str], bool]) -> dict[str, str]:
    """The folders above a path that are tables whose log tells which files count, by kind."""
    tables = {}
    while "/" in path.strip("/"):
        path = path.rpartition("/")[0]
        for name, kind in _LOGS.items():
            if exists(f"{path}/{name}"):
                tables[path] = kind
    return tables
