"""TokenizeDocuments: documents in, their sentences and tokens out."""

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import IOTypeHints

from model.text.segmentation import Segmentation, tokenize_document
from pipeline.stages.dead_letters import DEAD_LETTERS, TaggedDeadLetter, document_dead_letter
from schemas.records import DeadLetter, Document, TokenizedDocument

STAGE = "TokenizeDocuments"


class TokenizeOutputs(NamedTuple):
    """The two collections that tokenizing gives."""

    documents: PCollection[TokenizedDocument]
    dead_letters: PCollection[DeadLetter]


class TokenizeDocuments(beam.PTransform[PCollection[Document], TokenizeOutputs]):
    """Documents in, tokenized documents out, cut as the model's segmentation says.

    A document that cannot be tokenized becomes a dead letter.
    """

    def __init__(self, segmentation: Segmentation) -> None:
        super().__init__()
        self.segmentation = segmentation

    def default_type_hints(self) -> IOTypeHints:
        """No hints of the whole: Beam cannot use `TokenizeOutputs` as one."""
        return IOTypeHints.empty()

    def expand(self, documents: PCollection[Document]) -> TokenizeOutputs:
        outputs = documents | "Tokenize" >> beam.ParDo(_Tokenize(self.segmentation)).with_outputs(
            DEAD_LETTERS, main="documents"
        )
        return TokenizeOutputs(outputs.documents, outputs.dead_letters)


class _Tokenize(beam.DoFn):
    def __init__(self, segmentation: Segmentation) -> None:
        self._segmentation = segmentation
        self._tokens = Metrics.counter(STAGE, "tokens")
        self._sentences = Metrics.counter(STAGE, "sentences")

    def process(self, document: Document) -> Iterator[TokenizedDocument | TaggedDeadLetter]:
        try:
            tokenized = tokenize_document(document, self._segmentation)
        except Exception as error:  # noqa: BLE001 - whatever a text provokes is its own fault
            letter = document_dead_letter(document, STAGE, error)
            yield TaggedDeadLetter(DEAD_LETTERS, letter)
            return
        self._tokens.inc(len(tokenized.words))
        self._sentences.inc(len(tokenized.sentence_start))
        yield tokenized
