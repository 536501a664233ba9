"""Exports of annotation tools are read as their users meant them, and what is amiss is named.

Each example is made by hand, with the mistakes that people make in that tool.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from model.corpora import LabelledCorpus, read_labelled
from model.corpora.faults import BrokenCorpusError
from model.corpora.formats.spans import ANOTHER_ANNOTATION
from model.corpora.records import Origin
from model.tags import Span
from schemas.errors import CorpusError

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


# ---------------------------------------------------------------- doccano

DOCCANO = (
    {"id": 7, "text": TEXT, "label": [[11, 15, "geo"], [0, 3, "per"]], "Comments": []},
    {"id": 8, "text": "Nobody.", "label": []},
)
DOCCANO_RELATIONS = {
    "id": 7,
    "text": TEXT,
    "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "in"}],
    "entities": [
        {"id": 2, "label": "geo", "start_offset": 11, "end_offset": 15},
        {"id": 1, "label": "per", "start_offset": 0, "end_offset": 3},
    ],
}


@pytest.mark.parametrize("content", [DOCCANO, list(DOCCANO), (DOCCANO_RELATIONS, DOCCANO[1])])
@pytest.mark.parametrize("indent", [None, 1])
def test_doccano(tmp_path: Path, content: object, indent: int | None) -> None:
    """JSON lines or an array, whose offsets count UTF-16 as JavaScript does."""
    corpus = read(tmp_path / "all.json", content, indent)
    assert corpus.format == ("jsonl" if isinstance(content, tuple) else "json")
    assert [document.doc_id for document in corpus.documents] == ["7", "8"]
    assert spans(corpus) == [[ADA, OBAN], []]
    assert corpus.facts[-1] == "offsets in UTF-16, since 1 span fits words so"


# ---------------------------------------------------------------- Label Studio


def result(start: object, end: object, *labels: str, text: str | None = None) -> dict[str, Any]:
    value: dict[str, object] = {"start": start, "end": end, "labels": list(labels)}
    if text is not None:
        value["text"] = text
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value}


def annotation(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 1, "was_cancelled": False, "result": list(results), **more}


def task(number: int, text: str, *annotations: object, **data: str) -> dict[str, Any]:
    return {"id": number, "data": {"text": text, **data}, "annotations": list(annotations)}


GEO = result(11, 15, "geo", text="Oban")
PER = result(0, 3, "per", text="Ada")
CHOICE = {"type": "choices", "value": {"choices": ["news"]}, "from_name": "kind"}
RELATION = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}


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


# ---------------------------------------------------------------- Prodigy


def prodigy(number: int, answer: str, *found: tuple[int, int, str], **more: Any) -> dict[str, Any]:
    tokens = [(0, 3), (4, 5), (6, 9), (10, 14), (14, 15)]
    return {
        "text": TEXT,
        "_input_hash": number,
        "_task_hash": -number,
        "tokens": [
            {"text": TEXT[a:b], "start": a, "end": b, "id": n} for n, (a, b) in enumerate(tokens)
        ],
        "spans": [
            {"start": a, "end": b, "label": label, "token_start": 0, "token_end": 0}
            for a, b, label in found
        ],
        "answer": answer,
        **more,
    }


def test_prodigy(tmp_path: Path) -> None:
    """What was accepted counts, in code points, as its tokens say; the rest is told."""
    rejected = {"start": 6, "end": 9, "label": "per", "answer": "reject"}
    both = prodigy(1, "accept", (0, 3, "per"), (10, 14, "geo"))
    both["spans"].append(rejected)
    without = prodigy(9, "accept")
    del without["spans"]
    corpus = read(
        tmp_path / "out.jsonl",
        (
            both,
            prodigy(2, "reject", (6, 9, "geo")),
            prodigy(3, "ignore"),
            prodigy(4, "reject"),
            prodigy(5, "accept", (0, 3, "per"), _is_binary=True),
            prodigy(6, "accept", (0, 3, "per"), _timestamp=900, _session_id="db-ada"),
            prodigy(6, "accept", (10, 14, "geo"), _timestamp=1000, _session_id="db-bo"),
            without,
        ),
    )
    assert spans(corpus) == [[ADA, OBAN], [OBAN], []]
    assert [document.doc_id for document in corpus.documents] == ["1", "7", "8"]
    assert corpus.facts[-1] == "offsets in code points, since 12 spans fit their text so"
    assert told(corpus) == [
        "left out of FILE: 1 spans whose answer is not accept",
        "left out of FILE: 2 records whose answer is reject",
        "left out of FILE: 1 records whose answer is ignore",
        (
            "left out of FILE: 1 answers to one entity alone (_is_binary), which leave open what "
            "else is in the text: annotate it in full, as with ner.manual or ner.correct"
        ),
        f"left out of FILE: 1 {ANOTHER_ANNOTATION}",
    ]
    assert corpus.remarks[1].places == (f"{corpus.path}:2", f"{corpus.path}:4")


def test_a_file_of_which_nothing_counts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(CorpusError) as caught:
        read(path, (prodigy(1, "reject"), prodigy(2, "reject")))
    assert str(caught.value) == (
        f"{path}:1: the file holds no labelled document, and 2 records whose answer is reject"
    )


# ---------------------------------------------------------------- spaCy

PAIRS: list[tuple[str, dict[str, Any]]] = [
    (TEXT, {"entities": [[10, 14, "geo"], [0, 3, "per"]], "cats": {}}),
    ("Nobody.", {"entities": []}),
]


@pytest.mark.parametrize(
    "content",
    [
        PAIRS,
        tuple(PAIRS),
        {"classes": ["geo", "per"], "annotations": PAIRS},
        [{"text": text, "entities": known["entities"]} for text, known in PAIRS],
        {"examples": [{"text": text, "entities": known["entities"]} for text, known in PAIRS]},
    ],
    ids=["array", "lines", "page", "objects", "wrapped"],
)
@pytest.mark.parametrize("indent", [None, 4])
def test_spacy_pairs(tmp_path: Path, content: object, indent: int | None) -> None:
    corpus = read(tmp_path / "train.json", content, indent)
    assert spans(corpus) == [[ADA, OBAN], []]
    assert [document.doc_id for document in corpus.documents] == ["1", "2"]
    assert corpus.facts == ("offsets in code points, since 1 span fits words so",)


def test_one_pair_is_one_document(tmp_path: Path) -> None:
    assert spans(read(tmp_path / "one", list(PAIRS[0]))) == [[ADA, OBAN]]


def test_texts_that_a_page_skipped_are_left_out(tmp_path: Path) -> None:
    corpus = read(tmp_path / "page", {"classes": [], "annotations": [None, PAIRS[0], None]})
    assert spans(corpus) == [[ADA, OBAN]]
    assert told(corpus) == ["left out of FILE: 2 texts that were skipped"]


def spacy_document(*sentences: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    return {
        "id": 0,
        "paragraphs": [
            {
                "raw": " ".join(word for word, _ in words),
                "sentences": [
                    {
                        "tokens": [
                            {"id": n, "orth": word, "tag": "NN"} | ({"ner": tag} if tag else {})
                            for n, (word, tag) in enumerate(words)
                        ],
                        "brackets": [],
                    }
                ],
                "cats": [],
            }
            for words in sentences
        ],
    }


@pytest.mark.parametrize("indent", [None, 1])
def test_spacy_documents(tmp_path: Path, indent: int | None) -> None:
    """Words and BILUO tags; blank tokens go, and sentences of which not all is known."""
    new = [("New", "B-geo"), ("Port", "L-geo"), ("\n", "O"), ("rose", "O")]
    documents = [
        spacy_document(new, [("Ada", "U-per"), ("left", "-")]),
        spacy_document([("Bo", None)], [("Bo", "U-per"), (" ", "-")], [("\n", "O")]),
    ]
    corpus = read(tmp_path / "train.json", documents, indent)
    assert (corpus.format, corpus.scheme) == ("spacy", "BIOES")
    assert [(s.words, s.tags) for s in corpus.sentences] == [
        (("New", "Port", "rose"), ("B-geo", "I-geo", "O")),
        (("Bo",), ("B-per",)),
    ]
    assert told(corpus) == [
        "left out of FILE: 2 sentences with tokens whose entity is unknown ('-', or no 'ner')"
    ]


def test_broken_documents_of_spacy_are_named(tmp_path: Path) -> None:
    broken = spacy_document([("Ada", "per"), ("left", "O")])
    lacking = {"id": 1, "paragraphs": [{"sentences": [{"tokens": [{"id": 0, "ner": "O"}]}]}]}
    with pytest.raises(BrokenCorpusError) as caught:
        read(tmp_path / "a.json", [spacy_document([("Bo", "U-per")]), broken, lacking, {"id": 2}])
    assert [fault.reason.partition(", expected")[0] for fault in caught.value.faults] == [
        "record 4: 'paragraphs' should be a list of objects, found nothing",
        "record 3: 'orth' should be a string, found nothing",
        "record 2: 'per' is not a tag",
    ]


# ---------------------------------------------------------------- several people, and our own tasks

ADA_OBJECT = {"start": 0, "end": 3, "label": "per"}
OURS = {"doc_id": "d7", "source": "/in/a", "start": 4, "spans": [[0, 3, "per"]]}
ORIGIN = Origin("d7", "/in/a", 4, (ADA,), "utf16")


@pytest.mark.parametrize(
    ("content", "people"),
    [
        (
            [
                {
                    "id": 1,
                    "data": {"text": TEXT, "gleaner": {**OURS, "offsets": "utf16"}},
                    "annotations": [
                        {"completed_by": 4, "result": [PER], "updated_at": "2"},
                        {"completed_by": {"id": 5, "email": "bo"}, "result": [], "updated_at": "1"},
                        {"completed_by": 4, "result": [GEO], "updated_at": "1"},
                    ],
                }
            ],
            ["4", "bo"],
        ),
        (
            [
                {
                    "id": 1,
                    "text": TEXT,
                    "ner": [PER["value"]],
                    "annotation_id": 1,
                    "annotator": "4",
                },
                {"id": 1, "text": TEXT, "annotation_id": 2, "annotator": "bo"},
            ],
            ["4", "bo"],
        ),
        (
            (
                {"text": TEXT, "spans": [ADA_OBJECT], "_input_hash": 1, "_annotator_id": "4"},
                {"text": TEXT, "spans": [], "_input_hash": 1, "_session_id": "bo"},
            ),
            ["4", "bo"],
        ),
    ],
)
def test_every_answer_is_the_last_of_each_person(
    tmp_path: Path, content: object, people: list[str]
) -> None:
    """Where only one is asked for, it is the last of all."""
    read(tmp_path / "all.json", content)
    corpus = read_labelled(tmp_path / "all.json", every_answer=True)
    assert [document.answer.annotator for document in corpus.documents] == people
    assert spans(corpus) == [[ADA], []]
    assert len(read_labelled(tmp_path / "all.json").documents) == 1


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "text": TEXT, "label": [[0, 3, "per"]]},
        {"id": "x", "text": TEXT, "entities": [ADA_OBJECT]},
        {"text": TEXT, "spans": [ADA_OBJECT], "answer": "accept", "_input_hash": 3},
    ],
)
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({**OURS, "offsets": "utf16"}, ORIGIN),
        ({**OURS, "offsets": "bytes"}, None),
        ({**OURS, "offsets": "utf16", "start": "4"}, None),
        ([OURS], None),
        (None, None),
    ],
)
def test_what_a_task_was_given_comes_back_with_its_answer(
    tmp_path: Path, record: dict[str, Any], key: object, expected: Origin | None
) -> None:
    """And its document's id in the place of the tool's; what is of others is no origin."""
    (document,) = read(tmp_path / "all.jsonl", ({**record, "gleaner": key},)).documents
    assert document.answer.origin == expected
    assert document.doc_id == ("d7" if expected else str(record.get("id", 1)))
    assert document.entities == (ADA,)
