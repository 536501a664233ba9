"""What people answered: one answer for each text, who agrees with whom, and what was changed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from model.corpora import LabelledDocument
from model.evaluation.matching import Kind, pair_spans
from model.evaluation.mistakes import ComparedText
from model.tags import Span

Outcome = Literal["single", "agreed", "decided", "majority", "open"]


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer of a file, and who gave it: a name of the tool's, or else the file's."""

    document: LabelledDocument
    annotator: str

    @property
    def spans(self) -> frozenset[Span]:
        return frozenset(self.document.entities)


@dataclass(frozen=True, slots=True)
class AnsweredText:
    """A text with all answers to it, and which of them counts; None where that is open.

    outcome: "single" is one answer; "agreed": all are the same; "decided": somebody marked one of
    those that differ as the one that counts; "majority": more than half are the same; "open": none
    of these.
    """

    answers: Sequence[GivenAnswer]
    outcome: Outcome
    written: LabelledDocument | None

    @property
    def first(self) -> LabelledDocument:
        return self.answers[0].document


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far several answers to the same texts agree: `shared` spans, twice, among `given`."""

    texts: int
    equal: int
    shared: int
    given: int

    @property
    def f1(self) -> float:
        """Of the spans of one against those of the other; 1 where neither has any."""
        return 2 * self.shared / self.given if self.given else 1.0


def by_text(answers: Iterable[GivenAnswer]) -> list[AnsweredText]:
    """Answers in, those to the same text together, in order of the first of each."""
    texts: dict[str, list[GivenAnswer]] = defaultdict(list)
    for answer in answers:
        texts[answer.document.text].append(answer)
    return list(map(_answered, texts.values()))


def _answered(answers: Sequence[GivenAnswer]) -> AnsweredText:
    counts = Counter(answer.spans for answer in answers)
    spans, most = counts.most_common(1)[0]
    decided = [answer for answer in answers if answer.document.answer.is_decided]
    outcome: Outcome = "open"
    if len(answers) == 1:
        outcome = "single"
    elif most == len(answers):
        outcome = "agreed"
    elif len({answer.spans for answer in decided}) == 1:
        outcome, spans = "decided", decided[0].spans
    elif most > len(answers) / 2:
        outcome = "majority"
    chosen = next(answer.document for answer in answers if answer.spans == spans)
    return AnsweredText(answers, outcome, None if outcome == "open" else chosen)


def agreement(texts: Sequence[AnsweredText]) -> Agreement:
    """Of all pairs of answers to a text, over the texts that have several."""
    several = [text for text in texts if len(text.answers) > 1]
    pairs = [pair for text in several for pair in combinations(text.answers, 2)]
    return Agreement(
        texts=len(several),
        equal=sum(text.outcome == "agreed" for text in several),
        shared=sum(len(one.spans & other.spans) for one, other in pairs),
        given=sum(len(one.spans) + len(other.spans) for one, other in pairs),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What people made of the spans that they were shown.

    compared: texts of which is known what was shown. kept: spans that stayed, by label; changed:
    spans of each kind by label, that of the answer or, of one that was removed, the shown one.
    """

    compared: Sequence[ComparedText]
    kept: Counter[str]
    changed: dict[Kind, Counter[str]]


def changes(documents: Iterable[LabelledDocument]) -> Changes:
    """The answers that count in; what was changed in them out."""
    compared = list(_compared(documents))
    kept: Counter[str] = Counter()
    changed: dict[Kind, Counter[str]] = defaultdict(Counter)
    for text in compared:
        for pair in pair_spans(text.gold, text.predicted):
            label = pair.spans[0].label
            if pair.kind is None:
                kept[label] += 1
            else:
                changed[pair.kind][label] += 1
    return Changes(compared, kept, changed)


def _compared(documents: Iterable[LabelledDocument]) -> Iterator[ComparedText]:
    for document in documents:
        origin = document.answer.origin
        if origin:
            shown = without_overlaps(origin.spans)
            given = without_overlaps(document.entities)
            confidence = [1.0] * len(shown)  # nobody asks for it
            yield ComparedText(document.text, given, shown, confidence, document.line)


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Spans in order of the text; of those that overlap the first."""
    kept: list[Span] = []
    for span in sorted(spans):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
