"""Chosen passages as tasks of the tools in which people label, each in the tool's own way.

Every format carries under the key `gleaner` where a text is from and what the person was shown;
the tools hand it back as it is, so that reading the answers needs no other file.

- Label Studio counts code points (https://github.com/HumanSignal/label-studio/pull/1559).
- doccano counts units of UTF-16 (https://github.com/doccano/doccano/issues/2290), takes a span as
  `[start, end, label]`, keeps other keys as metadata, but `id` for itself. It guesses the encoding
  of a file, so what it reads is ASCII.
- Prodigy counts code points, and takes spans that are whole tokens of a list of these.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import Any, Literal, get_args

import numpy as np

from jobs.label.passages import Passage
from model.corpora.formats.documents import ORIGIN
from model.tags import Span
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document

TaskFormat = Literal["label-studio", "doccano", "prodigy", "jsonl"]
TASK_FORMATS: tuple[TaskFormat, ...] = get_args(TaskFormat)

_SECOND_PLANE = 0x10000  # from here on, a character has two units in UTF-16


@dataclass(frozen=True, slots=True)
class Task:
    """A passage to label, with what the person is shown in it.

    spans: in code points of the text, in order. confidence: the model's, one each, None where lists
    alone found it; empty where there is no model.
    """

    passage: Passage
    spans: tuple[Span, ...]
    confidence: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What made the spans of all tasks: a model's identity or a list of terms, and how it cuts."""

    by: str
    segmentation: Segmentation


def tasks_file(tasks: Sequence[Task], task_format: TaskFormat, made: Made) -> str:
    """The file of these tasks that a tool of this format reads."""
    return _WRITERS[task_format](tasks, made)


def _label_studio(tasks: Sequence[Task], made: Made) -> str:
    """One JSON array, with the names `label` and `text` of Label Studio's own template for NER."""
    return json.dumps([_studio_task(task, made) for task in tasks], ensure_ascii=False, indent=1)


def _studio_task(task: Task, made: Made) -> Mapping[str, Any]:
    passage = task.passage
    results = [
        {
            "id": f"gleaner-{number}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {**_bounds(span), "text": _covered(task, span), "labels": [span.label]},
            **({} if score is None else {"score": _rounded(score)}),
        }
        for number, (span, score) in enumerate(zip_longest(task.spans, task.confidence))
    ]
    prediction: dict[str, Any] = {"model_version": made.by, "result": results}
    scores = [score for score in task.confidence if score is not None]
    if scores:
        prediction["score"] = _rounded(min(scores))
    data = {"text": passage.text, "doc_id": passage.doc_id, **_origin(task, "codepoints")}
    return {"data": data, "predictions": [prediction]}


def _doccano(tasks: Sequence[Task], _made: Made) -> str:
    lines = []
    for task in tasks:
        units = utf16_offsets(task.passage.text)
        label = [[units[span.start], units[span.end], span.label] for span in task.spans]
        lines.append({"text": task.passage.text, "label": label, **_origin(task, "utf16")})
    return _json_lines(lines, ascii_only=True)


def _prodigy(tasks: Sequence[Task], made: Made) -> str:
    lines = []
    for task in tasks:
        text = task.passage.text
        document = Document(task.passage.doc_id, task.passage.source, 0, text)
        cut = tokenize_document(document, made.segmentation)
        starts, ends = cut.token_start.tolist(), cut.token_end.tolist()
        tokens = [
            {
                "text": word,
                "start": start,
                "end": end,
                "id": number,
                "ws": text[end : end + 1] == " ",
            }
            for number, (word, start, end) in enumerate(zip(cut.words, starts, ends, strict=True))
        ]
        spans = [
            {
                **_bounds(span),
                "token_start": int(np.searchsorted(cut.token_end, span.start, side="right")),
                "token_end": int(np.searchsorted(cut.token_start, span.end, side="left")) - 1,
                "label": span.label,
            }
            for span in task.spans
        ]
        meta = {"doc_id": task.passage.doc_id, "source": task.passage.source}
        facts = {"tokens": tokens, "spans": spans, "meta": meta}
        lines.append({"text": text, **facts, **_origin(task, "codepoints")})
    return _json_lines(lines)


def _jsonl(tasks: Sequence[Task], _made: Made) -> str:
    """As `jobs.train` reads it."""
    return _json_lines(
        {
            "id": task.passage.doc_id,
            "text": task.passage.text,
            "entities": [
                {**_bounds(span), "label": span.label, "text": _covered(task, span)}
                for span in task.spans
            ],
            **_origin(task, "codepoints"),
        }
        for task in tasks
    )


_WRITERS: Mapping[TaskFormat, Callable[[Sequence[Task], Made], str]] = {
    "label-studio": _label_studio,
    "doccano": _doccano,
    "prodigy": _prodigy,
    "jsonl": _jsonl,
}


def _origin(task: Task, offsets: str) -> dict[str, Any]:
    """What `origin_of` reads."""
    passage = task.passage
    return {
        ORIGIN: {
            "doc_id": passage.doc_id,
            "source": passage.source,
            "start": passage.start,
            "spans": [[span.start, span.end, span.label] for span in task.spans],
            "offsets": offsets,
        }
    }


def utf16_offsets(text: str) -> list[int]:
    """Of each code point of a text, and of its end, where it begins in units of UTF-16."""
    return list(accumulate((1 + (ord(c) >= _SECOND_PLANE) for c in text), initial=0))


def _bounds(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}


def _covered(task: Task, span: Span) -> str:
    return task.passage.text[span.start : span.end]


def _rounded(confidence: float) -> float:
    return round(confidence, 4)


def _json_lines(values: Any, *, ascii_only: bool = False) -> str:  # noqa: ANN401 - JSON
    return "".join(f"{json.dumps(value, ensure_ascii=ascii_only)}\n" for value in values)
