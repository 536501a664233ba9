"""A run is told of once when it starts, and once when it ends, however that is."""

from datetime import UTC, datetime

import pytest

from pipeline.lineage.emitter import Emitter
from pipeline.lineage.environment import LineageConfig
from pipeline.lineage.observing import Lineage, Observer, open_lineage
from pipeline.lineage.records import LineageRun, Notice, RunName
from schemas.errors import DeadLettersError

NAME = RunName("job", "r1", "/out", datetime(2026, 11, 22, tzinfo=UTC))


def facts(result: str = "") -> LineageRun:
    return LineageRun(NAME, "EXTRACTION", result, ("Beam", "2"))


class Collector(Emitter):
    """Keeps what is told, and sends nothing."""

    def __init__(self) -> None:
        super().__init__(LineageConfig())
        self.notices: list[Notice] = []

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """State, result and error of each event."""
        return [(each.state, each.facts().description, each.error) for each in self.notices]


def test_a_run_that_ends_completed_with_what_was_observed() -> None:
    collector = Collector()
    with Lineage(collector).run(facts) as observe:
        observe("result")
    with Lineage(collector).run(facts):
        pass
    assert collector.told == [
        *(("START", "", ""), ("COMPLETE", "result", "")),
        *(("START", "", ""), ("COMPLETE", "", "")),
    ]
    times = [notice.at for notice in collector.notices]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (ValueError("bad 'value of a document' here"), "FAIL", "bad '…' here"),
        (KeyError("Lisbon"), "FAIL", "KeyError"),
        (DeadLettersError("1 of 2 records"), "FAIL", "1 of 2 records"),
        (KeyboardInterrupt(), "ABORT", ""),
        (GeneratorExit(), "ABORT", ""),
    ],
)
def test_a_run_that_raises_failed_or_was_aborted(
    error: BaseException, state: str, message: str
) -> None:
    """Of what is raised no quoted value is told: it may be one of a document."""
    collector = Collector()
    with pytest.raises(type(error)), Lineage(collector).run(facts):
        raise error
    assert collector.told == [("START", "", ""), (state, "", message)]


def test_what_was_observed_counts_whatever_is_raised_behind_it() -> None:
    collector = Collector()

    def interrupted_late(observe: Observer) -> None:
        observe("result")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Lineage(collector).run(facts) as observe:
        interrupted_late(observe)
    assert collector.told == [("START", "", ""), ("COMPLETE", "result", "")]


@pytest.mark.usefixtures("lineage_environment")
def test_where_nothing_is_configured_no_facts_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")

    def made(*_: object) -> LineageRun:
        pytest.fail("they were made")

    with open_lineage() as lineage, lineage.run(made) as observe:
        observe("result")
