"""A mistake's sentence as a person is shown it: spans marked, shortened, and harmless to show."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from model.evaluation.mistakes import Mistake
from model.text.escaping import JOINERS, harmless

_WHITE_SPACE = re.compile(r"\s+")
_ELLIPSIS = "…"


class Segment(NamedTuple):
    """A stretch of a sentence, and whether it belongs to a gold and to a predicted entity."""

    text: str
    gold: bool = False
    predicted: bool = False


def marked_sentence(mistake: Mistake, room: int) -> list[Segment]:
    """The sentence around a mistake in at most `room` terminal cells, its entities never left out.

    What stands around them is cut off first, evenly; then they are cut in their middle. White space
    of any kind is one blank, and what does not print is written as an escape sequence.
    """
    segments = _segments(mistake)
    marked = [n for n, segment in enumerate(segments) if segment.gold or segment.predicted]
    before = "".join(segment.text for segment in segments[: marked[0]])
    after = "".join(segment.text for segment in segments[marked[-1] + 1 :])
    inner = _squeeze(segments[marked[0] : marked[-1] + 1], room)
    left = max(0, room - sum(cells(segment.text) for segment in inner))
    spare = max(0, left // 2 - cells(after))
    before = _cut_left(before, left // 2 + spare)
    after = _cut_right(after, left - cells(before))
    outer = [Segment(before), *inner, Segment(after)]
    return [segment for segment in outer if segment.text]


def shorten(text: str, room: int) -> str:
    """Text in at most `room` terminal cells, cut in its middle where it is longer, harmless."""
    return _cut_middle(harmless(_WHITE_SPACE.sub(" ", text)), room)


def cells(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def _cell(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"} or character in JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _segments(mistake: Mistake) -> list[Segment]:
    sentence = mistake.sentence()
    gold, predicted = (
        range(span.start - sentence.start, span.end - sentence.start) if span else range(0)
        for span in mistake.pair
    )
    ends = {end for side in (gold, predicted) for end in (side.start, side.stop) if side}
    cuts = sorted({0, len(sentence.text), *ends})
    return [
        Segment(
            harmless(_WHITE_SPACE.sub(" ", sentence.text[start:end])),
            start in gold,
            start in predicted,
        )
        for start, end in pairwise(cuts)
    ]


def _squeeze(segments: Sequence[Segment], room: int) -> list[Segment]:
    if sum(cells(segment.text) for segment in segments) <= room:
        return list(segments)
    share = max(1, room // len(segments))
    return [segment._replace(text=_cut_middle(segment.text, share)) for segment in segments]


def _cut_middle(text: str, room: int) -> str:
    if cells(text) <= room:
        return text
    end = _cut_left(text, max(1, room // 2))
    return _cut_right(text, room - cells(end) + 1).removesuffix(_ELLIPSIS) + end


def _cut_right(text: str, room: int) -> str:
    """The beginning of the text, and an ellipsis where that is not all; nothing in no room."""
    if cells(text) <= room:
        return text
    taken, used = 0, cells(_ELLIPSIS)
    while taken < len(text) and used + _cell(text[taken]) <= room:
        used += _cell(text[taken])
        taken += 1
    return text[:taken] + _ELLIPSIS if room > 0 else ""


def _cut_left(text: str, room: int) -> str:
    """The end of the text, after an ellipsis where that is not all; nothing in no room."""
    if cells(text) <= room:
        return text
    end = _cut_right(text[::-1], room)[::-1].removeprefix(_ELLIPSIS)
    # A mark without its base would stand on the ellipsis.
    while end and _cell(end[0]) == 0:
        end = end[1:]
    return _ELLIPSIS + end if room > 0 else ""
