"""TokenizeDocuments: documents in, their sentences and tokens out."""

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from model.segmentation import Segmentation, tokenize_document
from schemas.records import Document, TokenizedDocument


class TokenizeDocuments(beam.PTransform[PCollection[Document], PCollection[TokenizedDocument]]):
    """Documents in, tokenized documents out, cut as the model's segmentation says."""

    def __init__(self, segmentation: Segmentation) -> None:
        super().__init__()
        self.segmentation = segmentation

    def expand(self, documents: PCollection[Document]) -> PCollection[TokenizedDocument]:
        return documents | "Tokenize" >> beam.ParDo(_Tokenize(self.segmentation))


class _Tokenize(beam.DoFn):
    def __init__(self, segmentation: Segmentation) -> None:
        self._segmentation = segmentation
        self._tokens = Metrics.counter("TokenizeDocuments", "tokens")
        self._sentences = Metrics.counter("TokenizeDocuments", "sentences")

    def process(self, document: Document) -> list[TokenizedDocument]:
        tokenized = tokenize_document(document, self._segmentation)
        self._tokens.inc(len(tokenized.words))
        self._sentences.inc(len(tokenized.sentence_start))
        return [tokenized]
