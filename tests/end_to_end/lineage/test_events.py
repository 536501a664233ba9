"""End to end: what OpenLineage is told of runs."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pipeline.outputs.catalog import read_manifests
from pipeline.run import run
from schemas.errors import DeadLettersError, JobError
from tests.builders import last_of_each
from tests.end_to_end.lineage.conftest import WORD, states
from tests.openlineage_events import Event


def named(datasets: list[Mapping[str, Any]]) -> list[str]:
    return [dataset["name"] for dataset in datasets]


def test_a_run_is_told_from_its_start_to_its_end(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path, tiny_artifact: Path
) -> None:
    """One run, with the counts of its manifest."""
    os.environ["OPENLINEAGE_NAMESPACE"] = "nightly"
    assert run(flags) == 0
    start, complete = lineage_events()
    assert states([start, complete]) == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    (manifest,) = read_manifests(f"{tmp_path}/out")
    for event in (start, complete):
        assert event["job"]["namespace"] == "nightly"
        assert event["job"]["name"] == f"pipeline.run:{tmp_path}/out"
        assert named(event["inputs"]) == [f"{tmp_path}/in", str(tiny_artifact)]
        assert named(event["outputs"]) == [f"{tmp_path}/out/{t}" for t in manifest["tables"]]
        assert event["run"]["facets"]["tags"]["tags"][0]["value"] == manifest["run_id"]
    for dataset, table in zip(complete["outputs"], manifest["tables"].values(), strict=True):
        written = dataset["outputFacets"]["outputStatistics"]
        found = [written[name] for name in ("rowCount", "size", "fileCount")]
        assert found == [table["rows"], table["bytes"], len(table["files"])]
    read = complete["inputs"][0]["inputFacets"]["inputStatistics"]
    assert (read["rowCount"], read["fileCount"]) == (manifest["counts"]["records"], 3)
    model = complete["inputs"][1]
    assert f"tiny@{model['facets']['version']['datasetVersion']}" == manifest["model"]
    sums = complete["outputs"][1]["facets"]["dataQualityMetrics"]["columnMetrics"]
    assert sums["characters"]["sum"] == manifest["counts"]["characters"]


def test_each_run_of_a_job_is_another_run_of_it(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    """One that had nothing to do writes nothing."""
    for _ in range(2):
        assert run([*flags, "--only_new"]) == 0
    found = lineage_events()
    assert states(found) == ["START", "COMPLETE"] * 2
    assert len({event["job"]["name"] for event in found}) == 1
    assert len({event["run"]["runId"] for event in found}) == 2
    assert found[-1]["inputs"][0]["inputFacets"]["inputStatistics"]["fileCount"] == 0
    assert not found[-1]["outputs"]


def test_a_refused_run_failed_with_what_it_was_refused_for(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    (tmp_path / "in" / "d.jsonl").write_text(f'{{"id": "{WORD}"\n' * 5)
    with pytest.raises(DeadLettersError):
        run(flags)
    start, fail = lineage_events()
    assert states([start, fail]) == ["START", "FAIL"]
    (manifest,) = read_manifests(f"{tmp_path}/out")
    assert fail["run"]["facets"]["errorMessage"]["message"] == manifest["error"]
    asserted = fail["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {each["assertion"]: each["success"] for each in asserted} == {
        "max_dead_letters": False,
        "max_broken_files": True,
    }
    assert named(fail["outputs"]) == [f"{tmp_path}/out/dead_letters"]
    assert WORD not in (tmp_path / "lineage.jsonl").read_text()


def test_a_run_that_fails_says_why_without_values_of_documents(
    flags: list[str],
    lineage_events: Callable[[], list[Event]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> NoReturn:
        raise ValueError(f"cannot bear '{WORD}' here")

    monkeypatch.setattr("pipeline.extraction.extract", failing)
    with pytest.raises(JobError, match=WORD):
        run(flags)
    start, fail = lineage_events()
    assert states([start, fail]) == ["START", "FAIL"]
    assert "cannot bear '…' here" in fail["run"]["facets"]["errorMessage"]["message"]
    assert WORD not in (tmp_path / "lineage.jsonl").read_text()


def test_an_interrupted_run_was_aborted(
    flags: list[str], lineage_events: Callable[[], list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt("terminated")

    monkeypatch.setattr("pipeline.extraction.extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(flags)
    assert states(lineage_events()) == ["START", "ABORT"]


def test_an_error_before_the_run_is_no_run(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    with pytest.raises(JobError):
        run([*flags, f"--model={tmp_path}/none"])
    assert lineage_events() == []


def test_parts_are_runs_below_their_job(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    """The second is refused, and so the job fails, in spite of the others."""
    (tmp_path / "in" / "b.jsonl").write_text("broken\n" * 5)
    task = "01a2216d-ada6-7810-b9e4-6731b98919d4"
    os.environ["OPENLINEAGE_PARENT_ID"] = f"airflow/dag.task/{task}"
    with pytest.raises(DeadLettersError):
        run([*flags, "--commit_shards=1"])
    found = lineage_events()
    assert states(found) == [
        *("START", "START", "COMPLETE", "START", "FAIL", "START", "COMPLETE", "FAIL")
    ]
    job = found[0]
    assert job["run"]["runId"] == found[-1]["run"]["runId"]
    assert job["run"]["facets"]["parent"]["run"]["runId"] == task
    for event in found[1:-1]:
        assert event["job"]["name"] == f"pipeline.run.part:{tmp_path}/out"
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == job["run"]["runId"]
        assert parent["job"]["name"] == job["job"]["name"]
        assert parent["root"]["run"]["runId"] == task
    assert len({event["run"]["runId"] for event in found}) == 4


def test_objects_are_named_by_their_bucket(
    bucket: str, fill: Callable[[str], list[str]], lineage_events: Callable[[], list[Event]]
) -> None:
    """The model is there too."""
    assert run([*fill(bucket), "--direct_num_workers=1"]) == 0
    _, complete = lineage_events()
    datasets = [*complete["inputs"], *complete["outputs"]]
    assert {dataset["namespace"] for dataset in datasets} == {f"s3://{bucket}"}
    assert named(complete["outputs"]) == ["out/entities", "out/documents", "out/dead_letters"]
    assert complete["job"]["name"] == f"pipeline.run:s3://{bucket}/out"


def test_worker_processes_tell_nothing(
    flags: list[str], lineage_events: Callable[[], list[Event]]
) -> None:
    assert run(last_of_each([*flags, "--direct_num_workers=2"])) == 0
    assert states(lineage_events()) == ["START", "COMPLETE"]
