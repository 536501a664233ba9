"""The summary: the numbers of the manifest, readable, and where the files are."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.filesystems.paths import shown_path
from pipeline.outputs.manifest import input_entry
from pipeline.report.summary import as_event, format_summary
from schemas.manifest import Manifest


def manifest(broken: int = 0) -> Any:  # noqa: ANN401 - it has what a summary shows, and no more
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


def lines_of(told: Manifest) -> list[str]:
    return format_summary(told, "gs://b").splitlines()


def test_the_summary_reconciles_and_says_what_was_lost_where_it_is_and_what_comes_next() -> None:
    """One screen: records = documents + dead letters; the commonest label first."""
    expected = """\
run r1 committed in 2.0 s
  read     3 files, 1,500 records = 1,499 documents + 1 dead letter
  tagged   123,456 tokens, 61,728 a second, with gmb-en@0123456789ab
  found    2,345 entities: org 2,000, per 340, geo 5
  lost     1 record, kept in dead_letters
  output   gs://bucket/out
           entities/run_id=r1                             2,345 rows     1.25 MB
           documents/run_id=r1                            2,345 rows     1.25 MB
           dead_letters/run_id=r1                         2,345 rows     1.25 MB
           runs/r1.json
  next     python -m jobs.runs view --output gs://bucket/out"""
    assert format_summary(manifest(), "gs://bucket/out") == expected


def test_terms_of_lists_are_told_of_in_a_line() -> None:
    def told_of(**lists: object) -> list[str]:
        known = {"terms": 4, "fired": 3, "entities_by_label": {}, "disagreed": 0, **lists}
        run = manifest()
        run["gazetteer"] = known
        lines = lines_of(run)
        return [line.removeprefix("  lists    ") for line in lines if line.startswith("  lists")]

    assert not any(line.startswith("  lists") for line in lines_of(manifest()))
    assert told_of() == ["3 of 4 terms took effect; 0 entities that the model had not"]
    assert told_of(entities_by_label={"product": 12}, disagreed=1) == [
        "3 of 4 terms took effect; 12 entities that the model had not; the model differs at 1 term"
    ]
    assert told_of(disagreed=2000)[0].endswith("; the model differs at 2,000 terms")


def test_what_was_lost_is_told_of_and_that_nothing_was() -> None:
    def lost(**counts: int) -> str:
        told = manifest()
        told["counts"] |= counts
        (line,) = [line for line in lines_of(told) if line.startswith("  lost")]
        return line.removeprefix("  lost     ")

    assert lost(dead_letters=0) == "nothing"
    assert lost(dead_letters=2000) == "2,000 records, kept in dead_letters"
    assert lost(dead_letters=0, broken_files=1) == "1 file could not be read to the end"
    assert lost(dead_letters=1, broken_files=2) == (
        "1 record, kept in dead_letters; 2 files could not be read to the end"
    )


def test_documents_unlike_the_training_data_are_told_of_after_what_was_lost() -> None:
    """Drift alone: what is moderate, or could not be compared, stands in the manifest."""
    statistics = {"labels": {"level": "drift", "value": 0.3849}, "confidence": {"reason": "few"}}
    lines = lines_of(manifest() | {"drift": {"level": "drift", "statistics": statistics}})
    place = lines.index("  drift    unlike the model's training data in labels (PSI 0.38)")
    assert lines[place - 1].startswith("  lost")
    for quiet in ({"level": "moderate", "statistics": statistics}, {"reason": "few"}):
        assert "drift" not in format_summary(manifest() | {"drift": quiet}, "gs://b")


def test_a_run_with_nothing_to_do_says_why_and_no_more() -> None:
    told = manifest()
    told |= {"status": "empty", "counts": dict.fromkeys(told["counts"], 0), "tables": {}}
    told["counts"] |= {"skipped_files": 1200, "entities_by_label": {}}
    assert format_summary(told, "gs://b") == (
        """\
run r1 empty in 2.0 s
  skipped  1,200 files, done already with this model and configuration
  read     0 files, 0 records
  output   gs://b
           runs/r1.json"""
    )


