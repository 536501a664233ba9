"""Rollback: what a run superseded counts again, and nothing else changes."""

from typing import TYPE_CHECKING

import pytest

from jobs.runs.__main__ import run
from pipeline.outputs.catalog import held
from pipeline.outputs.description import Part
from schemas.errors import OutputBusyError, UsageError

if TYPE_CHECKING:
    from tests.jobs.conftest import EveryKill
    from tests.jobs.runs.conftest import MadeOutput


def rollback(output: "MadeOutput", *ids: str) -> int:
    return run(["rollback", *ids, f"--output={output.root}"])


def test_what_the_run_superseded_counts_again(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    output.commit("r1", output.read("a", ("a1",)), output.read("b", ("b1",), unread=("b2",)))
    before = output.view()
    output.commit("r2", output.read("b", ("b3", "b4")), output.read("c", ("c1",)))
    r2 = output.manifests()["r2"]
    assert output.view() != before
    assert rollback(output, "r2") == 0
    assert capsys.readouterr().out == (
        "r2 rolled back: 2 files, 3 documents, 6 entities, 0 dead letters\n"
    )
    assert output.view() == before
    output.require_sound()
    told = output.manifests()["r2"]
    assert told["status"] == "rolled_back"
    assert told.pop("rolled_back_at").startswith("20")
    assert told | {"status": "committed"} == {
        name: value for name, value in r2.items() if name not in ("counts", "inputs", "tables")
    }


def test_a_dry_run_changes_nothing(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    output.commit("r1", output.read("a", ("a1",)))
    output.storage("stopped").prepare()
    before = output.data()
    assert rollback(output, "r1", "--dry_run") == 0
    assert "r1 would be rolled back: 1 files, 1 documents" in capsys.readouterr().out
    assert output.data() == before
    assert (output.root / "_staging/stopped").is_dir()


def test_a_job_in_parts_goes_back_whole_or_one_part_by_its_own_id(output: "MadeOutput") -> None:
    for number in (1, 2, 3):
        read = output.read("abc"[number - 1], (f"d{number}",))
        output.commit(f"j.{number}", read, part=Part("j", number, 3))
    assert rollback(output, "j.2") == 0
    states = {name: told["status"] for name, told in output.manifests().items()}
    assert states == {"j.1": "committed", "j.2": "rolled_back", "j.3": "committed"}
    assert rollback(output, "j") == 0
    assert {told["status"] for told in output.manifests().values()} == {"rolled_back"}
    output.require_sound()


def test_a_job_of_which_parts_were_merged_does_not_go_back_in_half(output: "MadeOutput") -> None:
    for number in (1, 2):
        read = output.read("abc"[number - 1], (f"d{number}",))
        output.commit(f"j.{number}", read, part=Part("j", number, 3))
    assert run(["compact", f"--output={output.root}"]) == 0
    (merged,) = output.manifests()
    output.commit("j.3", output.read("c", ("d3",)), part=Part("j", 3, 3))
    files = output.data()
    with pytest.raises(UsageError) as caught:
        rollback(output, "j")
    assert str(caught.value) == (
        f"j.1, j.2 of j were merged into {merged}: their rows are not apart; j.3 can go back alone"
    )
    assert output.data() == files
    assert rollback(output, "j.3") == 0
    assert len(output.view()["documents"]) == 2


def test_a_run_goes_back_whose_id_begins_that_of_a_merged_one(output: "MadeOutput") -> None:
    output.commit("j.1", output.read("a", ("a1",)))
    output.commit("j.2", output.read("b", ("b1",)))
    assert run(["compact", f"--output={output.root}"]) == 0
    output.commit("j", output.read("c", ("c1",)))
    assert rollback(output, "j") == 0
    assert len(output.view()["documents"]) == 2


def test_repairs_go_back_with_what_they_repaired(output: "MadeOutput") -> None:
    """Each counts only beside the runs before it: none of them may go from under the others."""
    output.commit("r1", output.read("a", ("a1",), unread=("a2", "a3")))
    output.commit("other", output.read("b", ("b1",)))
    before = output.view()
    output.commit("p1", output.read("a", ("a2",), unread=("a3",), repairs="r1"))
    first = output.view()
    output.commit("p2", output.read("a", ("a3",), repairs="r1"))
    files = output.data()
    with pytest.raises(UsageError) as caught:
        rollback(output, "r1")
    assert str(caught.value) == (
        "p1, p2 repaired dead letters after r1 and would not count without it; take them back with "
        "it: rollback p1 p2 r1"
    )
    with pytest.raises(UsageError, match=r"^p2 repaired .*: rollback p2 p1$"):
        rollback(output, "p1")
    assert output.data() == files
    assert rollback(output, "p2") == 0
    assert output.view() == first
    assert rollback(output, "p1") == 0
    assert output.view() == before
    output.require_sound()


def test_repairs_that_count_no_longer_hold_nothing_back(output: "MadeOutput") -> None:
    output.commit("r1", output.read("a", ("a1",), unread=("a2",)))
    output.commit("p1", output.read("a", ("a2",), repairs="r1"))
    output.commit("r2", output.read("a", ("a1", "a2")))
    before = output.view()
    assert rollback(output, "r1") == 0
    assert output.view() == before


def test_a_repair_goes_back_together_with_its_base(output: "MadeOutput") -> None:
    output.commit("r1", output.read("a", ("a1",), unread=("a2",)))
    output.commit("p1", output.read("a", ("a2",), repairs="r1"))
    assert rollback(output, "r1", "p1") == 0
    assert output.view()["documents"] == []
    output.require_sound()


def test_what_is_no_committed_run_is_refused(output: "MadeOutput") -> None:
    output.commit("r1", output.read("a", ("a1",)))
    output.commit("j.1", output.read("b", ("b1",)), part=Part("j", 1, 1))
    output.commit("refused", output.read("c", unread=("c1",)), allowed=0.0)
    output.commit("empty")
    assert run(["compact", f"--output={output.root}"]) == 0
    (merged,) = [name for name in output.manifests() if name.startswith("c")]
    files = output.data()
    for run_id, message in {
        "none": f"{output.root} has no run none",
        "refused": "refused is failed, and only committed runs can go back",
        "empty": "empty is empty, and only committed runs can go back",
        "r1": f"r1 was merged into {merged}: its rows are not apart",
        "j": f"j.1 of j was merged into {merged}: its rows are not apart",
        merged: f"{merged} holds the rows of 2 merged runs, which exist nowhere else",
    }.items():
        with pytest.raises(UsageError) as caught:
            rollback(output, run_id)
        assert str(caught.value) == message
    assert output.data() == files


def test_an_output_that_is_not_there_or_in_use_is_refused(output: "MadeOutput") -> None:
    output.commit("r1", output.read("a", ("a1",)))
    missing = output.root / "none"
    with pytest.raises(UsageError, match="does not exist"):
        run(["rollback", "r1", f"--output={missing}"])
    assert not missing.exists()
    missing.mkdir()
    with pytest.raises(UsageError, match=r"holds no runs: python -m pipeline.run makes .*/runs$"):
        run(["rollback", "r1", f"--output={missing}"])
    assert not list(missing.iterdir())
    with held(str(output.root)), pytest.raises(OutputBusyError) as caught:
        rollback(output, "r1")
    assert caught.value.exit_code == 5


def test_whatever_stops_it_a_run_counts_or_is_gone(
    output: "MadeOutput", every_kill: "EveryKill"
) -> None:
    output.commit("r1", output.read("a", ("a1",)))
    after = output.view()
    output.commit("r2", output.read("a", ("a2",)))
    before = output.view()
    seen = []
    for _ in every_kill(output.root, lambda: rollback(output, "r2")):
        output.require_sound()
        assert output.view() in (before, after)
        seen.append(output.view() == after)
    assert seen == sorted(seen)
    assert set(seen) == {False, True}
    assert len(seen) > 8
