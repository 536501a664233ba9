"""Scores by the kinds of the Message Understanding Conferences, and of SemEval-2013.

Four ways to judge a predicted entity that overlaps a gold one, each counting entities that are
correct, incorrect, partly correct, missed and spurious:

    strict     correct where boundaries and label are right
    exact      correct where the boundaries are right, whatever the label
    partial    as exact, and half a point where spans merely overlap
    ent_type   correct where the label is right and the spans overlap

Counted as the package `nervaluate` does. Sources: Chinchor and Sundheim, "MUC-5 evaluation
metrics", 1993; Segura-Bedmar, Martinez and Herrero-Zazo, "SemEval-2013 Task 9", 2013.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, get_args

from model.evaluation.entity_scores import ScoreRow
from model.evaluation.matching import Overlap, overlaps
from model.tags import Span

Scheme = Literal["strict", "exact", "partial", "ent_type"]
Verdict = Literal["correct", "incorrect", "partial", "missed", "spurious"]
Judgement = tuple[Scheme, Verdict]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

# Spans with less than a hundredth of the gold one in common do not overlap: nervaluate's bound.
_LEAST_SHARE = 100


@dataclass(frozen=True, slots=True)
class MucCounts:
    """How many entities were judged how.

    The first four add up to the gold entities, and all but `missed` to the predicted ones.
    """

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int

    @property
    def scores(self) -> ScoreRow:
        """The scores that follow; a partial match is worth half a point."""
        judged = self.correct + self.incorrect + self.partial
        return ScoreRow.of_counts(
            self.correct + self.partial / 2, judged + self.spurious, judged + self.missed
        )

    def to_json(self) -> dict[str, Any]:
        """The counts and the scores, unrounded, under their names."""
        return {**asdict(self), **self.scores.to_json()}


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
    def macro(self) -> Mapping[Scheme, ScoreRow]:
        """The unweighted means over the labels in the gold."""
        return {
            scheme: ScoreRow.mean_of(row[scheme].scores for row in self.labels.values())
            for scheme in SCHEMES
        }

    def to_json(self) -> dict[str, Any]:
        """`{"micro": {SCHEME: ROW}, "macro": {SCHEME: ROW}, "labels": {LABEL: {SCHEME: ROW}}}`."""
        return {
            "micro": _row_json(self.micro),
            "macro": _row_json(self.macro),
            "labels": {label: _row_json(row) for label, row in self.labels.items()},
        }


def muc_scores(gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]]) -> MucScores:
    """The MUC scores of predicted spans against gold ones, text by text.

    Spans are in order of the text, and those of one side do not overlap each other. Raises
    ValueError where one side has more texts.
    """
    micro: Counter[Judgement] = Counter()
    by_label: defaultdict[str, Counter[Judgement]] = defaultdict(Counter)
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        micro.update(_judgements(gold_spans, predicted_spans))
        for label in {span.label for span in (*gold_spans, *predicted_spans)}:
            own, found = (
                [span for span in side if span.label == label]
                for side in (gold_spans, predicted_spans)
            )
            by_label[label].update(_judgements(own, found))
    return MucScores(_row(micro), {label: _row(by_label[label]) for label in sorted(by_label)})


def _row(judgements: Counter[Judgement]) -> dict[Scheme, MucCounts]:
    return {
        scheme: MucCounts(**{verdict: judgements[scheme, verdict] for verdict in VERDICTS})
        for scheme in SCHEMES
    }


def _row_json(row: Mapping[Scheme, MucCounts | ScoreRow]) -> dict[Scheme, dict[str, Any]]:
    return {scheme: cell.to_json() for scheme, cell in row.items()}


def _judgements(gold: Sequence[Span], predicted: Sequence[Span]) -> Counter[Judgement]:
    """One for each gold span and each predicted one that has none, by every scheme."""
    judgements: Counter[Judgement] = Counter()
    for scheme in SCHEMES:
        judged = list(_judged(gold, predicted, closest=scheme == "ent_type"))
        for pair in judged:
            right = pair.same_label if scheme == "ent_type" else pair.same_bounds
            if right and (pair.same_label or scheme != "strict"):
                judgements[scheme, "correct"] += 1
            else:
                judgements[scheme, "partial" if scheme == "partial" else "incorrect"] += 1
        judgements[scheme, "missed"] += len(gold) - len(judged)
        judgements[scheme, "spurious"] += len(predicted) - len(judged)
    return judgements


def _judged(gold: Sequence[Span], predicted: Sequence[Span], *, closest: bool) -> Iterator[Overlap]:
    """Each predicted span with the gold one that it is judged by, if one is left for it.

    That is the first, or, by `closest`, the one of its label whose boundaries are closest.
    """
    taken: set[Span] = set()
    enough = (
        overlap
        for overlap in overlaps(gold, predicted)
        if overlap.shared * _LEAST_SHARE >= overlap.gold.end - overlap.gold.start
    )
    for _, its in groupby(enough, key=attrgetter("predicted")):
        left = [overlap for overlap in its if overlap.gold not in taken]
        if left:
            best = min(left, key=_distance) if closest else left[0]
            taken.add(best.gold)
            yield best


def _distance(overlap: Overlap) -> tuple[bool, int]:
    """How far its boundaries are apart; among those of another label, the first is as good."""
    gold, predicted = overlap
    apart = abs(gold.start - predicted.start) + abs(gold.end - predicted.end)
    return (False, apart) if overlap.same_label else (True, 0)
