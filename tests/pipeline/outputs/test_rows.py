"""Records to Arrow columns: the same rows as one would write by hand, one after the other."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from pipeline.outputs.rows import (
    RowConfig,
    dead_letter_rows,
    document_rows,
    entity_pieces,
    entity_rows,
    is_kept,
)
from schemas.records import DeadLetter, Document, ListedEntities, TaggedDocument
from schemas.tables import DEAD_LETTERS, ENTITIES, documents_schema, with_dictionaries

MakeTagged = Callable[..., TaggedDocument]

NOW = datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=UTC)
CONFIG = RowConfig("tiny@0123456789ab", NOW, ("year", "title"), text_share=1.0)


@pytest.fixture
def documents(make_tagged: MakeTagged) -> list[TaggedDocument]:
    first = Document("a", "x.jsonl", 0, "😀 Zoë met Ada.\r\nIn  Kraków it rained.", ("1892", None))
    second = Document("b", "x.jsonl", 77, "", (None, ""))
    third = Document("a", "y.jsonl", 0, "Nothing here.", ("0", "é"))
    fourth = Document("d", "y.jsonl", 9, "Oslo.", ("1", "t"))
    return [
        make_tagged(first, ("Zoë", "per", 0.5), ("Ada", "per", 0.25), ("Kraków", "geo", 1.0)),
        make_tagged(second),
        make_tagged(third),
        make_tagged(fourth, ("Oslo", "geo", 0.125)),
    ]


def test_entity_rows_are_those_written_by_hand(documents: list[TaggedDocument]) -> None:
    table = entity_rows(documents, CONFIG)
    expected = []
    for d in documents:
        for n in range(len(d.labels)):
            start, end = int(d.start_char[n]), int(d.end_char[n])
            row = [d.document.doc_id, d.document.source, d.document.record, int(d.sentence[n])]
            row += [int(d.sentence_start[n]), int(d.sentence_end[n]), start, end]
            row += [d.document.text[start:end], d.labels[n], float(d.confidence[n]), CONFIG.model]
            row += ["model", None]
            expected.append(dict(zip(ENTITIES.names, row, strict=True)))
    assert table.to_pylist() == expected
    assert table.schema.equals(with_dictionaries(ENTITIES))
    assert [row["text"] for row in expected] == ["Zoë", "Ada", "Kraków", "Oslo"]
    assert [row["sentence"] for row in expected] == [0, 0, 1, 0]


def test_what_lists_say_stands_beside_the_entities_also_where_a_document_is_cut(
    documents: list[TaggedDocument],
) -> None:
    """What the model cannot say is null, and a document without lists is the model's."""
    several = next(d for d in documents if len(d.labels) > 1)
    count = len(several.labels)
    listed = ListedEntities(
        np.arange(count, dtype=np.int32) % 3, tuple(f"e{n}" if n else None for n in range(count))
    )
    confidence = several.confidence.copy()
    confidence[0] = np.nan
    with_lists = replace(several, listed=listed, confidence=confidence)
    alone = [d for d in documents if d is not several and d.labels]
    pieces = entity_pieces([with_lists, *alone], most=1)
    assert len(pieces) > count
    rows = [row for piece in pieces for row in entity_rows(piece, CONFIG).to_pylist()]
    assert rows == entity_rows([with_lists, *alone], CONFIG).to_pylist()
    origins = [("model", "gazetteer", "both")[n % 3] for n in range(count)]
    assert [row["origin"] for row in rows[:count]] == origins
    assert [row["entity_id"] for row in rows[:count]] == [None, *(f"e{n}" for n in range(1, count))]
    assert [row["confidence"] is None for row in rows[:count]] == [n == 0 for n in range(count)]
    assert {(row["origin"], row["entity_id"]) for row in rows[count:]} == {("model", None)}


def test_document_rows_are_those_written_by_hand(documents: list[TaggedDocument]) -> None:
    """Kept fields come last, in the order of the flag, and a null stays a null."""
    table = document_rows(documents, CONFIG)
    expected = []
    for d in documents:
        read = d.document
        digest = hashlib.blake2b(read.text.encode("utf-8"), digest_size=16).hexdigest()
        row = [read.doc_id, read.source, read.record, len(read.text), d.sentences, d.tokens]
        row += [d.unknown_tokens, len(d.labels), digest, NOW, read.text, *read.fields]
        names = documents_schema(("year", "title")).names
        expected.append(dict(zip(names, row, strict=True)))
    assert table.to_pylist() == expected
    assert table.schema.equals(with_dictionaries(documents_schema(("year", "title"))))


