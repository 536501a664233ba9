"""Projects of Label Studio are read as their users meant them, and what is amiss is named."""

from pathlib import Path
from typing import Any

import pytest

from model.corpora.faults import BrokenCorpusError
from model.corpora.formats.spans import ANOTHER_ANNOTATION
from model.tags import Span
from schemas.errors import CorpusError
from tests.model.corpora.formats.exports import ADA, GEO, OBAN, PER, TEXT, read, result, spans, told

CHOICE = {"type": "choices", "value": {"choices": ["news"]}, "from_name": "kind"}
RELATION = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}


def annotation(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 1, "was_cancelled": False, "result": list(results), **more}


def task(number: int, text: str, *annotations: object, **data: str) -> dict[str, Any]:
    return {"id": number, "data": {"text": text, **data}, "annotations": list(annotations)}


@pytest.mark.parametrize("indent", [None, 2])
def test_label_studio(tmp_path: Path, indent: int | None) -> None:
    """Of several annotations one counts; that a task has none does not say it has no entity."""
    tasks = [
        task(1, TEXT, annotation(GEO, CHOICE, PER, RELATION)),
        task(2, "Nobody.", annotation()),
        task(3, "Oban.", annotation(was_cancelled=True)),
        task(4, "Oban."),
        task(
            5,
            "Oban.",
            annotation(result(0, 4, "org"), updated_at="2024-02-01T08:00:00Z"),
            annotation(result(0, 4, "geo"), updated_at="2024-03-01T08:00:00Z"),
            annotation(updated_at="2024-01-01T08:00:00Z"),
        ),
        task(
            6,
            "Oban.",
            annotation(result(0, 4, "geo"), ground_truth=True, updated_at="2024-01-01T08:00:00Z"),
            annotation(updated_at="2024-03-01T08:00:00Z"),
        ),
    ]
    corpus = read(tmp_path / "project.json", tasks, indent)
    assert corpus.format == "label_studio"
    assert corpus.facts == ("offsets in UTF-16, since 1 span fits their text so",)
    assert [document.doc_id for document in corpus.documents] == ["1", "2", "5", "6"]
    assert spans(corpus) == [[ADA, OBAN], [], [Span(0, 4, "geo")], [Span(0, 4, "geo")]]
    assert told(corpus) == [
        "left out of FILE: 1 results that label no span (choices)",
        "left out of FILE: 1 results that label no span (relation)",
        "left out of FILE: 1 annotations that were cancelled",
        "left out of FILE: 2 tasks without an annotation that counts",
        f"left out of FILE: 3 {ANOTHER_ANNOTATION}",
    ]
    line = 1 if indent is None else corpus.documents[2].line
    assert corpus.remarks[-1].places[0] == f"{corpus.path}:{line}: record 5"


def test_label_studio_in_its_older_keys(tmp_path: Path) -> None:
    task = {
        "id": 3,
        "data": {"review": TEXT},
        "completions": [{"id": 1, "result": []}, {"id": 2, "result": [PER, GEO]}],  # the last
    }
    assert spans(read(tmp_path / "all", [task])) == [[ADA, OBAN]]


@pytest.mark.parametrize("title", ["title", "text"])
def test_the_text_of_a_project_is_that_which_its_spans_cover(tmp_path: Path, title: str) -> None:
    """Beside other columns of a CSV; also in tasks without a span, which tell nothing."""
    tasks = [
        {
            "id": number,
            "data": {title: "A title.", "review": text, "stars": 5},
            "annotations": [annotation(*results)],
        }
        for number, (text, results) in enumerate(
            [("Nobody.", []), (TEXT, [PER, GEO]), (TEXT, [PER])], 1
        )
    ]
    other = {"id": 4, "data": {"body": "Oban."}, "annotations": [annotation(result(0, 4, "geo"))]}
    corpus = read(tmp_path / "all", [*tasks, other])
    assert [document.text for document in corpus.documents] == ["Nobody.", TEXT, TEXT, "Oban."]
    for data, found in (
        ({"a": "Oban.", "b": "Bonn."}, "nothing; the keys there are 'a', 'b'"),
        ({"text": [{"author": "Ada", "text": "Oban."}]}, "a list; the keys there are 'text'"),
    ):
        with pytest.raises(CorpusError) as caught:
            read(tmp_path / "all", [{**other, "data": data}])
        reason = "'text' in 'data' should be the text that was labelled, found"
        assert str(caught.value).endswith(f":1: record 1: {reason} {found}")


