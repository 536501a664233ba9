"""Where users' lists and a model disagree: one of them is wrong there, and a label says which."""

from collections.abc import Sequence

import numpy as np

from jobs.label.choice import choose
from jobs.label.doubt import doubts, tokenized
from jobs.label.passages import Candidate, Passage
from model.gazetteer.matching import Gazetteer
from model.tagger.tagger import Tagger, tag_documents
from schemas.records import Floats


def choose_disagreements(
    tagger: Tagger, gazetteer: Gazetteer, passages: Sequence[Passage], budget: int, seed: int
) -> tuple[list[Candidate], int]:
    """The passages to label, and how many of them, the first, are such that the two disagree.

    Every term, with each label that the model has in its place, is worth as much. Where fewer
    passages have one than the budget asks for, the others are those that the model is unsure of.
    tagger: with this gazetteer.
    """
    found = _disagreeing(tagger, gazetteer, passages)
    chosen = choose(found, budget, seed)
    if len(chosen) == budget:
        return chosen, budget
    taken = {each.passage for each in chosen}
    doubtful = list(doubts(tagger, passages))
    beside = [each for each in doubtful if each.passage in taken]
    others = [each for each in doubtful if each.passage not in taken]
    return chosen + choose(others, budget - len(chosen), seed, beside), len(chosen)


def _disagreeing(
    tagger: Tagger, gazetteer: Gazetteer, passages: Sequence[Passage]
) -> list[Candidate]:
    """The passages with a term whose label is not the model's there: its terms, each worth 1."""
    tagged = tag_documents(tagger, (tokenized(passage, tagger) for passage in passages))
    candidates = []
    for passage, found in zip(passages, tagged, strict=True):
        disagreed = dict.fromkeys(found.listed.disagreed if found.listed else ())
        if disagreed:
            worth: Floats = np.zeros((len(disagreed), len(gazetteer.labels)), np.float32)
            terms = [term for term, _ in disagreed]
            worth[range(len(terms)), gazetteer.label[terms]] = 1
            features = tuple(f"{term} {label}" for term, label in disagreed)
            candidates.append(Candidate(passage, features, worth))
    return candidates
