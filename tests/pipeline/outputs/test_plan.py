"""The plan: what a run reads reaches its workers whole, and the graph does not carry it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import apache_beam as beam
import pytest

from pipeline.outputs.description import RunDescription
from pipeline.outputs.plan import planned_shards, with_plan, without_plan, write_plan
from pipeline.outputs.storage import run_storage
from pipeline.run import run
from pipeline.runners.local import LocalRunner
from schemas.errors import JobError
from schemas.records import Shard
from tests.builders import configuration

SHARDS = [
    Shard('/a "b"\n\u2028.jsonl', "jsonl", 0, 50, 50, "100-1"),
    Shard('/a "b"\n\u2028.jsonl', "jsonl", 50, 100, 50, "100-1"),
    Shard("s3://b/é.gz", "jsonl", 0, None, 2**40, "9-1"),
]
RUN = RunDescription(
    run_id="r1",
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    model="tiny@0",
    configuration=configuration(),
    inputs={"s3://b/é.gz": "9-1", '/a "b"\n\u2028.jsonl': "100-1"},  # in an order of their own
    shards=[(shard.source, shard.start) for shard in SHARDS],
    repairs={"s3://b/é.gz": "r0"},
)


def test_what_a_run_reads_is_read_back_as_it_was_planned(tmp_path: Path) -> None:
    storage = run_storage(str(tmp_path), "r1")
    write_plan(storage, RUN, SHARDS)
    assert list(planned_shards(storage)) == SHARDS
    known = without_plan(RUN)
    assert known == replace(RUN, inputs={}, shards=(), repairs={})
    back = with_plan(known, storage)
    assert back == RUN
    assert list(back.inputs) == list(RUN.inputs)


def test_the_submitted_graph_does_not_grow_with_the_number_of_files(
    tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runners bound its size: some at 4 MB, which 100,000 files with long names would pass."""
    sizes = []

    def measure(_: object, build: Callable[[beam.Pipeline], object], *__: object) -> NoReturn:
        pipeline = beam.Pipeline()
        build(pipeline)
        sizes.append(pipeline.to_runner_api().ByteSize())
        shutil.rmtree(pipeline.local_tempdir)  # which Beam removes when it runs a pipeline
        raise JobError("measured")

    monkeypatch.setattr(LocalRunner, "run", measure)
    for count in (2, 400):
        for number in range(count):
            (tmp_path / f"part-{number:05d}.jsonl").write_text('{"id": 1, "text": "Oslo"}\n')
        flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/out", f"--run_id=r{count}"]
        with pytest.raises(JobError, match="measured"):
            run([*flags, f"--input={tmp_path}"])
    few, many = sizes
    assert many < few + 200  # names as long as run ids differ by some bytes