def test_dead_letter_rows_are_those_written_by_hand() -> None:
    letters = [
        DeadLetter(
            *("x.jsonl", 0, "a", "TagBatches", "RecordError", "Bad."),
            raw=b"{\xff",
            raw_size=70_000,
            kept_fields=("1987", None),
        ),
        DeadLetter("y.gz", None, None, "ReadDocuments", "EOFError", "The shard broke off."),
    ]
    table = dead_letter_rows(letters)
    expected = [{name: getattr(d, name) for name in DEAD_LETTERS.names} for d in letters]
    expected[0]["kept_fields"] = ["1987", None]
    assert table.to_pylist() == expected
    assert table.schema.equals(with_dictionaries(DEAD_LETTERS))


def test_no_records_make_tables_of_no_rows() -> None:
    assert entity_rows([], CONFIG).num_rows == 0
    assert document_rows([], CONFIG).num_rows == 0
    assert dead_letter_rows([]).num_rows == 0


def test_names_that_repeat_are_stored_once(documents: list[TaggedDocument]) -> None:
    entities = entity_rows(documents, CONFIG)
    for column, distinct in (("source", 2), ("label", 2), ("model", 1)):
        (chunk,) = entities[column].chunks
        assert pa.types.is_dictionary(chunk.type)
        assert len(chunk.dictionary) == distinct


def kept(texts: list[str], share: float, make_tagged: MakeTagged) -> set[str]:
    documents = [make_tagged(Document(text, "x", n, text)) for n, text in enumerate(texts)]
    table = document_rows(documents, RowConfig("m@0", NOW, text_share=share))
    assert all(row["text"] in {None, row["doc_id"]} for row in table.to_pylist())
    return {row["doc_id"] for row in table.to_pylist() if row["text"] is not None}


def test_the_share_of_kept_texts_is_chosen_by_hash_alone(make_tagged: MakeTagged) -> None:
    """Whatever the order and the company, the same texts are kept; more share, more of them."""
    texts = [f"text {n}" for n in range(2000)]
    assert kept(texts, 0.0, make_tagged) == set()
    assert kept(texts, 1.0, make_tagged) == set(texts)
    third = kept(texts, 0.3, make_tagged)
    assert 500 < len(third) < 700  # 600, give or take five standard deviations
    assert kept(texts[::-1], 0.3, make_tagged) == third
    assert kept(texts[:100], 0.3, make_tagged) == third & set(texts[:100])
    assert third < kept(texts, 0.5, make_tagged)


def test_the_shares_0_and_1_hold_for_the_extreme_hashes() -> None:
    for digest in ("0" * 32, "f" * 32):
        assert is_kept(digest, 1.0)
        assert not is_kept(digest, 0.0)


def test_confidence_is_not_rounded_on_its_way(make_tagged: MakeTagged) -> None:
    value = float(np.nextafter(np.float32(0.7), np.float32(1)))
    tagged = make_tagged(Document("a", "x", 0, "Oslo"), ("Oslo", "geo", value))
    assert entity_rows([tagged], CONFIG)["confidence"].to_pylist() == [value]


@pytest.mark.parametrize("most", [1, 150, 250, 10_000])
def test_pieces_of_entities_are_all_of_them_in_their_order(
    documents: list[TaggedDocument], most: int
) -> None:
    """A document with more than a piece may weigh is cut; one row is always taken."""
    pieces = entity_pieces(documents, most)
    tables = [entity_rows(piece, CONFIG) for piece in pieces]
    assert pa.concat_tables(tables).to_pylist() == entity_rows(documents, CONFIG).to_pylist()
    row = 101  # an id of one character
    for piece in pieces:
        entities = sum(len(document.labels) for document in piece)
        assert entities <= 1 or entities * row <= most
    if most == 10_000:
        assert pieces == [documents]
