"""Whenever a publish is killed, each table is as before or as after; the next one does the rest.

Readers that poll meanwhile see nothing else.
"""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.publication.targets import read_publications
from tests.end_to_end.kills.killing import finished, killed_after, killed_at
from tests.jobs.runs.view.histories import SOURCES, TABLES, write
from tests.pipeline.publication.places import (
    Seen,
    call,
    counting,
    kept,
    make_output,
    restored,
    run_of,
    seen,
    targets_of,
)

KILLED = -9


@pytest.fixture(params=["the first publish", "a later one"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An output with a run that is committed and not published yet: killed between the two."""
    place = tmp_path / "place"
    root = make_output(place / "out", "Ada", "Ms. Ada")
    if request.param == "a later one":
        assert publish(root) == 0
        write(root, run_of(3, SOURCES[0], SOURCES[1]))
        call(root, "Orso")
    kept(place)
    return place


def publish(root: Path) -> int:
    return finished(str(root), command(root))


def command(root: Path) -> list[str]:
    return ["publish", f"--output={root}", *targets_of(root)]


@contextmanager
def polled(root: Path, before: Seen, after: Seen) -> Iterator[None]:
    """Read all tables again and again: each is as before, or as after and stays so."""
    found: list[Seen] = []
    is_done = threading.Event()

    def poll() -> None:
        while not is_done.is_set():
            found.append(seen(root))

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()
    assert found
    for one, rows in after.items():
        states = [state for state, _ in itertools.groupby(state[one] for state in found)]
        assert states in ([before[one]], [rows], [before[one], rows]), one


def require_remembered(root: Path, found: Seen) -> None:
    """Where there is a table, what changes the output publishes it too."""
    known = read_publications(str(root))
    names = zip(("in place", "elsewhere", "iceberg"), targets_of(root), strict=True)
    there = {
        text for place, text in names if any(found[place, table] is not None for table in TABLES)
    }
    assert there.issubset(known.targets if known else ())


def require_next_does_the_rest(root: Path, after: Seen, kill: float) -> None:
    assert publish(root) == 0, kill
    assert seen(root) == after, kill


def kill_for_some_time(place: Path, kills: int) -> None:
    root = place / "out"
    before, after = seen(root), counting(root)
    started = time.monotonic()
    assert publish(root) == 0
    seconds = time.monotonic() - started
    assert seen(root) == after
    drawn = random.Random(kills)
    codes = []
    for number in range(kills):
        restored(place)
        with polled(root, before, after):
            moment = seconds * (number + drawn.random()) / kills
            started = time.monotonic()
            codes.append(killed_after(moment, str(root), command(root)))
        if codes[-1] != KILLED:  # the first took longer, as when nothing was read yet
            seconds = min(seconds, time.monotonic() - started)
        require_next_does_the_rest(root, after, moment)
    assert KILLED in codes


def test_a_publish_that_is_killed_some_time_is_done_or_not_done(place: Path) -> None:
    kill_for_some_time(place, 4)


def test_a_publish_that_is_killed_at_a_file_operation_is_done_or_not_done(place: Path) -> None:
    """At some of our own; the libraries have theirs."""
    kill_at_operations(place, 17)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_publish_that_is_killed_at_any_time_is_done_or_not_done(place: Path) -> None:
    kill_for_some_time(place, 60)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_publish_that_is_killed_anywhere_is_done_or_not_done(place: Path) -> None:
    kill_at_operations(place, 1)


def kill_at_operations(place: Path, step: int) -> None:
    root = place / "out"
    after = counting(root)
    for kill in itertools.count(step // 2, step):
        restored(place)
        before = seen(root)
        code = killed_at(kill, str(place), command(root))
        now = seen(root)
        assert all(now[one] in (before[one], rows) for one, rows in after.items()), kill
        require_remembered(root, now)
        require_next_does_the_rest(root, after, kill)
        if code != KILLED:
            break
    assert kill > step
