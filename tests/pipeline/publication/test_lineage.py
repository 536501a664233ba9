"""OpenLineage is told of each publish: what it read, and the tables that came of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipeline.publication.publish import publish_all, required_targets
from pipeline.publication.targets import target
from schemas.errors import JobError
from tests.jobs.runs.view.histories import LATER, SOURCES, TABLES, committed, write
from tests.openlineage_events import Event, require_valid
from tests.pipeline.publication.readers import iceberg_table


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output with one run."""
    root = tmp_path / "out"
    root.mkdir()
    write(root, committed("r1", list(SOURCES)))
    return root


def test_a_publish_is_told_with_the_rows_of_its_tables(
    root: Path, lineage_events: Callable[[], list[Event]]
) -> None:
    texts = (f"delta={root}-lake", "iceberg=open")
    publish_all(str(root), required_targets(str(root), texts))
    events = lineage_events()
    for event in events:
        require_valid(event)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 2
    for event, text, place in zip(events[1::2], texts, ("-lake", "/_iceberg/open"), strict=True):
        assert event["job"]["name"] == f"jobs.publish:{text}"
        assert [one["name"] for one in event["inputs"]] == [f"{root}/{table}" for table in TABLES]
        written = {one["name"]: one["outputFacets"]["outputStatistics"] for one in event["outputs"]}
        rows = {name: facet["rowCount"] for name, facet in written.items()}
        expected = {"entities": 6, "documents": 6, "dead_letters": 6}
        assert rows == {f"{root}{place}/{table}": count for table, count in expected.items()}


@pytest.mark.parametrize("by", ["", ",by=year"])
def test_a_publish_is_told_with_the_columns_that_its_tables_have(
    root: Path, lineage_events: Callable[[], list[Event]], by: str
) -> None:
    """With the run, with fields that were kept, and with those that no run keeps any more."""
    write(root, {**committed("r2", [SOURCES[0]], ["year"]), "timings": LATER})
    texts = [f"delta={root}-lake{by}", f"iceberg=open{by}"]
    publish_all(str(root), required_targets(str(root), texts))
    kept = json.loads((root / "runs/r2.json").read_text())
    kept["configuration"]["keep_fields"] = []
    (root / "runs/r2.json").write_text(json.dumps(kept))
    publish_all(str(root), required_targets(str(root), texts))
    events = [event for event in lineage_events() if event["eventType"] == "COMPLETE"]
    for event in events:
        require_valid(event)
        for output, table in zip(event["outputs"], TABLES, strict=True):
            fields = output["facets"]["schema"]["fields"]
            place = Path(f"{root}-lake/{table}")
            columns = [field.name for field in DeltaTable(place).schema().fields]
            if "iceberg" in event["job"]["name"]:
                columns = [field.name for field in iceberg_table(root, table).schema().fields]
            assert [field["name"] for field in fields] == columns
            assert all(field["description"] for field in fields)
            assert "run_id" in columns
            assert ("year" in columns) == (table == "documents" or bool(by and table == "entities"))
    assert len(events) == 4


def test_a_publish_that_fails_is_told_so(
    root: Path, lineage_events: Callable[[], list[Event]]
) -> None:
    for path in (root / "documents").glob("*/part-*"):
        path.unlink()
    with pytest.raises(JobError, match="cannot be copied"):
        publish_all(str(root), [target(f"delta={root}/lake", str(root))])
    events = lineage_events()
    assert [event["eventType"] for event in events] == ["START", "FAIL"]
    for event in events:
        require_valid(event)
