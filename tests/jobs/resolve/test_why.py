"""`jobs.resolve why A B`: what is said of two names."""

from pathlib import Path

import pytest

from jobs.resolve.__main__ import run
from tests.jobs.resolve.made_outputs import Mention, write_run
from tests.jobs.resolve.test_decisions import written
from tests.jobs.resolve.test_resolve import A, people


def why(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert run(["why", *arguments, f"--output={root}"]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_step_says_why_it_joined_two_names_or_did_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(
        tmp_path,
        "r1",
        people(["Elena Bassani", "Bassani"], ["Elena Bassani", "BASSANI", "Bassani"]),
    )
    assert why(tmp_path, capsys, "BASSANI", "Elena Bassani") == [
        "'BASSANI', per: 1 mention in 1 document, one of 3 in the group of 'Elena Bassani'",
        "'Elena Bassani', per: 2 mentions in 2 documents, one of 3 in the group of 'Elena Bassani'",
        "  one group:",
        "  decision: no decision joins them",
        "  gazetteer: neither has an id",
        "  normal_form: their normal forms are 'bassani' and 'elena bassani'",
        "  initials: neither has initials that fit the other's first names",
        "  document: joined, by 'BASSANI' ~ 'Bassani' ~ 'Elena Bassani'",
    ]
    assert not (tmp_path / "names").exists()
    assert not (tmp_path / "_names").exists()


def test_names_that_stay_apart_get_a_sentence_for_every_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "r1", people(["Ada Orso", "Orso"], ["Alma Orso", "A. Orso", "Orso"]))
    told = why(tmp_path, capsys, "Orso", "Ada Orso", "--without", "gazetteer")
    assert told[2:] == [
        "  two groups:",
        "  decision: no decision joins them",
        "  gazetteer: left out",
        "  normal_form: their normal forms are 'orso' and 'ada orso'",
        "  initials: neither has initials that fit the other's first names",
        (
            "  document: 2 documents have 'Orso', 2 of them with a longer form (at least 60% are "
            "asked for), and 1 of these agree on 'ada orso' (90%, and at least 2)"
        ),
        "  similar: they differ in more than one word",
    ]
    told = why(tmp_path, capsys, "A. Orso", "Ada Orso")
    assert "  initials: 'a orso' fits 2 names, so it is not known which it is" in told


def test_a_decision_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "r1", people(["Ada", "Ada?", "Orso"]))
    different = written(tmp_path, "different,Ada,Ada?,", "same,Ada,Orso,")
    told = why(tmp_path, capsys, "Ada", "Ada?", different)
    assert (
        "  normal_form: it was decided that they, or names joined with them, are different" in told
    )
    assert "  decision: joined, by 'Ada' ~ 'Orso'" in why(
        tmp_path, capsys, "Ada", "Orso", different
    )


def test_rows_of_one_text_are_told_of_as_others_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [Mention(A, n, "Georgia", "geo", own) for n, own in enumerate(("q1", "q2"))]
    write_run(tmp_path, "r1", rows)
    told = why(tmp_path, capsys, "Georgia", "Georgia")
    assert [line.partition(":")[0] for line in told[:3]] == [
        "'Georgia', geo, id 'q1'",
        "'Georgia', geo, id 'q2'",
        "  two groups",
    ]


def test_ids_join_labels_and_what_documents_hold_is_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "Ada\x1b[31m"
    write_run(tmp_path, "r1", [Mention(A, 0, odd, "per", "q1"), Mention(A, 0, "Orso", "org", "q1")])
    told = why(tmp_path, capsys, odd, "Orso")
    assert "  gazetteer: joined, by 'Ada\\x1b[31m' ~ 'Orso'" in told
    assert "\x1b" not in "".join(told)
