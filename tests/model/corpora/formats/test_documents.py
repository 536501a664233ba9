"""Documents with spans are read as written, or refused with file, line and reason."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.corpora import LabelledDocument, read_labelled
from model.corpora.faults import BrokenCorpusError
from model.tags import Span
from schemas.errors import CorpusError


def line(doc_id: object = "a", text: object = "Oban 🚢 Mull", entities: object = ()) -> str:
    return json.dumps({"id": doc_id, "text": text, "entities": entities})


def entity(start: object, end: object, label: object = "geo") -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


def test_entities_are_sorted_and_count_code_points(tmp_path: Path) -> None:
    path = tmp_path / "documents.csv"  # the name says nothing
    later = line(7, "", [])
    path.write_text(f"{line(entities=[entity(7, 11), entity(0, 4)])}\n\n{later}", encoding="utf-8")
    corpus = read_labelled(path)
    assert (corpus.format, corpus.scheme, corpus.sentences) == ("jsonl", None, ())
    assert corpus.documents == (
        LabelledDocument("a", "Oban 🚢 Mull", (Span(0, 4, "geo"), Span(7, 11, "geo"))),
        LabelledDocument("7", "", ()),
    )
    assert [document.line for document in corpus.documents] == [1, 3]
    assert corpus.labels == ("geo",)
    assert corpus.documents[0].text[7:11] == "Mull"


def test_an_entity_whose_own_text_is_elsewhere_is_remarked_on(tmp_path: Path) -> None:
    """As where offsets count UTF-16 units, which may cover whole words of the text all the same."""
    path = tmp_path / "documents.jsonl"
    own = [
        {**entity(0, 4), "text": "oban "},  # but for a blank and case
        {**entity(5, 6), "text": "Mull"},
        {"start": 7, "end": 11, "labels": ["geo"], "text": "Mull"},
        {**entity(0, 6), "text": None},
    ]
    path.write_text(f"\n{line(entities=own)}\n", encoding="utf-8")
    (remark,) = read_labelled(path).remarks
    told = "have a text of their own that is not what their offsets cover, 1 in all: "
    assert remark.text.startswith(f"entities of {path} {told}")
    assert remark.places == (f"{path}:2: 'Mull' at '🚢'",)


@settings(max_examples=50)
@given(st.lists(st.text(), min_size=1, max_size=5), st.booleans())
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], ascii_only: bool
) -> None:
    records = [{"id": str(i), "text": text, "entities": []} for i, text in enumerate(texts)]
    path = tmp_path_factory.mktemp("jsonl") / "texts"
    lines = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    path.write_bytes("\r\n".join(lines).encode())
    assert [document.text for document in read_labelled(path).documents] == texts


def test_a_line_of_any_length_that_speaks_of_other_formats_is_a_document(tmp_path: Path) -> None:
    text = "Sentence #,Word,Tag\n" * 20_000
    path = tmp_path / "long"
    path.write_text(line(text=text), encoding="utf-8")
    assert read_labelled(path).documents[0].text == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "a", "text": "x"', "invalid JSON: Expecting ',' delimiter at column 24"),
        ("{", "invalid JSON: Expecting property name enclosed in double quotes at column 2"),
        ('{"id": ' + "1" * 5000 + "}", "invalid JSON: Exceeds the limit (4300 digits)"),
        (line(doc_id=None), "'id' should be a string, found nothing"),
        (line(doc_id=True), "'id' should be a string, found a boolean"),
        (line(text=["x"]), "'text' should be a string, found a list"),
        ('{"id": "a", "text": "x"}', "'entities' should be a list, found nothing"),
        (line(entities={}), "'entities' should be a list, found an object"),
        (line(entities=["x"]), "an entity should be an object, found a string"),
        (
            line(entities=[entity("0", 4)]),
            "an entity's 'start' should be an integer, found a string",
        ),
        (line(entities=[entity(0, 4.0)]), "an entity's 'end' should be an integer, found a number"),
        (line(entities=[entity(0, 4, None)]), "an entity's 'label' should be a name, found None"),
        (line(entities=[entity(0, 4, " ")]), "an entity's 'label' should be a name, found ' '"),
        (
            line(entities=[entity(7, 12)]),
            "the entity [7, 12) is empty or outside the text of 11 characters",
        ),
        (line(entities=[entity(-1, 2)]), "the entity [-1, 2) is empty or outside the text"),
        (line(entities=[entity(2, 2)]), "the entity [2, 2) is empty or outside the text"),
        (line(entities=[entity(4, 2)]), "the entity [4, 2) ends before it begins"),
        ('{"text": "x"}', "'entities' should be a list, found nothing; the keys there are 'text'"),
        ('{"id": 1, "body": "x"}', "'text' should be a string, found nothing; the keys there are"),
        ('{"tokens": [["x"]], "ner_tags": [["O"]]}', "'tokens' holds lists, as of all sentences"),
        ('{"id": 1, "tokens": ["x"]}', "'tokens' holds words that are cut already, and no key"),
        (
            '{"id": 1, "text": "Oban", "label": [[0, 4, "geo"]], "entities": [{}]}',
            "both 'entities' and 'label' are there: leave one of them",
        ),
        (
            '{"id": 1, "text": "Oban", "label": "geo"}',
            "'label' should be a list, found a string; the keys there are 'id', 'text', 'label'",
        ),
        (line(entities=[[0, 4]]), "an entity should be [start, end, label], found [0, 4]"),
        (
            line(entities=[[0, "4", "geo"]]),
            "an entity's 'end' should be an integer, found a string",
        ),
        (line(entities=[[0, 40, "geo"]]), "the entity [0, 40) is empty or outside the text of 11"),
    ],
)
def test_a_broken_document_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "documents"
    for number, before in ((1, ""), (3, f"{line()}\n\n")):
        path.write_text(f"{before}{content}\n{line()}", encoding="utf-8")
        with pytest.raises(CorpusError) as caught:
            read_labelled(path)
        assert str(caught.value).startswith(f"{path}:{number}: {message}")


def test_overlaps_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "documents"
    path.write_text(line(entities=[entity(3, 6), entity(0, 4), entity(0, 4)]))
    spans = (Span(0, 4, "geo"), Span(0, 4, "geo"), Span(3, 6, "geo"))
    assert read_labelled(path).documents[0].entities == spans


@pytest.mark.parametrize(
    "record",
    [
        {"text": "Oban 🚢 Mull", "label": [[7, 11, "geo"], [0, 4, "geo"]], "Comments": []},
        {"data": "Oban 🚢 Mull", "label": [[0, 4, "geo"], [7, 11, "geo"]]},
        {"text": "Oban 🚢 Mull", "labels": [[0, 4, "geo"], [7, 11, "geo"]], "entities": []},
        {
            "text": "Oban 🚢 Mull",
            "relations": [],
            "entities": [
                {"id": n, "start_offset": start, "end_offset": start + 4, "label": "geo"}
                for n, start in enumerate((0, 7))
            ],
        },
        {"text": "Oban 🚢 Mull", "spans": [entity(0, 4), entity(7, 11)], "tokens": []},
        {"text": "Oban 🚢 Mull", "ents": [entity(0, 4), entity(7, 11)], "spans": {}},
        {
            "text": "Oban 🚢 Mull",
            "label": [{"start": s, "end": s + 4, "labels": ["geo"]} for s in (0, 7)],
        },
    ],
    ids=["doccano", "doccano, data", "labels", "offsets", "spans", "ents", "labels of a span"],
)
def test_exports_of_annotation_tools_are_read_as_the_same_documents(
    tmp_path: Path, record: dict[str, object]
) -> None:
    """And how they call things is told, unless it is as gleaner does."""
    path = tmp_path / "export"
    path.write_text(json.dumps({"id": 1, **record}))
    (document,) = read_labelled(path).documents
    assert document == LabelledDocument(
        "1", "Oban 🚢 Mull", (Span(0, 4, "geo"), Span(7, 11, "geo"))
    )
    names = {"text", "data", "entities", "label", "labels", "spans"} & record.keys()
    told = " ".join(read_labelled(path).facts)
    assert all(name in told for name in names) == (names != {"text", "entities"})


def test_all_lines_at_fault_are_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / "documents"
    lines = [line(), line(entities=[entity(9, 99)]), "{", line(text=7), line(), "[]"]
    path.write_text("\n".join(lines))
    with pytest.raises(BrokenCorpusError) as caught:
        read_labelled(path)
    assert [(fault.line, fault.kind) for fault in caught.value.faults] == [
        (3, "row"),
        (6, "row"),
        (4, "document"),
        (2, "span"),
    ]
    assert str(caught.value).endswith(" (and 3 more mistakes)")


def test_another_kind_of_line_among_documents_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "documents"
    path.write_text(f"{line()}\n[1]", encoding="utf-8")
    with pytest.raises(CorpusError, match=":2: expected a JSON object, found a list"):
        read_labelled(path)


def test_documents_are_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "documents"
    path.write_bytes(f"{line()}\n".encode() + b'{"id": "\xe9"}')
    with pytest.raises(CorpusError, match=":2: byte 0xe9 is not valid UTF-8"):
        read_labelled(path)


def test_shared_documents_hold_the_entities_of_the_labelled_tokens() -> None:
    folder = os.environ.get("GLEANER_DATA")
    if not folder:
        pytest.skip("GLEANER_DATA does not name the folder of the shared data")
    documents = read_labelled(Path(folder, "gmb/dev_documents.jsonl")).documents
    assert len(documents) == 600
    assert sum(len(document.entities) for document in documents) == 11224
