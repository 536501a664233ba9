"""`jobs.publish`: what counts is published where it is asked, or where it was before."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs.publish.__main__ import run
from jobs.runs.__main__ import run as look_after
from pipeline.publication.publish import publish_all
from pipeline.publication.targets import target
from schemas.errors import JobError, UsageError
from tests.jobs.runs.view.histories import SOURCES
from tests.pipeline.publication.places import (
    commit,
    counting,
    make_output,
    run_of,
    seen,
    targets_of,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output that was never published."""
    return make_output(tmp_path / "out")


def publish(root: Path, *arguments: str) -> int:
    return run([f"--output={root}", *arguments])


def test_it_tells_what_came_and_went(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(root, f"delta={root}") == 0
    assert capsys.readouterr().out == (
        f"published delta={root}\n"
        "  entities      6 rows in 3 files, 3 new, 0 gone\n"
        "  documents     6 rows in 3 files, 3 new, 0 gone\n"
        "  dead_letters  6 rows in 3 files, 3 new, 0 gone\n"
    )
    commit(root, run_of(3, *SOURCES))
    assert publish(root) == 0
    assert "6 rows in 2 files, 2 new, 3 gone" in capsys.readouterr().out


def test_without_a_target_it_publishes_to_all_of_before(root: Path) -> None:
    assert publish(root, *targets_of(root)) == 0
    commit(root, run_of(3, SOURCES[0]))
    assert publish(root) == 0
    assert seen(root) == counting(root)


def test_an_output_that_was_never_published_needs_a_target(root: Path) -> None:
    with pytest.raises(UsageError, match="was never published: name a target, expected delta="):
        publish(root)
    assert not list(root.glob("_*"))


def test_a_target_that_is_stopped_stays_as_it_is(root: Path) -> None:
    lake = f"delta={root.parent}/lake"
    assert publish(root, *targets_of(root)) == 0
    before = seen(root)
    assert publish(root, "--stop", f"{lake}/") == 0
    commit(root, run_of(3, SOURCES[0]))
    assert publish(root) == 0
    wanted = counting(root)
    for place, rows in seen(root).items():
        assert rows == (before if place[0] == "elsewhere" else wanted)[place]
    with pytest.raises(UsageError, match=f"is not published to {lake}, but to delta={root} iceber"):
        publish(root, "--stop", lake)


def test_it_lists_the_targets_that_it_publishes_to(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(root, "--list") == 0
    assert capsys.readouterr().out == "no targets\n"
    assert publish(root, *targets_of(root)) == 0
    capsys.readouterr()
    assert publish(root, "--list") == 0
    assert capsys.readouterr().out.splitlines() == sorted(targets_of(root))
    for more in (["iceberg=open"], ["--stop", "iceberg=open"]):
        with pytest.raises(UsageError, match="--list takes no target, and no --stop"):
            publish(root, "--list", *more)


def test_a_listed_target_is_stopped_whatever_became_of_its_name(root: Path) -> None:
    """As of a folder with a comma, which earlier versions remembered."""
    known = {"version": 1, "owner": "0" * 32, "root": str(root), "targets": ["delta=/a,b/lake"]}
    (root / "_published.json").write_text(json.dumps(known))
    assert publish(root, "--stop", "delta=/a,b/lake") == 0
    assert json.loads((root / "_published.json").read_text())["targets"] == []


@pytest.mark.parametrize("arguments", [["lake"], ["--stop", "lake"]])
def test_what_is_no_target_is_named_as_it_was_given(root: Path, arguments: list[str]) -> None:
    with pytest.raises(UsageError, match=r"^'lake' is no target, expected delta=FOLDER, iceberg="):
        publish(root, *arguments)


def test_stopping_takes_no_other_target(root: Path) -> None:
    """It would not be published to."""
    with pytest.raises(UsageError, match="--stop takes one target alone, without iceberg=open"):
        publish(root, "iceberg=open", "--stop", f"delta={root}")


def test_a_target_that_fails_keeps_no_other_from_being_published(root: Path) -> None:
    """Exit code 1, with all that failed."""
    assert publish(root, *targets_of(root)) == 0
    for table in ("entities", "documents"):
        log = root.parent / f"lake/{table}/_delta_log"
        log.rename(log.with_name("elsewhere"))
        log.write_text("no log")
    with pytest.raises(JobError) as told:
        publish_without_a_look(root)
    assert told.value.exit_code == 1
    lake = f"delta={root.parent}/lake"
    assert str(told.value).startswith(f"{lake}: {root.parent}/lake/entities")
    assert str(told.value).endswith(f"jobs.publish --output={root} {lake} publishes it")
    found = seen_but(root, "elsewhere")
    assert found == {place: rows for place, rows in counting(root).items() if place in found}


def test_what_another_try_does_not_mend_is_not_to_be_tried_again(root: Path) -> None:
    """Each failure has its target's name, and what can be tried is named alone."""
    write_deltalake(root.parent / "lake/entities", pa.table({"theirs": [1]}))
    (root / "documents/_delta_log").write_text("no log")
    with pytest.raises(JobError) as told:
        publish_without_a_look(root)
    assert told.value.exit_code == 1
    parts = str(told.value).split("; ")
    assert parts[0].startswith(f"delta={root}: {root}/documents")
    assert parts[1].startswith(f"delta={root.parent}/lake: there is a table entities of somebody")
    assert parts[2].endswith(f"jobs.publish --output={root} delta={root} publishes it")
    (root / "documents/_delta_log").unlink()
    with pytest.raises(JobError, match=f"else already; what counts of {root} stays as it is$"):
        publish_all(str(root), [target(f"delta={root.parent}/lake", str(root))])


def publish_without_a_look(root: Path) -> None:
    """As where the place was in reach at first, and then was not."""
    commit(root, run_of(3, SOURCES[0]))
    publish_all(str(root), [target(text, str(root)) for text in targets_of(root)])


def seen_but(root: Path, name: str) -> dict[tuple[str, str], list[str] | None]:
    (root.parent / "lake").rename(root.parent / "away")
    return {place: rows for place, rows in seen(root).items() if place[0] != name}


def test_files_that_others_made_larger_are_made_as_before(root: Path) -> None:
    """`OPTIMIZE` of somebody else leaves the rows, and so does the publish that undoes it."""
    assert publish(root, f"delta={root.parent}/lake") == 0
    for number in range(3, 6):
        commit(root, run_of(number, SOURCES[0]))
        assert publish(root) == 0
    DeltaTable(root.parent / "lake/documents").optimize.compact()
    assert publish(root) == 0
    found = seen(root)
    assert found["elsewhere", "documents"] == counting(root)["elsewhere", "documents"]


def test_what_is_remembered_and_damaged_is_an_error_that_names_it(root: Path) -> None:
    (root / "_published.json").write_text("{")
    with pytest.raises(UsageError, match=r"_published\.json is no list of publications"):
        publish(root, "iceberg=open")
    assert {path.name for path in root.glob("_*")} == {"_published.json"}


def test_an_output_that_is_read_only_is_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UsageError, match=f"no permission to write to {root}"):
        publish(root, f"delta={root}")


def test_files_have_the_modes_that_the_user_gives_new_ones(root: Path) -> None:
    """Other users read tables too."""
    before = os.umask(0o027)
    try:
        assert publish(root, *targets_of(root)) == 0
    finally:
        os.umask(before)
    written = [*(root.parent / "lake").rglob("part-*")]
    written += [*root.glob("*/_published/*/part-*"), root / "_published.json"]
    assert len(written) > 6
    assert {path.stat().st_mode & 0o777 for path in written} == {0o640}
    assert json.loads((root / "_published.json").read_bytes())["version"] == 1


@pytest.mark.parametrize("move", [Path.rename, shutil.copytree])
def test_an_output_that_is_elsewhere_now_is_published_where_somebody_says(
    root: Path, move: Callable[[Path, Path], object]
) -> None:
    """Its targets may be those of another place, and its tables name files there."""
    publish(root, f"delta={root}", f"delta={root.parent}/lake")
    now = root.parent / "now"
    move(root, now)
    before = {path: path.read_bytes() for path in root.parent.rglob("*") if path.is_file()}
    message = f"{now} was {root} when it was published"
    with pytest.raises(UsageError, match=message):
        publish(now)
    for command in (["rollback", "r2"], ["forget", f"--source={SOURCES[0]}"], ["compact"]):
        with pytest.raises(UsageError, match=message):
            look_after([*command, f"--output={now}"])
    lock = {path: data for path, data in before.items() if not path.name.endswith(".lock")}
    after = {path: path.read_bytes() for path in root.parent.rglob("*") if path.is_file()}
    assert lock.items() <= after.items()
    assert publish(now, f"delta={now}") == 0
    assert publish(now) == 0
    assert json.loads((now / "_published.json").read_text())["targets"] == [f"delta={now}"]
    assert DeltaTable(now / "documents").to_pyarrow_table().num_rows
