"""Round trips: what is shown in a task, and what a person answers, comes back as it was."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.label.__main__ import run
from jobs.label.passages import Passage
from jobs.label.tasks import TASK_FORMATS, Task, TaskFormat, tasks_file, utf16_offsets
from model.corpora import read_labelled
from model.tags import Span
from tests.jobs.label.exports import export, json_lines
from tests.jobs.label.odd_texts import LABELS, MADE, odd_tasks


def imported(folder: Path, answers: str, *more: str) -> Path:
    (folder / "answers.json").write_text(answers, "utf-8", newline="")
    assert (
        run(["import", str(folder / "answers.json"), "--to", str(folder / "to.jsonl"), *more]) == 0
    )
    return folder / "to.jsonl"


@pytest.mark.parametrize("task_format", TASK_FORMATS)
def test_a_thousand_answers_come_back_span_by_span(
    task_format: TaskFormat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of texts with emoji, CRLF, combining marks and right-to-left script; with their places."""
    shown, answered = odd_tasks(1, 1000), odd_tasks(1, 1000)
    source = random.Random(2)
    answers = {}
    for task in answered:
        kept = [span for span in task.spans if source.random() < 0.7]
        answers[task.passage.text] = [
            Span(s.start, s.end, source.choice(LABELS)) if source.random() < 0.2 else s
            for s in kept
        ]
    (tmp_path / "tasks").write_text(tasks_file(shown, task_format, MADE), "utf-8", newline="")
    exported = export(tmp_path / "tasks", task_format, answers.__getitem__)
    path = imported(tmp_path, exported)
    written = json_lines(path.read_text("utf-8"))
    assert len(written) == 1000
    for line, task in zip(written, shown, strict=True):
        assert line["text"] == task.passage.text
        place = (line["id"], line["source"], line["start"])
        assert place == (task.passage.doc_id, task.passage.source, task.passage.start)
        spans = [Span(e["start"], e["end"], e["label"]) for e in line["entities"]]
        assert spans == answers[task.passage.text]
        assert all(line["text"][e["start"] : e["end"]] == e["text"] for e in line["entities"])
    # Training reads what was written, and with it all spans.
    read = read_labelled(path)
    assert [list(each.entities) for each in read.documents] == list(answers.values())
    told = capsys.readouterr().out
    count = sum(len(task.spans) for task in shown)
    assert f"{count:,} spans shown in 1,000 texts" in told


@pytest.mark.parametrize("task_format", TASK_FORMATS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_what_is_shown_is_what_was_given(
    task_format: TaskFormat, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A person who changes nothing gives back what the model found, even of one text alone."""
    (task,) = odd_tasks(seed, 1)
    folder = tmp_path_factory.mktemp("one")
    (folder / "tasks").write_text(tasks_file([task], task_format, MADE), "utf-8", newline="")
    exported = export(folder / "tasks", task_format, lambda _: task.spans)
    (read,) = read_labelled(imported(folder, exported)).documents
    assert read.entities == task.spans


def test_offsets_are_those_that_the_tool_counts() -> None:
    """Doccano and JavaScript count a crab as two, Label Studio and Prodigy as one."""
    text = "🦀 in Oslo"
    task = Task(Passage(text, "d", "s", 0, ("🦀", "in", "Oslo")), (Span(5, 9, "LOC"),), (0.9,))
    (studio,) = json.loads(tasks_file([task], "label-studio", MADE))
    (result,) = studio["predictions"][0]["result"]
    assert result["value"] == {"start": 5, "end": 9, "text": "Oslo", "labels": ["LOC"]}
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "text", "labels")
    assert studio["predictions"][0]["score"] == 0.9
    doccano = tasks_file([task], "doccano", MADE)
    assert doccano.isascii()
    assert json.loads(doccano)["label"] == [[6, 10, "LOC"]]
    assert text.encode("utf-16-le")[2 * 6 : 2 * 10].decode("utf-16-le") == "Oslo"
    (prodigy,) = json_lines(tasks_file([task], "prodigy", MADE))
    (span,) = prodigy["spans"]
    assert span == {"start": 5, "end": 9, "token_start": 2, "token_end": 2, "label": "LOC"}
    assert [prodigy["tokens"][2][key] for key in ("text", "start", "end", "id")] == [
        "Oslo",
        5,
        9,
        2,
    ]
    (ours,) = json_lines(tasks_file([task], "jsonl", MADE))
    assert ours["entities"] == [{"start": 5, "end": 9, "label": "LOC", "text": "Oslo"}]


@given(st.text())
def test_units_of_utf_16_are_those_of_the_encoding(text: str) -> None:
    sizes = [
        len(text[:end].encode("utf-16-le", "surrogatepass")) // 2 for end in range(len(text) + 1)
    ]
    assert utf16_offsets(text) == sizes


@pytest.mark.parametrize("task_format", ["doccano", "label-studio"])
def test_a_tool_that_counts_in_another_unit_is_understood(
    task_format: TaskFormat, tmp_path: Path
) -> None:
    """A Label Studio of old counts UTF-16, and a doccano may count code points."""
    shown = odd_tasks(5, 200)
    (tmp_path / "tasks").write_text(tasks_file(shown, task_format, MADE), "utf-8", newline="")
    answers = {task.passage.text: task.spans for task in shown}
    in_other_units = _in_code_points if task_format == "doccano" else _in_utf16
    exported = in_other_units(export(tmp_path / "tasks", task_format, answers.__getitem__))
    read = read_labelled(imported(tmp_path, exported)).documents
    assert [each.entities for each in read] == [task.spans for task in shown]


def _in_code_points(exported: str) -> str:
    lines = []
    for line in json_lines(exported):
        points = {unit: n for n, unit in enumerate(utf16_offsets(line["text"]))}
        line["label"] = [[points[start], points[end], name] for start, end, name in line["label"]]
        lines.append(json.dumps(line))
    return "\n".join(lines)


def _in_utf16(exported: str) -> str:
    tasks: list[dict[str, Any]] = json.loads(exported)
    for task in tasks:
        units = utf16_offsets(task["data"]["text"])
        for result in task["annotations"][0]["result"]:
            value = result["value"]
            value |= {name: units[value[name]] for name in ("start", "end")}
    return json.dumps(tasks)


@pytest.mark.parametrize(
    ("shown", "told"),
    [((), "as the tasks have them"), ((Span(1, 2, "X"),), "fits what was shown so")],
)
def test_where_neither_text_nor_words_tell_the_unit_the_task_does(
    shown: tuple[Span, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a row of crabs, the third to the fourth unit is one of them, or two."""
    text = "🦀🦀🦀🦀"
    task = Task(Passage(text, "d", "s", 0, tuple(text)), shown)
    (tmp_path / "tasks").write_text(tasks_file([task], "doccano", MADE), "utf-8")
    answer = (Span(1, 2, "X"),)
    to = imported(tmp_path, export(tmp_path / "tasks", "doccano", lambda _: answer))
    (read,) = read_labelled(to).documents
    assert read.entities == answer
    out = capsys.readouterr().out
    assert "offsets in UTF-16, " in out
    assert told in out
