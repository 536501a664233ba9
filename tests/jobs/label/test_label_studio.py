"""Label Studio's own SDK takes the tasks, and what it exports is read back.

It does where the environment names its interpreter (`make test-labelling`).
"""

import os
import subprocess
from pathlib import Path

import pytest

from jobs.label.__main__ import run
from jobs.label.passages import Passage
from jobs.label.tasks import Task, tasks_file
from model.corpora import read_labelled
from model.tags import Span
from tests.jobs.label.odd_texts import LABELS, MADE, odd_tasks

ROOT = Path(__file__).resolve().parents[3]


def test_label_studio_takes_the_tasks_and_its_exports_come_back_whole(tmp_path: Path) -> None:
    python = os.environ.get("GLEANER_LABEL_STUDIO")
    if not python:
        pytest.skip("GLEANER_LABEL_STUDIO names no Python that has its SDK")
    text = "🦀🦀 Ana Li met Ben"
    plain = Passage(text, "d", "s", 0, tuple(text.split()))
    shown = [Task(plain, (Span(3, 9, "PER"), Span(14, 17, "PER")))]
    shown += [task for task in odd_tasks(3, 300) if "Ana" not in task.passage.text]
    (tmp_path / "tasks.json").write_text(tasks_file(shown, "label-studio", MADE), "utf-8")
    script = str(ROOT / ".ci/export_from_label_studio.py")
    command = [python, script, "tasks.json", "exports", *LABELS]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name in ("JSON", "JSON_MIN"):
        (export,) = (tmp_path / "exports" / name).glob("*.json")
        to = tmp_path / f"{name}.jsonl"
        assert run(["import", str(export), f"--to={to}"]) == 0
        read = read_labelled(to).documents
        assert [each.entities for each in read] == [task.spans for task in shown]
        assert [each.doc_id for each in read] == [task.passage.doc_id for task in shown]
    # Its own CoNLL cuts words otherwise than we do, but for such as these: it counts as we do.
    (conll,) = (tmp_path / "exports/CONLL2003").glob("*")
    rows = [
        (row.split(" ")[0], row.split(" ")[-1]) for row in conll.read_text("utf-8").splitlines()
    ]
    assert ("🦀🦀", "O") in rows
    assert [row for row in rows if row[0] in ("Ana", "Li", "Ben")] == [
        *(("Ana", "B-PER"), ("Li", "I-PER"), ("Ben", "B-PER"))
    ]
