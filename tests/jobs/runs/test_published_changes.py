"""Commands that change an output publish it before they remove files, also beside a publish."""

import json
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs.runs.__main__ import run
from pipeline.publication.delta import DeltaPublished
from pipeline.publication.publish import expire_everywhere, publish_all, required_targets
from pipeline.publication.table import Change
from pipeline.publication.targets import target
from schemas.errors import JobError, UsageError
from tests.pipeline.publication.places import counting, seen, targets_of
from tests.pipeline.publication.readers import iceberg_table

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput

CHANGES = {
    "compact": ["compact"],
    "rollback": ["rollback", "r3"],
    "forget": ["forget", "--doc_id", "d2"],
    "expire": ["expire", "--older_than=0"],
}


@pytest.fixture
def published(output: "MadeOutput") -> "MadeOutput":
    """Three runs, of which later ones have read some of the files anew, in all places."""
    files = [output.read(f"/in/{name}", (f"{name}1", "d2"), (f"{name}x",)) for name in "abc"]
    output.commit("r1", *files)
    output.commit("r2", output.read("/in/b", ("b1", "d2", "d3"), fingerprint="2-1"))
    output.commit("r3", output.read("/in/b", ("b1", "d4"), fingerprint="3-1"))
    publish(output.root)
    return output


def publish(root: Path) -> None:
    publish_all(str(root), required_targets(str(root), targets_of(root)))


def holding(place: Path, doc_id: str) -> list[Path]:
    """The files with a row of a document, or half of one."""
    return [path for path in place.rglob("part-*") if doc_id in _ids(path)]


def _ids(path: Path) -> list[str]:
    assert path.suffix == ".parquet", "half of a file is left"
    ids: list[str] = pq.ParquetFile(path).read(["doc_id"])["doc_id"].to_pylist()
    return ids


def test_what_others_wrote_is_taken_back(published: "MadeOutput") -> None:
    """By the next publish: rows that they added, whatever their partition, and deleted."""
    root = published.root
    for place in (root, root.parent / "lake"):
        rows = pa.table(DeltaTable(place / "documents").to_pyarrow_table()).slice(0, 1)
        run_id = rows.schema.get_field_index("run_id")
        odd = pa.array(["of somebody else=%20/é"], pa.string())
        write_deltalake(place / "documents", rows.set_column(run_id, "run_id", odd), mode="append")
        DeltaTable(place / "entities").delete("start_char = 0")
    iceberg = iceberg_table(root, "documents")
    iceberg.append(iceberg.scan().to_arrow().slice(0, 1))
    iceberg_table(root, "entities").delete("start_char = 0")
    wanted = counting(root)
    changed = {place for place, rows in seen(root).items() if rows != wanted[place]}
    assert changed == {place for place in wanted if place[1] in ("entities", "documents")}
    publish(root)
    assert seen(root) == counting(root)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_published(published: "MadeOutput", name: str) -> None:
    assert run([*CHANGES[name], f"--output={published.root}"]) == 0
    assert seen(published.root) == counting(published.root)
    if name == "forget":
        assert not holding(published.root.parent, "d2")


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_and_a_publish_at_once_end_as_what_counts(
    published: "MadeOutput", name: str
) -> None:
    """Whatever comes first: no table has files that are gone, nor rows that were forgotten."""
    published.commit("r4", published.read("/in/a", ("a1", "d2"), fingerprint="4-1"))
    is_done = threading.Event()
    errors: list[Exception] = []

    def publish_again() -> None:
        while not is_done.is_set():
            try:
                publish(published.root)
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
            time.sleep(random.uniform(0, 0.02))

    thread = threading.Thread(target=publish_again)
    thread.start()
    try:
        assert run([*CHANGES[name], f"--output={published.root}"]) == 0
    finally:
        is_done.set()
        thread.join()
    assert errors == []
    assert seen(published.root) == counting(published.root)
    if name == "forget":
        assert not holding(published.root.parent, "d2")


