"""What a run reads, as a file beside its output: the one place that submitter and workers share.

In the graph it would grow with the input: 100,000 files come to 4 MB, which is what one message
of gRPC may hold by default, and Dataflow takes graphs of up to 10 MB.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from typing import Any

import pyarrow as pa

from model.gazetteer.matching import Gazetteer
from pipeline.filesystems.beam import open_file
from pipeline.outputs.description import RunDescription
from pipeline.outputs.storage import RunStorage
from schemas.records import Shard


def write_plan(storage: RunStorage, run: RunDescription, shards: Sequence[Shard]) -> None:
    """Let those who know the storage know the shards, and what the run reads in all."""
    plan = {
        "inputs": dict(run.inputs),
        "repairs": dict(run.repairs),
        "forgotten": sorted(run.forgotten),
        "real_paths": dict(run.real_paths),
        "shards": [astuple(shard) for shard in shards],
    }
    with storage.create(storage.plan) as stream:
        stream.write(json.dumps(plan).encode())


def write_gazetteer(storage: RunStorage, gazetteer: Gazetteer) -> None:
    """Let those who know the storage know the terms, ready to be looked for."""
    with storage.create(storage.gazetteer) as stream:
        gazetteer.write(pa.PythonFile(stream, mode="w"))


def planned_shards(storage: RunStorage) -> Iterator[Shard]:
    """The shards that were planned, in their order."""
    for fields in _read(storage)["shards"]:
        yield Shard(*fields)


def without_plan(run: RunDescription) -> RunDescription:
    """A run in, what there is to say of it whatever it reads out."""
    return replace(run, inputs={}, repairs={}, real_paths={}, shards=(), forgotten=frozenset())


def with_plan(run: RunDescription, storage: RunStorage) -> RunDescription:
    """The inverse of `without_plan`, by the plan that was written."""
    plan = _read(storage)
    shards = [(source, start) for source, _format, start, *_ in plan["shards"]]
    told = {name: plan[name] for name in ("inputs", "repairs", "real_paths")}
    return replace(run, **told, shards=shards, forgotten=frozenset(plan["forgotten"]))


def _read(storage: RunStorage) -> dict[str, Any]:
    with open_file(storage.plan) as stream:
        plan: dict[str, Any] = json.load(stream)
    return plan
