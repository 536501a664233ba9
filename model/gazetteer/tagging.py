"""A gazetteer beside a model of certain labels: what the two find in a batch, in columns."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model.gazetteer.counts import TermCounts, named_counts
from model.gazetteer.matching import Gazetteer, Matches
from model.gazetteer.merging import NONE, Merged, ModelSpans, merge
from schemas.records import ORIGINS, Flags, Floats, Ints, ListedEntities, PaddedBatch, Positions

_MODEL, _GAZETTEER, _BOTH = map(ORIGINS.index, ORIGINS)


class ScoredMatches(NamedTuple):
    """Matches in a batch, and what the model says of them, NaN where it can say nothing."""

    matches: Matches
    confidence: Floats  # (match,)


class Entities(NamedTuple):
    """Entities of a batch in order of the text; label: a position in the labels of both."""

    start: Ints  # (entity,) tokens
    end: Ints  # (entity,) half-open
    label: Ints  # (entity,)
    confidence: Floats  # (entity,)


class Listed(NamedTuple):
    """What lists say of the entities of a batch, and of its terms, which are in order of the text.

    fired: term and first token of all that made, marked or forbade an entity; disagreed: term,
    first token, and the label of the model which it is not.
    """

    origin: Ints  # (entity,)
    ids: Sequence[str | None]  # (entity,)
    fired: Positions  # (fired, 2)
    disagreed: Positions  # (pair, 3)


class ListTagger:
    """Finds terms in batches, and says what becomes of them and of the model's entities.

    labels: those of the model, then those that lists alone have.
    """

    def __init__(self, gazetteer: Gazetteer, labels: Sequence[str]) -> None:
        self.gazetteer = gazetteer
        self._known = len(labels)
        self.labels = (*labels, *(name for name in gazetteer.labels if name not in labels))
        self._labels = np.array(self.labels, dtype=object)
        places = {name: place for place, name in enumerate(gazetteer.labels)}
        self._in_list = np.array([places.get(name, NONE) for name in self.labels], np.int64)
        # The last is that of ANY, which becomes no entity's.
        of_list = [self.labels.index(name) for name in gazetteer.labels]
        self._in_all = np.array([*of_list, NONE], np.int32)

    def find(self, batch: PaddedBatch) -> Matches:
        """All places of all terms in a batch that has buckets."""
        words = _words_of(batch)
        return self.gazetteer.find(batch.vocabulary, words, batch.sentence_lengths)

    def labels_of(self, matches: Matches) -> Ints:
        """The label of each match, (match,); NONE for any."""
        found: Ints = self._in_all[self.gazetteer.label[matches.term]]
        return found

    def scorable(self, matches: Matches) -> Positions:
        """Those that may become entities of a label which the model knows."""
        label = self.labels_of(matches)
        return np.flatnonzero((label != NONE) & (label < self._known))

    def merge(self, own: Entities, scored: ScoredMatches) -> tuple[Entities, Listed]:
        """Entities of the model and matches in, those of both out."""
        matches = scored.matches
        spans = ModelSpans(
            own.start.astype(np.int64), own.end.astype(np.int64), self._in_list[own.label]
        )
        merged = merge(spans, matches, self.gazetteer)
        is_own = merged.span != NONE
        label, confidence = self.labels_of(matches), scored.confidence.copy()
        confidence[merged.match[merged.is_contradicted]] = np.nan
        columns = (
            (own.start, matches.start),
            (own.end, matches.end),
            (own.label, label),
            (own.confidence, confidence),
        )
        entities = Entities(*(_either(is_own, a, merged.span, b, merged.match) for a, b in columns))
        return entities, self._listed(own, merged, matches)

    def _listed(self, own: Entities, merged: Merged, matches: Matches) -> Listed:
        is_own, is_matched = merged.span != NONE, merged.match != NONE
        origin = np.where(is_own, np.where(is_matched, _BOTH, _MODEL), _GAZETTEER)
        ids: list[str | None] = [None] * len(origin)
        found = np.flatnonzero(is_matched)
        named = self.gazetteer.ids.take(pa.array(matches.term[merged.match[found]]))
        for place, name in zip(found.tolist(), named.to_pylist(), strict=True):
            ids[place] = name or None
        fired = np.sort(np.concatenate([merged.match[found], merged.forbidden]))
        match, span = merged.disagreements[np.argsort(merged.disagreements[:, 0])].T
        return Listed(
            origin.astype(np.int32),
            ids,
            np.stack([matches.term[fired], matches.start[fired]], axis=1),
            np.stack([matches.term[match], matches.start[match], own.label[span]], axis=1),
        )

    def columns(
        self, entities: Entities, listed: Listed, own: slice, tokens: slice
    ) -> ListedEntities:
        """What lists say of the entities of a document, which has these tokens of the batch."""
        fired, disagreed = (
            rows[slice(*np.searchsorted(rows[:, 1], [tokens.start, tokens.stop]))]
            for rows in (listed.fired, listed.disagreed)
        )
        origin = listed.origin[own]
        only = self._labels[entities.label[own][origin == _GAZETTEER]]
        counts = TermCounts(
            Counter(fired[:, 0].tolist()),
            Counter((term, self.labels[label]) for term, _, label in disagreed.tolist()),
            Counter(only.tolist()),
        )
        return ListedEntities(origin, tuple(listed.ids[own]), named_counts(counts))


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


def _words_of(batch: PaddedBatch) -> Ints:
    """The word of every token, (token,), as a position in the batch's vocabulary."""
    words = np.zeros(int(batch.sentence_lengths.sum()), np.int32)
    for bucket in batch.buckets:
        time = np.arange(bucket.words.shape[1])
        inside = time < bucket.lengths[:, None]
        words[(bucket.first[:, None] + time)[inside]] = bucket.words[inside]
    return words