@pytest.mark.parametrize("name", CHANGES)
def test_a_dry_run_publishes_nothing(published: "MadeOutput", name: str) -> None:
    published.commit("r4", published.read("/in/a", ("a1",), fingerprint="4-1"))
    before = seen(published.root)
    assert run([*CHANGES[name], f"--output={published.root}", "--dry_run"]) == 0
    assert seen(published.root) == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_place_that_is_gone_stops_a_command_before_it_changes_anything(
    published: "MadeOutput", name: str
) -> None:
    """Until somebody says that it is published there no more."""
    lake = published.root.parent / "lake"
    lake.rename(lake.with_name("away"))
    lake.write_text("a file")
    before = published.data()
    with pytest.raises(UsageError, match=f"{lake} is not a directory"):
        run([*CHANGES[name], f"--output={published.root}"])
    assert published.data() == before


@pytest.mark.parametrize("name", CHANGES)
def test_columns_that_no_table_can_have_stop_a_command_before_it_changes_anything(
    published: "MadeOutput", name: str
) -> None:
    """But for one that takes the run back which has them."""
    read = published.read("/in/d", ("d9",), keep_fields=("Year",))
    published.commit("r9", read, started="2026-02-01T00:00:00+00:00")
    before = published.data()
    with pytest.raises(UsageError, match=r"'year' and 'Year' cannot be.* --stop TARGET ends"):
        run([*CHANGES[name], f"--output={published.root}"])
    assert published.data() == before
    assert run(["rollback", "r9", f"--output={published.root}"]) == 0
    assert run([*CHANGES[name], f"--output={published.root}"]) == 0
    assert seen(published.root) == counting(published.root)


def test_what_an_output_remembers_is_read_before_it_is_changed(published: "MadeOutput") -> None:
    (published.root / "_published.json").write_text("[]")
    before = published.data()
    with pytest.raises(UsageError, match=r"_published\.json is no list of publications"):
        run(["rollback", "r3", f"--output={published.root}"])
    assert published.data() == before


def test_forgetting_again_takes_what_a_failed_publish_left(
    published: "MadeOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first says what failed, and not that it is erased."""

    def fail(*_: object) -> None:
        raise JobError("the disk is full")

    forget = ["forget", "--doc_id", "d2", f"--output={published.root}"]
    with monkeypatch.context() as patch:
        patch.setattr(DeltaPublished, "commit", fail)
        with pytest.raises(
            JobError, match=r"the disk is full; .*jobs.publish --output=.* publishes it"
        ):
            run(forget)
    assert run(forget) == 0
    assert seen(published.root) == counting(published.root)
    assert not holding(published.root.parent, "d2")


def test_forgetting_goes_on_where_nothing_was_ever_published_after_all(
    output: "MadeOutput",
) -> None:
    """A first publish that failed is remembered, and there is no table."""
    output.commit("r1", output.read("/in/a", ("a1", "d2")))
    root = str(output.root)
    told = {"version": 1, "owner": "0" * 32, "root": root, "targets": ["iceberg=open"]}
    (output.root / "_published.json").write_text(json.dumps(told))
    expire_everywhere(str(output.root))
    assert run(["forget", "--doc_id", "d2", f"--output={output.root}"]) == 0
    assert target("iceberg=open", str(output.root)).open("documents", "0" * 32).is_complete


def test_older_versions_have_no_rows_that_were_forgotten(published: "MadeOutput") -> None:
    assert run(["forget", "--doc_id", "d2", f"--output={published.root}"]) == 0
    for table in ("entities", "documents", "dead_letters"):
        assert len(list(iceberg_table(published.root, table).snapshots())) == 1
    with pytest.raises(Exception, match="part-"):
        DeltaTable(published.root / "documents", version=0).to_pyarrow_table()


def test_a_run_that_expires_is_there_until_no_table_has_it(
    published: "MadeOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where what superseded it was not published yet."""
    published.commit("r4", published.read("/in/b", ("b9",), fingerprint="4-1"))
    expected, make = seen(published.root), DeltaPublished.commit

    def checked(table: DeltaPublished, change: Change) -> None:
        assert seen(published.root)["in place", "documents"] == expected["in place", "documents"]
        monkeypatch.setattr(DeltaPublished, "commit", make)
        make(table, change)

    monkeypatch.setattr(DeltaPublished, "commit", checked)
    assert run(["expire", "--older_than=0", f"--output={published.root}"]) == 0
    assert "r3" not in published.manifests()
    assert seen(published.root) == counting(published.root)
