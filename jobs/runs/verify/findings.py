"""What `verify` finds, and how much it looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One sentence; kind: `error`, `warning` (look at it) or `remark` (nothing to do).

    query: SQL that shows more, over the views of `python -m jobs.runs view`.
    """

    kind: Literal["error", "warning", "remark"]
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
