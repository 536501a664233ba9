"""A gazetteer beside a model of certain labels: what the two find in a batch, in columns."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.gazetteer.matching import Gazetteer, Matches
from model.gazetteer.merging import NONE, Merged, ModelSpans, merge
from model.gazetteer.terms import FORBID
from schemas.records import ORIGINS, Flags, Floats, Ints, ListedEntities, Positions

_MODEL, _GAZETTEER, _BOTH = map(ORIGINS.index, ORIGINS)


class Entities(NamedTuple):
    """Entities of a batch in order of the text; label: a position in the labels of both."""

    start: Ints  # (entity,) tokens
    end: Ints  # (entity,) half-open
    label: Ints  # (entity,)
    confidence: Floats  # (entity,)


class Listed(NamedTuple):
    """What lists say of the entities of a batch, and of its terms, which are in order of the text.

    term: the one that marks each entity, or NONE. fired: term and first token of all that made,
    marked or forbade an entity; disagreed: term, first token, and the label of the model which it
    is not.
    """

    origin: Ints  # (entity,)
    term: Positions  # (entity,)
    fired: Positions  # (fired, 2)
    disagreed: Positions  # (pair, 3)


class ListTagger:
    """Finds terms in batches, and says what becomes of them and of the model's entities.

    labels: those of the model, then those that lists alone have. numbers: (finder, word) what the
    words of a table of `capacity` are to the gazetteer.
    """

    def __init__(self, gazetteer: Gazetteer, labels: Sequence[str], capacity: int) -> None:
        self.gazetteer = gazetteer
        self.numbers = np.full((len(gazetteer.finders), capacity), NONE, np.int32)
        self._known = len(labels)
        self.labels = (*labels, *(name for name in gazetteer.labels if name not in labels))
        places = {name: place for place, name in enumerate(gazetteer.labels)}
        self._in_list = np.array([places.get(name, NONE) for name in self.labels], np.int64)
        # The last is that of ANY, which becomes no entity's.
        of_list = [self.labels.index(name) for name in gazetteer.labels]
        self._in_all = np.array([*of_list, NONE], np.int32)

    def store(self, words: Sequence[str], positions: Ints) -> None:
        """Keep what the words are that stand at these positions of the table now."""
        self.numbers[:, positions] = self.gazetteer.numbers(words)

    def _labels_of(self, matches: Matches) -> Ints:
        """The label of each match, (match,); NONE for any."""
        labels: Ints = self._in_all[self.gazetteer.label[matches.term]]
        return labels

    def scorable(self, matches: Matches) -> tuple[Positions, Positions]:
        """Matches that may become entities of a label which the model knows, and these labels."""
        label = self._labels_of(matches)
        forbids = self.gazetteer.policy[matches.term] == FORBID
        places = np.flatnonzero((label != NONE) & (label < self._known) & ~forbids)
        return places, label[places].astype(np.int64)

    def merge(self, own: Entities, matches: Matches, confidence: Floats) -> tuple[Entities, Listed]:
        """Entities of the model and matches in, those of both out.

        confidence: (match,) what the model says of it, NaN where it can say nothing. So it cannot
        of an entity for which one of its own was dropped.
        """
        spans = ModelSpans(
            own.start.astype(np.int64), own.end.astype(np.int64), self._in_list[own.label]
        )
        merged = merge(spans, matches, self.gazetteer)
        is_own = merged.span != NONE
        confidence[merged.match[merged.is_contradicted]] = np.nan
        columns = (
            (own.start, matches.start),
            (own.end, matches.end),
            (own.label, self._labels_of(matches)),
            (own.confidence, confidence),
        )
        entities = Entities(*(_either(is_own, a, merged.span, b, merged.match) for a, b in columns))
        return entities, _listed(own, merged, matches)

    def columns(
        self, listed: Listed, entities: Positions, stops: Positions
    ) -> list[ListedEntities]:
        """What lists say of each document of a batch.

        entities: (document + 1,) where those of each begin; stops: (document,) where its tokens
        end.
        """
        found = self.gazetteer.ids.take(pa.array(listed.term, mask=listed.term == NONE))
        ids = tuple(pc.if_else(pc.equal(found, ""), None, found).to_pylist())
        fired, disagreed = (
            [0, *np.searchsorted(rows[:, 1], stops).tolist()]
            for rows in (listed.fired, listed.disagreed)
        )
        terms, pairs = (
            listed.fired[:, 0],
            [(term, self.labels[label]) for term, _, label in listed.disagreed.tolist()],
        )
        own, its_terms, its_pairs = (
            [slice(*bound) for bound in pairwise(bounds)]
            for bounds in (entities.tolist(), fired, disagreed)
        )
        return [
            ListedEntities(listed.origin[a], ids[a], terms[b], tuple(pairs[c]))
            for a, b, c in zip(own, its_terms, its_pairs, strict=True)
        ]


def _listed(own: Entities, merged: Merged, matches: Matches) -> Listed:
    is_own, is_matched = merged.span != NONE, merged.match != NONE
    origin = np.where(is_own, np.where(is_matched, _BOTH, _MODEL), _GAZETTEER)
    fired = np.sort(np.concatenate([merged.match[is_matched], merged.forbidden]))
    match, span = merged.disagreements[np.argsort(merged.disagreements[:, 0])].T
    return Listed(
        origin.astype(np.int32),
        np.append(matches.term, NONE)[merged.match],
        np.stack([matches.term[fired], matches.start[fired]], axis=1),
        np.stack([matches.term[match], matches.start[match], own.label[span]], axis=1),
    )


def _either(
    is_first: Flags,
    first: NDArray[Any],
    its: Positions,
    second: NDArray[Any],
    others: Positions,
) -> NDArray[Any]:
    """Values of one column where `is_first`, at places of its own, and of another elsewhere."""
    chosen = np.where(is_first, np.append(first, 0)[its], np.append(second, 0)[others])
    return chosen.astype(first.dtype)
