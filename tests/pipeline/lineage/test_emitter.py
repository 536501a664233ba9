"""Events are sent beside the run: whatever goes wrong is one warning, and a bounded wait."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipeline.lineage import emitter as module
from pipeline.lineage.emitter import Emitter
from pipeline.lineage.environment import LineageConfig
from pipeline.lineage.observing import Lineage
from pipeline.lineage.records import LineageRun, Notice, RunName

CONFIG = LineageConfig()
RUN = LineageRun(
    RunName("job", "r1", "/out", datetime(2026, 11, 22, tzinfo=UTC)), "X", "", ("", "")
)


def facts() -> LineageRun:
    return RUN


class Recorder:
    """A client that writes down what it is given."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.notices: list[Notice] = []
        self.is_closed = False

    def send(self, notice: Notice) -> None:
        if self.error:
            raise self.error
        notice.facts()
        self.notices.append(notice)

    def close(self, seconds: float) -> None:
        self.is_closed = True


class Hanging(Recorder):
    """A server that accepts and never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = threading.Event()

    def send(self, notice: Notice) -> None:
        self.ended.wait()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    sender = Hanging()
    yield sender
    sender.ended.set()


def two_events(emitter: Emitter) -> None:
    with Lineage(emitter).run(facts):
        pass
    emitter.close()


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_what_is_told_is_sent_in_its_order_before_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sender = Recorder()
    two_events(Emitter(CONFIG, lambda _: sender))
    assert [notice.state for notice in sender.notices] == ["START", "COMPLETE"]
    assert sender.is_closed
    assert not warnings(capsys)


def test_no_thread_is_left_where_there_is_nothing_to_send() -> None:
    """Workers of the next part may be forked then."""
    emitter = Emitter(CONFIG, lambda _: Recorder())
    for _ in range(3):
        emitter.send(Notice("START", RUN.name.started_at, facts))
        deadline = time.monotonic() + 10
        while any(thread.name == "lineage" for thread in threading.enumerate()):
            assert time.monotonic() < deadline


def test_a_server_that_never_answers_costs_the_wait_once_and_one_warning(
    hanging: Hanging, capsys: pytest.CaptureFixture[str]
) -> None:
    emitter = Emitter(CONFIG, lambda _: hanging, patience=0.3)
    started = time.monotonic()
    for _ in range(5):
        with Lineage(emitter).run(facts):
            pass
    assert time.monotonic() - started < 0.3
    emitter.close()
    assert 0.3 <= time.monotonic() - started < 1.5
    assert warnings(capsys) == [
        "warning: OpenLineage: 10 of 10 events not sent: no answer within 0.3 s"
    ]


def test_what_does_not_leave_in_time_is_one_warning_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An asynchronous transport takes every event, and sends it when it closes."""

    class Asynchronous(Recorder):
        def close(self, seconds: float) -> None:
            time.sleep(seconds + 0.2)

    two_events(Emitter(CONFIG, lambda _: Asynchronous(), patience=0.1))
    assert warnings(capsys) == ["warning: OpenLineage: no answer within 0.1 s"]


def test_no_more_events_are_kept_than_fit(
    hanging: Hanging, capsys: pytest.CaptureFixture[str]
) -> None:
    emitter = Emitter(CONFIG, lambda _: hanging, patience=0.01)
    for _ in range(1000):
        emitter.send(Notice("START", RUN.name.started_at, facts))
    assert len(emitter._waiting) == module._MOST_WAITING  # noqa: SLF001 - shown nowhere else
    emitter.close()
    assert "1,000 of 1,000 events" in warnings(capsys)[0]


@pytest.mark.parametrize("error", [OSError("refused\nand more"), SystemExit("refused")])
def test_a_failure_is_one_warning_with_its_first_line(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    two_events(Emitter(CONFIG, lambda _: Recorder(error)))
    assert warnings(capsys) == ["warning: OpenLineage: 2 of 2 events not sent: refused"]


def test_facts_that_cannot_be_made_are_a_warning_too(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> LineageRun:
        raise KeyError("counts")

    emitter = Emitter(CONFIG, lambda _: Recorder())
    with Lineage(emitter).run(wrong):
        pass
    emitter.close()
    assert warnings(capsys) == ["warning: OpenLineage: 2 of 2 events not sent: 'counts'"]


def test_without_the_client_a_warning_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing(_: LineageConfig) -> Recorder:
        raise ModuleNotFoundError("No module named 'openlineage'", name="openlineage")

    two_events(Emitter(CONFIG, missing))
    (warning,) = warnings(capsys)
    assert "its client is not installed" in warning
    assert "pip install -e " in warning
    assert "[lineage]" in warning


def test_an_interrupt_ends_the_wait_and_nothing_else(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    emitter = Emitter(CONFIG, lambda _: hanging, patience=60)
    emitter.send(Notice("START", RUN.name.started_at, facts))
    monkeypatch.setattr(threading.Thread, "join", interrupted)
    emitter.close()
    assert warnings(capsys) == ["warning: OpenLineage: 1 of 1 event not sent: interrupted"]


def test_nothing_told_is_nothing_opened() -> None:
    def opened(_: LineageConfig) -> Recorder:
        pytest.fail("it was opened")

    Emitter(CONFIG, opened).close()
