"""How unsure a model is of each token of some texts.

What a model missed leaves no row in its output, so doubt is not looked for in the entities that it
found: it is the entropy of the calibrated probabilities that the CRF gives to the tags of a token
(token entropy, Settles and Craven 2008, An Analysis of Active Learning Strategies for Sequence
Labeling Tasks).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jobs.label.passages import Candidate, Passage
from jobs.label.tasks import Task
from model.tagger.crf import marginals
from model.tagger.padding import in_batches, pad_documents
from model.tagger.tagger import Tagger, tag_documents
from model.tagger.vocabulary import normalize
from model.tags import Span
from model.text.segmentation import tokenize_document
from schemas.records import Document, Floats, TokenizedDocument

_BATCH_TOKENS = 20_000
# Less than this many nats of doubt is none: 0.01 is a probability of 0.999 for one tag.
_LEAST_DOUBT = 0.01


def doubts(tagger: Tagger, passages: Iterable[Passage]) -> Iterator[Candidate]:
    """Passages in, candidates out, in their order: how many nats of doubt each word has, by label.

    Words are normalized; those that the model is sure of are left out. A passage's figures do not
    depend on the others.
    """
    for batch in in_batches(passages, _BATCH_TOKENS):
        cut = [tokenized(passage, tagger) for passage in batch]
        padded = pad_documents(cut)
        lengths = padded.sentence_lengths
        doubt = np.zeros((0, len(tagger.artifact.tags.labels)), np.float32)
        if len(lengths):
            emissions = tagger.emit(padded).emissions
            doubt = _by_label(tagger, marginals(tagger.potentials, emissions, lengths))
        ends = np.cumsum([0, *(len(document.words) for document in cut)])
        for passage, document, (first, stop) in zip(batch, cut, pairwise(ends), strict=True):
            yield _candidate(passage, document.words, doubt[first:stop])


def shown_tasks(tagger: Tagger, passages: Iterable[Passage]) -> list[Task]:
    """Passages in, tasks out that show what the model finds in them, and lists that it goes by."""
    passages = list(passages)
    tagged = tag_documents(tagger, (tokenized(passage, tagger) for passage in passages))
    tasks = []
    for passage, found in zip(passages, tagged, strict=True):
        columns = (found.start_char.tolist(), found.end_char.tolist(), found.labels)
        spans = tuple(map(Span, *columns))
        confidence = [None if math.isnan(value) else value for value in found.confidence.tolist()]
        tasks.append(Task(passage, spans, tuple(confidence)))
    return tasks


def _by_label(tagger: Tagger, probabilities: NDArray[np.float64]) -> Floats:
    """Probabilities of the tags, (token, tag), in; the entropy shared by the labels, out.

    Each label has the share of it that it has of the probability that the token is in an entity.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probabilities > 0, probabilities * np.log(probabilities), 0.0)
    entropy = -terms.sum(axis=1)  # (token,)
    label_of = tagger.artifact.tags.label_of
    is_label = label_of[:, None] == np.arange(len(tagger.artifact.tags.labels))  # (tag, label)
    within = probabilities @ is_label  # (token, label)
    share = within / np.maximum(within.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    doubt: Floats = (entropy[:, None] * share).astype(np.float32)
    return doubt


def _candidate(passage: Passage, words: Sequence[str], doubt: Floats) -> Candidate:
    """Of a word that is there several times, the most doubtful: to label it once teaches it."""
    totals = doubt.sum(axis=1)
    rows: dict[str, int] = {}
    for row in np.flatnonzero(totals >= _LEAST_DOUBT).tolist():
        word = normalize(words[row])
        if word not in rows or totals[row] > totals[rows[word]]:
            rows[word] = row
    return Candidate(passage, tuple(rows), doubt[list(rows.values())])


def tokenized(passage: Passage, tagger: Tagger) -> TokenizedDocument:
    """A passage as a document by itself, cut as the model cuts texts."""
    document = Document(passage.doc_id, passage.source, 0, passage.text)
    return tokenize_document(document, tagger.artifact.segmentation)
