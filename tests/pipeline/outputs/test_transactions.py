"""The commit protocol: its order, and that whatever stops it, a run is as before or as after."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.outputs.catalog import clean, read_manifests
from pipeline.outputs.description import RunDescription
from pipeline.outputs.manifest import rolled_back_manifest, table_entry
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.outputs.table_writer import TableWriter
from pipeline.outputs.transactions import (
    Ending,
    amend_run,
    commit_run,
    end_run,
    remove_run,
    replace_runs,
    settle_run,
)
from schemas.manifest import Manifest
from schemas.records import FileResult, ShardResult
from schemas.tables import TABLES
from tests.builders import configuration

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
STEPS = (
    *("prepare", "create", "sync", "ready", "publish", "add", "create_manifest", "write_manifest"),
    *("remove_report", "remove_manifest", "unstage", "keep_files", "discard_staging"),
)


class _StoppedError(BaseException):
    """As a signal: nothing catches it to go on."""


def describe(run_id: str) -> RunDescription:
    return RunDescription(
        run_id=run_id,
        started_at=NOW,
        model="tiny@0123456789ab",
        configuration=configuration(),
        inputs={"/in/a": "1-1"},
        shards=[("/in/a", 0)],
    )


def committed(root: Path, run_id: str) -> RunStorage:
    storage = run_storage(str(root), run_id)
    storage.prepare()
    commit_run([], [ShardResult("/in/a", 0, "1-1", {}, complete=True)], describe(run_id), storage)
    storage.discard_staging()
    storage.write_report(b"<html>")
    return storage


def commit(root: Path) -> Manifest:
    storage = run_storage(str(root), "r3")
    storage.prepare()
    shards = [ShardResult("/in/a", 0, "1-1", {}, complete=True)]
    manifest = commit_run([], shards, describe("r3"), storage)
    storage.discard_staging()
    return manifest


def end(root: Path) -> Ending:
    storage = run_storage(str(root), "r3")
    storage.prepare()
    return end_run(describe("r3"), storage, "no disk")


def amend(root: Path) -> Manifest:
    storage = run_storage(str(root), "r1")
    manifest = storage.read_manifest()
    amended = amend_run(storage, lambda: (rolled_back_manifest(manifest, NOW), []))
    settle_run(storage)
    return amended


def merge(root: Path) -> Manifest:
    replaced = [run_storage(str(root), name) for name in ("r1", "r2")]
    newest = replaced[-1].read_manifest()

    storage = run_storage(str(root), "r3")

    def merged() -> tuple[Manifest, list[FileResult]]:
        files = []
        for table in TABLES:
            directory = storage.writing_directory(table)
            writer = TableWriter(table, TABLES[table], directory, 1, storage.create)
            files += writer.write_empty()
        tables = {table: table_entry(files, table, storage, {}) for table in TABLES}
        manifest = Manifest(**{**newest, "run_id": "r3", "tables": tables})
        return {**manifest, "replaces": ["r1", "r2"]}, files

    manifest = replace_runs(storage, merged)
    for run in replaced:
        remove_run(run)
    return manifest


def remove(root: Path) -> None:
    remove_run(run_storage(str(root), "r1"))


CHANGES: dict[str, Callable[[Path], Any]] = {
    "commit": commit,
    "end": end,
    "amend": amend,
    "merge": merge,
    "remove": remove,
}


def watched(patch: pytest.MonkeyPatch, step: Callable[[str, str], None]) -> None:
    """Call `step` with run and name before each step that a storage takes."""
    for name in STEPS:
        method = getattr(DiskStorage, name)

        patch.setattr(DiskStorage, name, _told(step, name, method))


def _told(
    step: Callable[[str, str], None], name: str, method: Callable[..., object]
) -> Callable[..., object]:
    def told(storage: DiskStorage, *arguments: object) -> object:
        step(storage.run_id, name)
        return method(storage, *arguments)

    return told


def state(root: Path) -> tuple[dict[str, Any], Collection[str]]:
    """What counts, without its times, and the files that are there, without their random names."""
    manifests = {
        run["run_id"]: (run["status"], run.get("rolled_back_at"), sorted(run.get("tables", {})))
        for run in read_manifests(str(root))
    }
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    return manifests, sorted(files)


@pytest.mark.parametrize(
    ("change", "order"),
    [
        ("commit", [*["ready"] * 3, *["publish"] * 3, "create_manifest", "discard_staging"]),
        ("end", ["unstage", "create_manifest", "keep_files", "discard_staging"]),
        ("amend", ["remove_report", "write_manifest", "remove_report", "keep_files"]),
        ("remove", ["remove_report", "remove_manifest", "remove_report", "keep_files"]),
    ],
)
def test_the_steps_come_in_the_order_on_which_all_depends(
    change: str, order: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is marked first; between the marks, what decides comes after what it decides about."""
    committed(tmp_path, "r1")
    taken: list[str] = []
    watched(monkeypatch, lambda _, name: taken.append(name))
    CHANGES[change](tmp_path)
    assert taken[0] == "prepare"
    passed = iter(step for step in taken if step not in ("create", "sync"))
    assert all(step in passed for step in order), taken
    assert taken[-1] == "discard_staging"


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_stops_a_change_the_output_is_as_before_or_as_after(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step; whoever holds the output next removes what was left half done."""
    outcomes = []
    steps = 0
    while True:
        root = tmp_path / f"at-{steps}"
        for name in ("r1", "r2"):
            committed(root, name)
        before = state(root)
        left = steps

        def stop(_run_id: str, _name: str) -> None:
            nonlocal left
            if not left:
                raise _StoppedError
            left -= 1

        with monkeypatch.context() as patch:
            watched(patch, stop)
            try:
                CHANGES[change](root)
                is_done = True
            except _StoppedError:
                is_done = False
        clean(str(root))
        outcomes.append(state(root))
        if is_done:
            break
        steps += 1
    after = outcomes[-1]
    assert steps >= 4
    assert after != before
    # A report counts for nothing and may be gone earlier.
    without_reports = [
        (manifests, [name for name in files if not name.startswith("reports/")])
        for manifests, files in (before, after, *outcomes)
    ]
    assert all(outcome in without_reports[:2] for outcome in without_reports[2:])


def test_a_run_that_is_committed_does_not_end_otherwise(tmp_path: Path) -> None:
    storage = committed(tmp_path, "r1")
    before = state(tmp_path)
    assert end_run(describe("r1"), storage, "too late") is Ending.COMMITTED
    assert state(tmp_path) == before


def test_warnings_stand_in_the_manifest_however_the_run_ends(tmp_path: Path) -> None:
    warned = replace(describe("r1"), warnings=("odd", "odder"))
    storage = run_storage(str(tmp_path), "r1")
    storage.prepare()
    shards = [ShardResult("/in/a", 0, "1-1", {}, complete=True)]
    assert commit_run([], shards, warned, storage)["warnings"] == ["odd", "odder"]
    failed = run_storage(str(tmp_path), "r2")
    failed.prepare()
    end_run(replace(warned, run_id="r2"), failed, "no disk")
    assert failed.read_manifest()["warnings"] == ["odd", "odder"]
    assert "warnings" not in commit(tmp_path)
