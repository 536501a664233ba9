"""TagBatches: one model a process, one tagged document for each document, whatever its batch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.coders.typecoders import registry
from apache_beam.ml.inference.base import ModelHandler
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that

from model.tagger.artifact import Artifact
from model.tagger.padding import pad_documents
from model.tagger.tagger import Tagger
from pipeline.stages.tag import TagBatches, TaggerHandler
from schemas.errors import ArtifactError
from schemas.records import DeadLetter, PaddedBatch, TaggedDocument, TokenizedDocument

MakeTokenized = Callable[[str, str], TokenizedDocument]
COLUMNS = ("sentence", "sentence_start", "sentence_end", "start_char", "end_char", "confidence")
TEXT = "Maria met the council. The ships left Lisbon on Monday! Zoë  went to the river."


class FirstWordTagger:
    """Stands for a model: the first word of every document is an entity."""

    def tag(self, batch: PaddedBatch) -> list[TaggedDocument]:
        return [self._tagged(document) for document in batch.documents]

    def _tagged(self, document: TokenizedDocument) -> TaggedDocument:
        zero = np.zeros(1, np.int32)
        return TaggedDocument(
            document=document.document,
            sentences=len(document.sentence_start),
            tokens=len(document.words),
            unknown_tokens=0,
            sentence_lengths=np.diff(document.sentence_offsets),
            sentence=zero,
            sentence_start=document.sentence_start[:1],
            sentence_end=document.sentence_end[:1],
            start_char=document.token_start[:1],
            end_char=document.token_end[:1],
            labels=("first",),
            confidence=np.array([0.25], np.float32),
        )


class FakeHandler(ModelHandler[Any, TaggedDocument, FirstWordTagger]):
    def load_model(self) -> FirstWordTagger:
        return FirstWordTagger()

    def run_inference(
        self,
        batch: PaddedBatch,  # type: ignore[override]  # the element is the batch
        model: FirstWordTagger,
        inference_args: dict[str, Any] | None = None,
    ) -> Sequence[TaggedDocument]:
        return model.tag(batch)


def fields(tagged: TaggedDocument) -> tuple[Any, ...]:
    return (
        tagged.document,
        tagged.sentences,
        tagged.tokens,
        tagged.unknown_tokens,
        tagged.labels,
        *(getattr(tagged, name).tolist() for name in COLUMNS),
    )


def test_every_document_of_a_batch_comes_out_with_what_the_predictor_found(
    make_tokenized: MakeTokenized,
) -> None:
    """The element is the batch; what comes out are documents, and arrays cross processes intact."""
    documents = [make_tokenized(str(n), f"Word{n} stands first.") for n in range(7)]
    batches = [pad_documents(documents[:4]), pad_documents(documents[4:])]

    def tagged_once(found: list[TaggedDocument]) -> None:
        texts = {t.document.doc_id: t.document.text for t in found}
        assert sorted(texts) == [str(n) for n in range(7)]
        assert len(found) == 7
        for tagged in found:
            (start,), (end,) = tagged.start_char.tolist(), tagged.end_char.tolist()
            assert tagged.document.text[start:end] == f"Word{tagged.document.doc_id}"
            assert tagged.confidence.dtype == np.float32
            assert tagged.start_char.dtype == tagged.end_char.dtype == np.int32

    with BeamPipeline("FnApiRunner") as pipeline:
        tagged = (
            pipeline | beam.Create(batches) | "TagBatches" >> TagBatches(FakeHandler())  # type: ignore[arg-type]  # a fake
        )
        assert_that(tagged.documents | beam.Reshuffle(), tagged_once, label="each once")


class PoisonedTagger(FirstWordTagger):
    """Fails at any batch that holds a document of the word Poison."""

    def tag(self, batch: PaddedBatch) -> list[TaggedDocument]:
        if "Poison" in batch.vocabulary:
            raise MemoryError
        return super().tag(batch)


class PoisonedHandler(TaggerHandler):
    def load_model(self) -> PoisonedTagger:  # type: ignore[override]  # a fake
        return PoisonedTagger()


def test_documents_that_make_the_predictor_raise_stand_alone(
    make_tokenized: MakeTokenized,
) -> None:
    """Their neighbours come out as they do without them."""
    texts = ["Poison now." if n in (3, 4, 11) else f"Word{n} stands." for n in range(16)]
    documents = [make_tokenized(str(n), text) for n, text in enumerate(texts)]
    batches = [pad_documents(documents[:13]), pad_documents(documents[13:])]
    unharmed = [document for document in documents if "Poison" not in document.words]
    expected = FirstWordTagger().tag(pad_documents(unharmed))

    def neighbours(found: list[TaggedDocument]) -> None:
        found.sort(key=lambda tagged: int(tagged.document.doc_id))
        assert list(map(fields, found)) == list(map(fields, expected))

    def culprits(found: list[DeadLetter]) -> None:
        assert {letter.doc_id for letter in found} == {"3", "4", "11"}
        assert len(found) == 3
        for letter in found:
            assert (letter.stage, letter.error) == ("TagBatches", "MemoryError")
            assert (letter.raw, letter.raw_size) == (b"Poison now.", 11)
            assert letter.message == "MemoryError without a message"

    with BeamPipeline("FnApiRunner") as pipeline:
        tagged = (
            pipeline
            | beam.Create(batches)
            | "TagBatches" >> TagBatches(PoisonedHandler("none", "none"))
        )
        assert_that(tagged.documents, neighbours, label="neighbours")
        assert_that(tagged.dead_letters, culprits, label="culprits")


def test_the_model_is_loaded_once_a_process_and_finds_what_it_finds_alone(
    tiny_artifact: Path, tiny_model: Artifact, make_tokenized: MakeTokenized
) -> None:
    """Several batches, one load; the oracle tags each document by itself, without Beam."""
    texts = [TEXT, "", "The harbour was quiet. " * 40, "Ada", TEXT[::-1]] * 3
    documents = [make_tokenized(str(n), text) for n, text in enumerate(texts)]
    batches = [pad_documents(documents[n : n + 4]) for n in range(0, len(documents), 4)]
    handler = TaggerHandler(str(tiny_artifact), identity_of(tiny_artifact), threads=1)
    tagger = Tagger(tiny_model)
    expected = [tagger.tag(pad_documents([document]))[0] for document in documents]
    assert sum(len(tagged.labels) for tagged in expected) > 20

    def as_alone(found: list[TaggedDocument]) -> None:
        assert len(found) == len(expected)
        by_id = {tagged.document.doc_id: tagged for tagged in found}
        for wanted in expected:
            tagged = by_id[wanted.document.doc_id]
            assert fields(tagged)[:-1] == fields(wanted)[:-1]
            np.testing.assert_allclose(tagged.confidence, wanted.confidence, atol=1e-4)

    with BeamPipeline("FnApiRunner") as pipeline:
        tagged = (
            pipeline | beam.Create(batches) | beam.Reshuffle() | "TagBatches" >> TagBatches(handler)
        )
        assert_that(tagged.documents, as_alone, label="as alone")
    metrics = pipeline.result.metrics().query()
    loads = [
        metric.committed.count
        for metric in metrics["distributions"]
        if metric.key.metric.name == "load_model_latency_milli_secs"
    ]
    assert loads == [1]
    counters = {
        metric.key.metric.name: metric.committed
        for metric in metrics["counters"]
        if metric.key.metric.namespace == "TagBatches"
    }
    assert counters["num_inferences"] == len(documents)
    assert counters.get("failed_batches_counter", 0) == 0


def identity_of(directory: Path) -> str:
    from model.tagger.artifact import load_artifact, read_files

    return load_artifact(read_files(directory), str(directory)).identity


def test_a_worker_that_finds_another_model_refuses_it(tiny_artifact: Path) -> None:
    handler = TaggerHandler(str(tiny_artifact), "tiny@000000000000")
    with pytest.raises(ArtifactError) as caught:
        handler.load_model()
    assert str(caught.value) == (
        f"{tiny_artifact} holds {identity_of(tiny_artifact)}, the job was submitted for "
        "tiny@000000000000"
    )


def test_the_size_of_a_batch_is_that_of_its_arrays(make_tokenized: MakeTokenized) -> None:
    """Known without pickling: 4 bytes a padded cell."""
    batch = pad_documents([make_tokenized("a", TEXT), make_tokenized("b", "")])
    cells = sum(bucket.words.size for bucket in batch.buckets)
    assert cells > 0
    assert TaggerHandler("none", "none").get_num_bytes(batch) == 4 * cells
    assert TaggerHandler("none", "none").get_num_bytes(pad_documents([])) == 0


def test_a_handler_does_no_work_before_it_is_asked_to_load() -> None:
    """It is built where the job is submitted, which may lack the workers' disk."""
    handler = TaggerHandler("/no/such/directory", "x@1")
    with pytest.raises(ArtifactError, match="/no/such/directory"):
        handler.load_model()


def test_a_tagged_document_comes_through_beams_coder_intact(
    tiny_model: Artifact, make_tokenized: MakeTokenized
) -> None:
    (tagged,) = Tagger(tiny_model).tag(pad_documents([make_tokenized("a", TEXT)]))
    coder = registry.get_coder(TaggedDocument)
    again = coder.decode(coder.encode(tagged))
    assert fields(again) == fields(tagged)
    for name in COLUMNS:
        assert getattr(again, name).dtype == getattr(tagged, name).dtype


def test_batches_without_a_token_have_documents_without_entities(
    tiny_model: Artifact, make_tokenized: MakeTokenized
) -> None:
    batch = pad_documents([make_tokenized("a", ""), make_tokenized("b", " \n")])
    tagged = Tagger(tiny_model).tag(batch)
    assert [(t.document.doc_id, t.sentences, t.tokens, t.labels) for t in tagged] == [
        ("a", 0, 0, ()),
        ("b", 0, 0, ()),
    ]
