"""What each labelling tool makes of the tasks it was given, once people have answered them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.label.tasks import TaskFormat, utf16_offsets
from model.tags import Span

# A text in, what a person says is in it out; None: the task was skipped.
Person = Callable[[str], Sequence[Span] | None]


def export(tasks: Path, task_format: TaskFormat, person: Person, annotator: str = "") -> str:
    """The export of a tool in which one person answered a file of tasks."""
    return _TOOLS[task_format](tasks.read_text("utf-8"), person, annotator)


def json_lines(text: str) -> list[Any]:
    """The values of JSON lines, which only a line feed ends, whatever breaks lines to Python."""
    return [json.loads(line) for line in text.split("\n") if line]


def _label_studio(tasks: str, person: Person, annotator: str) -> str:
    exported = []
    for number, task in enumerate(json.loads(tasks), 1):
        assert set(task) == {"data", "predictions"}
        text = task["data"]["text"]
        spans = person(text)
        results = [
            {
                "id": f"r{place}",
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
                "origin": "manual",
                "value": {
                    "start": span.start,
                    "end": span.end,
                    "text": text[span.start : span.end],
                    "labels": [span.label],
                },
            }
            for place, span in enumerate(spans or ())
        ]
        annotation = {
            "id": 1000 + number,
            "completed_by": {"id": 7, "email": annotator} if annotator else 7,
            "result": results,
            "was_cancelled": spans is None,
            "ground_truth": False,
            "updated_at": "2026-11-02T10:00:00Z",
        }
        exported.append({"id": number, "data": task["data"], "annotations": [annotation]})
    return json.dumps(exported)


def _doccano(tasks: str, person: Person, _: str) -> str:
    lines = []
    for number, task in enumerate(json_lines(tasks), 1):
        text, meta = task["text"], {k: v for k, v in task.items() if k not in ("text", "label")}
        spans = person(text)
        if spans is None:  # of these, it exports only those that were confirmed
            continue
        units = utf16_offsets(text)
        label = sorted([units[span.start], units[span.end], span.label] for span in spans)
        lines.append({"id": number, "text": text, **meta, "label": label, "Comments": []})
    return _json_lines(lines)


def _prodigy(tasks: str, person: Person, annotator: str) -> str:
    lines = []
    for number, task in enumerate(json_lines(tasks), 1):
        spans = person(task["text"])
        told = {"answer": "accept" if spans is not None else "ignore"}
        given = [{"start": s.start, "end": s.end, "label": s.label} for s in spans or ()]
        hashes = {"_input_hash": number, "_task_hash": -number, "_annotator_id": annotator}
        lines.append({**task, "spans": given, **told, **hashes, "_timestamp": 1_790_000_000})
    return _json_lines(lines)


def _jsonl(tasks: str, person: Person, _: str) -> str:
    lines = []
    for task in json_lines(tasks):
        spans = person(task["text"])
        if spans is not None:
            given = [{"start": s.start, "end": s.end, "label": s.label} for s in spans]
            lines.append({**task, "entities": given})
    return _json_lines(lines)


_TOOLS: Mapping[TaskFormat, Callable[[str, Person, str], str]] = {
    "label-studio": _label_studio,
    "doccano": _doccano,
    "prodigy": _prodigy,
    "jsonl": _jsonl,
}


def _json_lines(values: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values)
