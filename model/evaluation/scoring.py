"""Scoring a tagger on labelled data, through the very code that extraction runs."""

from bisect import bisect, insort
from collections.abc import Iterable, Iterator, Sequence

from model.corpora import LabelledDocument
from model.corpora.projection import cut_document
from model.evaluation.entity_scores import EntityScores, entity_scores
from model.tagger.tagger import Tagger, tag_documents
from model.tags import Span, spans_of
from model.text.segmentation import document_of_words
from schemas.records import TaggedDocument


def score_sentences(
    tagger: Tagger, words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]
) -> tuple[EntityScores, list[TaggedDocument]]:
    """Strict scores on tokenized sentences, and what was tagged: one document a sentence."""
    tagged = list(tag_documents(tagger, map(document_of_words, words)))
    return entity_scores(gold_spans(words, tags), map(character_spans, tagged)), tagged


def gold_spans(
    words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]
) -> Iterator[list[Span]]:
    """The entities of tokenized sentences in code points, with a blank between words."""
    for document, sentence in zip(map(document_of_words, words), tags, strict=True):
        starts, ends = document.token_start.tolist(), document.token_end.tolist()
        yield [Span(starts[s.start], ends[s.end - 1], s.label) for s in spans_of(sentence)]


def score_documents(
    tagger: Tagger, documents: Sequence[LabelledDocument]
) -> tuple[EntityScores, list[TaggedDocument]]:
    """Strict scores on raw documents (start, end and label in code points), and what was tagged."""
    segmentation = tagger.artifact.segmentation
    tokenized = (cut_document(document, segmentation) for document in documents)
    tagged = list(tag_documents(tagger, tokenized))
    return entity_scores([d.entities for d in documents], map(character_spans, tagged)), tagged


def apart(spans: Iterable[Span]) -> tuple[list[Span], list[Span]]:
    """Spans none of which overlap, and those that do, both in order of the text.

    Of spans that overlap the longest is kept, then the earliest, as training does.
    """
    kept: list[Span] = []
    dropped: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span)):
        # Of the spans in order of the text, only the neighbours of its place can overlap it.
        place = bisect(kept, span)
        near = kept[max(place - 1, 0) : place + 1]
        if any(span.start < other.end and other.start < span.end for other in near):
            insort(dropped, span)
        else:
            kept.insert(place, span)
    return kept, dropped


def character_spans(document: TaggedDocument) -> list[Span]:
    """The entities of a document as spans in code points."""
    return [
        Span(start, end, label)
        for start, end, label in zip(
            document.start_char.tolist(), document.end_char.tolist(), document.labels, strict=True
        )
    ]
