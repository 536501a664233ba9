"""What a tagger got wrong: entities paired with the gold, kinds of mistakes, the frequent ones.

An entity is right where start, end and label are those of a gold entity. Otherwise it is paired
with the gold entity that it overlaps, each with at most one, and the pair has its boundaries, its
label or both wrong. Gold entities left over were missed, predicted ones left over are invented. So

    gold      = right + boundaries + label + both + missed
    predicted = right + boundaries + label + both + invented
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from model.evaluation.matching import Kind, Pair, pair_spans
from model.tags import Span
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document

# Every kind, in the order of a table, in plain words.
KINDS: Mapping[Kind, str] = {
    "boundaries": "wrong boundaries",
    "label": "wrong label",
    "both": "wrong boundaries and label",
    "missed": "missed",
    "invented": "invented",
}


@dataclass(frozen=True, slots=True)
class ComparedText:
    """A text with its gold entities and those that were predicted.

    Spans are in order of the text and in code points, and those of one side do not overlap;
    `confidence` has one value a predicted span. `line` is where the text begins in its file, from
    1, and `doc_id` names a document. `segmentation` says how the text is cut into sentences; None
    where it is a single one.
    """

    text: str
    gold: Sequence[Span]
    predicted: Sequence[Span]
    confidence: Sequence[float]
    line: int | None = None
    doc_id: str | None = None
    segmentation: Segmentation | None = None


class Sentence(NamedTuple):
    """A stretch of a text: `start` is where it begins, in code points."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A pair that is not right, and the text it stands in; `confidence` is the prediction's."""

    kind: Kind
    pair: Pair
    confidence: float | None
    source: ComparedText

    @property
    def surface(self) -> str:
        """The gold entity's text, or else the invented one's."""
        span = self.pair.spans[0]
        return self.source.text[span.start : span.end]

    def sentence(self) -> Sentence:
        """The sentence around the mistake; several where its spans reach across."""
        text, segmentation = self.source.text, self.source.segmentation
        if segmentation is None:
            return Sentence(0, text)
        start = min(span.start for span in self.pair.spans)
        end = max(span.end for span in self.pair.spans)
        cut = tokenize_document(Document("", "", 0, text), segmentation)
        touched = (cut.sentence_start < end) & (cut.sentence_end > start)
        first = min([start, *cut.sentence_start[touched].tolist()])
        last = max([end, *cut.sentence_end[touched].tolist()])
        return Sentence(first, text[first:last])


@dataclass(frozen=True, slots=True)
class FrequentMistake:
    """Mistakes alike in kind, labels and text (in lower case): how many, and the first of them."""

    count: int
    surface: str
    example: Mistake


def find_mistakes(texts: Iterable[ComparedText]) -> Iterator[Mistake]:
    """Every mistake, text by text, in order of the text."""
    for source in texts:
        confidence = dict(zip(source.predicted, source.confidence, strict=True))
        for pair in pair_spans(source.gold, source.predicted):
            if pair.kind:
                found = confidence[pair.predicted] if pair.predicted else None
                yield Mistake(pair.kind, pair, found, source)


def count_kinds(mistakes: Iterable[Mistake]) -> dict[Kind, int]:
    """How many mistakes there are of each kind, zeros included."""
    counts = Counter(mistake.kind for mistake in mistakes)
    return {kind: counts[kind] for kind in KINDS}


def most_frequent(mistakes: Iterable[Mistake], count: int) -> list[FrequentMistake]:
    """The `count` most frequent mistakes, most frequent first, then in order of appearance.

    Alike are mistakes of one kind, gold label, predicted label and text in lower case; runs of
    white space count as one blank.
    """
    first: dict[tuple[Kind, str | None, str | None, str], Mistake] = {}
    counts: Counter[tuple[Kind, str | None, str | None, str]] = Counter()
    for mistake in mistakes:
        surface = " ".join(mistake.surface.split()).lower()
        key = (mistake.kind, mistake.pair.gold_label, mistake.pair.predicted_label, surface)
        first.setdefault(key, mistake)
        counts[key] += 1
    return [FrequentMistake(n, key[3], first[key]) for key, n in counts.most_common(count)]
