"""On text of others, with the bundled model: what rules do not touch is as it was, to the bit."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from model.gazetteer.lists import gazetteer_of
from model.tagger.artifact import Artifact, find_artifact, load_artifact, read_files
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from schemas.records import ORIGINS, Document, TaggedDocument, TokenizedDocument

_FREQUENT = 40  # texts of entities that become terms


class Row(NamedTuple):
    """An entity; offsets in code points of its document."""

    document: int
    start: int
    end: int
    text: str
    label: str
    confidence: float


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact(read_files(find_artifact("gmb-en")), "gmb-en")


@pytest.fixture(scope="module")
def documents(artifact: Artifact, shared_data: Path) -> list[TokenizedDocument]:
    lines = (shared_data / "gmb" / "dev_documents.jsonl").read_text("utf-8").splitlines()
    texts = (json.loads(line)["text"] for line in lines)
    return [
        tokenize_document(Document(f"d{n}", "s", n, text), artifact.segmentation)
        for n, text in enumerate(texts)
    ]


def rows_of(tagged: Sequence[TaggedDocument], origin: str = "model") -> Iterator[Row]:
    for number, each in enumerate(tagged):
        codes = each.listed.origin.tolist() if each.listed else [0] * len(each.labels)
        columns = (each.start_char.tolist(), each.end_char.tolist(), each.labels)
        for start, end, label, confidence, code in zip(
            *columns, each.confidence.tolist(), codes, strict=True
        ):
            if ORIGINS[code] == origin:
                text = each.document.text[start:end]
                yield Row(number, start, end, text, label, confidence)


@pytest.fixture(scope="module")
def plain(artifact: Artifact, documents: list[TokenizedDocument]) -> list[Row]:
    return list(rows_of(list(tag_documents(Tagger(artifact), documents))))


def listed(
    artifact: Artifact, documents: list[TokenizedDocument], rows: Sequence[Mapping[str, str]]
) -> list[TaggedDocument]:
    data = "\n".join(map(json.dumps, rows)).encode()
    gazetteer, _ = gazetteer_of({"list.jsonl": data}, artifact.segmentation)
    return list(tag_documents(Tagger(artifact, gazetteer=gazetteer), documents))


def frequent(plain: list[Row]) -> list[tuple[str, str]]:
    counts = Counter((row.text, row.label) for row in plain)
    return [pair for pair, _ in counts.most_common(_FREQUENT)]


def test_forbid_drops_what_it_names_and_nothing_else(
    artifact: Artifact, documents: list[TokenizedDocument], plain: list[Row]
) -> None:
    forbidden = set(frequent(plain))
    rows = [
        {"term": text, "label": label, "case": "exact", "policy": "forbid"}
        for text, label in sorted(forbidden)
    ]
    left = list(rows_of(listed(artifact, documents, rows)))
    assert len(left) < len(plain)
    # Equal words may stand in another form of blanks, which no row of these has.
    assert left == [row for row in plain if (row.text, row.label) not in forbidden]


def test_override_drops_what_it_overlaps_and_nothing_else(
    artifact: Artifact, documents: list[TokenizedDocument], plain: list[Row]
) -> None:
    terms = sorted({text for text, _ in frequent(plain)})
    rows = [
        {"term": term, "label": "thing", "case": "exact", "policy": "override"} for term in terms
    ]
    tagged = listed(artifact, documents, rows)
    things = list(rows_of(tagged, "gazetteer"))
    assert {row.text for row in things} == set(terms)
    by_document: dict[int, list[Row]] = {}
    for row in things:
        by_document.setdefault(row.document, []).append(row)
    untouched = [
        row
        for row in plain
        if not any(
            row.start < thing.end and thing.start < row.end
            for thing in by_document.get(row.document, ())
        )
    ]
    assert list(rows_of(tagged)) == untouched
    assert len(untouched) < len(plain)


def test_what_the_list_agrees_with_keeps_all_but_its_origin(
    artifact: Artifact, documents: list[TokenizedDocument], plain: list[Row]
) -> None:
    seen: dict[str, str] = {}
    for text, label in frequent(plain):
        seen.setdefault(text, label)
    rows = [
        {"term": text, "label": label, "id": f"id of {text}", "case": "exact"}
        for text, label in seen.items()
    ]
    tagged = listed(artifact, documents, rows)
    both = list(rows_of(tagged, "both"))
    assert sorted([*both, *rows_of(tagged)]) == sorted(plain)
    assert {(row.text, row.label) for row in both} == set(seen.items())
    ids = {each for one in tagged if one.listed for each in one.listed.ids if each}
    assert ids == {f"id of {text}" for text in seen}
