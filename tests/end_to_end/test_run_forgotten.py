"""End to end: what was forgotten and comes back in an input is counted, and written nowhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.runs.__main__ import run as runs
from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import UsageError

Extract = Callable[..., dict[str, Any]]


def put(path: Path, *ids: str, bad: str = "") -> None:
    rows = [{"id": name, "text": f"Maria{name} left Lisbon."} for name in ids]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + bad)


@pytest.fixture
def extract(tmp_path: Path, tiny_artifact: Path) -> Extract:
    """Reads the folder `in` in one process, or what the flags say; returns the manifest."""

    def attempt(run_id: str, *flags: str) -> dict[str, Any]:
        own = [f"--input={tmp_path}/in"] if not any("--input=" in flag for flag in flags) else []
        own += [f"--output={tmp_path}/out", f"--model={tiny_artifact}", "--direct_num_workers=1"]
        allowed = ["--max_dead_letters=1", "--keep_text=all"]
        assert run([*own, *allowed, f"--run_id={run_id}", *flags]) == 0
        manifest: dict[str, Any] = json.loads((tmp_path / f"out/runs/{run_id}.json").read_text())
        return manifest

    (tmp_path / "in").mkdir()
    put(tmp_path / "in/a.jsonl", "p1", "p2", "p3", bad='{"id": "p4", "text": null}\n{"id": "p1"\n')
    put(tmp_path / "in/b.jsonl", "p1", "q1")
    return attempt


def written(tmp_path: Path, run_id: str) -> set[str]:
    """All words of the rows of a run."""
    tables = (tmp_path / "out").glob(f"*/run_id={run_id}/*.parquet")
    return {str(row) for path in tables for row in pq.read_table(path).to_pylist()}


def reconciled(manifest: dict[str, Any]) -> tuple[int, int, int, int]:
    """Records, documents, dead letters and withheld ones, which add up in total and by source."""
    for counts in (manifest["counts"], *manifest["inputs"]):
        parts = (counts["documents"], counts["dead_letters"], counts.get("withheld", 0))
        assert counts["records"] == sum(parts)
    counts = manifest["counts"]
    assert counts["records"] == sum(entry["records"] for entry in manifest["inputs"])
    return (counts["records"], counts["documents"], counts["dead_letters"], counts["withheld"])


def test_forgotten_ids_are_withheld_wherever_they_come_from(
    extract: Extract, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract("r1")
    assert runs(["forget", f"--output={tmp_path}/out", "--doc_id", "p1", "--doc_id", "p4"]) == 0
    (tmp_path / "in/a.jsonl").rename(tmp_path / "in/moved.jsonl")
    capsys.readouterr()
    again = extract("r2")
    assert reconciled(again) == (7, 3, 0, 4)
    assert "7 records = 3 documents + 0 dead letters + 4 withheld" in capsys.readouterr().out
    assert not any("p1" in row or "p4" in row for row in written(tmp_path, "r2"))
    restored = extract("r3", "--restore_forgotten")
    assert "withheld" not in restored["counts"]
    assert restored["counts"]["documents"] == 5
    assert runs(["verify", f"--output={tmp_path}/out"]) == 0


def test_ids_of_a_source_are_withheld_there_alone(extract: Extract, tmp_path: Path) -> None:
    extract("r1")
    source = f"{tmp_path}/in/a.jsonl"
    flags = ["--doc_id", "p1", "--source", source]
    assert runs(["forget", f"--output={tmp_path}/out", *flags]) == 0
    assert reconciled(extract("r2")) == (7, 4, 1, 2)
    rows = read_table(f"{tmp_path}/out", "documents", ["doc_id", "source"]).to_pylist()
    assert {Path(row["source"]).name for row in rows if row["doc_id"] == "p1"} == {"b.jsonl"}


def test_a_forgotten_source_is_counted_and_named_nowhere(extract: Extract, tmp_path: Path) -> None:
    extract("r1")
    source = tmp_path / "in/a.jsonl"
    assert runs(["forget", f"--output={tmp_path}/out", "--source", str(source)]) == 0
    again = extract("r2", "--only_new", "--backfill")
    assert reconciled(again) == (7, 2, 0, 5)
    assert [entry["source"] for entry in again["inputs"]] == [
        "(forgotten)",
        f"{tmp_path}/in/b.jsonl",
    ]
    alone = extract("r3", f"--input={source}")
    assert reconciled(alone) == (5, 0, 0, 5)
    assert alone["configuration"]["input"] == ["(forgotten)"]
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"a.jsonl" not in path.read_bytes(), path
    assert runs(["verify", f"--output={tmp_path}/out"]) == 0


def test_dead_letters_that_are_read_again_honour_it(extract: Extract, tmp_path: Path) -> None:
    """They were kept by a run that restored them."""
    extract("r1")
    assert runs(["forget", f"--output={tmp_path}/out", "--doc_id", "p4"]) == 0
    extract("r2", "--restore_forgotten")
    letters = [f"--input={tmp_path}/out/dead_letters/run_id=r2", "--input_format=dead_letters"]
    repaired = extract("r3", *letters)
    assert reconciled(repaired) == (2, 0, 1, 1)
    assert not any("p4" in row for row in written(tmp_path, "r3"))


def test_a_list_that_cannot_be_read_stops_the_run(extract: Extract, tmp_path: Path) -> None:
    extract("r1")
    (tmp_path / "out/forgotten.json").write_text("?")
    with pytest.raises(UsageError, match=r"forgotten\.json is no list of what was forgotten"):
        extract("r2")
    assert not (tmp_path / "out/runs/r2.json").exists()


def test_a_forgotten_source_that_breaks_off_is_named_nowhere(
    extract: Extract, tmp_path: Path
) -> None:
    """Nor are the keys of what is withheld."""
    extract("r1")
    source = tmp_path / "in/a.jsonl"
    assert runs(["forget", f"--output={tmp_path}/out", "--source", str(source)]) == 0
    source.write_text('{"id": "p1", "text": "Maria left.", "whisper": 1}\n[1,\n2]\n')
    (tmp_path / "in/c.csv").write_text("id,text\n1,Maria left.\n")
    again = extract("r2", "--keep_fields=year")
    assert again["counts"]["withheld"] > 0
    source.write_text("[1,\n2]\n")
    assert extract("r3")["counts"]["broken_files"] == 0
    for path in (tmp_path / "out").rglob("*"):
        data = b"" if path.is_dir() else path.read_bytes()
        assert b"a.jsonl" not in data, path
        assert b"whisper" not in data, path
    for run_id in ("r2", "r3"):
        assert not any("a.jsonl" in row for row in written(tmp_path, run_id))
