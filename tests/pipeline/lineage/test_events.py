"""Records of a run become events that OpenLineage's standard knows, and lose nothing by it."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from openlineage.client.serde import Serde

from model.host.installation import installed_version
from model.tagger.artifact import Artifact
from pipeline.filesystems.model_files import open_model
from pipeline.lineage.environment import LineageConfig, ParentRun
from pipeline.lineage.events import run_event, run_uuid
from pipeline.lineage.records import (
    Assertion,
    Dataset,
    LineageRun,
    RunName,
    State,
    model_dataset,
)
from schemas.tables import ENTITIES
from tests.openlineage_events import Event, require_valid

AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
NAME = RunName("pipeline.run:/out", "r1", "/out", datetime(2026, 11, 22, 2, tzinfo=UTC))
PARENT = ParentRun("airflow", "dag.task", "01a2216d-ada6-7810-b9e4-6731b98919d4")
ROOT = ParentRun("airflow", "dag", "01a2216d-ada6-7810-b9e4-000000000000")

READ = Dataset(
    "file",
    "/in",
    "FILE",
    "documents",
    rows=10,
    files=2,
    assertions=[
        Assertion(
            "max_dead_letters",
            success=True,
            expected="0.05",
            actual="0",
            description="share of records",
            is_blocking=False,
        )
    ],
)
WRITTEN = Dataset(
    "file",
    "/out/entities",
    "TABLE",
    ENTITIES.metadata[b"doc"].decode(),
    columns=ENTITIES,
    version="7",
    rows=3,
    size=1000,
    files=1,
    sums={"start_char": 40},
    table_format="iceberg",
)


def a_run(**more: Any) -> LineageRun:
    given = {
        "parameters": {"text_field": "text", "keep_fields": ["a"], "commit_shards": None},
        "inputs": [READ],
        "outputs": [WRITTEN],
    }
    return LineageRun(NAME, "EXTRACTION", "finds", ("Apache Beam", "2.77.0"), **(given | more))


def as_json(state: State, run: LineageRun, config: LineageConfig, error: str = "") -> Event:
    """The event as the client would send it, held to the standard."""
    event: Event = json.loads(Serde.to_json(run_event(state, AT, run, config, error)))
    require_valid(event)
    return event


@pytest.mark.parametrize("state", ["START", "COMPLETE", "FAIL", "ABORT"])
def test_every_state_is_an_event_of_the_same_run_and_job(state: State) -> None:
    event = as_json(state, a_run(), LineageConfig("mine"))
    assert event["eventType"] == state
    assert event["eventTime"] == "2026-11-22T02:30:00+00:00"
    assert event["run"]["runId"] == str(run_uuid(NAME))
    assert (event["job"]["namespace"], event["job"]["name"]) == ("mine", "pipeline.run:/out")
    assert event["producer"] == f"pkg:generic/gleaner-ner@{installed_version()}"


def test_a_run_has_an_id_of_its_own_in_the_order_of_time() -> None:
    assert run_uuid(NAME) == run_uuid(RunName("other", "r1", "/out", NAME.started_at))
    others = [
        RunName(NAME.job, "r2", "/out", NAME.started_at),
        RunName(NAME.job, "r1", "/other", NAME.started_at),
        RunName(NAME.job, "r1", "/out", AT),
    ]
    assert len({run_uuid(NAME), *map(run_uuid, others)}) == 4
    assert run_uuid(NAME) < run_uuid(others[-1])
    assert run_uuid(NAME).version == 7


def test_what_is_read_has_its_counts_and_what_was_asked_of_it() -> None:
    (read,) = as_json("COMPLETE", a_run(), LineageConfig())["inputs"]
    assert (read["namespace"], read["name"]) == ("file", "/in")
    statistics = read["inputFacets"]["inputStatistics"]
    assert (statistics["rowCount"], statistics["fileCount"]) == (10, 2)
    (asserted,) = read["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (asserted["assertion"], asserted["success"]) == ("max_dead_letters", True)
    assert (asserted["expected"], asserted["actual"]) == ("0.05", "0")
    assert asserted["severity"] == "warn"


def test_what_is_written_has_its_columns_with_their_meanings_and_its_size() -> None:
    (written,) = as_json("COMPLETE", a_run(), LineageConfig())["outputs"]
    columns = written["facets"]["schema"]["fields"]
    assert [column["name"] for column in columns] == ENTITIES.names
    assert [column["ordinal_position"] for column in columns] == list(range(1, len(ENTITIES) + 1))
    label = columns[ENTITIES.names.index("label")]
    assert (label["type"], label["description"]) == ("string", "kind of the entity")
    statistics = written["outputFacets"]["outputStatistics"]
    assert [statistics[name] for name in ("rowCount", "size", "fileCount")] == [3, 1000, 1]
    assert written["facets"]["version"]["datasetVersion"] == "7"
    assert written["facets"]["storage"]["storageLayer"] == "iceberg"
    assert written["facets"]["dataQualityMetrics"]["columnMetrics"]["start_char"]["sum"] == 40


def test_what_is_not_known_is_not_said() -> None:
    bare = Dataset("file", "/x", "FILE", columns=pa.schema([("a", pa.int32())]))
    event = as_json("START", a_run(inputs=[bare], outputs=[bare], parameters={}), LineageConfig())
    assert event["inputs"][0]["inputFacets"] == {}
    assert event["outputs"][0]["outputFacets"] == {}
    assert set(event["inputs"][0]["facets"]) == {"datasetType", "schema"}
    assert set(event["run"]["facets"]) == {"processing_engine", "tags"}


def test_settings_are_told_as_texts() -> None:
    facets = as_json("START", a_run(), LineageConfig())["run"]["facets"]
    given = {each["key"]: each["value"] for each in facets["executionParameters"]["parameters"]}
    assert given == {"text_field": "text", "keep_fields": '["a"]', "commit_shards": "null"}
    assert facets["tags"]["tags"][0]["value"] == "r1"
    assert facets["processing_engine"]["name"] == "Apache Beam"


def test_a_failure_is_told_with_its_message() -> None:
    event = as_json("FAIL", a_run(), LineageConfig(), "the disk is full")
    assert event["run"]["facets"]["errorMessage"]["message"] == "the disk is full"
    event = as_json("COMPLETE", a_run(error="refused"), LineageConfig())
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["errorMessage"]["message"] == "refused"


def test_the_run_of_a_scheduler_is_the_parent() -> None:
    parent = as_json("START", a_run(), LineageConfig(parent=PARENT, root=ROOT))["run"]["facets"][
        "parent"
    ]
    assert parent["run"]["runId"] == PARENT.run_id
    assert (parent["job"]["namespace"], parent["job"]["name"]) == ("airflow", "dag.task")
    assert parent["root"]["run"]["runId"] == ROOT.run_id


def test_the_parent_of_a_part_is_its_job() -> None:
    job = RunName("pipeline.run:/out", "r0", "/out", NAME.started_at)
    for config, root in [
        (LineageConfig("mine", PARENT, ROOT), ROOT.run_id),
        (LineageConfig("mine"), str(run_uuid(job))),
    ]:
        parent = as_json("START", a_run(part_of=job), config)["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == str(run_uuid(job))
        assert (parent["job"]["namespace"], parent["job"]["name"]) == ("mine", job.job)
        assert parent["root"]["run"]["runId"] == root


def test_a_model_has_its_identity_and_its_scores(tiny_model: Artifact) -> None:
    dataset = model_dataset("/models/tiny", "the tagger", tiny_model, "0123")
    (model,) = as_json("START", a_run(inputs=[dataset]), LineageConfig())["inputs"]
    facet = model["facets"]["gleaner_model"]
    assert facet["name"] == tiny_model.name
    assert facet["labels"] == list(tiny_model.tags.labels)
    assert model["facets"]["datasetType"]["datasetType"] == "MODEL"


def test_the_bundled_model_says_what_it_learnt_from() -> None:
    bundled = open_model("gmb-en")
    dataset = model_dataset("/models/gmb-en", "the tagger", bundled, bundled.content_hash)
    (model,) = as_json("START", a_run(inputs=[dataset]), LineageConfig())["inputs"]
    facet = model["facets"]["gleaner_model"]
    assert facet["contentHash"] == model["facets"]["version"]["datasetVersion"]
    assert facet["vectors"] == "glove-6b-50d"
    assert 0.8 < facet["scores"]["dev"]["f1"] < 1
