"""MatchShards: nothing in, the shards to read out, spread over the workers."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from pipeline.outputs.plan import planned_shards
from pipeline.outputs.storage import RunStorage
from schemas.records import Shard


class MatchShards(beam.PTransform[PBegin, PCollection[Shard]]):
    """The start of a pipeline in, its shards out, one element each, ready to be read in parallel.

    They come from `pipeline.inputs.shards.plan_shards`, called when the job is submitted: patterns
    that match nothing, unknown formats and the size of the input must be known before it starts.
    They travel as the plan of the run's storage. The Reshuffle keeps reading from being fused onto
    the one worker that reads the plan; it is the only one before the tables are written, and moves
    names only.
    """

    def __init__(self, storage: RunStorage) -> None:
        super().__init__()
        self.storage = storage

    def expand(self, pbegin: PBegin) -> PCollection[Shard]:
        """Read the names, and spread them."""
        shards: PCollection[Shard] = (
            pbegin
            | "Start" >> beam.Impulse()
            | "ReadPlan" >> beam.FlatMap(_shards, self.storage).with_output_types(Shard)
            | "SpreadShards" >> beam.Reshuffle()
        )
        return shards


def _shards(_start: bytes, storage: RunStorage) -> Iterator[Shard]:
    return planned_shards(storage)
