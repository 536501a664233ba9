"""In which unit the spans of a file count: code points or, as JavaScript and Java do, UTF-16."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.corpora.formats.spans.raw import RawDocument, RawSpan
from model.corpora.records import Offsets, Remark
from model.tags import Span
from model.text.escaping import harmless

_NAMES = {"codepoints": "code points", "utf16": "UTF-16"}

# A document, a span of it and what its bounds are in one of the units in.
_Fits = Callable[[RawDocument, RawSpan, int, int], bool]


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit, what a report on the file says of it, and what is odd about it."""

    offsets: Offsets
    facts: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def unit_of(path: str, documents: Sequence[RawDocument], offsets: Offsets) -> Unit:
    """In which unit a file counts: code points or, as JavaScript and Java do, UTF-16.

    Spans behind a character that has two units bear witness where they fit one way only: their own
    text is what they cover or, where no such span tells, they are as they were shown to the person,
    or else they begin and end with words. Most decide for the file; where as many speak for either,
    what the tasks were written in, or else code points.
    """
    if offsets != "auto":
        return Unit(offsets, (f"offsets in {_NAMES[offsets]}, as asked",))
    telling = [document for document in documents if document.wide]
    spans = [(d, span) for d in telling for span in d.spans if d.is_ambiguous(span)]
    if not spans:
        return Unit("codepoints")
    tokens = [(d, token) for d in telling for token in d.tokens if d.is_ambiguous(token)]
    ways = (
        ("their text", [*spans, *tokens], _covers_its_text),
        ("what was shown", spans, _is_as_shown),
        ("words", spans, _ends_with_words),
    )
    found = (
        (Counter(_witness(document, span, fits) for document, span in witnesses), reason)
        for reason, witnesses, fits in ways
    )
    nothing: tuple[Counter[Offsets], str] = (Counter(), "")
    votes, reason = next((pair for pair in found if {*pair[0]} - {"auto"}), nothing)
    utf16, codepoints = votes["utf16"], votes["codepoints"]
    written = {document.origin.offsets for document, _ in spans if document.origin}
    if utf16 == codepoints and len(written) == 1:
        unit = written.pop()
        return Unit(unit, (f"offsets in {_NAMES[unit]}, as the tasks have them",))
    if utf16 == codepoints:
        return Unit(
            "codepoints",
            remarks=(
                Remark(
                    f"spans of {harmless(path)} lie behind characters beyond U+FFFF such as emoji, "
                    f"{len(spans):,} in all, and nothing tells whether they count code points, as "
                    "which they are read, or units of UTF-16: say so with --offsets"
                ),
            ),
        )
    unit = "utf16" if utf16 > codepoints else "codepoints"
    most, fewest = max(utf16, codepoints), min(utf16, codepoints)
    name, other = _NAMES[unit], _NAMES["codepoints" if unit == "utf16" else "utf16"]
    remarks = [
        Remark(
            f"{fewest:,} of {most + fewest:,} spans of {harmless(path)} that tell fit {reason} in "
            f"{other} only, the others in {name}, as which all are read: give files that count "
            "alike"
        )
    ]
    fact = f"offsets in {name}, since {most:,} span{'s fit' if most > 1 else ' fits'} {reason} so"
    return Unit(unit, (fact,), tuple(remarks if fewest else ()))


def _witness(document: RawDocument, span: RawSpan, fits: _Fits) -> Offsets:
    """The only unit in which a span fits, "auto" where that is none or both."""
    in_utf16, in_points = (
        bounds is not None and document.is_within(*bounds) and fits(document, span, *bounds)
        for bounds in (document.in_code_points(span), span[:2])
    )
    if in_utf16 == in_points:
        return "auto"
    return "utf16" if in_utf16 else "codepoints"


def _covers_its_text(document: RawDocument, span: RawSpan, start: int, end: int) -> bool:
    return span.text is not None and folded(span.text) == folded(document.text[start:end])


def _is_as_shown(document: RawDocument, span: RawSpan, start: int, end: int) -> bool:
    return document.origin is not None and Span(start, end, span.label) in document.origin.spans


def _ends_with_words(document: RawDocument, _: RawSpan, start: int, end: int) -> bool:
    text = document.text
    if text[start].isspace() or text[end - 1].isspace():
        return False
    return not any(
        text[place - 1 : place].isalnum() and text[place : place + 1].isalnum()
        for place in (start, end)
    )


def folded(text: str) -> str:
    """Without what exports change in a text: blanks, case, and how letters are composed."""
    return unicodedata.normalize("NFKC", "".join(text.split())).casefold()
