"""What `verify` finds, and how much it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One sentence; kind: `error`, `warning` (look at it) or `remark` (nothing to do).

    query: SQL that shows more, over the views of `python -m jobs.runs view`.
    """

    kind: str
    text: str
    query: str | None = None


@dataclass
class Checked:
    """What was looked at so far. texts: entities that were compared with their document."""

    runs: int = 0
    files: int = 0
    bytes: int = 0
    rows: int = 0
    entities: int = 0
    texts: int = 0


def error(text: str) -> Finding:
    """Something is wrong."""
    return Finding("error", text)
