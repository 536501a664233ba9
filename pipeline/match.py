"""MatchShards: nothing in, the shards to read out, spread over the workers."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from schemas.records import Shard


class MatchShards(beam.PTransform[PBegin, PCollection[Shard]]):
    """The start of a pipeline in, its shards out, one element each, ready to be read in parallel.

    `shards` come from `pipeline.shards.plan_shards`, called when the job is submitted: patterns
    that match nothing, unknown formats and the size of the input must be known before it starts.
    The Reshuffle keeps reading from being fused onto the one worker that creates the names; it is
    the only one before the tables are written, and moves names only.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        super().__init__()
        self.shards = tuple(shards)

    def expand(self, pbegin: PBegin) -> PCollection[Shard]:
        """Create the names (without Create's own reshuffle), and spread them."""
        create = beam.Create(self.shards, reshuffle=False).with_output_types(Shard)
        shards: PCollection[Shard] = (
            pbegin | "CreateShards" >> create | "SpreadShards" >> beam.Reshuffle()
        )
        return shards
