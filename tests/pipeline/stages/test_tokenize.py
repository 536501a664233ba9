"""TokenizeDocuments: each document in gives its own tokens and sentences out, and is counted."""

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that

from model.text.segmentation import Segmentation, tokenize_document
from pipeline.stages.tokenize import TokenizeDocuments
from schemas.records import DeadLetter, Document, TokenizedDocument

TEXTS = {
    "plain": "Ada Lovelace met Babbage. They spoke in London.",
    "emoji": "😀 Zoë  went\r\nto Kraków.\u00a0It e\u0301tait tard!",
    "empty": "",
    "blank": " \n\t ",
    "long": "Oslo " * 60,
}
LIMIT = 25


def tokens_are_exact(found: list[TokenizedDocument]) -> None:
    """The oracle is the text itself: words are its slices, and only blanks lie between them."""
    assert {d.document.doc_id: d.document.text for d in found} == TEXTS
    assert len(found) == len(TEXTS)
    for document in found:
        text = document.document.text
        spans = list(zip(document.token_start, document.token_end, strict=True))
        assert [text[start:end] for start, end in spans] == list(document.words)
        covered = {place for start, end in spans for place in range(start, end)}
        assert all(text[place].isspace() for place in range(len(text)) if place not in covered)
        offsets = document.sentence_offsets.tolist()
        assert (offsets[0], offsets[-1]) == (0, len(document.words))
        for number in range(len(offsets) - 1):
            assert 0 < offsets[number + 1] - offsets[number] <= LIMIT
            first, last = offsets[number], offsets[number + 1] - 1
            assert document.sentence_start[number] == document.token_start[first]
            assert document.sentence_end[number] == document.token_end[last]


def test_tokens_and_sentences_stand_where_they_say() -> None:
    """With the limits of the segmentation that the stage was given."""
    with BeamPipeline("FnApiRunner") as pipeline:
        documents = [Document(doc_id, "in.jsonl", 0, text) for doc_id, text in TEXTS.items()]
        tokenized = (
            pipeline
            | beam.Create(documents)
            | "TokenizeDocuments" >> TokenizeDocuments(Segmentation(max_sentence_tokens=LIMIT))
        )
        assert_that(tokenized.documents, tokens_are_exact, label="exact")
        sizes = tokenized.documents | beam.Map(
            lambda d: (d.document.doc_id, len(d.words), len(d.sentence_start))
        )

        def as_expected(found: list[tuple[str, int, int]]) -> None:
            assert sorted(found) == [
                ("blank", 0, 0),
                ("emoji", 10, 2),
                ("empty", 0, 0),
                ("long", 60, 3),
                ("plain", 10, 2),
            ]

        assert_that(sizes, as_expected, label="sizes")
    counters = {
        metric.key.metric.name: metric.committed
        for metric in pipeline.result.metrics().query()["counters"]
        if metric.key.metric.namespace == "TokenizeDocuments"
    }
    assert counters == {"tokens": 80, "sentences": 7}


def test_a_document_that_cannot_be_tokenized_is_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tokenize(document: Document, segmentation: Segmentation) -> TokenizedDocument:
        if "bad" in document.text:
            raise ValueError("no sentence \ud800 ends\nhere")
        return tokenize_document(document, segmentation)

    monkeypatch.setattr("pipeline.stages.tokenize.tokenize_document", tokenize)
    texts = ["Ada met Bo.", "bad " * 20_000, "Cyd left."]
    documents = [Document(f"d{n}", "in.jsonl", n, t, ("1987",)) for n, t in enumerate(texts)]

    def rest(found: list[TokenizedDocument]) -> None:
        assert sorted(document.document.doc_id for document in found) == ["d0", "d2"]

    def culprit(found: list[DeadLetter]) -> None:
        (letter,) = found
        raw = texts[1].encode()
        assert letter == DeadLetter(
            *("in.jsonl", 1, "d1", "TokenizeDocuments", "ValueError"),
            message="no sentence \\ud800 ends",
            raw=raw[: 64 * 1024],
            raw_size=len(raw),
            kept_fields=("1987",),
        )

    with BeamPipeline("FnApiRunner") as pipeline:
        tokenized = (
            pipeline
            | beam.Create(documents)
            | "TokenizeDocuments" >> TokenizeDocuments(Segmentation())
        )
        assert_that(tokenized.documents, rest, label="rest")
        assert_that(tokenized.dead_letters, culprit, label="culprit")
