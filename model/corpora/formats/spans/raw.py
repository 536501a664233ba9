"""A text with its spans as its file has them, in whatever unit these count."""

import re
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from model.corpora.records import Origin

_WIDE = re.compile("[\U00010000-\U0010ffff]")  # has two units in UTF-16


class RawSpan(NamedTuple):
    """A span as its file has it, in whatever unit; `text` is what the file says that it covers."""

    start: int
    end: int
    label: str
    text: str | None = None


@dataclass(frozen=True)
class RawDocument:
    """A text with its spans as the file has them.

    keys: what the file calls texts and spans. tokens: stretches that bear witness to the
    unit as spans with a text do. task: documents that answer the same; rank: of these, the highest
    counts, the last of equals.
    """

    doc_id: str
    text: str
    spans: Sequence[RawSpan]
    keys: AbstractSet[str] = frozenset()
    tokens: Sequence[RawSpan] = ()
    task: Hashable = None
    rank: tuple[bool, str] = (False, "")
    annotator: str = ""
    origin: Origin | None = None

    @cached_property
    def wide(self) -> list[int]:
        """Where in UTF-16 the characters begin that have two units there."""
        return [match.start() + before for before, match in enumerate(_WIDE.finditer(self.text))]

    def in_code_points(self, span: RawSpan) -> tuple[int, int] | None:
        """The bounds of a span that counts units of UTF-16; None where it cuts a character."""
        bounds = []
        for offset in span[:2]:
            before = bisect_left(self.wide, offset)
            if before and self.wide[before - 1] == offset - 1:
                return None
            bounds.append(offset - before)
        return bounds[0], bounds[1]

    def is_ambiguous(self, span: RawSpan) -> bool:
        """Whether a span lies elsewhere in UTF-16 than in code points."""
        return bool(self.wide) and span.end > self.wide[0]

    def is_within(self, start: int, end: int) -> bool:
        """Whether these bounds, in code points, hold something of the text."""
        return 0 <= start < end <= len(self.text)
