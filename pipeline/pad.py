"""PadBatches: lists of tokenized documents in, padded batches out."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from model.padding import pad_documents
from pipeline.batch import Batch
from schemas.records import PaddedBatch


class PadBatches(beam.PTransform[PCollection[Batch], PCollection[PaddedBatch]]):
    """Lists of documents in, padded batches out: words as numbers, in buckets of like length."""

    def expand(self, batches: PCollection[Batch]) -> PCollection[PaddedBatch]:
        return batches | "Pad" >> beam.Map(pad_documents)
