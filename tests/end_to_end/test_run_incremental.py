"""A collection that grows: every run does what is new, and each document counts once."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from model.tagger.artifact import Artifact, save_artifact
from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import BrokenFilesError, DeadLettersError, UsageError
from tests.builders import last_of_each

Manifest = dict[str, Any]
Night = Callable[..., list[Manifest]]


def write(path: Path, *texts: str) -> None:
    lines = [json.dumps({"id": f"{path.stem}-{text}", "text": text}) + "\n" for text in texts]
    path.write_text("".join(lines))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write(folder / f"{name}.jsonl", "Maria left Lisbon.", "Ships met on Monday.")
    return folder


@pytest.fixture
def night(corpus: Path, tiny_artifact: Path, tmp_path: Path) -> Night:
    """Runs with `--only_new` and more flags; returns the manifests that this made."""

    def attempt(*more: str, model: Path = tiny_artifact) -> list[Manifest]:
        runs = tmp_path / "out/runs"
        before = set(runs.glob("*")) if runs.exists() else set()
        flags = [f"--input={corpus}", f"--output={tmp_path}/out", f"--model={model}", "--only_new"]
        assert run(last_of_each([*flags, *more])) == 0
        return [json.loads(path.read_text()) for path in sorted(set(runs.glob("*")) - before)]

    return attempt


def done(manifest: Manifest) -> tuple[str, list[str], int]:
    """The status, the files that were read, and how many were skipped."""
    names = [Path(entry["source"]).stem for entry in manifest["inputs"]]
    return manifest["status"], names, manifest["counts"]["skipped_files"]


def ids(tmp_path: Path) -> list[str]:
    return sorted(read_table(f"{tmp_path}/out", "documents")["doc_id"].to_pylist())


def files(root: Path) -> dict[str, tuple[int, int]]:
    found = {path: path.stat() for path in root.rglob("*") if path.is_file()}
    return {str(path): (state.st_mtime_ns, state.st_ino) for path, state in found.items()}


def test_a_second_run_does_nothing_and_touches_nothing(night: Night, tmp_path: Path) -> None:
    (first,) = night()
    assert done(first) == ("committed", ["a", "b", "c"], 0)
    before = files(tmp_path / "out")
    (second,) = night()
    assert done(second) == ("empty", [], 3)
    after = files(tmp_path / "out")
    places = ("runs/{}.json", "reports/{}.html")
    new = {f"{tmp_path}/out/{place.format(second['run_id'])}" for place in places}
    assert set(after) - set(before) == new
    assert {path: after[path] for path in before} == before


def test_nothing_to_do_needs_no_tensorflow(
    night: Night, corpus: Path, tiny_artifact: Path, tmp_path: Path
) -> None:
    """In a process of its own, where nothing else could have imported it."""
    night()
    program = """
