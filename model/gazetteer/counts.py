"""How the terms of lists fared: numbers by name, which add up as documents and files do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from schemas.records import ORIGINS, TaggedDocument

_FIRED, _DISAGREED, _ENTITIES = "terms", "terms_against", "listed"


class TermCounts(NamedTuple):
    """Counts of terms by their numbers.

    fired: entities that a term found or that it forbade; disagreed: places where the model found
    another label than the term has, by that label; entities: those that the model did not find, by
    label.
    """

    fired: Mapping[int, int]
    disagreed: Mapping[tuple[int, str], int]
    entities: Mapping[str, int]


def term_counts(documents: Sequence[TaggedDocument]) -> TermCounts:
    """What lists say of documents, counted."""
    listed = [(document, document.listed) for document in documents if document.listed]
    terms, counts = np.unique(
        np.concatenate([np.zeros(0, np.int64), *(own.fired for _, own in listed)]),
        return_counts=True,
    )
    alone = ORIGINS.index("gazetteer")
    return TermCounts(
        dict(zip(terms.tolist(), counts.tolist(), strict=True)),
        Counter(pair for _, own in listed for pair in own.disagreed),
        Counter(
            document.labels[entity]
            for document, own in listed
            for entity in np.flatnonzero(own.origin == alone).tolist()
        ),
    )


def named_counts(counts: TermCounts) -> dict[str, int]:
    """Counts in, the same by names out."""
    return {
        **{f"{_FIRED}/{term}": count for term, count in counts.fired.items()},
        **{
            f"{_DISAGREED}/{term}/{label}": count
            for (term, label), count in counts.disagreed.items()
        },
        **{f"{_ENTITIES}/{label}": count for label, count in counts.entities.items()},
    }


def counts_of_names(sums: Mapping[str, int]) -> TermCounts:
    """Sums of what `named_counts` gave in, with others among them; the counts of all out."""
    fired: Counter[int] = Counter()
    disagreed: Counter[tuple[int, str]] = Counter()
    entities: Counter[str] = Counter()
    for name, count in sums.items():
        kind, _, place = name.partition("/")
        if kind == _FIRED:
            fired[int(place)] += count
        elif kind == _DISAGREED:
            term, _, label = place.partition("/")  # a label may have a slash itself
            disagreed[int(term), label] += count
        elif kind == _ENTITIES:
            entities[place] += count
    return TermCounts(fired, disagreed, entities)
