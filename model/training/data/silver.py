"""Labels of teachers who may be wrong, as training takes them: which tags they leave possible.

A teacher that does not know a label says nothing against it (Greenberg et al. 2018, "Marginal
Likelihood Training of BiLSTM-CRF for Biomedical Named Entity Recognition from Disjoint Label
Sets").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.tags import OUTSIDE, TagSet, spans_of, tags_of
from schemas.records import Floats


@dataclass(frozen=True)
class Teacher:
    """What the labels of a teacher mean.

    meanings: of each label, those of the tagger that its spans may have; where it has none, its
    tokens say nothing. known: the tagger's labels that the teacher would find; a token without a
    label may be of any other.
    """

    meanings: Mapping[str, tuple[str, ...]]
    known: frozenset[str]

    @classmethod
    def of_labels(cls, labels: Sequence[str]) -> "Teacher":
        """One that has the tagger's own labels, all of them."""
        return cls({label: (label,) for label in labels}, frozenset(labels))


@dataclass(frozen=True)
class SilverSentences:
    """Sentences in the tokens of extraction, and what a teacher says of them.

    tags: IOB2 in the teacher's labels. certainty: of each tag, from 0 (nothing is said) to 1.
    weight: how much each sentence counts beside one of gold. as_gold: whether the teacher draws
    spans as gold does, since it learnt from that: then it is learnt from to the end.
    """

    words: Sequence[Sequence[str]]
    tags: Sequence[Sequence[str]]
    certainty: Sequence[Sequence[float]]
    weight: Sequence[float]
    teacher: Teacher
    as_gold: bool = False

    def __len__(self) -> int:
        return len(self.words)


class TargetTable:
    """What training may be told of a token, by number: which tags it leaves possible.

    The first targets are the tags themselves, with which gold says all.
    """

    def __init__(self, tag_set: TagSet) -> None:
        self.tag_set = tag_set
        self._numbers: dict[tuple[int, ...], int] = {
            (tag,): tag for tag in range(len(tag_set.tags))
        }

    def targets(self, tags: Sequence[str], teacher: Teacher) -> list[int]:
        """The targets of a sentence whose tags are in the teacher's labels, (time,)."""
        tags = tags_of(spans_of(tags), len(tags), self.tag_set.scheme)
        return [self._target(tag, teacher) for tag in tags]

    def _target(self, tag: str, teacher: Teacher) -> int:
        possible = self._outside(teacher) if tag == OUTSIDE else self._meant(tag, teacher)
        return self._numbers.setdefault(possible, len(self._numbers))

    def _outside(self, teacher: Teacher) -> tuple[int, ...]:
        return tuple(
            number
            for number, tag in enumerate(self.tag_set.tags)
            if tag == OUTSIDE or tag[2:] not in teacher.known
        )

    def _meant(self, tag: str, teacher: Teacher) -> tuple[int, ...]:
        prefix, label = tag[:2], tag[2:]
        meant = {f"{prefix}{each}" for each in teacher.meanings[label]}
        # Gold without a fold may lack a label: what may be of it says nothing there.
        is_silent = not meant or not meant <= set(self.tag_set.tags)
        return tuple(
            number for number, each in enumerate(self.tag_set.tags) if each in meant or is_silent
        )

    @property
    def possible(self) -> Floats:
        """(target, tag), 1 for the tags that a target leaves possible, else 0."""
        table = np.zeros((len(self._numbers), len(self.tag_set.tags)), np.float32)
        for tags, number in self._numbers.items():
            table[number, list(tags)] = 1
        return table


@dataclass(frozen=True, eq=False)
class SilverTargets:
    """What is known of targets beside their numbers, of gold and silver sentences end to end.

    possible: (target, tag) as of `TargetTable`; certainty: (token,); weight: (sentence,).
    """

    possible: Floats
    certainty: Floats
    weight: Floats
