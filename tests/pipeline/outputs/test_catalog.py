"""An output as a whole: one run at a time, nothing of stopped ones, manifests that can be read."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from pipeline.outputs.catalog import clean, held, output_root, read_manifests
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.transactions import remove_run, settle_run
from schemas.errors import JobError, OutputBusyError, UsageError
from schemas.tables import SCHEMA_VERSION, TABLES
from tests.builders import PART_A, PART_B, manifest_of, table_of

NOT_BELIEVED = "is not to be believed, and nothing was changed: "
NEWER = SCHEMA_VERSION + 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out [a*]"  # which a glob would not find


def put(path: str, storage: RunStorage) -> None:
    with storage.create(path) as stream:
        stream.write(b"rows")


def stage(storage: RunStorage, published: Collection[str] = ()) -> None:
    for table in TABLES:
        put(f"{storage.writing_directory(table)}/{PART_A}", storage)
    for table in published:
        storage.ready(table, [PART_A])
        storage.publish(table)


def manifest(run_id: str, **more: Any) -> bytes:
    return json.dumps(manifest_of(run_id, **more)).encode()


def naming(path: str) -> bytes:
    return of_file(path=path)


def of_file(**told: Any) -> bytes:
    tables = {table: table_of("r1", table, PART_A) for table in TABLES}
    tables["entities"]["files"][0].update(told)
    return manifest("r1", tables=tables)


def commit(root: Path, run_id: str, **more: Any) -> RunStorage:
    storage = run_storage(str(root), run_id)
    stage(storage, TABLES)
    storage.write_manifest(manifest(run_id, **more))
    return storage


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def of_run(run_id: str) -> set[str]:
    return {f"runs/{run_id}.json", *(f"{table}/run_id={run_id}/{PART_A}" for table in TABLES)}


@pytest.mark.parametrize("published", [(), ("entities",), tuple(TABLES)])
def test_what_a_stopped_run_left_goes(root: Path, published: Collection[str]) -> None:
    """Wherever it was stopped; what is committed stays."""
    commit(root, "committed")  # and stopped before its staging was discarded
    stopped = run_storage(str(root), "stopped")
    put(stopped.plan, stopped)
    stage(stopped, published)
    assert [run["run_id"] for run in clean(str(root))] == ["committed"]
    assert files(root) == of_run("committed")
    assert not (root / "_staging").exists()
    assert not list(root.rglob("run_id=stopped"))
    clean(str(root))
    assert files(root) == of_run("committed")


def test_of_a_run_that_is_being_rewritten_stays_what_its_manifest_names(root: Path) -> None:
    """Whether the rewriting stopped before its manifest was written or behind it."""
    for run_id, named in (("before", PART_A), ("behind", PART_B)):
        storage = commit(root, run_id)
        (root / f"entities/run_id={run_id}/{PART_B}").write_bytes(b"new rows")
        tables = manifest_of(run_id)["tables"] | {"entities": table_of(run_id, "entities", named)}
        storage.write_manifest(manifest(run_id, tables=tables))
        storage.prepare()
    clean(str(root))
    assert {path for path in files(root) if path.startswith("entities")} == {
        f"entities/run_id=before/{PART_A}",
        f"entities/run_id=behind/{PART_B}",
    }


@pytest.mark.parametrize("status", ["committed", "failed"])
def test_runs_that_were_merged_go_once_the_merged_one_is_there(root: Path, status: str) -> None:
    for run_id in ("a", "b", "c"):
        commit(root, run_id).discard_staging()
    commit(root, "merged", replaces=["a", "b"], status=status).discard_staging()
    left = {"c", "merged"} if status == "committed" else {"a", "b", "c", "merged"}
    assert {run["run_id"] for run in clean(str(root))} == left
    assert files(root) == set().union(*map(of_run, left))


def test_a_staging_folder_that_is_not_ours_is_left_alone(root: Path) -> None:
    """Whoever names the wrong output must not pay for it."""
    for name in ("_staging/site/index.html", "_staging/notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("mine")
    clean(str(root))
    assert files(root) == {"_staging/site/index.html", "_staging/notes.txt"}


def test_a_damaged_manifest_is_told_before_anything_is_cleaned(root: Path) -> None:
    stage(run_storage(str(root), "stopped"))
    commit(root, "r1")
    (root / "runs/r1.json").write_text("{")
    before = files(root)
    with pytest.raises(UsageError, match=r"r1\.json is not the manifest of a run"):
        clean(str(root))
    assert files(root) == before


def test_a_run_whose_removal_was_stopped_goes_for_good(root: Path) -> None:
    """The manifest goes first, and the run is known by its staging until the rest has gone."""
    storage = commit(root, "r1")
    storage.prepare()
    (root / "runs/r1.json").unlink()
    assert clean(str(root)) == []
    assert files(root) == set()
    remove_run(commit(root, "r2"))
    assert files(root) == set()


def test_one_run_at_a_time_holds_an_output(root: Path) -> None:
    """The lock goes with its holder; other outputs are free, and object stores have none."""
    for _ in range(2):
        with held(str(root)):
            with (
                pytest.raises(OutputBusyError, match="another run is writing to"),
                held(str(root)),
            ):
                pass
            with held(str(root / "other")):
                pass
    with held("gs://bucket/out"), held("gs://bucket/out"):
        pass


def test_manifests_come_by_run_id_and_an_output_without_runs_has_none(root: Path) -> None:
    assert read_manifests(str(root)) == []
    for run_id in ("b", "a", "c"):
        commit(root, run_id)
    (root / "runs/notes.txt").write_text("?")
    assert [run["run_id"] for run in read_manifests(str(root))] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"{", "is not the manifest of a run, it may be damaged"),
        (b"[]", "is not the manifest of a run, it may be damaged"),
        (b"{}", "is not the manifest of a run, it may be damaged"),
        (manifest("r2"), NOT_BELIEVED + "it is the manifest of another run, 'r2'"),
        (manifest(".."), NOT_BELIEVED + "'..' is no run id"),
        (manifest("a/../r1"), NOT_BELIEVED + "'a/../r1' is no run id"),
        (manifest(""), NOT_BELIEVED + "'' is no run id"),
        (manifest("r1\n"), NOT_BELIEVED + "'r1\\n' is no run id"),
        (manifest("r1", replaces=["r0", ".."]), NOT_BELIEVED + "'..' is no run id"),
        (manifest("r1", replaces=["../r0"]), NOT_BELIEVED + "'../r0' is no run id"),
        (b'{"run_id": 7, "schema_version": 3}', "is not the manifest of a run, it may be damaged"),
        (of_file(rows=-1), NOT_BELIEVED + "rows of a file of entities is -1"),
        (of_file(bytes=2**63), NOT_BELIEVED + f"bytes of a file of entities is {2**63}"),
        (manifest("r1", tables=[]), "is not the manifest of a run, it may be damaged"),
        *(
            (naming(path), f"{NOT_BELIEVED}{path!r} is no file of this run")
            for path in (
                "/etc/passwd",
                f"../{PART_A}",
                f"s3://bucket/{PART_A}",
                f"entities/run_id=r1/../{PART_A}",
                "entities/run_id=r1/..",
                "entities/run_id=r1/",
                f"entities/run_id=r2/{PART_A}",
                f"documents/run_id=r1/{PART_A}",
                "entities/run_id=r1/notes.txt",
                f"../run_id=r1/{PART_A}",
                f"entities/../run_id=r1/{PART_A}",
                "entities/run_id=r1/..\\x",
            )
        ),
        (
            manifest("r1", schema_version=NEWER),
            f"has schema version {NEWER}, and this gleaner knows versions up to {NEWER - 1}",
        ),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(
    root: Path, data: bytes, expected: str
) -> None:
    (root / "runs").mkdir(parents=True)
    (root / "runs/r1.json").write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_manifests(str(root))
    assert str(caught.value).startswith(f"{root}/runs/r1.json {expected}")


def test_manifests_that_go_meanwhile_are_no_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where runs are merged: what took their place is read instead, never a part of both."""
    from pipeline.outputs import catalog

    for run_id in ("r1", "r2"):
        commit(root, run_id)
    listed = catalog._local_files  # noqa: SLF001 - between this and the first reading

    def then_merged(directory: str, suffix: str) -> list[str]:
        paths = listed(directory, suffix)
        if (root / "runs/r2.json").exists():
            (root / "runs/c1.json").write_bytes(manifest("c1"))
            (root / "runs/r2.json").unlink()
        return paths

    monkeypatch.setattr(catalog, "_local_files", then_merged)
    assert [told["run_id"] for told in read_manifests(str(root))] == ["c1", "r1"]


