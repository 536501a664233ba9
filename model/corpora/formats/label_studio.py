"""Label Studio's JSON export: tasks with the annotations of everybody who worked on them.

Offsets of older versions count UTF-16 (https://github.com/HumanSignal/label-studio/issues/1347),
those of later ones code points (https://github.com/HumanSignal/label-studio/pull/1559).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model.corpora.formats.documents import (
    document_id,
    label_name,
    offset,
    origin_of,
    proper_text,
)
from model.corpora.formats.json_records import FaultError, Record, keys_there, kind_of
from model.corpora.formats.spans import LeftOut, RawDocument, RawSpan

_ANNOTATIONS = ("annotations", "completions")  # as versions below 1.0 call them
_LABELS = ("labels", "hypertextlabels")
_CANCELLED = ("was_cancelled", "skipped")


def is_task(value: object) -> bool:
    """Whether a record is a task of Label Studio."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
        return False
    return any(isinstance(value.get(key), list) for key in _ANNOTATIONS)


def labelled_key(records: Sequence[Record]) -> str:
    """What a file's tasks call the text that was labelled, since an export does not say so.

    The key whose text has in it what the spans say that they cover, in most tasks; `text` where as
    many speak for it.
    """
    votes = Counter({"text": 0})
    for task in (record.value for record in records if is_task(record.value)):
        parts = [
            result["value"].get("text")
            for annotation in task[_annotations_key(task)]
            if isinstance(annotation, dict) and isinstance(annotation.get("result"), list)
            for result in annotation["result"]
            if isinstance(result, dict) and isinstance(result.get("value"), dict)
        ]
        covered = [part for part in parts if isinstance(part, str)]
        votes.update(
            key
            for key, text in task["data"].items()
            if covered and isinstance(text, str) and all(part in text for part in covered)
        )
    return max(votes, key=lambda key: (votes[key], key == "text"))


def read_task(record: Record, text_key: str) -> Iterator[RawDocument | LeftOut]:
    """A task `{"id", "data", "annotations": [{"result"}]}`, a document for each annotation.

    `text_key` is what the file's tasks call their text in `data`, by `labelled_key`.
    Who reads these keeps one a task. Annotations that were cancelled do not count; a task without
    one that does is left out, since nobody said that it holds no entity. Results that label no span
    (choices, relations) are left out too.
    """
    task = record.value
    if not is_task(task):
        keys = keys_there(task) if isinstance(task, dict) else ""
        raise FaultError(
            f"expected a task with 'data' and 'annotations', found {kind_of(task)}{keys}", "row"
        )
    key = _annotations_key(task)
    done = []
    for annotation in task[key]:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            raise FaultError(
                f"an annotation in {key!r} should be an object with a list 'result', found "
                f"{kind_of(annotation)}"
            )
        if any(annotation.get(flag) for flag in _CANCELLED):
            yield LeftOut("annotations that were cancelled")
        else:
            done.append(annotation)
    if not done:
        yield LeftOut("tasks without an annotation that counts")
    for annotation in done:
        spans: list[RawSpan] = []
        for result in annotation["result"]:
            if not isinstance(result, dict):
                raise FaultError(f"a 'result' should be an object, found {kind_of(result)}")
            found = list(_spans(result))
            if not found:
                yield LeftOut(f"results that label no span ({result.get('type', 'no type')})")
            spans += found
        place, text = _text(task, text_key)
        origin = origin_of(task["data"])
        if "<" in text and any(map(_is_on_page, annotation["result"])):
            raise FaultError(
                f"the spans lie on the page that {place!r} makes in HTML, not in its source: "
                "label plain text, or export CONLL2003",
                "span",
            )
        yield RawDocument(
            doc_id=origin.doc_id if origin else document_id(task, record),
            text=proper_text(text, place),
            spans=spans,
            task=(record.line, record.number),
            rank=(bool(annotation.get("ground_truth")), _changed(annotation)),
            annotator=_annotator(annotation.get("completed_by")),
            origin=origin,
        )


def _annotations_key(task: Mapping[str, Any]) -> str:
    return next(key for key in _ANNOTATIONS if isinstance(task.get(key), list))


def _changed(annotation: Mapping[str, Any]) -> str:
    """When an annotation was changed last, as a text that sorts by time."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _annotator(completed_by: object) -> str:
    """Who made an annotation, by whichever name of his an export has."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return "" if completed_by is None else str(completed_by)


def _text(task: Mapping[str, Any], usual: str) -> tuple[str, str]:
    """The key and the text that was labelled: the usual one, or the only text of the task."""
    data = task["data"]
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    key = usual if usual in texts or len(texts) != 1 else next(iter(texts))
    if key not in texts:
        found = kind_of(data.get(key))
        raise FaultError(
            f"{key!r} in 'data' should be the text that was labelled, found {found}"
            f"{keys_there(data)}"
        )
    return f"data.{key}", texts[key]


def _spans(result: Mapping[str, Any]) -> Iterator[RawSpan]:
    """The span of a result, once for each of its labels; none where it labels no span."""
    value, kind = result.get("value"), result.get("type", "labels")
    if not isinstance(value, dict) or kind not in _LABELS:
        return
    if not isinstance(value.get(kind), list) or not value[kind]:
        raise FaultError(f"a result's 'value' has no {kind!r}: give the span a label", "span")
    bounds = value["globalOffsets"] if _is_on_page(result) else value
    start, end, text = bounds.get("start"), bounds.get("end"), value.get("text")
    for label in value[kind]:
        yield RawSpan(
            offset(start, "start"),
            offset(end, "end"),
            label_name(label),
            text if isinstance(text, str) else None,
        )


def _is_on_page(result: Mapping[str, Any]) -> bool:
    """Whether a result begins at a place of a page, such as `/p[1]/text()[1]`."""
    value = result.get("value")
    return (
        isinstance(value, dict)
        and str(value.get("start")).startswith("/")
        and isinstance(value.get("globalOffsets"), dict)
    )
