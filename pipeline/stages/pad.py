"""PadBatches: lists of tokenized documents in, padded batches out."""

from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection

from model.tagger.padding import pad_documents
from pipeline.stages.batch import Batch
from pipeline.stages.dead_letters import (
    DEAD_LETTERS,
    NamedPTransform,
    TaggedDeadLetter,
    in_halves,
    routed,
    set_aside,
)
from schemas.records import DeadLetter, PaddedBatch

STAGE = "PadBatches"


class PadOutputs(NamedTuple):
    """The two collections that padding gives."""

    batches: PCollection[PaddedBatch]
    dead_letters: PCollection[DeadLetter]


class PadBatches(NamedPTransform[PCollection[Batch], PadOutputs]):
    """Lists of documents in, padded batches out: words as numbers, in buckets of like length.

    A list that fails is padded in halves, down to the documents at fault: these are dead letters.
    """

    def expand(self, batches: PCollection[Batch]) -> PadOutputs:
        pad = beam.FlatMap(_pad).with_outputs(DEAD_LETTERS, main="batches")
        return PadOutputs(*(batches | "Pad" >> pad))


def _pad(documents: Batch) -> list[PaddedBatch | TaggedDeadLetter]:
    padded = in_halves(documents, lambda some: [pad_documents(some)], set_aside(STAGE))
    return [routed(result) for result in padded]
