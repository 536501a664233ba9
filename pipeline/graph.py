"""The whole graph on one screen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler
from apache_beam.pvalue import PCollection

from model.text.segmentation import Segmentation
from pipeline.inputs.formats import ReadConfig
from pipeline.outputs.description import RunDescription
from pipeline.stages.batch import BatchByTokens
from pipeline.stages.coders import register_coders
from pipeline.stages.commit import CommitInputs, CommitRun
from pipeline.stages.match import MatchShards
from pipeline.stages.pad import PadBatches
from pipeline.stages.read import LoadScreen, ReadDocuments
from pipeline.stages.row_sinks import WriteConfig
from pipeline.stages.tag import Result, TagBatches
from pipeline.stages.tokenize import TokenizeDocuments
from pipeline.stages.write import TableInputs, WriteTables
from schemas.manifest import Manifest

if TYPE_CHECKING:
    from model.tagger.tagger import Tagger


@dataclass(frozen=True)
class ExtractionPlan:
    """All that the graph needs, settled and checked before it is built, but for what is read.

    That is in the plan of the run's storage, so that the graph's size does not depend on it.
    """

    read: ReadConfig
    segmentation: Segmentation
    batch_tokens: int
    handler: "ModelHandler[Any, Result, Tagger]"
    write: WriteConfig
    run: RunDescription
    screens: tuple[LoadScreen, ...] = ()


def extract(pipeline: beam.Pipeline, plan: ExtractionPlan) -> PCollection[Manifest]:
    """Shards in, tables written and committed; the one element is the run's manifest."""
    register_coders()
    shards = pipeline | "MatchShards" >> MatchShards(plan.write.storage)
    reading = ReadDocuments(plan.read, plan.write.progress, plan.screens)
    read = shards | "ReadDocuments" >> reading
    tokenized = read.documents | "TokenizeDocuments" >> TokenizeDocuments(plan.segmentation)
    batches = tokenized.documents | "BatchByTokens" >> BatchByTokens(plan.batch_tokens)
    padded = batches | "PadBatches" >> PadBatches()
    tagged = padded.batches | "TagBatches" >> TagBatches(plan.handler)
    failures = tuple(stage.dead_letters for stage in (read, tokenized, padded, tagged))
    files = TableInputs(tagged.documents, failures) | "WriteTables" >> WriteTables(plan.write)
    results = CommitInputs(files, read.shard_results)
    return results | "CommitRun" >> CommitRun(plan.run, plan.write.storage)
