"""Exports of annotation tools are read as their users meant them, and what is amiss is named.

Each example is made by hand, with the mistakes that people make in that tool. Those of Label Studio
and spaCy have modules of their own.
"""

from pathlib import Path
from typing import Any

import pytest

from model.corpora import read_labelled
from model.corpora.formats.spans import ANOTHER_ANNOTATION
from model.corpora.records import Origin
from schemas.errors import CorpusError
from tests.model.corpora.formats.exports import ADA, GEO, OBAN, PER, TEXT, read, spans, told

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