import os, sys
from pipeline import run
from pipeline.console import process
os._exit = lambda code: (print(code, "tensorflow" in sys.modules), sys.exit(code))
process.main(run.run)
"""
    flags = [f"--input={corpus}", f"--output={tmp_path}/out", f"--model={tiny_artifact}"]
    told = subprocess.run(
        [sys.executable, "-c", program, *flags, "--only_new"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.splitlines()[-1] == "0 False"


def test_a_changed_and_a_new_file_are_done_and_supersede(night: Night, tmp_path: Path) -> None:
    """A file that vanished keeps its rows."""
    night()
    write(tmp_path / "in/b.jsonl", "Maria left Oslo.")
    write(tmp_path / "in/d.jsonl", "Bo met Ada.")
    (tmp_path / "in/c.jsonl").unlink()
    assert [done(manifest) for manifest in night()] == [("committed", ["b", "d"], 1)]
    assert ids(tmp_path) == [
        "a-Maria left Lisbon.",
        "a-Ships met on Monday.",
        "b-Maria left Oslo.",
        "c-Maria left Lisbon.",
        "c-Ships met on Monday.",
        "d-Bo met Ada.",
    ]
    assert [done(manifest)[0] for manifest in night()] == ["empty"]


def test_another_model_or_configuration_does_all_of_it_again(
    night: Night, tmp_path: Path, tiny_models: Mapping[str, Artifact]
) -> None:
    """And so does `--backfill`."""
    night()
    other = tmp_path / "other"
    save_artifact(tiny_models["BIOES"], other, {"MODEL_CARD.md": "# other\n"})
    least = "--min_confidence=0.5"
    for flags in ([], [least], [least, "--backfill"]):
        (told,) = night(*flags, model=other)
        assert done(told) == ("committed", ["a", "b", "c"], 0)
        rows = read_table(f"{tmp_path}/out", "documents", ["doc_id"]).to_pylist()
        assert [row["run_id"] for row in rows] == [told["run_id"]] * 6


def test_a_file_that_cannot_be_read_is_tried_each_night(
    night: Night, corpus: Path, tmp_path: Path
) -> None:
    """Set aside, it keeps no other from being committed, and each night says so."""
    (corpus / "z.jsonl.gz").write_bytes(b"no gzip")
    for run_id in ("r1", "r2"):
        with pytest.raises(BrokenFilesError, match=rf"z\.jsonl\.gz.* of run {run_id} is committed"):
            night("--quarantine", f"--run_id={run_id}")
    nights = [json.loads((tmp_path / f"out/runs/{name}.json").read_text()) for name in ("r1", "r2")]
    assert done(nights[0]) == ("committed", ["a", "b", "c", "z.jsonl"], 0)
    assert done(nights[1]) == ("committed", ["z.jsonl"], 3)
    (corpus / "z.jsonl.gz").unlink()
    assert done(night()[0]) == ("empty", [], 3)
    assert len(ids(tmp_path)) == 6


def test_a_job_in_parts_commits_each_part_and_goes_on_after_a_failure(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed stays; the next run does the rest."""
    import pipeline.extraction

    original: Callable[..., object] = pipeline.extraction._run  # noqa: SLF001 - the work of one part
    calls = []

    def run_part(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(pipeline.extraction, "_run", run_part)
    with pytest.raises(KeyboardInterrupt):
        night("--commit_shards=2", "--run_id=first")
    runs = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out/runs").iterdir()}
    assert {name: told["status"] for name, told in runs.items()} == {
        "first.1": "committed",
        "first.2": "failed",
    }
    assert runs["first.1"]["part"] == {"of": "first", "number": 1, "count": 2}
    assert done(runs["first.1"]) == ("committed", ["a", "b"], 0)
    second = night("--commit_shards=1", "--run_id=second")
    assert [done(told) for told in second] == [("committed", ["c"], 2)]
    assert len(ids(tmp_path)) == 6


def test_a_part_with_too_many_dead_letters_keeps_no_other_from_running(
    night: Night, corpus: Path, tmp_path: Path
) -> None:
    """The job ends as it would have, once all that can be done is done."""
    (corpus / "a.jsonl").write_text("broken\n" * 10)
    with pytest.raises(DeadLettersError, match="10 of 10 records became dead letters"):
        night("--commit_shards=1", "--run_id=job")
    runs = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out/runs").iterdir()}
    statuses = {name: told["status"] for name, told in runs.items()}
    assert statuses == {"job.1": "failed", "job.2": "committed", "job.3": "committed"}
    assert len(ids(tmp_path)) == 4


def test_a_part_never_takes_the_name_of_another_run(night: Night, tmp_path: Path) -> None:
    night("--run_id=job.2")
    before = files(tmp_path / "out")
    with pytest.raises(UsageError, match="--run_id job exists already"):
        night("--commit_shards=1", "--run_id=job", "--backfill")
    assert files(tmp_path / "out") == before


def test_parts_give_the_rows_of_one_run(night: Night, tmp_path: Path) -> None:
    whole = f"--output={tmp_path}/whole"
    night("--commit_shards=2", "--keep_text=all")
    night("--keep_text=all", whole)
    for table in ("documents", "entities"):
        rows = []
        for output in ("out", "whole"):
            found = read_table(f"{tmp_path}/{output}", table)
            # Confidence depends on the batch in its last digits.
            names = {"run_id", "processed_at", "confidence"}.intersection(found.column_names)
            rows.append(sorted(found.drop_columns(sorted(names)).to_pylist(), key=str))
        assert rows[0] == rows[1]
        assert rows[0]


def test_an_output_of_a_newer_gleaner_is_left_alone(night: Night, tmp_path: Path) -> None:
    (first,) = night()
    path = tmp_path / f"out/runs/{first['run_id']}.json"
    path.write_text(json.dumps({**first, "schema_version": 99}))
    before = files(tmp_path / "out")
    with pytest.raises(UsageError, match="has schema version 99, and this gleaner knows"):
        night()
    assert files(tmp_path / "out") == before
    assert list((tmp_path / "out/runs").iterdir()) == [path]
