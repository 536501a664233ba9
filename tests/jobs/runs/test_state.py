"""What `list` and `show` say of a run that does not count: that, and why."""

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from jobs.runs.__main__ import run
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.manifest import without_rows
from pipeline.outputs.transactions import remove_run
from pipeline.report.page import report_page
from schemas.errors import UsageError

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput


Shown = pytest.CaptureFixture[str]


def said(output: "MadeOutput", shown: Shown, *command: str) -> list[str]:
    shown.readouterr()
    assert run([*command, f"--output={output.root}"]) == 0
    return shown.readouterr().out.splitlines()


def counts_now(output: "MadeOutput", shown: Shown, run_id: str) -> str:
    (line,) = [line for line in said(output, shown, "show", run_id) if "counts now" in line]
    return line.removeprefix("  counts now  ")


def test_a_run_that_was_rolled_back_did_not_fail(output: "MadeOutput", capsys: Shown) -> None:
    """It has a status of its own, for people and for scripts."""
    output.commit("r1", output.read("a", ("a1",)))
    assert run(["rollback", "r1", f"--output={output.root}"]) == 0
    _, line, _, note, _ = said(output, capsys, "list")
    assert line.startswith("r1   rolled back  ")
    assert note.startswith("    rolled back on 20")
    (told,) = json.loads("".join(said(output, capsys, "list", "--json")))
    assert told["status"] == "rolled_back"
    shown = said(output, capsys, "show", "r1")
    assert shown[0] == "run r1, rolled back"
    assert any(line.startswith("  rolled back  20") for line in shown)
    assert "error" not in shown
    with pytest.raises(UsageError, match="r1 is rolled back, and only committed runs can go back"):
        run(["rollback", "r1", f"--output={output.root}"])
    *_, line, _ = said(output, capsys, "expire", "--older_than=0")
    assert line.startswith("r1  rolled back  ")


def test_a_run_that_an_older_version_rolled_back_is_told_so_too(
    output: "MadeOutput", capsys: Shown
) -> None:
    """It was recorded as failed, with an error that says when: in every command, view and page."""
    output.commit("r1", output.read("a", ("a1",)))
    output.commit("r2", output.read("b", ("b1",)))
    manifest: Any = without_rows(output.manifests()["r1"])
    manifest |= {"status": "failed", "error": "rolled back on 2026-11-22 02:00:00 UTC"}
    (output.root / "runs/r1.json").write_text(json.dumps(manifest))
    read, _ = read_manifests(str(output.root))
    assert (read["status"], read["rolled_back_at"]) == ("rolled_back", "2026-11-22T02:00:00+00:00")
    _, line, _, note, *_ = said(output, capsys, "list")
    assert line.startswith("r1   rolled back  ")
    assert note == "    rolled back on 2026-11-22 02:00:00 UTC"
    assert said(output, capsys, "show", "r1")[0] == "run r1, rolled back"
    assert "rolled back on" in report_page(str(output.root), read)
    assert run(["view", f"--output={output.root}"]) == 0
    with duckdb.connect() as connection:
        connection.execute((output.root / "current.sql").read_text())
        rows = connection.sql("SELECT run_id, status FROM gleaner_runs ORDER BY ALL").fetchall()
    assert rows == [("r1", "rolled_back"), ("r2", "committed")]


def test_a_run_that_failed_is_still_told_so(output: "MadeOutput", capsys: Shown) -> None:
    output.commit("r1", output.read("a", unread=("a1",)), allowed=0.0)
    assert said(output, capsys, "show", "r1")[0] == "run r1, failed"
    assert said(output, capsys, "list")[-2].startswith("    error: 1 of 1 records")


def test_a_run_that_was_superseded_names_those_that_did_it(
    output: "MadeOutput", capsys: Shown
) -> None:
    output.commit("r1", *(output.read(name, (name,)) for name in "abcde"))
    for number, name in enumerate("abcd", start=2):
        output.commit(f"r{number}", output.read(name, (name,)))
    assert counts_now(output, capsys, "r1") == "for 1 file"
    output.commit("r6", output.read("e", ("e",)))
    told = "no longer: superseded by r2, r3, r4 and 2 more"
    assert counts_now(output, capsys, "r1") == told


def test_a_run_that_broke_off_where_another_did_not_counts_not_yet(
    output: "MadeOutput", capsys: Shown
) -> None:
    """It will where that one is rolled back."""
    output.commit("r1", output.read("a", ("a1", "a2")))
    output.commit("r2", output.read("a", ("a1",), broken=True), output.read("b", ("b1",)))
    output.commit("r3", output.read("b", ("b2",)))
    broken = "not yet: it did not read its files to their end, as r1 did"
    told = f"no longer: superseded by r3; the rest {broken}"
    assert counts_now(output, capsys, "r2") == told
    output.commit("r4", output.read("a", ("a1",), broken=True))
    assert counts_now(output, capsys, "r4") == broken
    assert run(["rollback", "r1", f"--output={output.root}"]) == 0
    assert counts_now(output, capsys, "r4") == "for 1 file"


def test_a_repair_goes_with_the_run_that_it_repaired(output: "MadeOutput", capsys: Shown) -> None:
    output.commit("r1", output.read("a", ("a1",), unread=("a2",)))
    output.commit("r2", output.read("a", ("a2",), repairs="r1"))
    assert counts_now(output, capsys, "r2") == "for 1 file"
    output.commit("r3", output.read("a", ("a1", "a2")))
    assert counts_now(output, capsys, "r2") == "no longer: superseded by r3"
    remove_run(output.storage("r1"))
    remove_run(output.storage("r3"))
    assert counts_now(output, capsys, "r2") == "for no file"


def test_a_run_whose_merging_was_stopped_is_in_the_merged_one(
    output: "MadeOutput", capsys: Shown
) -> None:
    output.commit("r1", output.read("a", ("a1",)))
    output.commit("r2", output.read("b", ("b1",)))
    old = output.root / "runs/r1.json"
    before = old.read_bytes()
    assert run(["compact", f"--output={output.root}"]) == 0
    (merged,) = output.manifests()
    old.write_bytes(before)
    assert counts_now(output, capsys, "r1") == f"no longer: merged into {merged}"
