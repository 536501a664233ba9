"""Scoring a tagger on labelled data, through the very code that extraction runs."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from model.corpora import LabelledDocument
from model.metrics import EntityScores, entity_scores
from model.padding import pad_documents
from model.segmentation import tokenize_document
from model.tagger import Tagger
from model.tags import Span, spans_of
from schemas.records import Document, TaggedDocument, TokenizedDocument

_BATCH_TOKENS = 20_000


def score_sentences(
    tagger: Tagger, words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]
) -> tuple[EntityScores, list[TaggedDocument]]:
    """Strict scores on tokenized sentences, and what was tagged: one document a sentence."""
    documents = [_document_of(sentence) for sentence in words]
    tagged = list(tag_documents(tagger, documents))
    gold = [
        [
            Span(int(document.token_start[s.start]), int(document.token_end[s.end - 1]), s.label)
            for s in spans_of(sentence)
        ]
        for document, sentence in zip(documents, tags, strict=True)
    ]
    return entity_scores(gold, map(character_spans, tagged)), tagged


def score_documents(
    tagger: Tagger, documents: Sequence[LabelledDocument]
) -> tuple[EntityScores, list[TaggedDocument]]:
    """Strict scores on raw documents (start, end and label in code points), and what was tagged."""
    segmentation = tagger.artifact.segmentation
    tokenized = (
        tokenize_document(Document(d.doc_id, "", 0, d.text), segmentation) for d in documents
    )
    tagged = list(tag_documents(tagger, tokenized))
    return entity_scores([d.entities for d in documents], map(character_spans, tagged)), tagged


def tag_documents(
    tagger: Tagger, documents: Iterable[TokenizedDocument]
) -> Iterator[TaggedDocument]:
    """Tag documents in batches of bounded size; the results do not depend on the batches."""
    batch: list[TokenizedDocument] = []
    tokens = 0
    for document in documents:
        batch.append(document)
        tokens += len(document.words)
        if tokens >= _BATCH_TOKENS:
            yield from tagger.tag(pad_documents(batch))
            batch, tokens = [], 0
    if batch:
        yield from tagger.tag(pad_documents(batch))


def character_spans(document: TaggedDocument) -> list[Span]:
    """The entities of a document as spans in code points."""
    return [
        Span(start, end, label)
        for start, end, label in zip(
            document.start_char.tolist(), document.end_char.tolist(), document.labels, strict=True
        )
    ]


def _document_of(words: Sequence[str]) -> TokenizedDocument:
    """A tokenized sentence as a document of its own: the words, with a blank between them."""
    lengths = np.fromiter(map(len, words), np.int32, len(words))
    ends = np.cumsum(lengths + 1) - 1
    starts = ends - lengths
    return TokenizedDocument(
        document=Document("", "", 0, " ".join(words)),
        words=words,
        token_start=starts.astype(np.int32),
        token_end=ends.astype(np.int32),
        sentence_offsets=np.array([0, len(words)], np.int32),
        sentence_start=starts[:1].astype(np.int32),
        sentence_end=ends[-1:].astype(np.int32),
    )
