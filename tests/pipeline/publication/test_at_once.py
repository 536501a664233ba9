"""Two who publish an output at once: both succeed, and the tables end as what counts."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from sqlalchemy.exc import OperationalError

from pipeline.outputs.names import names_bytes
from pipeline.publication import publish as publish_module
from pipeline.publication.delta import DeltaPublished
from pipeline.publication.publish import publish, publish_all, required_targets
from pipeline.publication.table import Change
from pipeline.publication.targets import read_publications, remember, target
from schemas.errors import JobError
from tests.builders import configuration
from tests.end_to_end.kills.killing import started
from tests.jobs.runs.view.histories import SOURCES, Manifest
from tests.pipeline.publication.places import (
    call,
    commit,
    counting,
    make_output,
    run_of,
    seen,
    targets_of,
)

PLACES = ("in place", "elsewhere", "iceberg")


def in_threads(works: Sequence[Callable[[], object]]) -> None:
    """Do them at once, each a random moment late; raises what one of them raises."""
    start = threading.Barrier(len(works))

    def late(work: Callable[[], object]) -> None:
        start.wait()
        time.sleep(random.uniform(0, 0.05))
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(late, work) for work in works]:
            done.result()


def published(root: Path | str, text: str) -> Callable[[], object]:
    """A publish that waits for nobody, as on another machine."""
    return lambda: publish(str(root), target(text, str(root)))


@pytest.mark.parametrize("place", [0, 1, 2], ids=PLACES)
def test_of_two_that_wait_for_nobody_the_slower_begins_again(tmp_path: Path, place: int) -> None:
    """The first publish, which makes the tables, and later ones."""
    root = make_output(tmp_path / "out", "Ada")
    text = targets_of(root)[place]
    remember(str(root), text)
    for number in range(3, 6):
        in_threads([published(root, text)] * 2)
        wanted = {one: rows for one, rows in counting(root).items() if one[0] == PLACES[place]}
        assert {one: rows for one, rows in seen(root).items() if one in wanted} == wanted
        commit(root, run_of(number, random.choice(SOURCES)))
        call(root, f"Ada {number}")


@pytest.mark.parametrize("place", [0, 1, 2], ids=PLACES)
def test_what_is_committed_meanwhile_is_published_too(tmp_path: Path, place: int) -> None:
    """By the one or by the other: each publishes what it finds, and then looks again."""
    root = make_output(tmp_path / "out", "Ada")
    text = targets_of(root)[place]
    remember(str(root), text)
    for number in range(3, 6):
        told = run_of(number, random.choice(SOURCES))

        def committed_and_published(told: Manifest = told) -> None:
            commit(root, told)
            call(root, told["run_id"])
            published(root, text)()

        in_threads([published(root, text), committed_and_published])
        wanted = {one: rows for one, rows in counting(root).items() if one[0] == PLACES[place]}
        assert {one: rows for one, rows in seen(root).items() if one in wanted} == wanted


def test_processes_wait_for_each_other(tmp_path: Path) -> None:
    """Also where none has published before: the output gets one id, and keeps all targets."""
    root = make_output(tmp_path / "out", "Ada")
    texts = targets_of(root)
    for number in range(3, 5):
        commands = [["publish", f"--output={root}", *named] for named in (texts, texts[::-1])]
        processes = [started(str(root), command) for command in commands]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0]
        assert seen(root) == counting(root)
        commit(root, run_of(number, SOURCES[0]))
        call(root, f"Ada {number}")


def test_of_two_that_want_one_place_otherwise_one_is_refused(tmp_path: Path) -> None:
    """And what is remembered is what the tables are."""
    root = make_output(tmp_path / "out", "Ada")
    commit(root, {**run_of(3, SOURCES[0]), "configuration": configuration(("year",))})
    texts = [f"delta={tmp_path}/lake", f"delta={tmp_path}/lake,by=year"]
    refused: list[str] = []

    def publish_it(text: str) -> None:
        try:
            publish_all(str(root), required_targets(str(root), [text]))
        except JobError:
            refused.append(text)

    in_threads([partial(publish_it, text) for text in texts])
    (kept,) = set(texts) - set(refused)
    known = read_publications(str(root))
    assert known
    assert known.targets == (kept,)
    assert required_targets(str(root), known.targets)


def overtaken(monkeypatch: pytest.MonkeyPatch, *others: Callable[[], object]) -> list[Change]:
    """The changes that Delta's tables are given from now on; before the first, others come."""
    make, made = DeltaPublished.commit, list[Change]()

    def commit(table: DeltaPublished, change: Change) -> None:
        if not made:
            for other in others:
                other()
        made.append(change)
        make(table, change)

    monkeypatch.setattr(DeltaPublished, "commit", commit)
    return made


def test_a_run_that_goes_while_another_publishes_it_is_not_left_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was published after somebody else had found the table to be right without it."""
    root = make_output(tmp_path / "out", "Ada")
    text = targets_of(root)[0]
    published(root, text)()
    before = seen(root)
    commit(root, run_of(3, SOURCES[0]))
    made = overtaken(monkeypatch, (root / "runs/r3.json").unlink, published(root, text))
    published(root, text)()
    assert made[0].added
    assert seen(root) == before


@pytest.mark.parametrize("former", [["Ada"], []], ids=["others", "none"])
def test_names_that_are_replaced_while_another_publishes_them_are_not_left_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, former: list[str]
) -> None:
    """They were published after somebody else had found the table to be right without them."""
    root = make_output(tmp_path / "out", *former)
    text = targets_of(root)[0]
    published(root, text)()
    before = seen(root)
    call(root, "Orso")
    gone = (root / "names/names.parquet").unlink
    made = overtaken(
        monkeypatch, partial(call, root, *former) if former else gone, published(root, text)
    )
    published(root, text)()
    assert made[0].added
    found = seen(root)
    if not former:  # somebody else found no table, and this one emptied the one that it made
        assert found["in place", "names"] == []
        before = {**before, ("in place", "names"): []}
    assert found == before


def test_the_first_names_of_all_are_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were written once the tables were opened, of which there was none for them."""
    root = make_output(tmp_path / "out")
    text = targets_of(root)[0]
    bytes_of, asked = names_bytes, list[str]()

    def written(root: str) -> bytes | None:
        if not asked:
            call(Path(root), "Ada")
        asked.append(root)
        return bytes_of(root)

    monkeypatch.setattr(publish_module, "names_bytes", written)
    monkeypatch.setattr(publish_module, "_SECONDS", 0.0)
    published(root, text)()
    assert seen(root)["in place", "names"] == counting(root)["in place", "names"]


def test_a_catalog_that_is_busy_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps others out for longer than its clients wait, where a disk is slow."""
    root = make_output(tmp_path / "out", "Ada")
    make, tries = SqlCatalog.commit_table, list[str]()

    def locked(catalog: SqlCatalog, table: Table, *changes: Any) -> Any:  # noqa: ANN401 - as it is
        tries.append(".".join(table.name()))
        if len(tries) % 2:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return make(catalog, table, *changes)

    monkeypatch.setattr(SqlCatalog, "commit_table", locked)
    monkeypatch.setattr("pipeline.publication.publish._SECONDS", 0.0)
    published(root, "iceberg=open")()
    assert tries[:2] == ["open.entities"] * 2
    assert {place: rows for place, rows in seen(root).items() if rows} == {
        place: rows for place, rows in counting(root).items() if place[0] == "iceberg"
    }