def test_several_labels_of_a_span_are_spans_of_their_own(tmp_path: Path) -> None:
    corpus = read(tmp_path / "all", [task(1, "Oban.", annotation(result(0, 4, "geo", "org")))])
    assert spans(corpus) == [[Span(0, 4, "geo"), Span(0, 4, "org")]]


def test_spans_on_a_page_count_in_plain_text_alone(tmp_path: Path) -> None:
    """Hypertext has places of the page, and beside them offsets in the text that it shows."""
    on_page = {
        "type": "hypertextlabels",
        "value": {
            "start": "/p[1]/text()[1]",
            "end": "/p[1]/text()[1]",
            "globalOffsets": {"start": 0, "end": 4},
            "text": "Oban",
            "hypertextlabels": ["geo"],
        },
    }
    corpus = read(tmp_path / "all", [task(1, "Oban.", annotation(on_page))])
    assert spans(corpus) == [[Span(0, 4, "geo")]]
    with pytest.raises(CorpusError, match=r"the spans lie on the page that 'data\.text' makes"):
        read(tmp_path / "all", [task(1, "<p>Oban.</p>", annotation(on_page))])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (annotation(result("0", 3, "per")), "an entity's 'start' should be an integer, found a st"),
        (annotation(result(0, 99, "per")), "the entity [0, 99) is empty or outside the text of 16"),
        (annotation(result(3, 0, "per")), "the entity [3, 0) ends before it begins"),
        (annotation(result(0, 3)), "a result's 'value' has no 'labels': give the span a label"),
        (annotation(result(0, 3, " per")), "an entity's 'label' should be a name, found ' per'"),
        (12, "an annotation in 'annotations' should be an object with a list 'result', found a nu"),
        ({"id": 1, "result": {}}, "an annotation in 'annotations' should be an object with a list"),
    ],
)
def test_a_broken_task_is_named_by_line_and_number(
    tmp_path: Path, broken: object, reason: str
) -> None:
    tasks = [task(1, TEXT, annotation(PER)), task(2, "Ada saw 1 Oban. ", broken), {"id": 3}]
    with pytest.raises(BrokenCorpusError) as caught:
        read(tmp_path / "all", tasks)
    faults = {fault.reason.partition(": ")[0]: fault for fault in caught.value.faults}
    assert faults["record 2"].reason.startswith(f"record 2: {reason}")
    assert faults["record 3"].reason.startswith("record 3: expected a task with 'data' and")


def test_json_min(tmp_path: Path) -> None:
    """One item for each annotation; its labels are called as the project calls them."""
    items = [
        {"id": 1, "text": TEXT, "ner": [PER["value"], GEO["value"]], "annotation_id": 4},
        {"id": 2, "text": "Nobody.", "annotator": 1, "annotation_id": 5},
        {
            "id": 1,
            "text": TEXT,
            "ner": [GEO["value"]],
            "annotation_id": 6,
            "updated_at": "2024-03-01T08:00:00Z",
        },
        # Of another project, whose tasks are numbered from 1 too.
        {"id": 1, "text": "Oban.", "ner": [result(0, 4, "geo")["value"]], "annotation_id": 1},
    ]
    corpus = read(tmp_path / "min.json", items, 2)
    assert corpus.format == "json"
    assert spans(corpus) == [[], [OBAN], [Span(0, 4, "geo")]]
    assert corpus.facts == (
        "keys text and ner and entities",
        "offsets in UTF-16, since 1 span fits their text so",
    )
    assert told(corpus) == [f"left out of FILE: 1 {ANOTHER_ANNOTATION}"]
