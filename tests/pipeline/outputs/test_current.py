"""What counts of an output: the fold over manifests, against the rule put the other way round."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline.outputs.current
from pipeline.outputs.current import (
    CurrentSource,
    RunRows,
    current_sources,
    next_start,
    read_table,
    rows_that_count,
)
from schemas.manifest import Manifest
from tests.builders import PART_A, input_of, manifest_of

SOURCES = ("a.jsonl", "b.jsonl", "c.jsonl")


def manifest(run_id: str, started: str, *inputs: dict[str, Any], **more: Any) -> Any:  # noqa: ANN401 - a part of a manifest
    times = {"started_at": started, "finished_at": started, "seconds": 0.0}
    return manifest_of(run_id, timings=times, inputs=list(inputs), **more)


def entry(source: str, fingerprint: str = "1-1", *, complete: bool = True) -> dict[str, Any]:
    return input_of(source, fingerprint=fingerprint, complete=complete)


@st.composite
def histories(draw: st.DrawFn) -> list[Manifest]:
    """Runs of every status over some of the sources, some of them repairs or mergers of others."""
    runs: list[Manifest] = []
    for number in range(draw(st.integers(0, 8))):
        before = [run["run_id"] for run in runs]
        inputs = []
        for source in draw(st.lists(st.sampled_from(SOURCES), unique=True)):
            kind = draw(st.sampled_from(["complete", "broken", "repair"]))
            read = entry(source, f"{number}-1", complete=kind != "broken")
            if before and kind == "repair":
                read["repairs"] = draw(st.sampled_from(before))
            inputs.append(read)
        status = draw(st.sampled_from(["committed", "committed", "failed", "empty"]))
        more: dict[str, Any] = {"status": status}
        if before and draw(st.integers(0, 3)) == 0:
            more["replaces"] = draw(st.lists(st.sampled_from(before), min_size=1, unique=True))
        at = draw(st.sampled_from(["2026-01-01T00:00:00+00:00", f"2026-01-01T00:00:0{number}.5"]))
        runs.append(manifest(f"r{number}", at, *inputs, **more))
    return draw(st.permutations(runs))


@given(histories())
def test_the_last_complete_run_of_a_source_counts_with_its_repairs(history: list[Manifest]) -> None:
    """By search: of all runs that read it itself, the one that no other outranks."""
    committed = [run for run in history if run["status"] == "committed"]
    gone = {name for run in committed for name in run.get("replaces", ())}
    committed = [run for run in committed if run["run_id"] not in gone]

    def order(run: Manifest) -> tuple[str, str]:
        return run["timings"]["started_at"], run["run_id"]

    expected = {}
    for source in SOURCES:
        reads = [
            (read["complete"], order(run), run["run_id"], read["fingerprint"])
            for run in committed
            for read in run["inputs"]
            if read["source"] == source and "repairs" not in read
        ]
        if not reads:
            continue
        complete, when, run_id, fingerprint = max(reads)
        repairs = sorted(
            (order(run), run["run_id"])
            for run in committed
            for read in run["inputs"]
            if read["source"] == source and read.get("repairs") == run_id and order(run) > when
        )
        expected[source] = (run_id, fingerprint, complete, tuple(name for _, name in repairs))
    assert {source: tuple(state) for source, state in current_sources(history).items()} == expected


def test_a_run_counts_after_all_others_whatever_the_clock_says() -> None:
    now = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    assert next_start([], now) == now
    earlier = manifest("r1", "2026-11-25T01:59:59.999999+00:00", entry("a"))
    assert next_start([earlier], now) == now
    ahead = manifest("r2", "2027-01-01T00:00:00+00:00", entry("a", "2-2"))
    started = next_start([ahead, earlier], now)
    runs = [earlier, ahead, manifest("r0", started.isoformat(), entry("a", "3-3"))]
    assert current_sources(runs)["a"].run_id == "r0"


def test_dead_letters_count_where_they_were_read_last() -> None:
    """A repair reads all records that were set aside anew, but no whole shards."""
    sources = {
        "a": CurrentSource("r1", "1-1", complete=True),
        "b": CurrentSource("r1", "1-1", complete=True, repairs=("r2", "r3")),
    }
    for table in ("documents", "entities"):
        assert rows_that_count(sources, table) == [
            RunRows("r1", ("a", "b")),
            RunRows("r2", ("b",)),
            RunRows("r3", ("b",)),
        ]
    assert rows_that_count(sources, "dead_letters") == [
        RunRows("r1", ("a",)),
        RunRows("r1", ("b",), whole_shards=True),
        RunRows("r3", ("b",)),
    ]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Documents of three runs; the third knows a column more, and left files that nobody counts."""
    root = tmp_path / "out"
    (root / "runs").mkdir(parents=True)
    history = {
        "r1": (entry("a"), entry("b")),
        "r2": (entry("b", "2-2"), entry("c", complete=False)),
        "r3": (entry("c", "3-3"),),
    }
    for number, (run_id, inputs) in enumerate(history.items()):
        path = f"documents/run_id={run_id}/{PART_A}"
        told = manifest(run_id, f"2026-01-0{number + 1}T00:00:00+00:00", *inputs)
        (root / f"runs/{run_id}.json").write_text(json.dumps(told))
        source = [read["source"] for read in inputs for _ in range(2)]
        table = pa.table(
            {
                "doc_id": [f"{name}{n % 2}" for n, name in enumerate(source)],
                "source": pa.array(source).dictionary_encode(),
                **({"year": ["1987"] * len(source)} if run_id == "r3" else {}),
            }
        )
        (root / path).parent.mkdir(parents=True)
        pq.write_table(table, root / path)
    shutil.copy(root / path, root / f"{path}.retried.parquet")
    return root


