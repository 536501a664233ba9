"""Patterns of names, as Python's `glob` and shells read them; nothing here opens anything.

A pattern is matched folder by folder. How far it has come in a folder is a set of positions among
its parts, more than one where `**` may stand for fewer or more folders. What it matches is a file,
or a folder, which stands for the files in it.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

MAGIC = re.compile(r"[*?[]")

# Names that tools give to what is no data: `_SUCCESS`, `.crc`, `_delta_log`, our `_staging`.
HIDING = (".", "_")

# A set of characters, of all others behind `!` or `^`. A `]` that stands first is one of it.
_SET = re.compile(r"\[([!^]?+)(\]?+[^]]*)\]")

Positions = frozenset[int]
_NONE = Positions()


def is_hidden(name: str) -> bool:
    """Whether wildcards and folders leave a name out."""
    return name.startswith(HIDING)


@dataclass(frozen=True)
class Glob:
    """What is meant below a folder: a part for each name on the way, without parts all of it.

    A part is `**`, which is any number of folders, or none, or a pattern of one name: `*`, `?`,
    `[a-z]`, `[!a-z]` or `[^a-z]`. Any other character, a backslash too, is itself. Hidden names
    need a part that begins so. The last part is empty where folders alone are meant. flat: a
    folder stands for its own files, without those of the folders in it.
    """

    parts: tuple[str, ...]
    flat: bool = False

    @classmethod
    def of(cls, pattern: str, *, flat: bool = False) -> "Glob":
        """A path that counts from the folder in; one with a slash at its end means folders."""
        parts = [part for part in pattern.split("/") if part]
        return cls((*parts, "") if parts and pattern.endswith("/") else tuple(parts), flat)

    @cached_property
    def start(self) -> Positions:
        """Where the pattern stands in the folder that it counts from."""
        return self._settled({0}, is_folder=True)

    def literals(self, positions: Positions) -> list[str] | None:
        """The only names that may come next; None where that depends on those that there are."""
        if any(at == self._end or self._fits[at] or self.parts[at] == "**" for at in positions):
            return None
        return sorted({self.parts[at] for at in positions} - {""})

    def behind(
        self,
        positions: Positions,
        name: str,
        *,
        is_folder: bool,
        by_name: Positions = _NONE,
        hidden_too: bool = False,
    ) -> Positions:
        """Where the pattern stands behind a name; no position where it does not match.

        by_name: the positions of patterns that are names here, as `read_by_name` gives them.
        """
        hidden = is_hidden(name) and not hidden_too
        reached, passing = set(), set()
        for at in positions:
            if at == self._end:
                if not hidden and not (is_folder and self.flat):
                    reached.add(at)
                continue
            part, fits = self.parts[at], self._fits[at]
            if part == "**":
                if not hidden:
                    reached.add(at)
                    passing.add(at)
            elif fits is None or at in by_name:
                if name == part:
                    reached.add(at + 1)
            elif fits(name) and (not hidden or is_hidden(part)):
                reached.add(at + 1)
        # `a/**` is what is in `a`, and no file of that name.
        settling = reached if is_folder else passing
        return frozenset(reached) | self._settled(settling, is_folder=is_folder)

    def is_matched(self, positions: Positions) -> bool:
        """Whether that what stands there is meant."""
        return self._end in positions

    def takes_all(self, positions: Positions) -> bool:
        """Whether every file there is meant, but for hidden ones, and no other can be."""
        return positions == {self._end}

    def is_open(self, positions: Positions) -> bool:
        """Whether whatever comes next may be on the way: all is meant, or any folder."""
        return any(at == self._end or self.parts[at] == "**" for at in positions)

    def read_by_name(
        self, positions: Positions, names: Collection[str]
    ) -> tuple[Positions, list[str]]:
        """The patterns that are names in a folder of these names, and the names that are left out.

        `folder [2024]` does not match itself. It means the folder of that name where it matches no
        other name.
        """
        meant, left = set(), []
        for at in positions:
            fits = self._fits[at] if at < self._end else None
            part = self.parts[at] if fits else ""
            if fits and "[" in part and part in names and not fits(part):
                if any(map(fits, names)):
                    left.append(part)
                else:
                    meant.add(at)
        return frozenset(meant), left

    @cached_property
    def _end(self) -> int:
        return len(self.parts)

    @cached_property
    def _fits(self) -> list[Callable[[str], object] | None]:
        """Of each part what a name must fulfil; None for a name, and for `**`."""
        return [
            re.compile(translate(_SET.sub(_as_python, part))).match
            if MAGIC.search(part) and part != "**"
            else None
            for part in self.parts
        ]

    def _settled(self, reached: set[int], *, is_folder: bool) -> Positions:
        """With the positions that no further name is needed for."""
        for at in sorted(reached):
            while at < self._end and self.parts[at] in (("**", "") if is_folder else ("**",)):
                at += 1  # noqa: PLW2901 - on from here
                reached.add(at)
        return frozenset(reached)


def _as_python(match: re.Match[str]) -> str:
    """A set of characters as `fnmatch` has it, which knows `!` alone."""
    return f"[{'!' if match[1] else ''}{match[2]}]"
