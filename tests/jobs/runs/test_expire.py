"""Expire: what counts no longer goes once it is old, and nothing that counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.runs.__main__ import run
from jobs.runs.expire import find_expired
from jobs.runs.outputs import Output
from pipeline.outputs.current import current_sources
from pipeline.outputs.description import Part
from pipeline.run import run as extract
from schemas.errors import UsageError
from schemas.manifest import Manifest

if TYPE_CHECKING:
    from tests.jobs.conftest import EveryKill
    from tests.jobs.runs.conftest import MadeOutput

SOURCES = ("a", "b")


def expire(output: "MadeOutput", *flags: str) -> int:
    return run(["expire", f"--output={output.root}", *flags])


@pytest.fixture
def aged(output: "MadeOutput") -> "MadeOutput":
    """Two runs of which a source counts, and one of each kind of which none does."""
    output.commit("old", output.read("a", ("a1",)), output.read("b", ("b1",)))
    output.commit("gone", output.read("c", ("c1",)))
    output.commit("refused", output.read("d", unread=("d1",)), allowed=0.0)
    output.commit("empty")
    output.commit("new", output.read("a", ("a2",)), output.read("c", ("c2",)))
    return output


def test_only_runs_of_which_nothing_counts_go(
    aged: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    before, files = aged.view(), aged.data()
    assert expire(aged, "--older_than=1", "--dry_run") == 0
    assert aged.data() == files
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told] == [
        ["gone", "superseded"],
        ["refused", "failed"],
        ["empty", "empty"],
        ["3", "runs"],
    ]
    assert expire(aged, "--older_than=1") == 0
    assert capsys.readouterr().out == "\n".join(told).replace("would be ", "") + "\n"
    assert set(aged.manifests()) == {"old", "new"}
    assert aged.view() == before
    aged.require_sound()
    size = sum(len(data) for name, data in files.items() if name not in aged.files())
    assert told[-1] == f"3 runs would be removed, {size / 1e6:,.2f} MB"


def test_age_and_the_number_to_keep_hold_runs_back(aged: "MadeOutput") -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1.5)).isoformat()
    aged.commit("recent", started=yesterday)
    assert expire(aged, "--older_than=2", "--keep=4") == 0
    assert set(aged.manifests()) == {"old", "refused", "empty", "new", "recent"}
    assert expire(aged, "--older_than=1", "--keep=1") == 0
    assert set(aged.manifests()) == {"old", "new", "recent"}
    assert expire(aged, "--older_than=1") == 0
    assert set(aged.manifests()) == {"old", "new"}


def test_an_output_keeps_tables_with_columns(output: "MadeOutput") -> None:
    """The newest of several without rows."""
    output.commit("empty1")
    output.commit("empty2")
    assert expire(output, "--older_than=0") == 0
    assert set(output.manifests()) == {"empty1"}
    output.require_sound()


def test_more_to_keep_than_there_are_keeps_all(
    aged: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    files = aged.data()
    for keep in (5, 6, 10, 1000):
        assert expire(aged, "--older_than=0", f"--keep={keep}") == 0
        assert capsys.readouterr().out == "0 runs removed, 0.00 MB\n"
    assert aged.data() == files
    assert expire(aged, "--older_than=0", "--keep=3") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 run removed, ")


def test_more_days_than_there_were_are_refused(output: "MadeOutput") -> None:
    for days in (9_999_999, 10**12):
        with pytest.raises(UsageError) as caught:
            expire(output, f"--older_than={days}")
        assert str(caught.value) == f"--older_than is {days}, expected at most 36500"


@pytest.mark.parametrize("flags", [("--older_than=-1",), ("--older_than=1", "--keep=-2")])
def test_numbers_below_zero_are_refused(output: "MadeOutput", flags: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"^--\w+ is -\d, expected at least 0$"):
        expire(output, *flags)


@st.composite
def histories(draw: st.DrawFn) -> list[Manifest]:
    runs: list[Manifest] = []
    for number in range(draw(st.integers(0, 8))):
        inputs = []
        for source in draw(st.lists(st.sampled_from(SOURCES), unique=True)):
            entry = {"source": source, "fingerprint": f"{number}", "complete": draw(st.booleans())}
            if runs and draw(st.integers(0, 2)) == 0:
                entry["repairs"] = draw(st.sampled_from(runs))["run_id"]
            inputs.append(entry)
        status = draw(st.sampled_from(["committed", "committed", "failed", "empty"]))
        times = {"started_at": f"2026-01-0{number + 1}"}
        run: Any = {"run_id": f"r{number}", "status": status, "timings": times, "inputs": inputs}
        runs.append(run | {"tables": {"documents": {}}})
    return runs


@settings(max_examples=150)
@given(histories(), st.integers(0, 9), st.integers(0, 12))
def test_what_counts_is_the_same_afterwards(history: list[Manifest], day: int, keep: int) -> None:
    """Whatever read what when; and of the old ones nothing stays without a reason."""
    expired = find_expired(Output("", history), f"2026-01-0{day}", keep)
    left = [run for run in history if run not in expired]
    current = current_sources(history)
    assert current_sources(left) == current
    assert all(run["timings"]["started_at"] < f"2026-01-0{day}" for run in expired)
    counting = {run_id for state in current.values() for run_id in state.runs}
    newest = history[max(0, len(history) - keep) :]
    assert all(run in left for run in newest)
    idle = [run for run in left if run["run_id"] not in counting and run not in newest]
    idle = [run for run in idle if run["timings"]["started_at"] < f"2026-01-0{day}"]
    assert not idle or (idle == left and len(left) == 1)


def test_whatever_stops_it_each_run_is_there_or_gone(
    aged: "MadeOutput", every_kill: "EveryKill"
) -> None:
    before = aged.view()
    left = []
    for _ in every_kill(aged.root, lambda: expire(aged, "--older_than=1")):
        aged.require_sound()
        assert aged.view() == before
        left.append(len(aged.manifests()))
    assert left == sorted(left, reverse=True)
    assert set(left) == {5, 4, 3, 2}


def test_a_job_of_which_a_part_is_left_keeps_its_id(
    output: "MadeOutput", tmp_path: Path, tiny_artifact: Path
) -> None:
    """Else the parts of the next job with this id would meet files of the last."""
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "Maria met Lisbon."}\n')
    output.commit("j.1", output.read("/in/a", ("a1",)), part=Part("j", 1, 2))
    output.commit("j.2", output.read("/in/b", ("b1",)), part=Part("j", 2, 2))
    output.commit("r1", output.read("/in/a", ("a1",)))
    assert expire(output, "--older_than=1") == 0
    assert set(output.manifests()) == {"j.2", "r1"}
    flags = [f"--model={tiny_artifact}", f"--input={tmp_path}/a.jsonl", f"--output={output.root}"]
    with pytest.raises(UsageError, match=r"^--run_id j exists already in "):
        extract([*flags, "--run_id=j", "--commit_shards=1"])
