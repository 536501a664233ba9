"""Each rule lets right rows pass, and counts those that break it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from schemas.records import RAW_BYTES
from schemas.rules import RULES
from schemas.tables import TABLES

Row = Mapping[str, Any]

ENTITY = {
    "run_id": "r1",
    "doc_id": "d",
    "source": "a",
    "record": 0,
    "sentence": 0,
    "sentence_start": 0,
    "sentence_end": 9,
    "start_char": 0,
    "end_char": 5,
    "text": "Ana 🦀",
    "label": "per",
    "confidence": 1.0,
    "model": "m",
    "origin": "model",
    "entity_id": None,
}
LISTED = {**ENTITY, "record": 1, "confidence": None, "origin": "gazetteer", "entity_id": "Q1"}
DOCUMENT = {
    "run_id": "r1",
    "doc_id": "d",
    "source": "a",
    "record": 0,
    "characters": 9,
    "sentences": 1,
    "tokens": 3,
    "unknown_tokens": 3,
    "entities": 4,
    "content_hash": "0",
    "processed_at": datetime(2026, 11, 9, tzinfo=UTC),
    "text": "Ana 🦀 met",
}
LETTER = {
    "run_id": "r1",
    "source": "a",
    "record": 7,
    "doc_id": None,
    "stage": "ReadDocuments",
    "error": "E",
    "message": "no text",
    "raw": b"{",
    "raw_size": 1,
    "kept_fields": None,
}
RIGHT: Mapping[str, list[Row]] = {
    # Of the model, of a list alone, of both; of a version that knew of no lists.
    "entities": [
        ENTITY,
        LISTED,
        {**ENTITY, "record": 2, "origin": "both", "entity_id": "Q1"},
        {**ENTITY, "record": 3, "origin": None},
    ],
    # Without its text, without entities, without anything.
    "documents": [
        DOCUMENT,
        {**DOCUMENT, "record": 1, "text": None, "entities": 0},
        {**DOCUMENT, "run_id": "r2", "entities": 0},
    ],
    # Of a whole file; of a version that kept no size; cut.
    "dead_letters": [
        LETTER,
        {**LETTER, "record": None, "raw": None, "raw_size": None},
        {**LETTER, "raw_size": None},
        {**LETTER, "raw": b" " * RAW_BYTES, "raw_size": 10**9},
    ],
}
# Of each rule, rows beside the right ones that break it.
BROKEN: Mapping[str, Row] = {
    "span_is_not_empty": {**ENTITY, "end_char": 0},
    "span_is_in_its_sentence": {**ENTITY, "end_char": 10},
    "text_fits_its_span": {**ENTITY, "text": "Ana"},
    "confidence_is_a_probability": {**ENTITY, "confidence": float("nan")},
    "only_lists_know_no_confidence": {**ENTITY, "record": 4, "confidence": None, "origin": None},
    "origin_is_known": {**ENTITY, "record": 4, "origin": "list"},
    "entities_do_not_repeat": {**ENTITY, "end_char": 4},
    "counts_are_not_negative": {**DOCUMENT, "sentences": -1},
    "unknown_tokens_are_tokens": {**DOCUMENT, "unknown_tokens": 4},
    "text_fits_its_length": {**DOCUMENT, "text": "Ana"},
    "entities_are_counted": {**DOCUMENT, "run_id": "r2"},
    "message_says_something": {**LETTER, "message": ""},
    "raw_is_cut": {**LETTER, "raw": b"{}"},
}


def broken_rules(rows: Mapping[str, list[Row]]) -> dict[str, int]:
    """The rules that do not hold of tables with these rows, and what they count."""
    with duckdb.connect() as connection:
        for name, schema in TABLES.items():
            columns = pa.schema([pa.field("run_id", pa.string()), *schema])
            connection.register(name, pa.Table.from_pylist(rows[name], columns))
        counts = {
            rule.name: connection.execute(rule.query.format(object=name)).fetchall()[0][0]
            for name, rules in RULES.items()
            for rule in rules
        }
    return {name: count for name, count in counts.items() if count}


def test_right_rows_break_no_rule() -> None:
    assert broken_rules(RIGHT) == {}


def test_there_is_a_break_of_each_rule() -> None:
    names = [rule.name for rules in RULES.values() for rule in rules]
    assert names == [*BROKEN]


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_counts_what_breaks_it(name: str) -> None:
    (table,) = (table for table, rules in RULES.items() if name in [rule.name for rule in rules])
    assert broken_rules({**RIGHT, table: [*RIGHT[table], BROKEN[name]]})[name] == 1


def test_tables_without_rows_break_no_rule() -> None:
    assert broken_rules({name: [] for name in TABLES}) == {}
