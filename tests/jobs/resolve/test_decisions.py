"""The user's decisions, which win over all else."""

from pathlib import Path

import pytest

from jobs.resolve.__main__ import run
from schemas.errors import UsageError
from tests.jobs.resolve.made_outputs import Mention, write_run
from tests.jobs.resolve.test_resolve import A, canonical, people, resolve, table


def written(folder: Path, *lines: str, header: str = "decision,a,b,label") -> str:
    path = folder / "decisions.csv"
    path.write_text("\n".join([header, *lines, ""]), "utf-8")
    return f"--decisions={path}"


def groups(root: Path) -> dict[str, int]:
    """How many groups each label has."""
    found: dict[str, set[int]] = {}
    for row in table(root):
        found.setdefault(row[1], set()).add(row[4])
    return {label: len(own) for label, own in found.items()}


def test_what_is_the_same_is_joined_whatever_the_rules_say(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        "r1",
        [Mention(A, 0, "Mr. Orso", "per", "q1"), Mention(A, 0, "Ms. Ada", "per", "q2")],
    )
    resolve(tmp_path, written(tmp_path, "same,Mr. Orso,Ms. Ada,"))
    assert canonical(tmp_path)["Ms. Ada"] == ("Mr. Orso", "decision")


def test_what_is_different_is_kept_apart_also_through_others(tmp_path: Path) -> None:
    """BASSANI may go with either; nothing joins the other two through it."""
    write_run(tmp_path, "r1", people(["Bassani", "Bassani?", "BASSANI", "Bassani"]))
    resolve(tmp_path, written(tmp_path, "different,Bassani,Bassani?,per"))
    assert canonical(tmp_path) == {
        "Bassani": ("Bassani", ""),
        "BASSANI": ("Bassani", "normal_form"),
        "Bassani?": ("Bassani?", ""),
    }


def test_a_decision_under_a_label_holds_there_alone(tmp_path: Path) -> None:
    write_run(
        tmp_path, "r1", [Mention(A, 0, n, x) for n in ("Ada", "Orso") for x in ("per", "org")]
    )
    resolve(tmp_path, written(tmp_path, "same,Ada,Orso,org"))
    assert canonical(tmp_path)["Orso"] in {("Ada", "decision"), ("Orso", "")}
    resolve(tmp_path, written(tmp_path, "same,Ada,Orso", header="decision,a,b"))
    assert canonical(tmp_path)["Orso"] == ("Ada", "decision")


def test_a_decision_on_names_that_nobody_has_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "r1", people(["Ada", "Orso"]))
    resolve(tmp_path, written(tmp_path, "same,Ada,Orso,", "same,Ada,Nobody,", "same,Ada,Orso,org"))
    assert "no two names that count are called as in line 3, 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (
            ["sam,Ada,Orso,"],
            "decision,a,b,label",
            r"csv: line 2: the decision is 'sam', expected same",
        ),
        (["same,Ada,,"], "decision,a,b,label", r"csv: line 2: a name is empty"),
        (["same,Ada,Ada,"], "decision,a,b,label", "line 2: 'Ada' is the same surface twice"),
        (["same,Ada"], "decision,a,b,label", "line 2 has other columns than the header"),
        (["same,Ada,Orso,per,x"], "decision,a,b,label", "line 2 has other columns than the header"),
        (["same,Ada,Orso"], "decision,a,c", "has a column 'c', expected decision, a, b, label"),
        (["same,Ada,Orso,Elena"], "decision,a,b,a", "has the column 'a' twice"),
        (["same,Ada"], "decision,a", "has no column 'b'"),
        (['same,"Ada,Orso'], "decision,a,b", "is no CSV in UTF-8"),
        (
            ["same,Ada,Orso,", "same,Orso,Elena,", "different,Ada,Elena,"],
            "decision,a,b,label",
            "line 4 says that 'Ada' and 'Elena' are different, and other lines that they are the",
        ),
    ],
)
def test_what_is_no_decision_is_refused(
    tmp_path: Path, lines: list[str], header: str, message: str
) -> None:
    write_run(tmp_path, "r1", people(["Ada", "Orso", "Elena"]))
    with pytest.raises(UsageError, match=message):
        run([f"--output={tmp_path}", written(tmp_path, *lines, header=header)])
    assert not (tmp_path / "names").exists()
