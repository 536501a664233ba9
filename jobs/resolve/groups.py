"""Names joined into groups one link at a time, but for what may never stand in one group."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Link(NamedTuple):
    """Two rows that a step joined."""

    one: int
    other: int
    step: str


@dataclass
class Groups:
    """A union-find over rows, which refuses what is forbidden, also where others stand between.

    ids: the id of each row, if it has one; genders: `m`, `f` or nothing; links: what was joined.
    Two rows are never in one group of which it was said that they are different. Unless the user
    said so, neither are rows with different ids, nor men with women.
    """

    ids: Sequence[str | None]
    genders: Sequence[str]
    links: list[Link] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._parent = list(range(len(self.ids)))
        self._size = [1] * len(self.ids)
        self._id = list(self.ids)
        self._gender = list(self.genders)
        self._different: dict[int, set[int]] = {}  # by root: rows that may not be in its group

    def forbid(self, one: int, other: int) -> None:
        """Keep two rows in different groups, which they are in so far."""
        self._different.setdefault(self.find(one), set()).add(other)
        self._different.setdefault(self.find(other), set()).add(one)

    def find(self, row: int) -> int:
        """The row that stands for the group of another."""
        parent = self._parent
        root = row
        while parent[root] != root:
            root = parent[root]
        while parent[row] != root:
            parent[row], row = root, parent[row]
        return root

    def id_of(self, row: int) -> str | None:
        """The id of the group of a row."""
        return self._id[self.find(row)]

    def gender_of(self, row: int) -> str:
        """Whose titles the group of a row has: `m`, `f`, or none that tells."""
        return self._gender[self.find(row)]

    def refusal(self, one: int, other: int, *, decided: bool = False) -> str:
        """Why two rows may not be in one group; empty where they may, or are."""
        root, second = self.find(one), self.find(other)
        if root == second:
            return ""
        if any(self.find(row) == second for row in self._different.get(root, ())):
            return "it was decided that they, or names joined with them, are different"
        if decided:
            return ""
        ids = self._id[root], self._id[second]
        if None not in ids and ids[0] != ids[1]:
            return f"they have the ids {ids[0]!r} and {ids[1]!r}"
        if {self._gender[root], self._gender[second]} == {"m", "f"}:
            return "titles call one a man and the other a woman"
        return ""

    def join(self, one: int, other: int, step: str, *, decided: bool = False) -> bool:
        """Join the groups of two rows; whether they are in one group now."""
        root, second = self.find(one), self.find(other)
        if root == second:
            return True
        if self.refusal(one, other, decided=decided):
            return False
        if self._size[root] < self._size[second]:
            root, second = second, root
        self._parent[second] = root
        self._size[root] += self._size[second]
        known = [known for known in (self._id[root], self._id[second]) if known is not None]
        self._id[root] = min(known, default=None)
        self._gender[root] = self._gender[root] or self._gender[second]
        if second in self._different:
            self._different.setdefault(root, set()).update(self._different.pop(second))
        self.links.append(Link(one, other, step))
        return True
