"""Several answers to a text, what was changed in it, and that nothing is lost without a word."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.label.__main__ import run
from jobs.label.answers import GivenAnswer, agreement, by_text, changes
from model.corpora import LabelledDocument
from model.corpora.records import Answer, Origin
from model.tags import Span
from schemas.errors import CorpusError, UsageError
from tests.jobs.label.exports import json_lines

TEXT = "Ana Li met Ben in Oslo on Monday."
ANA, LI, BEN, OSLO = Span(0, 6, "PER"), Span(4, 6, "PER"), Span(11, 14, "PER"), Span(18, 22, "LOC")
SPANS = [ANA, BEN, OSLO, Span(0, 6, "ORG"), Span(26, 32, "DATE")]

Import = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Files by name in, the records that are written out."""

    def read(*more: str, **files: str) -> list[dict[str, Any]]:
        paths = [tmp_path / f"{name}.json" for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_text(content)
        to = tmp_path / "to.jsonl"
        to.unlink(missing_ok=True)
        assert run(["import", *map(str, paths), f"--to={to}", *more]) == 0
        return json_lines(to.read_text())

    return read


def record(*spans: Span, text: str = TEXT, shown: Sequence[Span] | None = None, **more: Any) -> str:
    """A line of JSON lines; with `shown` one that was a task."""
    told = {"id": 3, "text": text, "entities": [[s.start, s.end, s.label] for s in spans], **more}
    if shown is not None:
        told["gleaner"] = {
            "doc_id": "d7",
            "source": "/in/a.jsonl",
            "start": 40,
            "offsets": "codepoints",
            "spans": [[s.start, s.end, s.label] for s in shown],
        }
    return json.dumps(told)


def studio(*answers: tuple[str, Sequence[Span] | None], text: str = TEXT, truth: int = -1) -> str:
    """A task of Label Studio with an annotation of each of these people; None: he skipped it."""
    annotations = [
        {
            "completed_by": {"id": 1, "email": name},
            "ground_truth": number == truth,
            "was_cancelled": spans is None,
            "updated_at": f"2026-11-0{number + 1}",
            "result": [
                {
                    "type": "labels",
                    "value": {"start": s.start, "end": s.end, "labels": [s.label]},
                }
                for s in spans or ()
            ],
        }
        for number, (name, spans) in enumerate(answers)
    ]
    return json.dumps({"id": 1, "data": {"text": text}, "annotations": annotations})


def written(records: Sequence[dict[str, Any]]) -> list[list[Span]]:
    return [[Span(e["start"], e["end"], e["label"]) for e in r["entities"]] for r in records]


@pytest.mark.parametrize(
    ("answers", "truth", "expected", "told"),
    [
        ([("ana", [ANA]), ("ben", [ANA])], -1, [ANA], "1 of them the same; F1 of the spans 1.0000"),
        ([("ana", []), ("ben", [])], -1, [], "1 of them the same; F1 of the spans 1.0000"),
        (
            [("ana", [ANA]), ("ben", [BEN]), ("cem", [ANA])],
            -1,
            [ANA],
            "people disagree on 1 text, and the answer of the majority is written",
        ),
        (
            [("ana", [ANA]), ("ben", [BEN])],
            1,
            [BEN],
            "people disagree on 1 text, and the answer that was marked to count is written",
        ),
        (
            [("ana", [ANA, OSLO]), ("ben", [OSLO])],
            -1,
            None,
            "people disagree on 1 text, and none is written",
        ),
    ],
)
def test_of_several_answers_the_one_that_counts_is_written(
    answers: list[tuple[str, list[Span]]],
    truth: int,
    expected: list[Span] | None,
    told: str,
    imported: Import,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = studio(("ana", [OSLO]), text="Oslo, OSLO and so on in Oslo.")
    found = written(imported(a=f"{studio(*answers, truth=truth)}\n{other}"))
    assert found == ([[OSLO]] if expected is None else [expected, [OSLO]])
    out = capsys.readouterr().out
    assert told in out
    if expected is None:
        assert "ana: PER 'Ana Li'\n" in out
        assert "ben: none of these" in out


def test_two_files_are_two_people_where_the_tool_names_none(
    imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    found = imported(ana=record(ANA, BEN), ben=record(ANA) + "\n" + record(text="Nobody is here."))
    assert written(found) == [[]]
    out = capsys.readouterr().out
    assert "1 text with several answers, 0 of them the same; F1 of the spans 0.6667" in out
    assert "ana: PER 'Ben'" in out
    assert "ben: none of these" in out


def test_three_people_are_compared_two_by_two(
    imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(a=studio(("ana", [ANA]), ("ben", [ANA]), ("cem", [ANA, OSLO])))
    out = capsys.readouterr().out
    assert "ana and ben: 1 text, 1 of them the same; F1 of the spans 1.0000" in out
    assert "ana and cem: 1 text, 0 of them the same; F1 of the spans 0.6667" in out


ANSWERS = st.lists(st.sets(st.sampled_from(SPANS)), min_size=1, max_size=5)


@given(ANSWERS)
def test_what_is_written_was_answered_by_more_than_half(answers: list[set[Span]]) -> None:
    given_ = [
        GivenAnswer(LabelledDocument("d", TEXT, tuple(sorted(spans))), f"p{number}")
        for number, spans in enumerate(answers)
    ]
    (text,) = by_text(given_)
    most = max(answers.count(spans) for spans in answers)
    if text.written is None:
        assert most <= len(answers) / 2
    else:
        assert answers.count(set(text.written.entities)) == most > len(answers) / 2
    found = agreement([text])
    pairs = [(one, two) for n, one in enumerate(answers) for two in answers[:n]]
    assert found.shared == sum(len(one & two) for one, two in pairs)
    assert found.given == sum(len(one) + len(two) for one, two in pairs)
    assert 0 <= found.f1 <= 1


@given(st.sets(st.sampled_from([ANA, BEN, OSLO])), st.sets(st.sampled_from([LI, BEN, OSLO])))
def test_every_shown_and_every_given_span_is_counted_once(
    shown: set[Span], given_: set[Span]
) -> None:
    origin = Origin("d", "s", 0, tuple(sorted(shown)), "codepoints")
    answer = LabelledDocument("d", TEXT, tuple(sorted(given_)), answer=Answer(origin=origin))
    found = changes([answer])
    kinds = {kind: counts.total() for kind, counts in found.changed.items()}
    paired = sum(kinds.get(kind, 0) for kind in ("boundaries", "label", "both"))
    assert found.kept.total() == len(shown & given_)
    assert found.kept.total() + paired + kinds.get("missed", 0) == len(given_)
    assert found.kept.total() + paired + kinds.get("invented", 0) == len(shown)


def test_what_a_person_changed_is_told_by_label_and_by_example(
    imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [LI, Span(11, 14, "ORG"), OSLO, Span(23, 25, "LOC")]
    (line,) = imported(a=record(ANA, BEN, OSLO, Span(26, 32, "DATE\x1b[31m"), shown=shown))
    place = (line["id"], line["source"], line["start"])
    assert place == ("d7", "/in/a.jsonl", 40)
    out = capsys.readouterr().out
    assert "4 spans shown in 1 text; 0 of these were left as shown" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["label", "kept", "moved", "relabelled", "added", "removed"] in rows
    assert ["LOC", "1", "0", "0", "0", "1"] in rows
    assert ["PER", "0", "1", "1", "0", "0"] in rows
    assert "relabelled  ORG to PER" in out
    assert "Ana Li met [Ben] in Oslo" in out
    assert "\x1b" not in out
    assert "DATE\\x1b[31m" in out


def test_what_is_not_answered_is_counted_and_named(
    imported: Import, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tasks = [
        studio(("ana", [ANA]), ("ben", None)),
        studio(("ana", None), text="Skipped."),
        studio(text="Untouched."),
    ]
    assert written(imported(a="\n".join(tasks))) == [[ANA]]
    out = capsys.readouterr().out
    assert "left out of" in out
    assert "2 annotations that were cancelled" in out
    assert "2 tasks without an annotation that counts" in out
    assert f"{tmp_path}/a.json:3" in out


def test_of_one_persons_answers_to_a_task_the_last_counts(
    imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(imported(a=studio(("ana", [ANA]), ("ana", [BEN])))) == [[BEN]]
    assert "1 earlier answers of the same annotator to the same task" in capsys.readouterr().out


def test_an_answer_that_is_there_twice_counts_once_and_is_told(
    imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = "\n".join([record(ANA), record(ANA), record(BEN, BEN, text="Zoe met Ben, Benny.")])
    assert written(imported(a=twice)) == [[ANA], [BEN]]
    assert "1 answers repeat another one of the same person" in capsys.readouterr().out


def test_spans_that_overlap_are_written_and_told(
    imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = imported(a=record(ANA, LI, shown=[ANA, LI]))
    assert len(line["entities"]) == 2
    assert "1 spans overlap one before them" in capsys.readouterr().out


def test_a_metadata_key_that_is_of_others_is_no_origin(imported: Import) -> None:
    (line,) = imported(a=record(ANA, gleaner={"doc_id": 7}))
    assert line["id"] == "3"
    assert "source" not in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (record(Span(0, 99, "PER")), r"a\.json:1: the entity \[0, 99\) is empty or outside"),
        ("Ana B-PER\nmet O\n", r"a\.json holds words with tags, and no texts with spans"),
        (studio(text="Untouched."), r"holds no labelled document, and 1 tasks without"),
    ],
)
def test_a_file_without_an_answer_that_fits_is_refused(
    content: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(CorpusError, match=message):
        run(["import", str(tmp_path / "a.json"), f"--to={tmp_path}/to.jsonl"])
    assert not (tmp_path / "to.jsonl").exists()


def test_nothing_is_overwritten_or_read_twice(tmp_path: Path) -> None:
    answers = tmp_path / "a.jsonl"
    answers.write_text(record(ANA))
    with pytest.raises(
        UsageError, match=r"^--to .*a\.jsonl exists already, and is not overwritten"
    ):
        run(["import", str(answers), f"--to={answers}"])
    with pytest.raises(UsageError, match=r"a\.jsonl is given twice"):
        run(["import", str(answers), str(answers), f"--to={tmp_path}/b"])
    with pytest.raises(UsageError, match="--mistakes is -1"):
        run(["import", str(answers), f"--to={tmp_path}/b", "--mistakes=-1"])
    assert answers.read_text() == record(ANA)


def test_where_all_disagree_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(studio(("ana", [ANA]), ("ben", [BEN])))
    with pytest.raises(UsageError, match="no answer is written: people disagree on all of 1"):
        run(["import", str(tmp_path / "a.json"), f"--to={tmp_path}/to.jsonl"])
    assert "ben: PER 'Ben'" in capsys.readouterr().out
    assert not (tmp_path / "to.jsonl").exists()
