"""Texts with labelled spans, of any tool: which count, in which unit, and whether they fit."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from model.corpora.faults import BrokenCorpusError, Fault, broken
from model.corpora.formats.json_records import FaultError, Record
from model.corpora.formats.spans.raw import RawDocument, RawSpan
from model.corpora.formats.spans.units import folded, unit_of
from model.corpora.records import (
    Answer,
    Certainty,
    CorpusFormat,
    LabelledCorpus,
    LabelledDocument,
    Offsets,
    Remark,
)
from model.tags import Span
from model.text.escaping import harmless, shortened

__all__ = [
    "ANOTHER_ANNOTATION",
    "AN_EARLIER_ANSWER",
    "LeftOut",
    "RawDocument",
    "RawSpan",
    "read_spans",
]

_TEXT_SHOWN = 60
_KIND_SHOWN = 200
_USUAL_KEYS = frozenset({"text", "entities"})
_UNITS = {"codepoints": "characters", "utf16": "units of UTF-16"}
ANOTHER_ANNOTATION = (
    "annotations beside the one that counts: that marked as ground truth, else the one changed last"
)
_UNFIT = "documents with a span that does not fit their text"
AN_EARLIER_ANSWER = "earlier answers of the same annotator to the same task"


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
    silver: bool = False,
) -> LabelledCorpus:
    """The documents that a reader makes of records, their spans sorted and in code points.

    `offsets` is the unit of the file's own, "auto": found out by `unit_of`; `every_answer`: one for
    each annotator of a task, in the place of one alone; `silver`: a document of which a span does
    not fit the text is left out, which is a fault else. A blank at either end of a span is taken
    off. What is left out is told in remarks. `faults` are those of the file that are known already;
    raises BrokenCorpusError with these and all others.
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
    unit = unit_of(path, [document for _, document in raw], offsets)
    documents, noted = [], _Noted()
    for record, document in raw:
        try:
            documents.append(_document(path, record, document, unit.offsets, noted))
        except FaultError as error:
            if silver:
                left_out.setdefault(_UNFIT, []).append(f"{_place(path, record)}: {error}")
            else:
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
    tasks = [
        (d.task, d.annotator) if every_answer and d.task is not None else d.task for _, d in raw
    ]
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
    found = []
    for span in raw.spans:
        start, end = _bounds(raw, span, unit)
        covered = raw.text[start:end]
        score = span.score
        if span.text is not None and folded(span.text) != folded(covered):
            shown = [repr(shortened(text, _TEXT_SHOWN)) for text in (span.text, covered)]
            noted.contradicted.append(f"{_place(path, record)}: {shown[0]} at {shown[1]}")
            score = 0.0  # it is elsewhere than it says
        if covered.strip() and covered != covered.strip():
            shown_label = f"{harmless(span.label)} {shortened(covered, _TEXT_SHOWN)!r}"
            noted.trimmed.append(
                f"{_place(path, record)}: [{span.start}, {span.end}) {shown_label}"
            )
            start += len(covered) - len(covered.lstrip())
            end = start + len(covered.strip())
        found.append((Span(start, end, span.label), score))
    found.sort(key=lambda pair: pair[0])
    return LabelledDocument(
        raw.doc_id,
        raw.text,
        tuple(span for span, _ in found),
        record.line,
        Answer(raw.annotator, raw.rank[0], raw.origin),
        _certainty(raw, unit, [score for _, score in found]),
    )


def _certainty(raw: RawDocument, unit: Offsets, scores: Sequence[float | None]) -> Certainty | None:
    if raw.score is None and raw.read is None and all(score is None for score in scores):
        return None
    usual = 1.0 if raw.score is None else raw.score
    return Certainty(
        tuple(usual if score is None else score for score in scores),
        usual,
        None if raw.read is None else tuple(_bounds(raw, span, unit, "part") for span in raw.read),
    )


def _bounds(
    raw: RawDocument, span: RawSpan, unit: Offsets, name: str = "entity"
) -> tuple[int, int]:
    """The bounds of a span in code points; raises FaultError where they are none."""
    shown = f"the {name} [{span.start}, {span.end})"
    if span.end < span.start:
        raise FaultError(f"{shown} ends before it begins", "span")
    bounds = raw.in_code_points(span) if unit == "utf16" else span[:2]
    if bounds is None:
        raise FaultError(f"{shown} cuts a character of two units of UTF-16", "span")
    if not raw.is_within(*bounds):
        length = len(raw.text) + (len(raw.wide) if unit == "utf16" else 0)
        counted = f"{length} {_UNITS[unit]}"
        raise FaultError(f"{shown} is empty or outside the text of {counted}", "span")
    return bounds


def _about_left_out(path: str, left_out: dict[str, list[str]]) -> Iterator[Remark]:
    for kind, places in left_out.items():
        yield Remark(f"left out of {harmless(path)}: {len(places):,} {kind}", tuple(places))


def _place(path: str, record: Record) -> str:
    where = "" if record.number is None else f": record {record.number:,}"
    return f"{harmless(path)}:{record.line}{where}"