EXPECTED: list[dict[str, Any]] = [
    {"doc_id": "a0", "source": "a", "run_id": "r1", "year": None},
    {"doc_id": "a1", "source": "a", "run_id": "r1", "year": None},
    {"doc_id": "b0", "source": "b", "run_id": "r2", "year": None},
    {"doc_id": "b1", "source": "b", "run_id": "r2", "year": None},
    {"doc_id": "c0", "source": "c", "run_id": "r3", "year": "1987"},
    {"doc_id": "c1", "source": "c", "run_id": "r3", "year": "1987"},
]


@pytest.mark.parametrize("as_url", [False, True])
def test_each_document_is_read_once_from_the_run_that_counts(output: Path, as_url: bool) -> None:
    root = output.as_uri() if as_url else f"{output}/"
    assert sorted(read_table(root, "documents").to_pylist(), key=str) == EXPECTED
    some = read_table(root, "documents", ["doc_id"])
    assert sorted(some.to_pylist(), key=str) == [
        {name: row[name] for name in ("doc_id", "run_id")} for row in EXPECTED
    ]


def test_an_output_without_a_committed_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no committed run"):
        read_table(str(tmp_path), "documents")


@pytest.mark.parametrize(
    ("name", "change", "flaw"),
    [
        ("..", {"run_id": ".."}, "'..' is no run id"),
        ("r3", {"run_id": "r4"}, "another run, 'r4'"),
        ("r3", {"replaces": ["../r1"]}, "'../r1' is no run id"),
        (
            "r3",
            {"tables": {"documents": {"files": [{"path": "../secret.parquet"}]}}},
            "'../secret.parquet' is no file of this run",
        ),
    ],
)
def test_a_manifest_that_points_elsewhere_is_not_believed(
    output: Path, name: str, change: dict[str, Any], flaw: str
) -> None:
    told = json.loads((output / "runs/r3.json").read_text())
    (output / f"runs/{name}.json").write_text(json.dumps({**told, **change}))
    with pytest.raises(ValueError, match=flaw):
        read_table(str(output), "documents")


def test_the_module_stands_by_itself(output: Path) -> None:
    """A copy of it, with nothing of gleaner in reach, reads the same rows."""
    shutil.copy(pipeline.outputs.current.__file__, output / "current.py")
    program = "import current, json\nrows = current.read_table('.', 'documents').to_pylist()\n"
    program += "print(json.dumps(rows))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=output,
        env={"PYTHONPATH": str(output)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert sorted(json.loads(done.stdout), key=str) == EXPECTED
