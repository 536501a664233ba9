"""Strict entity-level scores, as conlleval counts them.

An entity is right only where its start, its end and its label all equal a gold entity's of the same
sentence (or document). Tokens, padding and `O` are never counted.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol


class Labelled(Hashable, Protocol):
    """An entity as the scores see it: compared as a whole, counted by its label."""

    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """Precision, recall and F1 between 0 and 1; `support` is the number of gold entities."""

    precision: float
    recall: float
    f1: float
    support: int

    @classmethod
    def of_counts(cls, right: float, predicted: int, gold: int) -> "ScoreRow":
        """The scores of `right` entities among those predicted and those in the gold.

        Nothing predicted has precision 0.0, no gold has recall 0.0, neither raises.
        """
        return cls(
            precision=right / predicted if predicted else 0.0,
            recall=right / gold if gold else 0.0,
            # 2PR / (P + R) with P and R written out: one division, hence no rounding between.
            f1=2 * right / (predicted + gold) if right else 0.0,
            support=gold,
        )

    @classmethod
    def mean_of(cls, rows: Iterable["ScoreRow"]) -> "ScoreRow":
        """The unweighted means of rows with support, and the sum of their support; of none, 0.0."""
        kept = [row for row in rows if row.support]
        count = max(len(kept), 1)
        return cls(
            precision=sum(row.precision for row in kept) / count,
            recall=sum(row.recall for row in kept) / count,
            f1=sum(row.f1 for row in kept) / count,
            support=sum(row.support for row in kept),
        )

    def to_json(self) -> dict[str, Any]:
        """The four numbers, unrounded, under their names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EntityScores:
    """Scores over all entities (`micro`), and of each label in the gold or predicted, sorted."""

    micro: ScoreRow
    labels: Mapping[str, ScoreRow]

    @property
    def macro(self) -> ScoreRow:
        """The unweighted means over the labels in the gold, so that rare labels count as much."""
        return ScoreRow.mean_of(self.labels.values())

    def to_json(self) -> dict[str, Any]:
        """`{"micro": ROW, "macro": ROW, "labels": {LABEL: ROW}}`, a row of four numbers."""
        return {
            "micro": self.micro.to_json(),
            "macro": self.macro.to_json(),
            "labels": {label: scores.to_json() for label, scores in self.labels.items()},
        }


def entity_scores(
    gold: Iterable[Collection[Labelled]], predicted: Iterable[Collection[Labelled]]
) -> EntityScores:
    """The scores of predicted entities against gold ones, sentence by sentence.

    Both give one collection a sentence, or a document, in the same order; its entities are any
    hashable with a `label`, such as `Span` in tokens or in code points. An entity that stands twice
    in a collection counts once. Raises ValueError where one side has more collections.
    """
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    for gold_entities, predicted_entities in zip(gold, predicted, strict=True):
        gold_set, predicted_set = set(gold_entities), set(predicted_entities)
        right.update(entity.label for entity in gold_set & predicted_set)
        found.update(entity.label for entity in predicted_set)
        wanted.update(entity.label for entity in gold_set)
    return EntityScores(
        micro=ScoreRow.of_counts(right.total(), found.total(), wanted.total()),
        labels={
            label: ScoreRow.of_counts(right[label], found[label], wanted[label])
            for label in sorted(found.keys() | wanted.keys())
        },
    )
