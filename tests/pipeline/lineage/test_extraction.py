"""What is told of an extraction is what its description and its manifest say."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import pytest

from model.tagger.artifact import Artifact
from pipeline.filesystems.model_files import open_model
from pipeline.lineage.extraction import assertions, extraction_job, extraction_run, job_name
from pipeline.lineage.records import LineageRun
from pipeline.outputs.description import Part, RunDescription, installed_versions
from pipeline.outputs.forgotten import FORGOTTEN
from schemas.manifest import Configuration, InputEntry, Level, Manifest
from tests.builders import configuration, manifest_of

STARTED = datetime(2026, 11, 22, 2, tzinfo=UTC)
JOB = job_name("/out", "r1", STARTED)


def described(*patterns: str, **more: Any) -> RunDescription:
    given = Configuration({**configuration(), "input": list(patterns or ["/in/*.jsonl"])})
    run = RunDescription(
        "r1", STARTED, "tiny@0", given, {}, max_broken_files=0.0, versions=installed_versions()
    )
    return replace(run, **more)


def manifest(*inputs: tuple[str, int], **more: Any) -> Manifest:
    """That of a run which read so many records of each source."""
    made = manifest_of("r1", **more)
    made["inputs"] = [
        cast(InputEntry, {"source": source, "records": records, "complete": True})
        for source, records in inputs
    ]
    made["counts"] |= {"files": len(inputs), "records": sum(count for _, count in inputs)}
    return cast(Manifest, made)


@cache
def bundled() -> Artifact:
    return open_model("gmb-en")


def told(run: RunDescription, end: Manifest | None = None) -> LineageRun:
    return extraction_run(run, end, job=JOB, model="gmb-en", artifact=bundled())


def test_a_job_has_the_same_name_each_night() -> None:
    later = job_name("/out", "r2", datetime(2026, 11, 23, 2, tzinfo=UTC))
    assert JOB.job == later.job == "pipeline.run:/out"
    assert told(described()).name == JOB


def test_shards_are_counted_where_they_are() -> None:
    run = described("/in/a/*.jsonl", "/in/b")
    documents_a, documents_b, model = told(
        run, manifest(("/in/a/1.jsonl", 3), ("/in/a/2.jsonl", 4), ("/in/b/c/1.jsonl", 5))
    ).inputs
    assert (documents_a.name, documents_a.files, documents_a.rows) == ("/in/a", 2, 7)
    assert (documents_b.name, documents_b.files, documents_b.rows) == ("/in/b", 1, 5)
    assert model.kind == "MODEL"
    assert model.name.endswith("model/bundled/gmb-en")


def test_sources_that_are_elsewhere_are_counted_too() -> None:
    """As those are whose dead letters are read again."""
    run = described("/out/dead_letters")
    documents, _ = told(run, manifest(("/in/1.jsonl", 3), ("/in/2.jsonl", 1))).inputs
    assert (documents.name, documents.files, documents.rows) == ("/out/dead_letters", 2, 4)


def test_lists_are_inputs_in_the_state_that_their_hashes_tell() -> None:
    given = Configuration({**configuration(), "gazetteer": ["0a", "1b"]})
    run = described(configuration=given, gazetteer=("file:///lists/a.csv", "s3://b/lists/c.csv"))
    for end in (None, manifest(("/in/1.jsonl", 3))):
        _, _, *lists = told(run, end).inputs
        assert [(each.namespace, each.name, each.version) for each in lists] == [
            ("file", "/lists/a.csv", "0a"),
            ("s3://b", "lists/c.csv", "1b"),
        ]
        assert {each.kind for each in lists} == {"FILE"}


def test_what_was_forgotten_is_not_named() -> None:
    run = described(FORGOTTEN, inputs={"/qwxz/1.jsonl": "f"})
    for end in (None, manifest((FORGOTTEN, 3))):
        assert "qwxz" not in str(told(run, end))


def test_before_it_is_done_nothing_is_counted() -> None:
    run = told(described())
    assert [table.name for table in run.outputs] == [
        "/out/entities",
        "/out/documents",
        "/out/dead_letters",
    ]
    for dataset in (*run.inputs, *run.outputs):
        assert (dataset.rows, dataset.size, dataset.files) == (None, None, None)
        assert not dataset.assertions


def test_tables_that_were_not_written_are_no_outputs() -> None:
    end = manifest(("/in/1.jsonl", 3), status="failed", error="too many")
    end["tables"] = {"dead_letters": {"rows": 3, "bytes": 10, "files": []}}
    run = told(described(), end)
    assert [(table.name, table.rows) for table in run.outputs] == [("/out/dead_letters", 3)]
    assert run.error == "too many"
    del end["tables"], end["counts"]
    assert told(described(), end).outputs == []


def test_a_part_is_a_run_of_its_own_beside_its_job() -> None:
    run = told(described(run_id="r1.2", part=Part("r1", 2, 3)))
    assert (run.name.job, run.name.run_id) == ("pipeline.run.part:/out", "r1.2")
    assert run.part_of == extraction_job(configuration(), JOB).name == JOB


def test_flags_are_told_but_for_the_input() -> None:
    job = extraction_job(configuration(), JOB)
    assert job.parameters["text_field"] == "text"
    assert "input" not in job.parameters


@pytest.mark.parametrize(
    ("counts", "limits", "expected"),
    [
        ({"dead_letters": 0}, {}, {"max_dead_letters": (True, "0")}),
        (
            {"dead_letters": 3},
            {"max_dead_letters": 0.1},
            {"max_dead_letters": (False, "0.3")},
        ),
        (
            {"broken_files": 1},
            {"max_broken_files": 0.5},
            {"max_dead_letters": (True, "0"), "max_broken_files": (True, "0.5")},
        ),
        ({"broken_files": 1}, {}, {"max_broken_files": (False, "0.5")}),
        ({}, {"max_broken_files": None}, {"max_dead_letters": (True, "0")}),
    ],
)
def test_an_assertion_holds_where_the_run_is_not_refused_for_it(
    counts: dict[str, int], limits: dict[str, Any], expected: dict[str, tuple[bool, str]]
) -> None:
    end = manifest(("/in/1.jsonl", 6), ("/in/2.jsonl", 4))
    end["counts"].update(counts)  # type: ignore[typeddict-item]  # of its keys
    for entry in end["inputs"][: counts.get("broken_files", 0)]:
        entry["complete"] = False
    found = {each.name: each for each in assertions(described(**limits), end)}
    for name, (success, actual) in expected.items():
        assert (found[name].success, found[name].actual) == (success, actual)
    assert ("max_broken_files" in found) == (limits.get("max_broken_files", 0) is not None)


@pytest.mark.parametrize(("level", "success"), [("stable", True), ("drift", False)])
def test_drift_is_an_assertion_where_it_is_known(level: Level, success: bool) -> None:
    end = manifest(("/in/1.jsonl", 6))
    assert "drift" not in {each.name for each in assertions(described(), end)}
    end["drift"] = {"level": level}
    found = {each.name: each for each in assertions(described(fail_on_drift=True), end)}
    assert (found["drift"].success, found["drift"].is_blocking) == (success, True)
