"""Which label is taken for which: gold entities against the predicted ones that they touch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from model.evaluation.matching import overlaps
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
    its own label, then the first. Raises ValueError where one side has more sentences.
    """
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    seen: set[str] = set()
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        seen.update(span.label for span in (*gold_spans, *predicted_spans))
        met = list(overlaps(gold_spans, predicted_spans))
        taken_for = {
            span: max(its, key=lambda overlap: (overlap.shared, overlap.same_label)).predicted.label
            for span, its in groupby(met, key=attrgetter("gold"))
        }
        touching = {overlap.predicted for overlap in met}
        pairs.update((span.label, taken_for.get(span)) for span in gold_spans)
        pairs.update((None, span.label) for span in predicted_spans if span not in touching)
    labels = tuple(sorted(seen))
    return Confusion(
        labels,
        tuple(tuple(pairs[row, column] for column in (*labels, None)) for row in (*labels, None)),
    )
