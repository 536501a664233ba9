"""The predictor: padded batches in, documents with their entities out."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.gazetteer.matching import Gazetteer
from model.gazetteer.tagging import Entities, Listed, ListTagger
from model.tagger.arithmetic import arithmetic_for
from model.tagger.artifact import Artifact
from model.tagger.compiled.library import find_library
from model.tagger.crf import Potentials, TokenSpans
from model.tagger.encoding import FOLDED_WORDS
from model.tagger.padding import BUCKET_CELLS, in_batches, pad_documents, parts_of, token_words
from model.tagger.word_table import WordRows, WordTable
from model.text.quotation import QUOTATION_MARKS, without_lone_quotes
from schemas.records import (
    Bucket,
    Flags,
    Floats,
    Ints,
    ListedEntities,
    PaddedBatch,
    TaggedDocument,
    TokenizedDocument,
)


class Emitted(NamedTuple):
    """What the network says of every token of a batch, and what its words are to lists."""

    emissions: Floats  # (token, tag)
    unknown: NDArray[np.bool_]  # (token,) whether the vocabulary lacks it
    numbers: Ints | None = None  # (finder, word) of a part's vocabulary


class _Found(NamedTuple):
    """The entities of a batch, which of its tokens the vocabulary lacks, and what lists say."""

    entities: Entities
    unknown: Flags  # (token,)
    listed: Listed | None = None

    def behind(self, tokens: np.int32) -> "_Found":
        """The same of a part that stands behind so many tokens."""
        if not tokens:
            return self
        own = self.entities
        listed = self.listed
        if listed:
            listed.fired[:, 1] += tokens
            listed.disagreed[:, 1] += tokens
        moved = own._replace(start=own.start + tokens, end=own.end + tokens)
        return self._replace(entities=moved)


class Tagger:
    """A loaded model. Its results for a document do not depend on the batch the document is in.

    folded_words: distinct words whose rows are kept (8 * units float32 each). min_confidence:
    entities that the model finds are left out below it. gazetteer: terms that count beside it.
    compiled: with the library, where there is one, which TensorFlow stands in for. Threads may
    share a tagger, and take turns at the network.
    """

    def __init__(
        self,
        artifact: Artifact,
        folded_words: int = FOLDED_WORDS,
        min_confidence: float = 0.0,
        gazetteer: Gazetteer | None = None,
        *,
        compiled: bool = True,
    ) -> None:
        if folded_words < BUCKET_CELLS:
            raise ValueError(f"folded_words is {folded_words}, expected at least {BUCKET_CELLS}")
        self.artifact = artifact
        library = find_library() if compiled else None
        self.network, self.crf = arithmetic_for(artifact, folded_words, library)
        labels = artifact.tags.labels
        self.lists = ListTagger(gazetteer, labels, self.network.capacity) if gazetteer else None
        stored = self.lists.store if self.lists else None
        self.words = WordTable(artifact.encoder, self.network, stored)
        labels = self.lists.labels if self.lists else labels
        self.labels = np.array(labels, dtype=object)
        # In the precision of the column, so that 0.9 lets an entity through that is shown as 0.9.
        self.min_confidence = np.float32(min_confidence)
        self._turn = threading.Lock()

    @property
    def potentials(self) -> Potentials:
        """The CRF's own weights, divided by the temperature."""
        return self.crf.potentials

    def tag(self, batch: PaddedBatch) -> list[TaggedDocument]:
        """One tagged document for each document of the batch, in order."""
        found = self._found(batch)
        entities = found.entities
        labels = self.labels[entities.label]
        stops = np.cumsum([len(document.words) for document in batch.documents], dtype=np.int64)
        bounds = np.append(0, np.searchsorted(entities.start, stops))
        tokens = np.append(0, stops)
        unknown = np.diff(np.append(0, np.cumsum(found.unknown))[tokens])
        listed: Sequence[ListedEntities | None] = [None] * len(batch)
        if self.lists and found.listed:
            listed = self.lists.columns(found.listed, bounds, stops)
        return [
            _tagged(
                document,
                entities.start[first:last] - token,
                entities.end[first:last] - token,
                tuple(labels[first:last]),
                entities.confidence[first:last],
                its_unknown,
                its_listed,
            )
            for document, token, first, last, its_unknown, its_listed in zip(
                batch.documents,
                tokens[:-1].tolist(),
                bounds[:-1].tolist(),
                bounds[1:].tolist(),
                unknown.tolist(),
                listed,
                strict=True,
            )
        ]

    def _found(self, batch: PaddedBatch) -> _Found:
        found = []
        first = np.int32(0)  # token of the part
        for part in parts_of(batch):
            found.append(self._found_in(part).behind(first))
            first += np.int32(len(found[-1].unknown))
        return found[0] if len(found) == 1 else _joined(found)

    def _found_in(self, part: PaddedBatch) -> _Found:
        emissions, unknown, numbers = self.emit_part(part)
        lengths = part.sentence_lengths
        spans = self.spans_of(self.crf.decode(emissions, lengths))
        words = token_words(part)
        if self.lists is None or numbers is None:
            confidence = self._confidence(emissions, lengths, spans)
            return _Found(self._own(part, words, spans, confidence), unknown)
        matches = self.lists.gazetteer.find(numbers, words, lengths)
        places, labels = self.lists.scorable(matches)
        # Together, since a sentence is gone through once for all that is asked about it.
        columns = zip(spans, (matches.start[places], matches.end[places], labels), strict=True)
        asked = TokenSpans(*map(np.concatenate, columns))
        order = np.argsort(asked.start, kind="stable")
        scores = np.empty(len(order), np.float32)
        scores[order] = self._confidence(
            emissions, lengths, TokenSpans(*(column[order] for column in asked))
        )
        own = self._own(part, words, spans, scores[: len(spans.start)])
        of_matches = np.full(len(matches.start), np.nan, np.float32)
        of_matches[places] = scores[len(spans.start) :]
        entities, listed = self.lists.merge(own, matches, of_matches)
        return _Found(entities, unknown, listed)

    def _own(
        self, part: PaddedBatch, words: Ints, spans: TokenSpans, confidence: Floats
    ) -> Entities:
        """The model's spans as entities, without those that are left out."""
        kept = confidence >= self.min_confidence
        start, end, label = (column[kept].astype(np.int32) for column in spans)
        return _trimmed(part.vocabulary, words, Entities(start, end, label, confidence[kept]))

    def _confidence(self, emissions: Floats, lengths: Ints, spans: TokenSpans) -> Floats:
        found = self.crf.posteriors(emissions, lengths, spans).astype(np.float32)
        if np.isnan(found).any():  # of a sound model never; else they would go unsaid
            raise ValueError("the model gives a confidence that is no number")
        return found

    def emit(self, batch: PaddedBatch) -> Emitted:
        """The network's view of all tokens of the batch, documents end to end."""
        parts = [self.emit_part(part) for part in parts_of(batch)]
        return Emitted(
            np.concatenate([part.emissions for part in parts]),
            np.concatenate([part.unknown for part in parts]),
        )

    def emit_part(self, batch: PaddedBatch) -> Emitted:
        """The same of a batch that is small enough to be held at once, as `parts_of` cuts them."""
        tokens = int(batch.sentence_lengths.sum())
        emissions, unknown = self.network.blank(tokens), np.empty(tokens, bool)
        with self._turn:
            at_once = len(batch.vocabulary) <= self.words.capacity
            rows = self.words.find(batch.vocabulary) if at_once else None
            for bucket in batch.buckets:
                its = rows or self._rows_of(bucket, batch.vocabulary)
                self.network.emit(bucket, its, emissions, unknown)
            numbers = self.lists.numbers[:, rows.positions] if self.lists and rows else None
        if self.lists and numbers is None:
            numbers = self.lists.gazetteer.numbers(batch.vocabulary)
        return Emitted(emissions[:, : len(self.artifact.tags.tags)], unknown, numbers)

    def _rows_of(self, bucket: Bucket, vocabulary: Sequence[str]) -> WordRows:
        """Where each word of the vocabulary stands in the table, as far as the bucket has it."""
        inside = np.arange(bucket.words.shape[1]) < bucket.lengths[:, None]  # (batch, time)
        present = np.zeros(len(vocabulary), bool)
        present[bucket.words[inside]] = True
        distinct = np.flatnonzero(present)
        found = self.words.find([vocabulary[word] for word in distinct.tolist()])
        rows = WordRows(np.zeros(len(vocabulary), np.int32), present)
        rows.positions[distinct], rows.known[distinct] = found
        return rows

    def spans_of(self, tags: Ints) -> TokenSpans:
        """Spans of legal tags: each runs from a tag that begins one while tags continue it."""
        tag_set = self.artifact.tags
        begins, continues = tag_set.begins[tags], tag_set.continues[tags]
        continued = np.append(continues[1:], False)
        # A sentence's first tag continues nothing, so spans cannot run across sentences.
        starts = np.flatnonzero(begins)
        ends = np.flatnonzero((begins | continues) & ~continued) + 1
        return TokenSpans(starts, ends, tag_set.label_of[tags[starts]].astype(np.int64))


