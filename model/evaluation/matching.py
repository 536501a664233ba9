"""Gold spans against predicted ones: which of them overlap, and which stands for which.

Everywhere here, the spans of either side are in order of the text, and do not overlap each other.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from model.tags import Span

Kind = Literal["boundaries", "label", "both", "missed", "invented"]


class Overlap(NamedTuple):
    """A gold and a predicted span with common code points or tokens: `shared` of them."""

    gold: Span
    predicted: Span

    @property
    def shared(self) -> int:
        gold, predicted = self
        return min(gold.end, predicted.end) - max(gold.start, predicted.start)

    @property
    def same_bounds(self) -> bool:
        gold, predicted = self
        return (gold.start, gold.end) == (predicted.start, predicted.end)

    @property
    def same_label(self) -> bool:
        return self.gold.label == self.predicted.label


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
        overlap = Overlap(self.gold, self.predicted)
        if overlap.same_label:
            return None if overlap.same_bounds else "boundaries"
        return "label" if overlap.same_bounds else "both"


def overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[Overlap]:
    """Every overlap, in order of the text on both sides; in linear time."""
    one, other = 0, 0
    while one < len(gold) and other < len(predicted):
        overlap = Overlap(gold[one], predicted[other])
        if overlap.shared > 0:
            yield overlap
        if overlap.gold.end <= overlap.predicted.end:
            one += 1
        else:
            other += 1


def pair_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Pair]:
    """All spans of both sides in pairs, in order of the text; what is left over stands alone.

    Of all ways to pair spans that overlap, the one with most pairs is taken; of these, that with
    most equal labels, then with the longest overlaps.
    """
    # Overlaps in order of the text touch few others: those with the same gold span, or the same
    # predicted one, come right before. So the best choice is a weighted interval scheduling, in
    # linear time (Kleinberg and Tardos, Algorithm Design, section 6.1).
    met = list(overlaps(gold, predicted))
    first_of_gold: dict[Span, int] = {}
    first_of_predicted: dict[Span, int] = {}
    best = [(0, 0, 0)]  # pairs, equal labels, shared code points among the first n overlaps
    excluded: list[int] = []  # the first overlap that cannot be chosen together with this one
    for position, overlap in enumerate(met):
        excluded.append(
            min(
                first_of_gold.setdefault(overlap.gold, position),
                first_of_predicted.setdefault(overlap.predicted, position),
            )
        )
        pairs, labels, shared = best[excluded[position]]
        chosen = (pairs + 1, labels + overlap.same_label, shared + overlap.shared)
        best.append(max(best[-1], chosen))

    paired: list[Pair] = []
    position = len(met)
    while position:
        if best[position] != best[position - 1]:
            paired.append(Pair(met[position - 1].gold, met[position - 1].predicted))
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
