"""TokenizeDocuments: documents in, their sentences and tokens out."""

from collections.abc import Iterator, Sequence

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
    in_halves,
    routed,
)
from schemas.records import DeadLetter, Document, TokenizedDocument

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
        for result in in_halves([document], self._tokenized, _give_up):
            if isinstance(result, TokenizedDocument):
                self._tokens.inc(len(result.words))
                self._sentences.inc(len(result.sentence_start))
            yield routed(result)

    def _tokenized(self, documents: Sequence[Document]) -> list[TokenizedDocument]:
        return [tokenize_document(document, self._segmentation) for document in documents]


def _give_up(document: Document, error: BaseException) -> DeadLetter:
    return document_dead_letter(document, STAGE, error)
