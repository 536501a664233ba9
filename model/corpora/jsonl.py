"""Labelled raw text: JSONL documents with gold entities in code points."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from model.corpora.records import LabelledCorpus, LabelledDocument, broken
from model.tags import Span, is_label


class _FaultError(Exception):
    """A reason to refuse a line; `read_documents` adds path and line."""


def read_documents(path: str, text: str, *, allow_overlaps: bool = False) -> LabelledCorpus:
    """The documents of a JSONL text, in order.

    A line is `{"id", "text", "entities": [{"start", "end", "label"}]}`, with offsets in code
    points, half-open, in any order; other keys and blank lines are left out. An id may be an
    integer, and becomes a string. Raises CorpusError for the first line at fault; entities that
    overlap are a fault unless `allow_overlaps`.
    """
    documents = []
    for line_number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = _document(line, line_number)
            if not allow_overlaps:
                _refuse_overlaps(document.entities)
            documents.append(document)
        except json.JSONDecodeError as error:
            reason = f"invalid JSON: {error.msg} at column {error.colno}"
            raise broken(path, line_number, reason) from error
        except (ValueError, RecursionError) as error:  # a number or a nesting beyond all bounds
            raise broken(path, line_number, f"invalid JSON: {error}") from error
        except _FaultError as error:
            raise broken(path, line_number, str(error)) from error
    return LabelledCorpus(path=path, format="jsonl", scheme=None, documents=tuple(documents))


def _document(line: str, line_number: int) -> LabelledDocument:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise _FaultError(f"expected a JSON object, found {_kind(record)}")
    doc_id, text = record.get("id"), record.get("text")
    if not isinstance(doc_id, str | int) or isinstance(doc_id, bool):
        raise _FaultError(f"'id' should be a string, found {_kind(doc_id)}")
    if not isinstance(text, str):
        raise _FaultError(f"'text' should be a string, found {_kind(text)}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _FaultError("'text' holds a lone surrogate, which UTF-8 cannot write")
    entities = record.get("entities")
    if not isinstance(entities, list):
        raise _FaultError(f"'entities' should be a list, found {_kind(entities)}")
    spans = sorted(_span(entity, len(text)) for entity in entities)
    return LabelledDocument(str(doc_id), text, tuple(spans), line_number)


def _span(entity: Any, length: int) -> Span:  # noqa: ANN401 - whatever the JSON holds
    if not isinstance(entity, dict):
        raise _FaultError(f"an entity should be an object, found {_kind(entity)}")
    start, end = _offset(entity, "start"), _offset(entity, "end")
    label = entity.get("label")
    if not isinstance(label, str) or not is_label(label):
        raise _FaultError(f"an entity's 'label' should be a name, found {label!r}")
    if not 0 <= start < end <= length:
        raise _FaultError(
            f"the entity [{start}, {end}) is empty or outside the text of {length} characters"
        )
    return Span(start, end, label)


def _offset(entity: dict[str, Any], name: str) -> int:
    offset = entity.get(name)
    if not isinstance(offset, int) or isinstance(offset, bool):
        raise _FaultError(f"an entity's {name!r} should be an integer, found {_kind(offset)}")
    return offset


def _refuse_overlaps(spans: Iterable[Span]) -> None:
    for left, right in pairwise(spans):
        if right.start < left.end:
            raise _FaultError(
                f"the entities [{left.start}, {left.end}) and [{right.start}, {right.end}) overlap"
            )


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {bool: "a boolean", int: "a number", float: "a number", str: "a string"}.get(
        type(value), "a list" if isinstance(value, list) else "an object"
    )
