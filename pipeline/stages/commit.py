"""CommitRun: the results of files and shards in, the committed run's manifest out."""

from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection

from pipeline.outputs.description import RunDescription
from pipeline.outputs.plan import with_plan, without_plan
from pipeline.outputs.storage import RunStorage
from pipeline.outputs.transactions import commit_run
from pipeline.stages.dead_letters import NamedPTransform
from schemas.manifest import Manifest
from schemas.records import FileResult, ShardResult


class CommitInputs(NamedTuple):
    """What the run did."""

    files: PCollection[FileResult]
    shards: PCollection[ShardResult]


class CommitRun(NamedPTransform[CommitInputs, PCollection[Manifest]]):
    """All results in, gathered under one key; the manifest out, once it is written.

    What the run reads is in the plan of its storage (`pipeline.outputs.plan`), not in the graph.
    Committing again does nothing more: the manifest that is there stays, and so do its tables.
    """

    def __init__(self, run: RunDescription, storage: RunStorage) -> None:
        super().__init__()
        self.run = without_plan(run)
        self.storage = storage

    def expand(self, inputs: CommitInputs) -> PCollection[Manifest]:
        # The seed makes a group even where nothing was read.
        seed = inputs.files.pipeline | "Seed" >> beam.Create([None], reshuffle=False)
        return (
            (seed, inputs.files, inputs.shards)
            | "Results" >> beam.Flatten()
            | "OneKey" >> beam.Map(_under_one_key)
            | "Gather" >> beam.GroupByKey()
            | "Commit" >> beam.Map(_commit, run=self.run, storage=self.storage)
        )


Result = FileResult | ShardResult | None


def _under_one_key(result: Result) -> tuple[str, Result]:
    return "", result


def _commit(
    keyed: tuple[str, Iterable[Result]], run: RunDescription, storage: RunStorage
) -> Manifest:
    gathered = list(keyed[1])
    return commit_run(
        [result for result in gathered if isinstance(result, FileResult)],
        [result for result in gathered if isinstance(result, ShardResult)],
        with_plan(run, storage),
        storage,
    )