@pytest.mark.parametrize("name", ["..", "r9"])
def test_nothing_is_removed_that_a_foreign_manifest_names(root: Path, name: str) -> None:
    """Neither by what settles stopped runs, nor where runs are said to be merged."""
    commit(root, "r1")
    (root / "notes.txt").write_text("mine")
    (root / f"runs/{name}.json").write_bytes(manifest("..", replaces=["..", "r1"]))
    (root / "_staging/r1/documents").mkdir(parents=True)
    before = files(root)
    with pytest.raises(UsageError, match=re.escape(f"{root}/runs/{name}.json is not to be")):
        clean(str(root))
    assert files(root) == before
    (root / f"runs/{name}.json").unlink()
    (root / "runs/r1.json").write_bytes(naming(".."))
    before = files(root)
    with pytest.raises(JobError, match=r"runs/r1\.json is not to be believed"):
        settle_run(run_storage(str(root), "r1"))
    assert files(root) == before


def test_a_tilde_that_no_shell_replaced_is_no_folder() -> None:
    for path in ("~", "~/out"):
        with pytest.raises(
            UsageError, match=f"--output {path}: no shell made the home folder of ~"
        ):
            output_root(path)
    assert output_root("./~") == f"{Path.cwd()}/~"
    assert output_root("~old") == f"{Path.cwd()}/~old"
