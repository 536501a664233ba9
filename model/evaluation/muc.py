"""Scores by the kinds of the Message Understanding Conferences, and of SemEval-2013.

Four ways to judge a predicted entity that overlaps a gold one, each counting entities that are
correct, incorrect, partly correct, missed and spurious:

    strict     correct where boundaries and label are right
    exact      correct where the boundaries are right, whatever the label
    partial    as exact, and half a point where spans merely overlap
    ent_type   correct where the label is right and the spans overlap

`nervaluate` counts them. Sources: Chinchor and Sundheim, "MUC-5 evaluation metrics", 1993;
Segura-Bedmar, Martinez and Herrero-Zazo, "SemEval-2013 Task 9", 2013.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from nervaluate.entities import (  # type: ignore[import-untyped]  # it ships no types
    Entity,
    EvaluationResult,
)
from nervaluate.strategies import (  # type: ignore[import-untyped]  # as above
    EntityTypeEvaluation,
    EvaluationStrategy,
    ExactEvaluation,
    PartialEvaluation,
    StrictEvaluation,
)

from model.evaluation.entity_scores import Scores, ScoresJson
from model.evaluation.mistakes import overlap_groups
from model.tags import Span

Scheme = Literal["strict", "exact", "partial", "ent_type"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

_STRATEGIES: Mapping[Scheme, type[EvaluationStrategy]] = {
    "strict": StrictEvaluation,
    "exact": ExactEvaluation,
    "partial": PartialEvaluation,
    "ent_type": EntityTypeEvaluation,
}

_Group = tuple[list[Entity], list[Entity]]


class MucCountsJson(ScoresJson):
    """One row of counts in a JSON file."""

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int


class MucScoresJson(TypedDict):
    """The `muc` part of `jobs.evaluate --json`."""

    micro: dict[Scheme, MucCountsJson]
    macro: dict[Scheme, ScoresJson]
    labels: dict[str, dict[Scheme, MucCountsJson]]


@dataclass(frozen=True, slots=True)
class MucCounts:
    """How many entities were judged how, and the scores that follow.

    The first four add up to the gold entities, and all but `missed` to the predicted ones.
    """

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int
    scores: Scores

    def to_json(self) -> MucCountsJson:
        return {
            "correct": self.correct,
            "incorrect": self.incorrect,
            "partial": self.partial,
            "missed": self.missed,
            "spurious": self.spurious,
            **self.scores.to_json(),
        }


MucRow = Mapping[Scheme, MucCounts]


@dataclass(frozen=True, slots=True)
class MucScores:
    """Counts over all entities (`micro`), and of each label in the gold or predicted, sorted.

    A label is counted among the entities of that label alone: one that was taken for another label
    is missed there, and spurious here.
    """

    micro: MucRow
    labels: Mapping[str, MucRow]

    @property
    def macro(self) -> Mapping[Scheme, Scores]:
        """The unweighted means over the labels in the gold."""
        return {
            scheme: Scores.mean_of(row[scheme].scores for row in self.labels.values())
            for scheme in SCHEMES
        }

    def to_json(self) -> MucScoresJson:
        """`{"micro": {SCHEME: ROW}, "macro": {SCHEME: ROW}, "labels": {LABEL: {SCHEME: ROW}}}`."""
        return {
            "micro": _row_json(self.micro),
            "macro": {scheme: scores.to_json() for scheme, scores in self.macro.items()},
            "labels": {label: _row_json(row) for label, row in self.labels.items()},
        }


def muc_scores(gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]]) -> MucScores:
    """The MUC scores of predicted spans against gold ones, text by text.

    Spans of one side do not overlap each other. Spans that share less than a hundredth of the gold
    one do not count as overlapping, which is the library's bound. Raises ValueError where one side
    has more texts.
    """
    # The library compares every span of a text with every other. Only overlapping ones matter, so
    # groups of these give the same counts in linear time.
    groups = [
        (_entities(gold_group), _entities(predicted_group))
        for gold_spans, predicted_spans in zip(gold, predicted, strict=True)
        for gold_group, predicted_group in overlap_groups(gold_spans, predicted_spans)
    ]
    by_label: dict[str, list[_Group]] = {}
    for group in groups:
        for label in {entity.label for side in group for entity in side}:
            alone = tuple([entity for entity in side if entity.label == label] for side in group)
            by_label.setdefault(label, []).append((alone[0], alone[1]))
    return MucScores(
        micro=_count(groups), labels={label: _count(by_label[label]) for label in sorted(by_label)}
    )


def _entities(spans: Iterable[Span]) -> list[Entity]:
    # The library's ends are inclusive.
    return [Entity(span.label, span.start, span.end - 1) for span in spans]


def _count(groups: Sequence[_Group]) -> dict[Scheme, MucCounts]:
    return {scheme: _judge(_STRATEGIES[scheme](), groups) for scheme in SCHEMES}


def _judge(strategy: EvaluationStrategy, groups: Sequence[_Group]) -> MucCounts:
    total = EvaluationResult()
    for gold, predicted in groups:
        result, _ = strategy.evaluate(gold, predicted, [])
        total.correct += result.correct
        total.incorrect += result.incorrect
        total.partial += result.partial
        total.missed += result.missed
        total.spurious += result.spurious
    # Half a point for a partial match; only `partial` has any.
    total.compute_metrics(partial_or_type=True)
    return MucCounts(
        correct=total.correct,
        incorrect=total.incorrect,
        partial=total.partial,
        missed=total.missed,
        spurious=total.spurious,
        scores=Scores(float(total.precision), float(total.recall), float(total.f1), total.possible),
    )


def _row_json(row: MucRow) -> dict[Scheme, MucCountsJson]:
    return {scheme: counts.to_json() for scheme, counts in row.items()}
