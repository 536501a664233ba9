"""Documents with spans, a text and its entities a record: gleaner's own, doccano, Prodigy, spaCy.

Offsets of doccano count UTF-16 (https://github.com/doccano/doccano/issues/2290), those of Prodigy
and spaCy code points; those of Label Studio depend on its version.
"""

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from model.corpora.formats.json_records import (
    FaultError,
    Record,
    is_pair,
    keys_there,
    kind_of,
    present_key,
)
from model.corpora.formats.spans import LeftOut, RawDocument, RawSpan
from model.corpora.records import Origin
from model.tags import Span, is_label
from model.text.escaping import shortened

# How sure a teacher is, of a span or a document.
_SCORES = ("score", "weight", "confidence")
# As gleaner writes documents, then as doccano, Prodigy, Label Studio (JSON-MIN) and spaCy do.
_TEXTS = ("text", "data")
_ENTITIES = ("entities", "label", "labels", "spans", "ents")
_BOUNDS = (("start", "end"), ("start_offset", "end_offset"))
_SURROGATE = re.compile("[\ud800-\udfff]")
# Keys of tools that write no key for entities where there is none.
_OF_TOOLS = ("annotation_id", "answer", "_input_hash")
# What a text has as a key since it was chosen to be labelled; tools give it back as it is.
ORIGIN = "gleaner"
_ANNOTATORS = ("annotator", "_annotator_id", "_session_id")
_CUT_ALREADY = ("tokens", "words")
_SHOWN = 60


def read_document(record: Record, *, silver: bool = False) -> Iterator[RawDocument | LeftOut]:
    """A document `{"id", "text", "entities": [{"start", "end", "label"}]}`.

    An id may be an integer, or missing: then it is the record's number. The text may be called
    `data`, the entities `label`, `labels`, `spans` or `ents`, and an entity be
    `[start, end, label]` or have `start_offset` and `end_offset`, as in the exports of doccano and
    others; spaCy's pairs `[text, {"entities"}]` are documents too. Of Prodigy's records those that
    were accepted count. silver: the labels are those of a teacher who may be wrong.
    """
    value = record.value
    if value is None:  # as a page writes a text that was skipped
        yield LeftOut("texts that were skipped")
        return
    if is_pair(value):
        value = {**value[1], "text": value[0]}
    if not isinstance(value, dict):
        raise FaultError(f"expected a JSON object, found {kind_of(value)}", "row")
    answer = value.get("answer", "accept")
    if answer != "accept":
        yield LeftOut(f"records whose answer is {answer}")
        return
    if value.get("_is_binary"):
        yield LeftOut(
            "answers to one entity alone (_is_binary), which leave open what else is in the text: "
            "annotate it in full, as with ner.manual or ner.correct"
        )
        return
    yield from _document(value, record, silver)


def _document(
    value: Mapping[str, Any], record: Record, silver: bool
) -> Iterator[RawDocument | LeftOut]:
    origin = origin_of(value)
    text_key = present_key(value, _TEXTS)
    text = value.get(text_key)
    if not isinstance(text, str):
        cut = next((key for key in _CUT_ALREADY if isinstance(value.get(key), list)), None)
        if cut and any(isinstance(one, list) for one in value[cut]):
            raise FaultError(
                f"{cut!r} holds lists, as of all sentences at once: give a record for each sentence"
            )
        if cut:
            raise FaultError(
                f"{cut!r} holds words that are cut already, and no key holds their tags: write "
                f"these as 'ner_tags'{keys_there(value)}"
            )
        found = kind_of(text)
        raise FaultError(f"{text_key!r} should be a string, found {found}{keys_there(value)}")
    key, entities = _entities(value)
    if not isinstance(entities, list):
        raise FaultError(f"{key!r} should be a list, found {kind_of(entities)}{keys_there(value)}")
    accepted = [entity for entity in entities if _answer(entity) == "accept"]
    for _ in range(len(entities) - len(accepted)):
        yield LeftOut("spans whose answer is not accept")
    task, changed = _task(value, text)
    yield RawDocument(
        doc_id=origin.doc_id if origin else document_id(value, record),
        text=proper_text(text, text_key),
        spans=[span for entity in accepted for span in _spans(entity, silver)],
        keys={text_key, key} | (value.keys() & {*_TEXTS, *_ENTITIES}),
        tokens=list(_tokens(value)),
        task=task,
        rank=(False, changed),
        annotator=_annotator(value),
        origin=origin,
        score=_score(value) if silver else None,
        read=_read(value, silver),
    )


def has_spans(value: object) -> bool:
    """Whether a record is a text with entities, each in a key of a name that is known."""
    if not isinstance(value, dict):
        return is_pair(value)
    if not any(isinstance(value.get(key), str) for key in _TEXTS):
        return False
    lists = [value[key] for key in _ENTITIES if isinstance(value.get(key), list)]
    return any(all(isinstance(entity, dict | list) for entity in held) for held in lists)


def document_id(value: Mapping[str, Any], record: Record) -> str:
    """The id of a document, or the number of its record; raises FaultError for what is none."""
    doc_id = value.get("id", record.number or record.line)
    if not isinstance(doc_id, str | int) or isinstance(doc_id, bool):
        raise FaultError(f"'id' should be a string, found {kind_of(doc_id)}{keys_there(value)}")
    return str(doc_id)


