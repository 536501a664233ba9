"""The predictor: padded batches in, documents with their entities out."""

import numpy as np
from numpy.typing import NDArray

from model import crf
from model.artifact import Artifact
from model.emissions import EmissionGraph
from model.vocabulary import normalize
from schemas.records import Floats, Ints, PaddedBatch, TaggedDocument, TokenizedDocument

# Tokens that are decoded together: a few arrays of 17 float64 a token, 7 MB each.
_DECODED_TOKENS = 50_000


class Tagger:
    """A loaded model. Its results for a document do not depend on the batch the document is in."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.graph = EmissionGraph(artifact.weights)
        self.potentials = artifact.weights.potentials()
        self.labels = np.array(artifact.tags.labels, dtype=object)

    def tag(self, batch: PaddedBatch) -> list[TaggedDocument]:
        """One tagged document for each document of the batch, in order."""
        spans, confidence = self._decoded(self.emissions(batch), batch.sentence_lengths)
        labels = self.labels[self.artifact.tags.label_of[spans.begin_tag]]
        unknown = self._unknown(batch)

        tagged = []
        token, span = 0, 0
        for document in batch.documents:
            stop = token + len(document.words)
            last = int(np.searchsorted(spans.start, stop))
            mine = slice(span, last)
            tagged.append(
                _tagged(
                    document,
                    (spans.start[mine] - token).astype(np.int32),
                    (spans.end[mine] - token).astype(np.int32),
                    tuple(labels[mine]),
                    confidence[mine],
                    int(unknown[token:stop].sum()),
                )
            )
            token, span = stop, last
        return tagged

    def emissions(self, batch: PaddedBatch) -> Floats:
        """Emissions of all tokens of the batch, documents end to end, (token, tag)."""
        tags = len(self.artifact.tags.tags)
        emissions = np.zeros((int(batch.sentence_lengths.sum()), tags), np.float32)
        if not len(emissions):
            return emissions
        rows = self.graph.project(self.artifact.encoder.encode(batch.vocabulary))
        for bucket in batch.buckets:
            padded = self.graph.emissions(rows, bucket.words, bucket.lengths)
            times = np.arange(padded.shape[1])
            kept = (times >= bucket.keep_from[:, None]) & (times < bucket.keep_to[:, None])
            positions = bucket.first[:, None] + times  # (batch, time)
            emissions[positions[kept]] = padded[kept]
        return emissions

    def _decoded(self, emissions: Floats, lengths: Ints) -> tuple[crf.TokenSpans, Floats]:
        """Spans in tokens of the batch, in order, and the probability of each."""
        spans, confidence = [], []
        ends = np.cumsum(lengths, dtype=np.int64)
        sentence = token = 0
        while sentence < len(lengths):
            # At least one sentence, however long.
            stop = max(sentence + 1, int(np.searchsorted(ends, token + _DECODED_TOKENS, "right")))
            last = int(ends[stop - 1])
            group, group_lengths = emissions[token:last], lengths[sentence:stop]
            found = self._spans(crf.decode(self.potentials, group, group_lengths))
            inside_of = self.artifact.tags.inside_of
            confidence.append(
                crf.span_posteriors(self.potentials, group, group_lengths, found, inside_of)
            )
            spans.append(crf.TokenSpans(found.start + token, found.end + token, found.begin_tag))
            sentence, token = stop, last
        nothing = np.zeros(0, np.int64)
        joined = crf.TokenSpans(
            np.concatenate([nothing, *(part.start for part in spans)]),
            np.concatenate([nothing, *(part.end for part in spans)]),
            np.concatenate([nothing, *(part.begin_tag for part in spans)]),
        )
        return joined, np.concatenate([nothing, *confidence]).astype(np.float32)

    def _spans(self, tags: Ints) -> crf.TokenSpans:
        """Spans of legal tags: each begins at a begin tag and runs while tags are inside."""
        tag_set = self.artifact.tags
        begins = tag_set.begin[tags]
        inside = (tags > 0) & ~begins
        continues = np.zeros(len(tags) + 1, bool)
        continues[: len(tags)] = inside
        # A sentence's first tag is never inside, so spans cannot run across sentences.
        ends = np.flatnonzero((begins | inside) & ~continues[1:]) + 1
        starts = np.flatnonzero(begins)
        return crf.TokenSpans(starts, ends, tags[starts].astype(np.int64))

    def _unknown(self, batch: PaddedBatch) -> NDArray[np.bool_]:
        """Whether the vocabulary lacks each token, (token,)."""
        known = self.artifact.encoder.vocabulary.word_ids
        lacks = {word for word in batch.vocabulary if normalize(word) not in known}
        return np.fromiter(
            (word in lacks for document in batch.documents for word in document.words),
            bool,
            int(batch.sentence_lengths.sum()),
        )


def _tagged(
    document: TokenizedDocument,
    start: Ints,
    end: Ints,
    labels: tuple[str, ...],
    confidence: Floats,
    unknown_tokens: int,
) -> TaggedDocument:
    """Spans in tokens of the document -> columns in code points of its text."""
    sentence = np.searchsorted(document.sentence_offsets, start, side="right") - 1
    return TaggedDocument(
        document=document.document,
        sentences=len(document.sentence_start),
        tokens=len(document.words),
        unknown_tokens=unknown_tokens,
        sentence=sentence.astype(np.int32),
        sentence_start=document.sentence_start[sentence],
        sentence_end=document.sentence_end[sentence],
        start_char=document.token_start[start],
        end_char=document.token_end[end - 1],
        labels=labels,
        confidence=confidence,
    )
