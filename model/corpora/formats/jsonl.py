"""Labelled raw text: JSONL documents with gold entities in code points."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from model.corpora.faults import BrokenCorpusError, Fault, FaultKind
from model.corpora.records import LabelledCorpus, LabelledDocument, Remark
from model.tags import Span, is_label
from model.text.escaping import harmless, shortened

# As gleaner writes documents, then as doccano, Prodigy and Label Studio (JSON-MIN) do.
_TEXTS = ("text", "data")
_ENTITIES = ("entities", "label", "labels", "spans")
_BOUNDS = (("start", "end"), ("start_offset", "end_offset"))
_CUT_ALREADY = ("tokens", "words")
_KEYS_SHOWN = 8
_TEXT_SHOWN = 60


class _FaultError(Exception):
    """A reason to refuse a line; `read_documents` adds path and line."""

    def __init__(self, reason: str, kind: FaultKind = "document") -> None:
        super().__init__(reason)
        self.kind = kind


def read_documents(path: str, text: str) -> LabelledCorpus:
    """The documents of a JSONL text, in order.

    A line is `{"id", "text", "entities": [{"start", "end", "label"}]}`, with offsets in code
    points, half-open, in any order, which may overlap; other keys and blank lines are left out. An
    id may be an integer, and becomes a string. The text may be called `data`, the entities `label`,
    `labels` or `spans`, and an entity be `[start, end, label]` or have `start_offset` and
    `end_offset`, as in the exports of doccano and others. Raises BrokenCorpusError with all lines
    at fault.
    """
    documents: list[LabelledDocument] = []
    faults: list[Fault] = []
    contradicted: list[str] = []
    names: set[str] = set()
    for line_number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            documents.append(_document(record, line_number))
            contradicted += _contradicted(path, record, documents[-1])
            names |= record.keys() & {*_TEXTS, *_ENTITIES}
        except json.JSONDecodeError as error:
            reason = f"invalid JSON: {error.msg} at column {error.colno}"
            faults.append(Fault(line_number, "row", reason))
        except (ValueError, RecursionError) as error:  # a number or a nesting beyond all bounds
            faults.append(Fault(line_number, "row", f"invalid JSON: {error}"))
        except _FaultError as error:
            faults.append(Fault(line_number, error.kind, str(error)))
    if faults:
        raise BrokenCorpusError(path, faults)
    usual = {_TEXTS[0], _ENTITIES[0]}
    facts = (f"keys {' and '.join(sorted(names, reverse=True))}",) if names != usual else ()
    remarks = _about_contradictions(path, contradicted)
    return LabelledCorpus(
        path, "jsonl", None, documents=tuple(documents), facts=facts, remarks=tuple(remarks)
    )


def _document(record: object, line_number: int) -> LabelledDocument:
    if not isinstance(record, dict):
        raise _FaultError(f"expected a JSON object, found {_kind(record)}", "row")
    doc_id, (text_key, text) = record.get("id"), _only(record, _TEXTS)
    if not isinstance(text, str):
        cut = next((key for key in _CUT_ALREADY if isinstance(record.get(key), list)), None)
        if cut:
            raise _FaultError(
                f"{cut!r} holds words that are cut already: write them as CoNLL, a word and its "
                "tag a line"
            )
        raise _FaultError(f"{text_key!r} should be a string, found {_kind(text)}{_keys(record)}")
    if not isinstance(doc_id, str | int) or isinstance(doc_id, bool):
        raise _FaultError(f"'id' should be a string, found {_kind(doc_id)}{_keys(record)}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _FaultError(f"{text_key!r} holds a lone surrogate, which UTF-8 cannot write")
    key, entities = _only(record, _ENTITIES)
    if not isinstance(entities, list):
        raise _FaultError(f"{key!r} should be a list, found {_kind(entities)}{_keys(record)}")
    spans = sorted(_span(entity, len(text)) for entity in entities)
    return LabelledDocument(str(doc_id), text, tuple(spans), line_number)


def _contradicted(
    path: str, record: Mapping[str, Any], document: LabelledDocument
) -> Iterator[str]:
    """Where an entity has a text of its own that is not what its offsets cover."""
    for entity in _only(record, _ENTITIES)[1]:
        own = entity.get("text") if isinstance(entity, dict) else None
        if not isinstance(own, str):
            continue
        start, end, _ = _bounds_and_label(entity)
        covered = document.text[start:end]
        if _folded(own) != _folded(covered):
            shown = (repr(shortened(text, _TEXT_SHOWN)) for text in (own, covered))
            yield f"{harmless(path)}:{document.line}: {next(shown)} at {next(shown)}"


def _about_contradictions(path: str, places: list[str]) -> Iterator[Remark]:
    if places:
        yield Remark(
            f"entities of {harmless(path)} have a text of their own that is not what their offsets "
            f"cover, {len(places):,} in all: offsets count code points from 0, neither bytes nor "
            "units of UTF-16, and the end is not in it",
            tuple(places),
        )


def _folded(text: str) -> str:
    """Without what exports change in a text: blanks, case, and how letters are composed."""
    return unicodedata.normalize("NFKC", "".join(text.split())).casefold()


def _only(record: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, Any]:
    """The one of the keys that the record has, the first where it has none, and its value."""
    present = [key for key in keys if record.get(key)] or [key for key in keys if key in record]
    if len(present) > 1 and record[present[0]]:
        raise _FaultError(f"both {present[0]!r} and {present[1]!r} are there: leave one of them")
    key = (present or keys)[0]
    return key, record.get(key)


def _span(entity: Any, length: int) -> Span:  # noqa: ANN401 - whatever the JSON holds
    start, end, label = _bounds_and_label(entity)
    if not isinstance(label, str) or not is_label(label):
        raise _FaultError(f"an entity's 'label' should be a name, found {label!r}", "span")
    if not 0 <= start < end <= length:
        raise _FaultError(
            f"the entity [{start}, {end}) is empty or outside the text of {length} characters",
            "span",
        )
    return Span(start, end, label)


def _bounds_and_label(entity: Any) -> tuple[int, int, Any]:  # noqa: ANN401 - as of `_span`
    if isinstance(entity, list):
        if len(entity) != len(("start", "end", "label")):
            raise _FaultError(f"an entity should be [start, end, label], found {entity!r}", "span")
        start, end, label = entity
        return _offset(start, "start"), _offset(end, "end"), label
    if not isinstance(entity, dict):
        raise _FaultError(f"an entity should be an object, found {_kind(entity)}", "span")
    bounds = next((names for names in _BOUNDS if names[0] in entity), _BOUNDS[0])
    start, end = (_offset(entity.get(name), name) for name in bounds)
    labels = entity.get("labels")
    if "label" not in entity and isinstance(labels, list) and len(labels) == 1:
        return start, end, labels[0]
    return start, end, entity.get("label")


def _offset(offset: object, name: str) -> int:
    if not isinstance(offset, int) or isinstance(offset, bool):
        found = _kind(offset)
        raise _FaultError(f"an entity's {name!r} should be an integer, found {found}", "span")
    return offset


def _keys(record: Mapping[str, Any]) -> str:
    keys = [repr(key) for key in record]
    shown = ", ".join(keys[:_KEYS_SHOWN]) + (", ..." if len(keys) > _KEYS_SHOWN else "")
    return f"; the keys there are {shown}" if keys else ""


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {bool: "a boolean", int: "a number", float: "a number", str: "a string"}.get(
        type(value), "a list" if isinstance(value, list) else "an object"
    )
