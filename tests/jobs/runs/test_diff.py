"""Diff against counting by hand: what the second run found otherwise in documents of both."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.runs.__main__ import run
from jobs.runs.diff import comparison
from jobs.runs.diff.comparison import Comparison
from jobs.runs.outputs import find_output
from schemas.errors import UsageError
from schemas.tables import ENTITIES, documents_schema
from tests.builders import PART_A, input_of, manifest_of, table_of

Entity = tuple[str, str, int, str]  # source, doc_id, start, label
Side = dict[tuple[str, str], dict[int, str]]  # of each document: start and label of its entities

SOURCES = ("a.jsonl", "b.jsonl")
LABELS = ("geo", "per", "tim")
CONFIDENCE = {"r1": 0.5, "r2": 0.75}
LISTED = "tim"  # of the second run, found by a list without a confidence

documents = st.dictionaries(
    st.tuples(st.sampled_from(SOURCES), st.sampled_from(["d0", "d1", "d2"])),
    st.dictionaries(st.integers(0, 3), st.sampled_from(LABELS)),
)


def rows(schema: pa.Schema, values: list[dict[str, Any]]) -> pa.Table:
    """Rows of a table; columns that do not matter here are null."""
    nullable = pa.schema([field.with_nullable(nullable=True) for field in schema])
    return pa.Table.from_pylist(values, schema=nullable)


def write(root: Path, run_id: str, side: Side, twice: tuple[str, ...] = (), **more: Any) -> None:
    """A run over these documents; ids of `twice` belong to two documents of their source."""
    read = [{"source": source, "doc_id": doc_id} for source, doc_id in side]
    read += [document for document in read if document["doc_id"] in twice]
    found = [
        {
            "source": source,
            "doc_id": doc_id,
            "start_char": start,
            "end_char": start + 1,
            "label": label,
            "text": f"\x1b{start}",
            "confidence": None if (run_id[:2], label) == ("r2", LISTED) else CONFIDENCE[run_id[:2]],
        }
        for (source, doc_id), own in side.items()
        for start, label in own.items()
    ]
    tables = {}
    for table, told in (
        ("documents", rows(documents_schema(), read)),
        ("entities", rows(ENTITIES, found)),
    ):
        path = root / table / f"run_id={run_id}" / PART_A
        path.parent.mkdir(parents=True)
        pq.write_table(told, path)
        tables[table] = table_of(run_id, table, PART_A)
    counts = Counter(entity["label"] for entity in found)
    inputs = [
        input_of(
            source,
            documents=sum(document["source"] == source for document in read),
            entities=sum(entity["source"] == source for entity in found),
        )
        for source in SOURCES
    ]
    at = f"2026-01-01T00:00:0{run_id[1]}+00:00"
    told = manifest_of(run_id)
    manifest = {
        **told,
        "timings": {"started_at": at, "finished_at": at, "seconds": 0.0},
        "counts": {**told["counts"], "entities_by_label": counts},
        "inputs": inputs,
        "tables": {**told["tables"], **tables},
        **more,
    }
    (root / "runs").mkdir(exist_ok=True)
    (root / "runs" / f"{run_id}.json").write_text(json.dumps(manifest))


def by_hand(before: Side, after: Side) -> dict[str, Counter[str]]:
    """Each entity of the documents of both, looked at alone."""
    found: dict[str, Counter[str]] = {
        kind: Counter() for kind in ("both", "lost", "gained", "moved_away", "moved_here")
    }
    for document in before.keys() & after.keys():
        a, b = before[document], after[document]
        for start in {*a, *b}:
            if start not in b:
                found["lost"][a[start]] += 1
            elif start not in a:
                found["gained"][b[start]] += 1
            elif a[start] == b[start]:
                found["both"][a[start]] += 1
            else:
                found["moved_away"][a[start]] += 1
                found["moved_here"][b[start]] += 1
    return found


def compared(root: Path, before: str = "r1", after: str = "r2", examples: int = 0) -> Comparison:
    output = find_output(str(root))
    return comparison.compare(output, output.named([before]), output.named([after]), examples)


@given(before=documents, after=documents, portion=st.sampled_from([1, 10**6]))
@settings(max_examples=25)
def test_every_entity_is_in_both_lost_gained_or_moved(
    tmp_path_factory: pytest.TempPathFactory, before: Side, after: Side, portion: int
) -> None:
    """Whether all sources are joined at once or one after the other."""
    root = tmp_path_factory.mktemp("out")
    write(root, "r1", before)
    write(root, "r2", after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "PORTION", portion)
        found = compared(root)
    assert found.documents == len(before.keys() & after.keys())
    assert found.only_before == len(before.keys() - after.keys())
    assert found.only_after == len(after.keys() - before.keys())
    expected = by_hand(before, after)
    for kind, counts in expected.items():
        assert {c.label: getattr(c, kind) for c in found.labels if getattr(c, kind)} == counts
        assert getattr(found.total, kind) == counts.total()
    assert sum(count for _, count in found.moves) == expected["moved_away"].total()
    for change in found.labels:
        means = (change.confidence_before, change.confidence_after)
        is_scored = change.both and change.label != LISTED
        assert means == ((0.5, 0.75) if is_scored else (None, None))
    is_scored = any(change.both and change.label != LISTED for change in found.labels)
    assert found.total.confidence_after == (0.75 if is_scored else None)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    a, b = SOURCES
    write(tmp_path, "r1", {(a, "d0"): {0: "geo", 1: "geo", 2: "per"}, (b, "d0"): {0: "tim"}})
    write(tmp_path, "r2", {(a, "d0"): {0: "geo", 1: "per", 3: "tim"}, (a, "d1"): {0: "geo"}})
    return tmp_path


def test_diff_prints_a_table_by_label_and_examples(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an entity's text holds cannot give orders to the terminal."""
    assert run(["diff", "r1", "r2", "--examples=2", f"--output={output}"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "A  r1, model tiny@0123456789ab",
        "B  r2, model tiny@0123456789ab",
        "1 document in both, 1 only in A, 1 only in B",
        "",
        "label  A  B  both  lost  gained  moved away  moved here  confidence A      B",
        "geo    2  1     1     0       0           1           0         0.500  0.750",
        "per    1  1     0     1       0           0           1             -      -",
        "tim    0  1     0     0       1           0           0             -      -",
        "all    3  3     1     1       1           1           1         0.500  0.750",
        "",
        "moved: geo to per 1",
        "",
        "lost",
        r"  per  0.500  '\x1b2'  d0 2-3",
        "",
        "gained",
        r"  tim  -  '\x1b3'  d0 3-4",
        "",
        "moved",
        r"  geo to per  0.750  '\x1b1'  d0 1-2",
    ]


def test_diff_gives_scripts_the_same_as_json(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diff", "r1", "r2", "--examples=1", "--json", f"--output={output}"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["documents"], told["only_before"], told["only_after"]) == (1, 1, 1)
    assert told["labels"][0] == {
        "label": "geo",
        "before": 2,
        "after": 1,
        "both": 1,
        "lost": 0,
        "gained": 0,
        "moved_away": 1,
        "moved_here": 0,
        "confidence_before": 0.5,
        "confidence_after": 0.75,
    }
    assert told["moves"] == [{"from": "geo", "to": "per", "entities": 1}]
    assert told["examples"]["gained"][0] == {
        "confidence": None,
        "label": "tim",
        "text": "\x1b3",
        "source": "a.jsonl",
        "doc_id": "d0",
        "start": 3,
        "end": 4,
    }


def test_what_has_no_confidence_is_the_last_of_the_examples(tmp_path: Path) -> None:
    write(tmp_path, "r1", {(SOURCES[0], "d0"): {}, (SOURCES[1], "d0"): {}})
    write(tmp_path, "r2", {(SOURCES[0], "d0"): {0: LISTED}, (SOURCES[1], "d0"): {0: "geo"}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "PORTION", 1)
        gained = compared(tmp_path, examples=2).examples["gained"]
    assert [(one.label, one.confidence) for one in gained] == [("geo", 0.75), (LISTED, None)]


def test_documents_that_share_an_id_in_a_file_are_left_out(tmp_path: Path) -> None:
    """Which of them an entity belongs to is not to be known."""
    side: Side = {(SOURCES[0], "d0"): {0: "geo"}, (SOURCES[0], "d1"): {0: "per"}}
    write(tmp_path, "r1", side)
    write(tmp_path, "r2", side, twice=("d0",))
    found = compared(tmp_path)
    assert (found.documents, found.ambiguous, found.total.both) == (1, 1, 1)


def test_runs_of_other_documents_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run_id, source in zip(("r1", "r2"), SOURCES, strict=True):
        write(tmp_path, run_id, {(source, "d0"): {0: "geo"}})
    assert run(["diff", "r1", "r2", f"--output={tmp_path}"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "0 documents in both, 1 only in A, 1 only in B",
        "no document has the same source and id in both: there is nothing to compare",
    ]


def test_a_job_in_parts_is_compared_as_a_whole(tmp_path: Path) -> None:
    side: Side = {(source, "d0"): {0: "geo"} for source in SOURCES}
    write(tmp_path, "r1", side)
    for number, source in enumerate(SOURCES, start=1):
        part = {"of": "r2", "number": number, "count": 2}
        write(tmp_path, f"r2.{number}", {(source, "d0"): {0: "geo"}}, part=part)
    found = compared(tmp_path)
    assert (found.documents, found.only_before, found.total.both) == (2, 0, 2)


def test_a_failed_run_has_nothing_to_compare(output: Path) -> None:
    write(output, "r1x", {}, status="failed", error="no disk")
    with pytest.raises(UsageError, match="run r1x is failed: it has no entities"):
        run(["diff", "r1x", "r2", f"--output={output}"])
    with pytest.raises(UsageError, match="--examples is -1, expected at least 0"):
        run(["diff", "r1", "r2", "--examples=-1", f"--output={output}"])