def test_what_was_not_read_is_told_by_reason_with_the_first_names() -> None:
    told = manifest()
    reasons = {"hidden by name": 4000, "cannot be listed": 1}
    names = ["_a", ".b" * 9, "c\x1b[31m" + "d" * 90, "_e"]
    told["counts"] |= {"unread": 4001, "unread_by_reason": reasons}
    told["counts"] |= {"dead_letters": 0, "broken_files": 0}
    told["unread"] = [{"path": f"gs://b/{n}", "reason": "hidden by name"} for n in names]
    told["unread"].append({"path": "gs://b/locked", "reason": "cannot be listed", "detail": "no"})
    lines = lines_of(told)
    place = lines.index(
        "  unread   4,000 hidden by name (gs://b/_a, gs://b/.b.b.b.b.b.b.b.b.b, ...)"
    )
    assert lines[place + 1] == "           1 cannot be listed (gs://b/locked)"
    assert max(map(len, lines)) <= 80
    event = as_event(told, "gs://b")
    assert event["unread"] == told["unread"]
    assert event["level"] == "warning"
    del reasons["cannot be listed"]
    assert as_event(told, "gs://b")["level"] == "info"


def test_large_figures_and_usual_run_ids_stay_within_80_columns() -> None:
    """Ten labels are all named, over several lines."""
    told = manifest()
    told["run_id"] = "r20261122T020007Z-ab12"
    told["counts"] |= {"records": 5 * 10**6, "documents": 4_995_000, "dead_letters": 5000}
    names = ["geo", "org", "per", "tim", "gpe", "day", "law", "nat"]
    labels = {label: 10**6 + n for n, label in enumerate(names)}
    told["counts"]["entities_by_label"] = {**labels, "art": 3, "eve": 1}
    told["counts"]["entities"] = sum(labels.values()) + 4
    for table in told["tables"]:
        told["tables"][table] = {"rows": 5 * 10**6, "bytes": 10**9}
    lines = lines_of(told)
    assert max(map(len, lines)) <= 80
    place = lines.index(
        "  found    8,000,032 entities: nat 1,000,007, law 1,000,006, day 1,000,005,"
    )
    assert lines[place + 1 : place + 3] == [
        "           gpe 1,000,004, tim 1,000,003, per 1,000,002, org 1,000,001,",
        "           geo 1,000,000, art 3, eve 1",
    ]


@given(st.dictionaries(st.from_regex(r"[a-z]{1,12}", fullmatch=True), st.integers(1, 10**7)))
def test_labels_are_named_with_their_counts_in_lines_that_fit(labels: dict[str, int]) -> None:
    """Up to ten all of them; of more, what is not named is added up: nothing is left out."""
    told = manifest()
    told["counts"] |= {"entities_by_label": labels, "entities": sum(labels.values())}
    shown = format_summary(told, "gs://b")
    assert max(map(len, shown.splitlines())) <= 80
    found = re.sub(r"\n {11}", " ", shown)
    (line,) = re.findall(r"^  found +[\d,]+ entit(?:y|ies)(?:: (.*))?$", found, re.MULTILINE)
    counted = {
        name: int(number.replace(",", ""))
        for name, number in (part.rsplit(" ", 1) for part in line.split(", ") if part)
    }
    assert sum(counted.values()) == sum(labels.values())
    if len(labels) <= 10:
        assert counted == labels
        assert list(counted.values()) == sorted(labels.values(), reverse=True)


def test_the_report_is_named_where_there_is_one() -> None:
    *_, report, _ = format_summary(manifest(), "gs://b", has_report=True).splitlines()
    assert report == "  report   gs://b/reports/r1.html"


def test_the_command_for_the_next_step_comes_once_a_job() -> None:
    for number, is_told in ((1, False), (2, True)):
        told = manifest() | {"part": {"of": "r1", "number": number, "count": 2}}
        assert any(line.startswith("  next") for line in lines_of(told)) is is_told


