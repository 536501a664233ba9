"""What is shown of progress: a sane line on a terminal, events for machines, else nothing."""

import contextlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.console.events import EventStream
from pipeline.console.printing import Console, JsonConsole
from pipeline.console.progress import Progress, ProgressReader
from pipeline.console.progress.display import (
    Pace,
    Sample,
    pace_in_words,
    pace_of,
)

WAITING = "starting workers"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def pace(points: Sequence[tuple[float, int]], documents: int = 1000, files: int = 4) -> Pace:
    """Of a run with ten tokens a document, at these times with so many documents done."""
    samples = [Sample(seconds, Progress(done, 10 * done, 1)) for seconds, done in points]
    return pace_of(samples, documents, files)


def words(pace: Pace, columns: int = 100) -> str:
    return pace_in_words(pace, WAITING, columns)


def test_the_line_says_how_far_how_fast_and_until_when() -> None:
    told = words(pace([(5, 0), (10, 100), (20, 300)]))
    assert told == "30%  ETA 0:35  300 of about 1,000 documents  200 tokens/s  1/4 files  0:20"
    hours = words(pace([(7000, 100_000), (7020, 101_000)], documents=2_000_000))
    assert hours == (
        " 5%  ETA 10:33:00  101,000 of about 2,000,000 documents  500 tokens/s  1/4 files  1:57:00"
    )


def test_until_a_document_is_done_the_line_says_what_is_waited_for() -> None:
    assert words(pace([(2, 0), (65, 0)])) == "starting workers  1:05"


def test_one_of_several_runs_says_which_it_is() -> None:
    told = pace_in_words(pace([(1, 0), (2, 1)]), WAITING, 24, "run 3 of 12")
    assert told == "run 3 of 12   0%  ETA -"


def test_the_start_up_has_no_part_in_rate_and_eta() -> None:
    """A minute of waiting, then 100 documents a second."""
    slow_start = pace([(60, 0), (61, 100), (62, 200)])
    assert (slow_start.tokens_per_second, slow_start.eta) == (1000, 8)
    # The first report alone says nothing of a rate.
    assert (pace([(60, 100)]).tokens_per_second, pace([(60, 100)]).eta) == (None, None)
    assert "ETA -:--" in words(pace([(60, 100)]))


def test_the_rate_is_the_recent_one() -> None:
    """Fast for a minute, then slow for half a minute."""
    samples = [(float(n), 1000 * n) for n in range(1, 61)]
    samples += [(60.0 + n, 60_000 + 10 * n) for n in range(1, 31)]
    assert pace(samples, documents=61_000).tokens_per_second == 100
    assert pace(samples, documents=61_300).eta == pytest.approx(100)


def test_rate_and_eta_hold_between_the_bursts_in_which_batches_come() -> None:
    samples = [(10.0 + n / 5, 100 * (1 + n // 25)) for n in range(100)]  # each 5 s a hundred
    found = [pace(samples[: n + 1]) for n in range(25, 100)]
    assert {round(one.tokens_per_second or 0) for one in found} == {200}
    etas = [one.eta or 0 for one in found]
    assert etas == sorted(etas, reverse=True)
    assert [etas[0], etas[-1]] == pytest.approx([40, 30])


def test_a_report_that_is_late_lowers_the_rate_until_none_is_known() -> None:
    def waited(seconds: float) -> float | None:
        return pace([(0.0, 1), (5.0, 101), (5.0 + seconds, 101)]).tokens_per_second

    assert [waited(seconds) for seconds in (1, 5, 15, 26)] == [200, 200, 100, None]


def test_a_run_that_stands_still_promises_nothing() -> None:
    assert pace([(1, 100), (9, 100)]).eta is None
    assert "ETA -:--  100 of" in words(pace([(1, 100), (9, 100)]))


def test_an_estimate_that_was_too_low_is_corrected_and_never_all_of_a_run_that_goes_on() -> None:
    told = words(pace([(1, 500), (2, 1500)], documents=3))
    assert told.startswith("99%  ETA -:--  1,500 of about 1,500 documents")
    assert "finishing" in words(pace([(1, 500), (2, 1000)], documents=1000, files=1))
    assert words(pace([(1, 0), (2, 1)], documents=0)).startswith("99%")


@given(
    steps=st.lists(st.tuples(st.floats(0.01, 1e5), st.integers(0, 10**9)), min_size=1),
    documents=st.integers(0, 10**12),
    columns=st.integers(1, 200),
)
def test_no_run_gives_a_line_that_wraps_or_an_eta_in_the_past(
    steps: list[tuple[float, int]], documents: int, columns: int
) -> None:
    points, seconds, done = [], 0.0, 0
    for more_seconds, more_documents in steps:
        seconds, done = seconds + more_seconds, done + more_documents
        points.append((seconds, done))
    found = pace(points, documents)
    assert found.eta is None or found.eta > 0
    assert 0 <= found.percent < 100
    line = words(found, columns)
    assert len(line) < columns
    assert words(found, 500).startswith(line)


def test_a_terminal_shows_one_line_and_gets_it_back_clean(tmp_path: Path) -> None:
    (tmp_path / "progress-1.jsonl").write_text("[1500, 40000]\n")
    terminal = Terminal()
    console = Console(io.StringIO(), terminal)
    with console.progress(ProgressReader(tmp_path, "ab"), 2000, WAITING) as update:
        update()
        shown = terminal.getvalue()
        assert shown.startswith("\r75%  ETA -:--  1,500 of about 2,000 documents")
        assert shown.endswith("0/2 files  0:00\x1b[K")
    assert terminal.getvalue() == shown + "\r\x1b[K"


def test_a_terminal_that_goes_away_stops_nothing(tmp_path: Path) -> None:
    """A window that is closed, and a stream that is."""
    controller, fd = os.openpty()
    terminal = os.fdopen(fd, "w")
    console = Console(io.StringIO(), terminal)
    with console.progress(ProgressReader(tmp_path, []), 10, WAITING) as update:
        update()
        os.close(controller)
        update()
        with contextlib.suppress(OSError):
            terminal.close()
        update()


def test_what_is_no_terminal_and_what_is_a_dumb_one_stay_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    for stream in (io.StringIO(), Terminal()):
        console = Console(io.StringIO(), stream)
        with console.progress(ProgressReader(tmp_path, []), 10, WAITING) as update:
            update()
        assert stream.getvalue() == ""


def test_machines_get_an_event_every_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("pipeline.console.progress.display.time.monotonic", lambda: clock[0])
    beneath = io.StringIO()
    stream = EventStream(beneath, "warning", {"run_id": "r1"})
    reader = ProgressReader(tmp_path, "ab")
    with JsonConsole(stream, stream).progress(reader, 2000, WAITING) as update:
        for tick in range(1, 151):  # half a minute
            clock[0] = tick / 5
            if tick % 20 == 0:
                with (tmp_path / "progress-1.jsonl").open("a") as log:
                    log.write("[100, 4000]\n")
            update()
    told = [json.loads(line) for line in beneath.getvalue().splitlines()]
    assert [event["seconds"] for event in told] == [10, 20, 30]
    del told[-1]["time"]
    assert told[-1] == {
        "level": "info",
        "event": "progress",
        "run_id": "r1",
        "seconds": 30,
        "documents": 700,
        "tokens": 28_000,
        "files": 0,
        "expected_documents": 2000,
        "expected_files": 2,
        "tokens_per_second": 1000,
        "eta_seconds": 52,
    }
