"""Texts with labelled spans, of any tool: which count, in which unit, and whether they fit."""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from model.corpora.faults import BrokenCorpusError, Fault, broken
from model.corpora.formats.json_records import FaultError, Record
from model.corpora.records import (
    Answer,
    CorpusFormat,
    LabelledCorpus,
    LabelledDocument,
    Offsets,
    Origin,
    Remark,
)
from model.tags import Span
from model.text.escaping import harmless, shortened

_TEXT_SHOWN = 60
_KIND_SHOWN = 200
_USUAL_KEYS = frozenset({"text", "entities"})
_WIDE = re.compile("[\U00010000-\U0010ffff]")  # has two units in UTF-16
_UNITS = {"codepoints": "characters", "utf16": "units of UTF-16"}
_NAMES = {"codepoints": "code points", "utf16": "UTF-16"}
ANOTHER_ANNOTATION = (
    "annotations beside the one that counts: that marked as ground truth, else the one changed last"
)
AN_EARLIER_ANSWER = "earlier answers of the same annotator to the same task"


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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A thing of a file that does not count, by its kind in the plural."""

    kind: str


Reader = Callable[[Record], Iterable[RawDocument | LeftOut]]


def read_spans(
    path: str,
    corpus_format: CorpusFormat,
    records: Sequence[Record],
    faults: Sequence[Fault],
    reader: Reader,
    offsets: Offsets = "auto",
    every_answer: bool = False,
) -> LabelledCorpus:
    """The documents that a reader makes of records, their spans sorted and in code points.

    `offsets` is the unit of the file's own, "auto": found out by `_unit`; `every_answer`: one for
    each annotator of a task, in the place of one alone. A blank at either end of a span is taken
    off. What is left out is told in remarks. `faults` are those of the file that
    are known already; raises BrokenCorpusError with these and all others.
    """
    all_faults = list(faults)
    left_out: dict[str, list[str]] = {}
    raw: list[tuple[Record, RawDocument]] = []
    for record in records:
        try:
            for part in reader(record):
                if isinstance(part, RawDocument):
                    raw.append((record, part))
                else:
                    kind = harmless(shortened(part.kind, _KIND_SHOWN))
                    left_out.setdefault(kind, []).append(_place(path, record))
        except FaultError as error:
            all_faults.append(record.fault(error))
    raw, others = _one_of_each_task(raw, every_answer)
    if others:
        kind = AN_EARLIER_ANSWER if every_answer else ANOTHER_ANNOTATION
        left_out[kind] = [_place(path, record) for record in others]
    unit = _unit(path, [document for _, document in raw], offsets)
    documents, noted = [], _Noted()
    for record, document in raw:
        try:
            documents.append(_document(path, record, document, unit.offsets, noted))
        except FaultError as error:
            all_faults.append(record.fault(error))
    if all_faults:
        raise BrokenCorpusError(path, all_faults)
    if not documents:
        reasons = "".join(f", and {len(places):,} {kind}" for kind, places in left_out.items())
        raise broken(path, 1, f"the file holds no labelled document{reasons}")
    return LabelledCorpus(
        path,
        corpus_format,
        None,
        documents=tuple(documents),
        facts=(*_about_keys(document for _, document in raw), *unit.facts),
        remarks=(*unit.remarks, *_about_left_out(path, left_out), *noted.remarks(path)),
    )


def _about_keys(documents: Iterable[RawDocument]) -> tuple[str, ...]:
    names = frozenset().union(*(document.keys for document in documents))
    if names <= _USUAL_KEYS:
        return ()
    return (f"keys {' and '.join(map(harmless, sorted(names, reverse=True)))}",)


def _one_of_each_task(
    raw: Sequence[tuple[Record, RawDocument]], every_answer: bool
) -> tuple[list[tuple[Record, RawDocument]], list[Record]]:
    best: dict[Hashable, int] = {}
    tasks = [(d.task, d.annotator) if every_answer and d.task else d.task for _, d in raw]
    for position, (task, (_, document)) in enumerate(zip(tasks, raw, strict=True)):
        if task is not None and (task not in best or raw[best[task]][1].rank <= document.rank):
            best[task] = position
    kept, others = [], []
    for position, (task, (record, document)) in enumerate(zip(tasks, raw, strict=True)):
        if task is None or best[task] == position:
            kept.append((record, document))
        else:
            others.append(record)
    return kept, others


@dataclass(frozen=True, slots=True)
class _Unit:
    offsets: Offsets
    facts: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def _unit(path: str, documents: Sequence[RawDocument], offsets: Offsets) -> _Unit:
    """In which unit a file counts: code points or, as JavaScript and Java do, UTF-16.

    Spans behind a character that has two units bear witness where they fit one way only: their own
    text is what they cover or, where no such span tells, they are as they were shown to the person,
    or else they begin and end with words. Most decide for the file; where as many speak for either,
    what the tasks were written in, or else code points.
    """
    if offsets != "auto":
        return _Unit(offsets, (f"offsets in {_NAMES[offsets]}, as asked",))
    telling = [document for document in documents if document.wide]
    spans = [(d, span) for d in telling for span in d.spans if d.is_ambiguous(span)]
    if not spans:
        return _Unit("codepoints")
    tokens = [(d, token) for d in telling for token in d.tokens if d.is_ambiguous(token)]
    votes, reason = Counter[Offsets](), ""
    for reason, witnesses, fits in (
        ("their text", [*spans, *tokens], _covers_its_text),
        ("what was shown", spans, _is_as_shown),
        ("words", spans, _ends_with_words),
    ):
        votes = Counter(_witness(document, span, fits) for document, span in witnesses)
        if votes["utf16"] or votes["codepoints"]:
            break
    utf16, codepoints = votes["utf16"], votes["codepoints"]
    written = {document.origin.offsets for document, _ in spans if document.origin}
    if utf16 == codepoints and len(written) == 1:
        unit = written.pop()
        return _Unit(unit, (f"offsets in {_NAMES[unit]}, as the tasks have them",))
    if utf16 == codepoints:
        return _Unit(
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
    return _Unit(unit, (fact,), tuple(remarks if fewest else ()))


def _witness(document: RawDocument, span: RawSpan, fits: "_Fits") -> Offsets:
    """The only unit in which a span fits, "auto" where that is none or both."""
    in_utf16, in_points = (
        bounds is not None and _is_within(document, *bounds) and fits(document, span, *bounds)
        for bounds in (document.in_code_points(span), span[:2])
    )
    if in_utf16 == in_points:
        return "auto"
    return "utf16" if in_utf16 else "codepoints"


# A document, a span of it and what its bounds are in one of the units in.
_Fits = Callable[[RawDocument, RawSpan, int, int], bool]


def _covers_its_text(document: RawDocument, span: RawSpan, start: int, end: int) -> bool:
    return span.text is not None and _folded(span.text) == _folded(document.text[start:end])


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


def _is_within(document: RawDocument, start: int, end: int) -> bool:
    return 0 <= start < end <= len(document.text)


class _Noted:
    """What is odd about spans that are read all the same, by its places."""

    def __init__(self) -> None:
        self.contradicted: list[str] = []
        self.trimmed: list[str] = []

    def remarks(self, path: str) -> Iterator[Remark]:
        path = harmless(path)
        if self.contradicted:
            yield Remark(
                f"entities of {path} have a text of their own that is not what their offsets "
                f"cover, {len(self.contradicted):,} in all: offsets count code points from 0, or "
                "with --offsets utf16 units of UTF-16, never bytes, and the end is not in it",
                tuple(self.contradicted),
            )
        if self.trimmed:
            yield Remark(
                f"spans of {path} that begin or end with a blank are read without it, "
                f"{len(self.trimmed):,} in all",
                tuple(self.trimmed),
            )


def _document(
    path: str, record: Record, raw: RawDocument, unit: Offsets, noted: _Noted
) -> LabelledDocument:
    spans = []
    for span in raw.spans:
        start, end = _bounds(raw, span, unit)
        covered = raw.text[start:end]
        if span.text is not None and _folded(span.text) != _folded(covered):
            shown = [repr(shortened(text, _TEXT_SHOWN)) for text in (span.text, covered)]
            noted.contradicted.append(f"{_place(path, record)}: {shown[0]} at {shown[1]}")
        if covered.strip() and covered != covered.strip():
            shown_label = f"{harmless(span.label)} {shortened(covered, _TEXT_SHOWN)!r}"
            noted.trimmed.append(
                f"{_place(path, record)}: [{span.start}, {span.end}) {shown_label}"
            )
            start += len(covered) - len(covered.lstrip())
            end = start + len(covered.strip())
        spans.append(Span(start, end, span.label))
    answer = Answer(raw.annotator, raw.rank[0], raw.origin)
    return LabelledDocument(raw.doc_id, raw.text, tuple(sorted(spans)), record.line, answer)


def _bounds(raw: RawDocument, span: RawSpan, unit: Offsets) -> tuple[int, int]:
    """The bounds of a span in code points; raises FaultError where they are none."""
    shown = f"the entity [{span.start}, {span.end})"
    if span.end < span.start:
        raise FaultError(f"{shown} ends before it begins", "span")
    bounds = raw.in_code_points(span) if unit == "utf16" else span[:2]
    if bounds is None:
        raise FaultError(f"{shown} cuts a character of two units of UTF-16", "span")
    if not _is_within(raw, *bounds):
        length = len(raw.text) + (len(raw.wide) if unit == "utf16" else 0)
        name = _UNITS[unit]
        raise FaultError(f"{shown} is empty or outside the text of {length} {name}", "span")
    return bounds


def _about_left_out(path: str, left_out: dict[str, list[str]]) -> Iterator[Remark]:
    for kind, places in left_out.items():
        yield Remark(f"left out of {harmless(path)}: {len(places):,} {kind}", tuple(places))


def _place(path: str, record: Record) -> str:
    where = "" if record.number is None else f": record {record.number:,}"
    return f"{harmless(path)}:{record.line}{where}"


def _folded(text: str) -> str:
    """Without what exports change in a text: blanks, case, and how letters are composed."""
    return unicodedata.normalize("NFKC", "".join(text.split())).casefold()