def test_a_shell_takes_the_command_as_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    last = format_summary(manifest(), str(tmp_path / "my out")).splitlines()[-1]
    assert last == "  next     python -m jobs.runs view --output 'my out'"


def test_colours_mark_what_a_person_should_look_at_and_change_no_text() -> None:
    def paint(text: str, meaning: str) -> str:
        return f"<{meaning}>{text}</>" if text else text

    told = manifest(broken=2)
    shown = format_summary(told, "gs://b", paint)
    assert "run <name>r1</> <good>committed</> in" in shown
    assert "lost     <warning>1 record, kept in dead_letters</>; <bad>2 files could not" in shown
    assert re.sub(r"<\w+>|</>", "", shown) == format_summary(told, "gs://b")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.99, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3599.9, "1 h 00 min"),
        (100_000, "27 h 46 min"),
    ],
)
def test_times_are_told_in_the_units_that_matter(seconds: float, told: str) -> None:
    timed = manifest() | {"timings": {"seconds": seconds}}
    assert lines_of(timed)[0] == f"run r1 committed in {told}"


def test_machines_get_the_same_as_one_event() -> None:
    told = as_event(manifest(), "gs://b/out/")
    assert told.pop("counts") == manifest()["counts"]
    assert set(told.pop("tables")) == {"entities", "documents", "dead_letters"}
    assert told == {
        "name": "run_committed",
        "level": "warning",
        "run_id": "r1",
        "status": "committed",
        "model": "gmb-en@0123456789ab",
        "timings": {"seconds": 2.0},
        "drift": None,
        "gazetteer": None,
        "broken_files": [],
        "unread": [],
        "warnings": [],
        "manifest": "gs://b/out/runs/r1.json",
        "report": None,
    }
    reported = as_event(manifest(), "gs://b/out/", has_report=True)
    assert reported["report"] == "gs://b/out/reports/r1.html"
    lists = {"terms": 9, "fired": 4, "entities_by_label": {"town": 2, "ship": 1}}
    event = as_event(manifest() | {"gazetteer": lists}, "gs://b/out")
    assert event["gazetteer"] == {"terms": 9, "fired": 4, "entities": 3}
    broken = manifest()
    broken["inputs"] = [input_entry(name, "1-1", name != "/in/b") for name in ("/in/a", "/in/b")]
    assert as_event(broken, "gs://b/out")["broken_files"] == ["/in/b"]
    table = as_event(manifest(), "gs://b/out")["tables"]["entities"]
    assert table == {"path": "gs://b/out/entities/run_id=r1", "rows": 2345, "bytes": 1_250_000}


@pytest.mark.parametrize(
    ("dead_letters", "broken", "drift", "level"),
    [
        (0, 0, {}, "info"),
        (0, 0, {"level": "moderate"}, "info"),
        (1, 0, {}, "warning"),
        (0, 1, {}, "warning"),
        (0, 0, {"level": "drift"}, "warning"),
    ],
)
def test_an_event_is_a_warning_where_a_person_should_look(
    dead_letters: int, broken: int, drift: dict[str, str], level: str
) -> None:
    told = manifest(broken) | {"drift": drift}
    told["counts"]["dead_letters"] = dead_letters
    assert as_event(told, "gs://b")["level"] == level


def test_an_event_holds_the_warnings_and_is_one_then() -> None:
    told = manifest() | {"warnings": ["odd"]}
    told["counts"]["dead_letters"] = 0
    event = as_event(told, "gs://b")
    assert (event["level"], event["warnings"]) == ("warning", ["odd"])


def test_a_run_of_no_time_divides_by_nothing() -> None:
    quick = manifest() | {"timings": {"seconds": 0.0}}
    assert "123,456 tokens" in format_summary(quick, "gs://b")


def test_a_local_path_is_shown_the_shorter_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(str(tmp_path / "out")) == "out"
    assert shown_path("/data") == "/data"
    assert shown_path("gs://bucket/out") == "gs://bucket/out"
