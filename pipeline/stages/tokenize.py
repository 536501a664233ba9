"""TokenizeDocuments: documents in, their sentences and tokens out."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from model.text.segmentation import Segmentation, tokenize_document
from pipeline.stages.dead_letters import (
    DEAD_LETTERS,
    DocumentOutputs,
    NamedPTransform,
    TaggedDeadLetter,
    document_dead_letter,
)
from schemas.records import Document, TokenizedDocument

STAGE = "TokenizeDocuments"


Outputs = DocumentOutputs[TokenizedDocument]


class TokenizeDocuments(NamedPTransform[PCollection[Document], Outputs]):
    """Documents in, tokenized documents out, cut as the model's segmentation says.

    A document that cannot be tokenized becomes a dead letter.
    """

    def __init__(self, segmentation: Segmentation) -> None:
        super().__init__()
        self.segmentation = segmentation

    def expand(self, documents: PCollection[Document]) -> Outputs:
        tokenize = beam.ParDo(_Tokenize(self.segmentation))
        return Outputs(
            *(documents | "Tokenize" >> tokenize.with_outputs(DEAD_LETTERS, main="documents"))
        )


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
