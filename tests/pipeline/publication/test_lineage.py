"""OpenLineage is told of each publish: what it read, and the tables that came of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.publication.publish import publish_all, required_targets
from pipeline.publication.targets import target
from schemas.errors import JobError
from tests.jobs.runs.view.histories import SOURCES, TABLES, committed, write
from tests.openlineage_events import Event, require_valid


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