def tag_documents(
    tagger: Tagger, documents: Iterable[TokenizedDocument], batch_tokens: int = 20_000
) -> Iterator[TaggedDocument]:
    """Tag documents in batches of about so many tokens; the results do not depend on them."""
    for batch in in_batches(documents, batch_tokens):
        yield from tagger.tag(pad_documents(batch))


def _joined(parts: Sequence[_Found]) -> _Found:
    entities, unknown, listed = zip(*parts, strict=True)
    return _Found(
        Entities(*map(np.concatenate, zip(*entities, strict=True))),
        np.concatenate(unknown),
        Listed(*map(np.concatenate, zip(*listed, strict=True))) if all(listed) else None,
    )


def _trimmed(vocabulary: Sequence[str], words: Ints, found: Entities) -> Entities:
    """Entities without lone quotation marks at their edges; their score stays."""
    first, last = words[found.start], words[found.end - 1]
    edges = np.unique(np.concatenate([first, last]))
    marks = edges[[vocabulary[word] in QUOTATION_MARKS for word in edges.tolist()]]
    start, end = found.start.copy(), found.end.copy()
    for span in np.flatnonzero(np.isin(first, marks) | np.isin(last, marks)).tolist():
        own = [vocabulary[word] for word in words[start[span] : end[span]].tolist()]
        trimmed = without_lone_quotes(own, 0, len(own))
        start[span], end[span] = start[span] + trimmed[0], start[span] + trimmed[1]
    is_named = start < end  # what was a quotation mark alone names nothing
    return Entities(
        start[is_named], end[is_named], found.label[is_named], found.confidence[is_named]
    )


def _tagged(
    document: TokenizedDocument,
    start: Ints,
    end: Ints,
    labels: tuple[str, ...],
    confidence: Floats,
    unknown_tokens: int,
    listed: ListedEntities | None,
) -> TaggedDocument:
    """Spans in tokens of the document -> columns in code points of its text."""
    offsets = document.sentence_offsets
    sentence = np.searchsorted(offsets, start, side="right") - 1
    return TaggedDocument(
        document=document.document,
        sentences=len(document.sentence_start),
        tokens=len(document.words),
        unknown_tokens=unknown_tokens,
        sentence_lengths=offsets[1:] - offsets[:-1],  # a third of np.diff's time
        sentence=sentence.astype(np.int32),
        sentence_start=document.sentence_start[sentence],
        sentence_end=document.sentence_end[sentence],
        start_char=document.token_start[start],
        end_char=document.token_end[end - 1],
        labels=labels,
        confidence=confidence,
        listed=listed,
    )
