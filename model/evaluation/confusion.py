"""Which label is taken for which: gold entities against the predicted ones that they touch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model.tags import Span


@dataclass(frozen=True)
class Confusion:
    """Counts of gold label (rows) by predicted label (columns); the last of each is "none".

    Every label of either side is there, also one whose entities all lost to others.
    A row of a label adds up to its gold entities. In the row "none" are the predicted entities
    that touch no gold one, in the column "none" the gold ones that no predicted one touches.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]  # (labels + 1, labels + 1)


def confusion(gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]]) -> Confusion:
    """Count, sentence by sentence, what each gold entity was taken for.

    That is the label of the predicted entity with which it shares most; of equal shares, one of
    its own label, then the first. Spans of one side do not overlap each other.
    Raises ValueError where one side has more sentences.
    """
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    seen: set[str] = set()
    for gold_spans, found in zip(gold, predicted, strict=True):
        seen.update(span.label for span in (*gold_spans, *found))
        for span in gold_spans:
            pairs[span.label, _taken_for(span, found)] += 1
        for span in found:
            if not any(_shared(span, other) for other in gold_spans):
                pairs[None, span.label] += 1
    labels = tuple(sorted(seen))
    return Confusion(
        labels,
        tuple(tuple(pairs[row, column] for column in (*labels, None)) for row in (*labels, None)),
    )


def _taken_for(span: Span, found: Sequence[Span]) -> str | None:
    touching = [other for other in found if _shared(span, other)]
    if not touching:
        return None
    return max(touching, key=lambda other: (_shared(span, other), other.label == span.label)).label


def _shared(one: Span, other: Span) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))
