"""PadBatches: lists of tokenized documents in, padded batches out."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import IOTypeHints

from model.tagger.padding import pad_documents
from pipeline.stages.batch import Batch
from pipeline.stages.dead_letters import (
    DEAD_LETTERS,
    TaggedDeadLetter,
    in_halves,
    routed,
    set_aside,
)
from schemas.records import DeadLetter, PaddedBatch, TokenizedDocument

STAGE = "PadBatches"


class PadOutputs(NamedTuple):
    """The two collections that padding gives."""

    batches: PCollection[PaddedBatch]
    dead_letters: PCollection[DeadLetter]


class PadBatches(beam.PTransform[PCollection[Batch], PadOutputs]):
    """Lists of documents in, padded batches out: words as numbers, in buckets of like length.

    A list that fails is padded in halves, down to the documents at fault: these are dead letters.
    """

    def default_type_hints(self) -> IOTypeHints:
        """No hints of the whole: Beam cannot use `PadOutputs` as one."""
        return IOTypeHints.empty()

    def expand(self, batches: PCollection[Batch]) -> PadOutputs:
        outputs = batches | "Pad" >> beam.FlatMap(_pad).with_outputs(DEAD_LETTERS, main="batches")
        return PadOutputs(outputs.batches, outputs.dead_letters)


def _pad(documents: Batch) -> list[PaddedBatch | TaggedDeadLetter]:
    give_up = partial(set_aside, stage=STAGE)
    return [routed(result) for result in in_halves(documents, _padded, give_up)]


def _padded(documents: Sequence[TokenizedDocument]) -> list[PaddedBatch]:
    return [pad_documents(documents)]
