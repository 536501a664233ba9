"""The predictor: padded batches in, documents with their entities out."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.gazetteer.matching import Gazetteer, Matches
from model.gazetteer.tagging import Entities, ListTagger, ScoredMatches
from model.tagger.arithmetic import arithmetic_for
from model.tagger.artifact import Artifact
from model.tagger.compiled.library import find_library
from model.tagger.crf import Potentials, TokenSpans
from model.tagger.encoding import FOLDED_WORDS
from model.tagger.padding import BUCKET_CELLS, in_batches, pad_documents, parts_of
from model.tagger.word_table import WordRows, WordTable
from model.text.quotation import without_lone_quotes
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

_NO_MATCHES = ScoredMatches(
    Matches(*(np.zeros(0, np.int64) for _ in Matches._fields)), np.zeros(0, np.float32)
)


class Emitted(NamedTuple):
    """What the network says of every token of a batch."""

    emissions: Floats  # (token, tag)
    unknown: NDArray[np.bool_]  # (token,) whether the vocabulary lacks it


class _Found(NamedTuple):
    """The model's entities of a batch, where terms of lists are, and what the vocabulary lacks."""

    entities: Entities
    scored: ScoredMatches
    unknown: Flags  # (token,)


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
        self.words = WordTable(artifact.encoder, self.network)
        self.lists = ListTagger(gazetteer, artifact.tags.labels) if gazetteer else None
        labels = self.lists.labels if self.lists else artifact.tags.labels
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
        entities, listed = _trimmed(batch, found.entities), None
        if self.lists:
            entities, listed = self.lists.merge(entities, found.scored)
        tagged = []
        token, span = 0, 0
        for document in batch.documents:
            stop = token + len(document.words)
            last = int(np.searchsorted(entities.start, stop))
            own, tokens = slice(span, last), slice(token, stop)
            tagged.append(
                _tagged(
                    document,
                    entities.start[own] - token,
                    entities.end[own] - token,
                    tuple(self.labels[entities.label[own]]),
                    entities.confidence[own],
                    int(found.unknown[tokens].sum()),
                    self.lists.columns(entities, listed, own, tokens)
                    if self.lists and listed
                    else None,
                )
            )
            token, span = stop, last
        return tagged

    def _found(self, batch: PaddedBatch) -> _Found:
        columns: list[list[NDArray[Any]]] = [[] for _ in range(9)]
        first = np.int32(0)  # token of the part
        for part in parts_of(batch):
            emitted = self.emit_part(part)
            lengths = part.sentence_lengths
            spans = self.spans_of(self.crf.decode(emitted.emissions, lengths))
            confidence = self._confidence(emitted.emissions, lengths, spans)
            kept = confidence >= self.min_confidence
            start, end, label = (column[kept].astype(np.int32) for column in spans)
            scored = self._scored(part, emitted.emissions)
            values = (
                *(start + first, end + first, label, confidence[kept]),
                *(scored.matches.start + first, scored.matches.end + first, scored.matches.term),
                *(scored.confidence, emitted.unknown),
            )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
            first += np.int32(len(emitted.unknown))
        *joined, unknown = map(_joined, columns)
        scored = ScoredMatches(Matches(*joined[4:7]), joined[7])
        return _Found(Entities(*joined[:4]), scored, unknown)

    def _scored(self, part: PaddedBatch, emissions: Floats) -> ScoredMatches:
        """Where terms are in a part, with the model's probability of each that it knows."""
        if self.lists is None:
            return _NO_MATCHES
        matches = self.lists.find(part)
        confidence = np.full(len(matches.start), np.nan, np.float32)
        known = self.lists.scorable(matches)
        labels = self.lists.labels_of(matches)[known].astype(np.int64)
        spans = TokenSpans(matches.start[known], matches.end[known], labels)
        confidence[known] = self._confidence(emissions, part.sentence_lengths, spans)
        return ScoredMatches(matches, confidence)

    def _confidence(self, emissions: Floats, lengths: Ints, spans: TokenSpans) -> Floats:
        found = self.crf.posteriors(emissions, lengths, spans).astype(np.float32)
        if np.isnan(found).any():  # of a sound model never; else they would go unsaid
            raise ValueError("the model gives a confidence that is no number")
        return found

    def emit(self, batch: PaddedBatch) -> Emitted:
        """The network's view of all tokens of the batch, documents end to end."""
        return Emitted(
            *map(np.concatenate, zip(*map(self.emit_part, parts_of(batch)), strict=True))
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
        return Emitted(emissions[:, : len(self.artifact.tags.tags)], unknown)

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


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """The parts as one array; they are let go, since those of a large document take 100 MB."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    parts.clear()
    return whole


def _trimmed(batch: PaddedBatch, found: Entities) -> Entities:
    """Entities without lone quotation marks at their edges; their score stays."""
    start, end = found.start, found.end
    token, span = 0, 0
    for document in batch.documents:
        stop = token + len(document.words)
        last = int(np.searchsorted(start, stop))
        own = slice(span, last)
        start[own], end[own] = _trimmed_spans(document, start[own] - token, end[own] - token)
        start[own] += np.int32(token)
        end[own] += np.int32(token)
        token, span = stop, last
    is_named = start < end  # what was a quotation mark alone names nothing
    return (
        found
        if is_named.all()
        else Entities(
            start[is_named], end[is_named], found.label[is_named], found.confidence[is_named]
        )
    )


def _trimmed_spans(document: TokenizedDocument, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    starts, ends, last = document.token_start, document.token_end, end - 1
    # A mark is a token of one character, as few are that a span begins or ends with.
    single = (ends[start] - starts[start] == 1) | (ends[last] - starts[last] == 1)
    for number in np.flatnonzero(single).tolist():
        span = without_lone_quotes(document.words, int(start[number]), int(end[number]))
        start[number], end[number] = span
    return start, end


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
