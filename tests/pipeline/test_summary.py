"""The summary: the numbers of the manifest, readable, and where the files are."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.summary import format_summary, shown_path


def manifest(broken: int = 0) -> dict[str, Any]:
    counts = {"files": 3, "broken_files": broken, "records": 1500, "documents": 1499}
    counts |= {"dead_letters": 1, "sentences": 9000, "tokens": 123456, "entities": 2345}
    labels = {"geo": 5, "org": 2000, "per": 340}
    table = {"rows": 2345, "bytes": 1_250_000, "files": []}
    return {
        "run_id": "r1",
        "status": "committed",
        "model": "gmb-en@0123456789ab",
        "timings": {"seconds": 2.0},
        "counts": {**counts, "entities_by_label": labels},
        "tables": dict.fromkeys(("entities", "documents", "dead_letters"), table),
    }


def test_the_summary_reconciles_and_says_where_the_files_are() -> None:
    """One screen: records = documents + dead letters; the commonest label first."""
    expected = """\
run r1 committed in 2.0 s, model gmb-en@0123456789ab
  read      3 files, 1,500 records
            = 1,499 documents + 1 dead letters
  tagged    123,456 tokens, 61,728 a second
  found     2,345 entities, org 2,000, per 340, geo 5
  written   gs://bucket/out
    entities/run_id=r1                                  2,345 rows      1.25 MB
    documents/run_id=r1                                 2,345 rows      1.25 MB
    dead_letters/run_id=r1                              2,345 rows      1.25 MB
    runs/r1.json"""
    assert format_summary(manifest(), "gs://bucket/out") == expected


def test_files_that_broke_off_are_told_of() -> None:
    told = "  broken    2 files could not be read to the end"
    assert told in format_summary(manifest(broken=2), "gs://b").splitlines()
    assert "broken" not in format_summary(manifest(), "gs://b")


def test_documents_unlike_the_training_data_are_told_of_after_what_was_found() -> None:
    """Drift alone: what is moderate, or could not be compared, stands in the manifest."""
    statistics = {"labels": {"level": "drift", "value": 0.3849}, "confidence": {"reason": "few"}}
    drifted = {**manifest(), "drift": {"level": "drift", "statistics": statistics}}
    lines = format_summary(drifted, "gs://b").splitlines()
    place = lines.index("  drift     unlike the model's training data in labels (PSI 0.38)")
    assert lines[place - 1].startswith("  found")
    for quiet in ({"level": "moderate", "statistics": statistics}, {"reason": "few"}):
        assert "drift" not in format_summary({**manifest(), "drift": quiet}, "gs://b")


def test_a_run_with_nothing_to_do_says_why_and_no_more() -> None:
    told = manifest()
    told |= {"status": "empty", "counts": dict.fromkeys(told["counts"], 0), "tables": {}}
    told["counts"] |= {"skipped_files": 1200, "entities_by_label": {}}
    assert format_summary(told, "gs://b") == (
        """\
run r1 empty in 2.0 s, model gmb-en@0123456789ab
  skipped   1,200 files, done already with this model and configuration
  read      0 files, 0 records
  written   gs://b
    runs/r1.json"""
    )


def test_a_run_of_no_time_divides_by_nothing() -> None:
    quick = {**manifest(), "timings": {"seconds": 0.0}}
    assert "123,456 tokens" in format_summary(quick, "gs://b")


def test_a_local_path_is_shown_the_shorter_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(str(tmp_path / "out")) == "out"
    assert shown_path("/data") == "/data"
    assert shown_path("gs://bucket/out") == "gs://bucket/out"
