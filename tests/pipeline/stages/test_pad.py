"""PadBatches: lists of documents become batches that still hold every token once."""

from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam
from apache_beam.coders.typecoders import registry
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that, is_empty

from model.tagger.padding import BUCKET_CELLS, WINDOW_TOKENS
from pipeline.stages.pad import PadBatches
from schemas.records import Bucket, DeadLetter, PaddedBatch, TokenizedDocument

MakeTokenized = Callable[[str, str], TokenizedDocument]

TEXTS = [
    "Maria met the council. The ships left Lisbon!",
    "",
    "river " * 700,  # longer than a window
    "A b. C d e f.",
    "harbour " * 257,
]


def words_of(batch: PaddedBatch) -> list[str]:
    """The tokens of a batch, put together again from what its windows keep."""
    words = [""] * int(batch.sentence_lengths.sum())
    for bucket in batch.buckets:
        for row in range(len(bucket.lengths)):
            for time in range(bucket.keep_from[row], bucket.keep_to[row]):
                position = bucket.first[row] + time
                assert not words[position], "a token that two windows keep"
                words[position] = batch.vocabulary[bucket.words[row, time]]
    return words


def test_a_padded_batch_holds_every_token_of_its_documents_once(
    make_tokenized: MakeTokenized,
) -> None:
    """Windows and buckets only reorder: put together again they are the documents' words."""
    documents = [make_tokenized(str(n), text) for n, text in enumerate(TEXTS)]
    batches = [documents[:2], documents[2:], documents[1:2]]

    def whole(found: list[PaddedBatch]) -> None:
        assert sorted(len(batch) for batch in found) == [1, 2, 3]
        for batch in found:
            expected = [word for document in batch.documents for word in document.words]
            assert words_of(batch) == expected
            for bucket in batch.buckets:
                rows, width = bucket.words.shape
                assert bucket.lengths.max() == width <= WINDOW_TOKENS
                assert rows * width <= BUCKET_CELLS

    with BeamPipeline("FnApiRunner") as pipeline:
        padded = pipeline | beam.Create(batches) | "PadBatches" >> PadBatches()
        # Between workers a batch is encoded and decoded: arrays come through with their types.
        assert_that(padded.batches | beam.Reshuffle(), whole, label="whole")
        assert_that(padded.dead_letters, is_empty(), label="none")


def test_a_document_that_cannot_be_padded_is_a_dead_letter(make_tokenized: MakeTokenized) -> None:
    documents = [make_tokenized(str(n), text) for n, text in enumerate(TEXTS)]
    documents[2] = replace(documents[2], sentence_offsets=None)  # type: ignore[arg-type]

    def rest(found: list[PaddedBatch]) -> None:
        names = [d.document.doc_id for batch in found for d in batch.documents]
        assert sorted(names) == ["0", "1", "3", "4"]

    def culprit(found: list[DeadLetter]) -> None:
        assert [(d.doc_id, d.stage, d.raw_size) for d in found] == [("2", "PadBatches", 4200)]

    with BeamPipeline("FnApiRunner") as pipeline:
        padded = pipeline | beam.Create([documents]) | "PadBatches" >> PadBatches()
        assert_that(padded.batches, rest, label="rest")
        assert_that(padded.dead_letters, culprit, label="culprit")


def test_a_batch_comes_through_beams_coder_with_the_types_of_its_arrays(
    make_tokenized: MakeTokenized,
) -> None:
    from model.tagger.padding import pad_documents

    batch = pad_documents([make_tokenized(str(n), text) for n, text in enumerate(TEXTS)])
    coder = registry.get_coder(PaddedBatch)
    again = coder.decode(coder.encode(batch))
    assert isinstance(again, PaddedBatch)
    assert words_of(again) == words_of(batch)
    assert again.sentence_lengths.dtype == batch.sentence_lengths.dtype
    assert [d.document for d in again.documents] == [d.document for d in batch.documents]
    for one, other in zip(again.buckets, batch.buckets, strict=True):
        for name in Bucket.__slots__:
            before, after = getattr(other, name), getattr(one, name)
            assert after.dtype == before.dtype == "int32"
            assert after.tolist() == before.tolist()
