"""What keeps a labelled file from being read: all of it at once, the gravest first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal

from schemas.errors import CorpusError

FaultKind = Literal["row", "document", "word", "tag", "span"]

# What faults of a kind are called, the gravest first: those that leave more unread.
KINDS: Mapping[FaultKind, str] = {
    "row": "rows of another shape",
    "document": "documents that cannot be read",
    "word": "words that are missing",
    "tag": "tags that are none",
    "span": "entities that cannot be in their text",
}
_GRAVITY = {kind: rank for rank, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at `line` (from 1) of a labelled file."""

    line: int
    kind: FaultKind
    reason: str


class BrokenCorpusError(CorpusError):
    """A labelled file with faults; the message is about the gravest, and counts the others.

    `faults` are in order of their gravity, those of a kind in order of their lines.
    """

    def __init__(self, path: str, faults: Sequence[Fault]) -> None:
        self.path = path
        self.faults = sorted(faults, key=lambda fault: (_GRAVITY[fault.kind], fault.line))
        gravest, others = self.faults[0], len(faults) - 1
        more = f" (and {others:,} more mistake{'s' * (others > 1)})" if others else ""
        super().__init__(f"{path}:{gravest.line}: {gravest.reason}{more}")

    def by_kind(self) -> Iterator[tuple[FaultKind, list[Fault]]]:
        """The faults of each kind, the gravest first."""
        for kind, faults in groupby(self.faults, key=attrgetter("kind")):
            yield kind, list(faults)


def fault_of(line: int, kind: FaultKind, reason: str, record: int | None) -> Fault:
    """A fault of the record of this number, which its reason names where the line does not."""
    return Fault(line, kind, reason if record is None else f"record {record:,}: {reason}")


def broken(path: str, line: int, reason: str) -> CorpusError:
    """The error for a file that is broken as a whole: `path:line: reason`."""
    return CorpusError(f"{path}:{line}: {reason}")


def wrong_columns(found: int, expected: str) -> str:
    """The reason given for a row of too few or too many columns."""
    return f"{found} column{'' if found == 1 else 's'}, expected {expected}"
