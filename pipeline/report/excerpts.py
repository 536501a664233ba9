"""A text and its entities in, what fits on a page out: pieces in order, cut where it is too long.

Offsets are code points, as everywhere. Line breaks stay as such, other white space is one blank.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

ROOM = 1200  # code points of a document
MOST_MARKS = 40
_AROUND = 160
_MOST_OF_ENTITY = 160
_ALIGNMENT = 24
_GAP = " … "

_BLANKS = re.compile(r"[^\S\n]+")
_LINE_BREAK = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_MANY_LINES = re.compile(r" ?\n(?: ?\n)+ ?")


class Entity(NamedTuple):
    """An entity as its row has it; text may be cut. Without a confidence a list alone found it."""

    start: int
    end: int
    sentence_start: int
    sentence_end: int
    label: str
    confidence: float | None
    text: str

    @property
    def rank(self) -> float:
        """Its confidence; what has none is neither doubtful nor sure."""
        return 0.5 if self.confidence is None else self.confidence


class Piece(NamedTuple):
    """A stretch of text, line by line, and the entity that it is."""

    lines: tuple[str, ...]
    entity: Entity | None = None


def excerpt(text: str, entities: Sequence[Entity], *, doubtful_first: bool) -> list[Piece]:
    """The text with its entities, whole where it is short.

    Else the sentences of some entities, the doubtful or the sure ones first, with `…` between.
    Raises ValueError for an entity that is not in the text where its row says.
    """
    for entity in entities:
        if not 0 <= entity.start < entity.end <= len(text):
            raise ValueError(f"no characters {entity.start} to {entity.end} in {len(text)}")
    apart = _without_overlaps(entities)
    sign = 1 if doubtful_first else -1
    ranked = sorted(apart, key=lambda entity: (sign * entity.rank, entity.start))
    shown = in_order(ranked[:MOST_MARKS])
    if len(text) <= ROOM:
        return _pieces(text, shown, [(0, len(text))])
    # A window may be cut by no entity, also by none that is not shown.
    return _pieces(text, shown, _windows(text, ranked[:MOST_MARKS], apart))


def in_order(entities: Iterable[Entity]) -> list[Entity]:
    """In the order of the text."""
    return sorted(entities, key=lambda entity: (entity.start, entity.end, entity.label))


def _without_overlaps(entities: Sequence[Entity]) -> list[Entity]:
    """In the order of the text; of two that overlap the surer one."""
    kept: list[Entity] = []
    for entity in in_order(entities):
        if kept and entity.start < kept[-1].end:
            if entity.rank > kept[-1].rank:
                kept[-1] = entity
        else:
            kept.append(entity)
    return kept


def _windows(
    text: str, ranked: Sequence[Entity], entities: Sequence[Entity]
) -> list[tuple[int, int]]:
    """What is shown of a long text: around one entity after the other, until the room is used."""
    windows: list[tuple[int, int]] = []
    for entity in ranked:
        if any(start <= entity.start and entity.end <= end for start, end in windows):
            continue
        window = _around(text, entity, entities)
        merged = _merged([*windows, window])
        if windows and sum(end - start for start, end in merged) > ROOM:
            continue
        windows = merged
    return windows


def _around(text: str, entity: Entity, entities: Sequence[Entity]) -> tuple[int, int]:
    """The sentence of an entity, or what is near it of a long one; other entities stay whole."""
    first = min(max(entity.sentence_start, 0), entity.start)
    last = max(min(entity.sentence_end, len(text)), entity.end)
    start = max(first, entity.start - _AROUND)
    end = min(last, entity.end + _AROUND)
    start, end = _beside(entities, start, end)
    if start > first:
        blank = _BLANKS.search(text, start, min(start + _ALIGNMENT, entity.start))
        start = blank.end() if blank else _past_marks(text, start, entity.start)
    if end < last:
        found = text.rfind(" ", max(end - _ALIGNMENT, entity.end), end)
        end = found if found > 0 else _past_marks(text, end, last)
    # The next blank may stand in the entity beside.
    return _beside(entities, start, end)


def _beside(entities: Sequence[Entity], start: int, end: int) -> tuple[int, int]:
    """A window that is so much smaller that it cuts none of the entities."""
    for other in entities:
        if other.start < start < other.end:
            start = other.end
        if other.start < end < other.end:
            end = other.start
    return start, end


def _past_marks(text: str, place: int, last: int) -> int:
    """No mark is parted from its base."""
    while place < last and unicodedata.combining(text[place]):
        place += 1
    return place


def _merged(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(windows):
        # Sentences that follow each other have no gap, nor is one worth an ellipsis.
        if merged and start <= merged[-1][1] + 2:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _pieces(
    text: str, entities: Sequence[Entity], windows: Sequence[tuple[int, int]]
) -> list[Piece]:
    pieces: list[Piece] = []
    for (start, end), (following, _) in pairwise([*windows, (len(text), len(text))]):
        if not pieces and start > 0:
            pieces.append(Piece(("… ",)))
        place = start
        for entity in entities:
            if start <= entity.start and entity.end <= end:
                pieces.append(Piece(_lines(text[place : entity.start])))
                whole = " ".join(text[entity.start : entity.end].split())
                pieces.append(Piece((_cut_middle(whole),), entity))
                place = entity.end
        pieces.append(Piece(_lines(text[place:end])))
        if end < len(text):
            pieces.append(Piece((_GAP if following < len(text) else " …",)))
    return [piece for piece in pieces if piece.entity or piece.lines != ("",)]


def _lines(text: str) -> tuple[str, ...]:
    plain = _BLANKS.sub(" ", _LINE_BREAK.sub("\n", text))
    return tuple(_MANY_LINES.sub("\n\n", plain).split("\n"))


def _cut_middle(text: str) -> str:
    if len(text) <= _MOST_OF_ENTITY:
        return text
    third = _MOST_OF_ENTITY // 3
    return text[: 2 * third] + _GAP + text[-third:]
