"""The tables are those of the documented contract (DESIGN.md, section 4)."""

import pyarrow as pa
import pytest

from schemas.tables import (
    DEAD_LETTERS,
    DOCUMENTS,
    ENTITIES,
    REPEATED,
    SCHEMA_VERSION,
    documents_schema,
    with_dictionaries,
    without_dictionaries,
)


def columns(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) + "?" * field.nullable for field in schema}


def test_entities_are_as_documented() -> None:
    assert columns(ENTITIES) == {
        "doc_id": "string",
        "source": "string",
        "record": "int64?",
        "sentence": "int32",
        "sentence_start": "int64",
        "sentence_end": "int64",
        "start_char": "int64",
        "end_char": "int64",
        "text": "string",
        "label": "string",
        "confidence": "float?",
        "model": "string",
        "origin": "string?",
        "entity_id": "string?",
    }


def test_documents_are_as_documented_with_the_kept_fields_last() -> None:
    expected = {
        "doc_id": "string",
        "source": "string",
        "record": "int64",
        "characters": "int64",
        "sentences": "int32",
        "tokens": "int32",
        "unknown_tokens": "int32",
        "entities": "int32",
        "content_hash": "string",
        "processed_at": "timestamp[us, tz=UTC]",
        "text": "string?",
    }
    assert columns(documents_schema()) == columns(DOCUMENTS) == expected
    kept = columns(documents_schema(("year", "title")))
    assert list(kept.items()) == [*expected.items(), ("year", "string?"), ("title", "string?")]


def test_dead_letters_are_as_documented() -> None:
    assert columns(DEAD_LETTERS) == {
        "source": "string",
        "record": "int64?",
        "doc_id": "string?",
        "stage": "string",
        "error": "string",
        "message": "string",
        "raw": "binary?",
        "raw_size": "int64?",
        "kept_fields": "list<item: string>?",
    }


@pytest.mark.parametrize("schema", [ENTITIES, DOCUMENTS, DEAD_LETTERS])
def test_in_memory_only_what_is_repeated_is_a_dictionary(schema: pa.Schema) -> None:
    held = with_dictionaries(schema)
    coded = {field.name for field in held if pa.types.is_dictionary(field.type)}
    assert coded == REPEATED & set(schema.names)
    assert without_dictionaries(held).equals(schema, check_metadata=True)


@pytest.mark.parametrize("schema", [ENTITIES, DOCUMENTS, DEAD_LETTERS])
def test_every_column_says_what_it_holds(schema: pa.Schema) -> None:
    for field in schema:
        assert field.metadata[b"doc"], field.name


def test_the_version_goes_up_when_the_columns_change() -> None:
    """Whoever changes a column above changes this number and the manifest's schema with it."""
    assert SCHEMA_VERSION == 5
