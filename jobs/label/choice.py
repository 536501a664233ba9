"""Which passages to label first: a greedy choice by one measure, in which all wishes are met.

What a passage would teach is the doubt that the model has of its words. A word counts for less
once it is in what was chosen before, a label for less the more doubt of it was chosen, a source for
less the more passages of it were. So what a passage adds only ever shrinks as the choice grows (the
measure is submodular), and the greedy choice is within 1 - 1/e of the best one (Nemhauser, Wolsey
and Fisher 1978); those that were behind stay behind, so few are looked at again (Minoux 1978).
"""

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np

from jobs.label.doubt import Doubted
from jobs.label.passages import order_of
from model.tagger.vocabulary import normalize

# What is left of the doubt of a word each time that it was chosen before.
_FADING = 0.5
# Two passages that share so much of their words say the same: for one that differs by a name or a
# number of ten words, 9 / 11.
_ALIKE = 0.7


class _Chosen:
    """What was chosen so far, and what a passage would add to it."""

    def __init__(self, labels: int) -> None:
        self._words: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._labels = np.zeros(labels)  # nats of doubt that were chosen
        self._vocabularies: list[frozenset[str]] = []

    def gain(self, doubted: Doubted) -> float:
        fresh = np.array([_FADING ** self._words[word] for word in doubted.words])
        of_labels = 1 / np.sqrt(1 + self._labels)
        value = float(fresh @ doubted.doubt @ of_labels)
        return value / np.sqrt(1 + self._sources[doubted.passage.source])

    def repeats(self, doubted: Doubted) -> bool:
        """Whether something nearly the same was chosen already."""
        words = _vocabulary(doubted)
        return any(is_alike(words, others) for others in self._vocabularies)

    def add(self, doubted: Doubted) -> None:
        self._words.update(doubted.words)
        self._sources[doubted.passage.source] += 1
        self._labels += doubted.doubt.sum(axis=0)
        self._vocabularies.append(_vocabulary(doubted))


def choose(pool: Sequence[Doubted], budget: int, seed: int) -> list[Doubted]:
    """The `budget` passages that teach most, the most telling first; fewer where others repeat.

    The same whatever the order of the pool: of equals the seed and their texts decide.
    """
    if not pool:
        return []
    chosen = _Chosen(pool[0].doubt.shape[1])
    # What a passage added when that many had been chosen; it may add less by now, and never more.
    heap = [
        (-chosen.gain(each), order_of(each.passage.text, seed), 0, number)
        for number, each in enumerate(pool)
    ]
    heapq.heapify(heap)
    picked: list[Doubted] = []
    while heap and len(picked) < budget:
        _, order, known, number = heapq.heappop(heap)
        doubted = pool[number]
        if known < len(picked):
            heapq.heappush(heap, (-chosen.gain(doubted), order, len(picked), number))
        elif not chosen.repeats(doubted):
            chosen.add(doubted)
            picked.append(doubted)
    return picked


def is_alike(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two sets of words are nearly the same (Jaccard)."""
    shared = len(words & others)
    return shared >= _ALIKE * (len(words) + len(others) - shared)


def _vocabulary(doubted: Doubted) -> frozenset[str]:
    return frozenset(map(normalize, doubted.passage.words))