def origin_of(value: Mapping[str, Any]) -> Origin | None:
    """What `jobs.label select` told the tool of a text, where that came back as it was."""
    told = value.get(ORIGIN)
    match told:
        case {
            "doc_id": str(doc_id),
            "source": str(source),
            "start": int(start),
            "spans": list(spans),
            "offsets": "codepoints" | "utf16" as offsets,
        }:
            shown = [
                Span(*span)
                for span in spans
                if isinstance(span, list) and list(map(type, span)) == [int, int, str]
            ]
            return Origin(doc_id, source, start, tuple(shown), offsets)
    return None


def _score(value: Mapping[str, Any]) -> float | None:
    """How sure a teacher is of a span or a document, from 0 to 1; None where it does not say."""
    key = next((key for key in _SCORES if value.get(key) is not None), None)
    if key is None:
        return None
    score = value[key]
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
        raise FaultError(f"{key!r} should be a number from 0 to 1, found {score!r}", "span")
    return float(score)


def _read(value: Mapping[str, Any], silver: bool) -> list[RawSpan] | None:
    """The parts of a document that were labelled; None where it does not say, so that all was.

    With `"partial": true` only the spans themselves are known, with `"read": [[start, end]]` these
    parts.
    """
    if silver and not isinstance(value.get("partial", False), bool):
        raise FaultError(f"'partial' should be true or false, found {value['partial']!r}")
    parts = value.get("read")
    are_parts = isinstance(parts, list) and all(isinstance(part, list) for part in parts)
    key = "partial" if value.get("partial") is True else "read" if are_parts else None
    if key and not silver:
        raise FaultError(
            f"by {key!r} the text was read in part, and nothing is known of the rest: give the "
            "file with --silver"
        )
    if parts is None or not silver:
        return [] if key == "partial" else None
    if not are_parts or any(len(part) != len(("start", "end")) for part in parts):
        shown = shortened(repr(parts), _SHOWN)
        raise FaultError(f"'read' should hold pairs [start, end], found {shown}")
    return [RawSpan(offset(start, "start"), offset(end, "end"), "read") for start, end in parts]


def _annotator(value: Mapping[str, Any]) -> str:
    """Who answered: as Label Studio (JSON-MIN) has it, or Prodigy."""
    return str(next((value[key] for key in _ANNOTATORS if value.get(key)), ""))


def proper_text(text: str, key: str) -> str:
    """The text; raises FaultError where UTF-8 cannot write it."""
    if _SURROGATE.search(text):
        raise FaultError(f"{key!r} holds a lone surrogate, which UTF-8 cannot write")
    return text


def offset(value: object, name: str) -> int:
    """An offset of a span; raises FaultError for what is no integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise FaultError(
            f"an entity's {name!r} should be an integer, found {kind_of(value)}", "span"
        )
    return value


def label_name(label: object) -> str:
    """A span's label; raises FaultError for what cannot be one."""
    if not isinstance(label, str) or not is_label(label):
        raise FaultError(f"an entity's 'label' should be a name, found {label!r}", "span")
    return label


def _entities(value: Mapping[str, Any]) -> tuple[str, Any]:
    """The key of a document's entities, and what it holds."""
    key = present_key(value, _ENTITIES)
    if key in value:
        return key, value[key]
    # Label Studio (JSON-MIN) calls them as the project calls its labels.
    named = [name for name, held in value.items() if _are_spans(held)]
    if len(named) == 1:
        return named[0], value[named[0]]
    return key, [] if any(name in value for name in _OF_TOOLS) else None


def _are_spans(held: object) -> bool:
    return (
        isinstance(held, list)
        and bool(held)
        and all(isinstance(one, dict) and {"start", "end", "labels"} <= one.keys() for one in held)
    )


def _answer(entity: object) -> object:
    return entity.get("answer", "accept") if isinstance(entity, dict) else "accept"


def _task(value: Mapping[str, Any], text: str) -> tuple[Hashable, str]:
    """What task a record answers, where a tool writes one for each annotator, and when.

    The text is part of it: every project of Label Studio numbers its tasks from 1.
    """
    if "annotation_id" in value and "id" in value:
        return (str(value["id"]), text), str(value.get("updated_at", ""))
    if "_input_hash" in value:
        # Whole seconds have ten digits until the year 2286.
        return (str(value["_input_hash"]), text), f"{value.get('_timestamp', 0):>020}"
    return None, ""


def _tokens(value: Mapping[str, Any]) -> Iterator[RawSpan]:
    """Prodigy's tokens, whose offsets count as those of its spans do."""
    tokens = value.get("tokens")
    for token in tokens if isinstance(tokens, list) else ():
        if isinstance(token, dict):
            start, end, text = (token.get(key) for key in ("start", "end", "text"))
            if isinstance(start, int) and isinstance(end, int) and isinstance(text, str):
                yield RawSpan(start, end, "", text)


def _spans(entity: Any, silver: bool) -> Iterator[RawSpan]:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(entity, list):
        if len(entity) != len(("start", "end", "label")):
            raise FaultError(f"an entity should be [start, end, label], found {entity!r}", "span")
        start, end, label = entity
        yield RawSpan(offset(start, "start"), offset(end, "end"), label_name(label))
        return
    if not isinstance(entity, dict):
        raise FaultError(f"an entity should be an object, found {kind_of(entity)}", "span")
    bounds = next((names for names in _BOUNDS if names[0] in entity), _BOUNDS[0])
    start, end = (offset(entity.get(name), name) for name in bounds)
    text = entity.get("text")
    labels = entity.get("labels")
    if "label" in entity or not isinstance(labels, list) or not labels:
        labels = [entity.get("label")]
    for label in labels:
        covered = text if isinstance(text, str) else None
        score = _score(entity) if silver else None
        yield RawSpan(start, end, label_name(label), covered, score)
