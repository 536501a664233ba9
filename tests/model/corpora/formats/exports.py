"""A text with its entities, as exports of annotation tools have them, and how they are read."""

import json
from pathlib import Path
from typing import Any

from model.corpora import LabelledCorpus, read_labelled
from model.tags import Span

TEXT = "Ada 🚢 saw Oban. "
ADA, OBAN = Span(0, 3, "per"), Span(10, 14, "geo")


def read(path: Path, content: object, indent: int | None = None) -> LabelledCorpus:
    """The corpus of a file: JSON lines of a tuple of values, else a JSON document."""
    if isinstance(content, tuple):
        text = "\n".join(json.dumps(value, ensure_ascii=False) for value in content)
    else:
        text = json.dumps(content, indent=indent)
    path.write_text(text, encoding="utf-8")
    return read_labelled(path)


def told(corpus: LabelledCorpus) -> list[str]:
    """The remarks without the path."""
    return [remark.text.replace(corpus.path, "FILE") for remark in corpus.remarks]


def spans(corpus: LabelledCorpus) -> list[list[Span]]:
    return [list(document.entities) for document in corpus.documents]


def result(start: object, end: object, *labels: str, text: str | None = None) -> dict[str, Any]:
    value: dict[str, object] = {"start": start, "end": end, "labels": list(labels)}
    if text is not None:
        value["text"] = text
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value}


GEO = result(11, 15, "geo", text="Oban")
PER = result(0, 3, "per", text="Ada")
