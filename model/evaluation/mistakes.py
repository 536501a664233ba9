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
from typing import Literal, NamedTuple

from model.tags import Span
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document

Kind = Literal["boundaries", "label", "both", "missed", "invented"]

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


class Pair(NamedTuple):
    """A gold span and the predicted one that stands for it; one of them may be missing."""

    gold: Span | None
    predicted: Span | None

    @property
    def spans(self) -> list[Span]:
        """The spans that are there: one or two."""
        return [span for span in self if span]

    @property
    def gold_label(self) -> str | None:
        return self.gold.label if self.gold else None

    @property
    def predicted_label(self) -> str | None:
        return self.predicted.label if self.predicted else None

    @property
    def kind(self) -> Kind | None:
        """What is wrong, None where nothing is."""
        if self.gold is None:
            return "invented"
        if self.predicted is None:
            return "missed"
        gold, predicted = self.gold, self.predicted
        same_bounds = (gold.start, gold.end) == (predicted.start, predicted.end)
        if gold.label == predicted.label:
            return None if same_bounds else "boundaries"
        return "label" if same_bounds else "both"


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


def pair_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Pair]:
    """All spans of both sides in pairs, in order of the text; what is left over stands alone.

    Both sides are in order of the text without overlaps of their own. Of all ways to pair spans
    that overlap, the one with most pairs is taken; of these, that with most equal labels, then with
    the longest overlaps.
    """
    # Overlaps in order of the text touch few others: those with the same gold span, or the same
    # predicted one, come right before. So the best choice is a weighted interval scheduling, in
    # linear time (Kleinberg and Tardos, Algorithm Design, section 6.1).
    overlaps = list(_overlaps(gold, predicted))
    first_of_gold: dict[Span, int] = {}
    first_of_predicted: dict[Span, int] = {}
    best = [(0, 0, 0)]  # pairs, equal labels, shared code points among the first n overlaps
    excluded: list[int] = []  # the first overlap that cannot be chosen together with this one
    for position, (one, other) in enumerate(overlaps):
        excluded.append(
            min(
                first_of_gold.setdefault(one, position),
                first_of_predicted.setdefault(other, position),
            )
        )
        pairs, labels, shared = best[excluded[position]]
        shared += min(one.end, other.end) - max(one.start, other.start)
        best.append(max(best[-1], (pairs + 1, labels + (one.label == other.label), shared)))

    paired: list[Pair] = []
    position = len(overlaps)
    while position:
        if best[position] != best[position - 1]:
            paired.append(Pair(*overlaps[position - 1]))
            position = excluded[position - 1]
        else:
            position -= 1
    paired_gold = {pair.gold for pair in paired}
    paired_predicted = {pair.predicted for pair in paired}
    pairs_and_rest = [
        *paired,
        *(Pair(span, None) for span in gold if span not in paired_gold),
        *(Pair(None, span) for span in predicted if span not in paired_predicted),
    ]
    # Where its overlap begins: by this key the spans of either side stay in order.
    return sorted(pairs_and_rest, key=lambda pair: max(span.start for span in pair.spans))


def overlap_groups(
    gold: Sequence[Span], predicted: Sequence[Span]
) -> Iterator[tuple[list[Span], list[Span]]]:
    """Gold and predicted spans in the smallest groups that no overlap crosses, in order."""
    ordered = sorted(
        [(span, 0) for span in gold] + [(span, 1) for span in predicted],
        key=lambda item: (item[0].start, item[0].end),
    )
    group: tuple[list[Span], list[Span]] = ([], [])
    end = 0
    for span, side in ordered:
        if any(group) and span.start >= end:
            yield group
            group, end = ([], []), 0
        group[side].append(span)
        end = max(end, span.end)
    if any(group):
        yield group


def _overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    one, other = 0, 0
    while one < len(gold) and other < len(predicted):
        left, right = gold[one], predicted[other]
        if left.start < right.end and right.start < left.end:
            yield left, right
        if left.end <= right.end:
            one += 1
        else:
            other += 1
