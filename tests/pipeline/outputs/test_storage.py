"""RunStorage: half a run is never seen, and one run never touches another."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem

from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.outputs.transactions import settle_run
from schemas.tables import TABLES
from tests.builders import PART_A, PART_B, manifest_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


def put(storage: RunStorage, path: str, data: bytes = b"rows") -> None:
    with storage.create(path) as stream:
        stream.write(data)


def stage(storage: RunStorage, name: str = PART_A) -> None:
    for table in TABLES:
        put(storage, f"{storage.writing_directory(table)}/{name}")


def publish(storage: RunStorage, table: str, names: Collection[str]) -> None:
    storage.ready(table, names)
    storage.publish(table)


def files(root: Path) -> dict[str, bytes]:
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def test_a_table_appears_by_publishing_and_not_before(root: Path) -> None:
    storage = run_storage(str(root), "r1")
    stage(storage)
    assert all(name.startswith("_staging/r1/") for name in files(root))
    publish(storage, "entities", [PART_A])
    assert f"entities/run_id=r1/{PART_A}" in files(root)
    assert not (root / "documents").exists()
    assert storage.relative("entities", storage.writing_directory("entities") + f"/{PART_A}") in (
        files(root)
    )


def test_publishing_again_changes_nothing(root: Path) -> None:
    """Also when the repeated attempt staged the table once more."""
    storage = run_storage(str(root), "r1")
    stage(storage)
    publish(storage, "entities", [PART_A])
    publish(storage, "entities", [PART_A])
    put(storage, storage.writing_directory("entities") + f"/{PART_A}")
    publish(storage, "entities", [PART_A])
    storage.discard_staging()
    assert files(root) == {f"entities/run_id=r1/{PART_A}": b"rows"}


def test_only_named_files_are_published(root: Path) -> None:
    """A bundle that was retried leaves files that nobody counted; a reader would count them."""
    storage = run_storage(str(root), "r1")
    stage(storage)
    stage(storage, PART_B)
    publish(storage, "entities", [PART_A])
    assert [p.name for p in (root / "entities/run_id=r1").iterdir()] == [PART_A]


def test_settling_leaves_nothing_of_a_run_without_manifest_and_everything_of_others(
    root: Path,
) -> None:
    other = run_storage(str(root), "r1-other")
    stage(other)
    for table in TABLES:
        publish(other, table, [PART_A])
    other.write_manifest(json.dumps(manifest_of("r1-other")).encode())
    stage(other, PART_B)
    before = files(root)
    storage = run_storage(str(root), "r1")
    stage(storage)
    publish(storage, "documents", [PART_A])
    settle_run(storage)
    assert files(root) == before
    assert not (root / "documents/run_id=r1").exists()
    assert not (root / "_staging/r1").exists()
    settle_run(storage)  # again: nothing to do


def test_what_is_unstaged_is_published_no_more(root: Path) -> None:
    storage = run_storage(str(root), "r1")
    stage(storage)
    publish(storage, "documents", [PART_A])
    storage.unstage()
    with pytest.raises(FileNotFoundError):
        publish(storage, "entities", [PART_A])
    publish(storage, "documents", [PART_A])
    assert list(files(root)) == [f"documents/run_id=r1/{PART_A}"]


def test_a_table_that_lost_a_file_is_not_published(root: Path) -> None:
    storage = run_storage(str(root), "r1")
    stage(storage)
    with pytest.raises(FileNotFoundError, match="has lost files that were written"):
        publish(storage, "entities", [PART_A, PART_B])
    assert not (root / "entities").exists()


@pytest.mark.parametrize("links", [True, False])
def test_the_first_manifest_of_a_run_counts(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On filesystems without hard links too."""

    def refuse(*_: object) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr("os.link", refuse)
    storage = run_storage(str(root), "r1")
    committed = manifest_of("r1")
    assert storage.create_manifest(json.dumps(committed).encode())
    assert not storage.create_manifest(b'{"status": "failed"}')
    assert dict(storage.read_manifest()) == committed


def test_a_folder_of_somebody_else_in_a_table_is_passed_over(root: Path) -> None:
    storage = run_storage(str(root), "r1")
    stage(storage)
    publish(storage, "documents", [PART_A])
    (root / "documents/run_id=r1/.ipynb_checkpoints").mkdir()
    settle_run(storage)
    assert not files(root)


def test_discarding_leaves_the_staging_of_others(root: Path) -> None:
    storage, other = run_storage(str(root), "r1"), run_storage(str(root), "r2")
    stage(storage)
    stage(other)
    storage.discard_staging()
    assert {name.split("/")[1] for name in files(root)} == {"r2"}
    other.discard_staging()
    assert not (root / "_staging").exists()
    other.discard_staging()


def test_a_manifest_is_replaced_whole_and_read_again(root: Path) -> None:
    storage = run_storage(str(root), "r1")
    storage.write_manifest(json.dumps(manifest_of("r1", model="long" * 100)).encode())
    shorter = manifest_of("r1", model="é")
    storage.write_manifest(json.dumps(shorter).encode())
    assert dict(storage.read_manifest()) == shorter
    storage.discard_staging()
    assert list(files(root)) == ["runs/r1.json"]


@pytest.mark.parametrize("trace", ["manifest", *TABLES])
def test_a_run_exists_once_it_left_a_manifest_or_a_table(root: Path, trace: str) -> None:
    storage = run_storage(str(root), "r1")
    assert not storage.run_exists()
    if trace == "manifest":
        storage.write_manifest(b"{}")
    else:
        stage(storage)
        publish(storage, trace, [PART_A])
    assert storage.run_exists()
    assert not run_storage(str(root), "r").run_exists()


def test_object_stores_are_written_in_place() -> None:
    """They have no rename: only the manifest says that a file counts."""
    storage = run_storage("gs://bucket/out", "r1")
    assert not storage.is_staged
    assert storage.writing_directory("entities") == "gs://bucket/out/entities/run_id=r1"
    publish(storage, "entities", [])
    storage.unstage()


class Store(LocalFileSystem):
    """A directory as an object store, `kept:///path`."""

    @classmethod
    def scheme(cls) -> str:
        return "kept"

    def create(self, path: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as Beam's
        return super().create(path.removeprefix("kept://"), *arguments, **more)

    def exists(self, path: str) -> bool:
        return Path(path.removeprefix("kept://")).exists()

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            Path(path.removeprefix("kept://")).unlink()


def test_of_what_is_staged_an_object_store_has_the_plan_alone(root: Path) -> None:
    storage = run_storage(f"kept://{root}", "r1")
    put(storage, storage.plan)
    put(storage, f"{storage.writing_directory('entities')}/{PART_A}")
    assert set(files(root)) == {"_staging/r1/plan.json", f"entities/run_id=r1/{PART_A}"}
    storage.discard_staging()
    storage.discard_staging()
    assert set(files(root)) == {f"entities/run_id=r1/{PART_A}"}


def test_a_file_that_is_lost_before_the_disk_has_it_is_an_error(root: Path) -> None:
    storage = DiskStorage(str(root), "r1")
    stage(storage)
    there = f"{storage.writing_directory('entities')}/{PART_A}"
    storage.sync([there])
    with pytest.raises(FileNotFoundError):
        storage.sync([there, f"{there}.gone", there])
