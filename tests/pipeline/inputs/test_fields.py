"""Fields that no record has: told exactly where that is so, however the files are cut."""

import io
import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.inputs.fields import (
    MOST_KEYS,
    FieldsSeen,
    absent_in_words,
    textless_in_words,
)
from pipeline.inputs.formats import ReadConfig, read_records
from schemas.records import Shard, ShardResult

MADE = "ids were made of source and record"
PATHS = ("text", "ID", "m.id", "year", "a.b")


def result(seen: FieldsSeen) -> ShardResult:
    absent = tuple(sorted(seen.missing)) if seen.is_known else None
    return ShardResult("in.x", 0, "", {}, complete=True, absent=absent, keys=tuple(seen.keys))


def results(data: bytes, cuts: Sequence[int], name: str = "jsonl") -> list[ShardResult]:
    """What is seen in each shard of a file that is cut so."""
    config = ReadConfig(text_field="text", id_field="ID", keep_fields=("m.id", "year", "a.b"))
    found = []
    for start, stop in itertools.pairwise(sorted({0, len(data), *cuts})):
        seen = FieldsSeen(config.sought)
        list(read_records(io.BytesIO(data), Shard("in.x", name, start, stop, 0, ""), config, seen))
        found.append(result(seen))
    return found


def has(record: dict[str, Any], path: str) -> bool:
    """Written out for the paths above."""
    if path == "m.id":
        return "m.id" in record or (isinstance(record.get("m"), dict) and "id" in record["m"])
    if path == "a.b":
        return "a.b" in record or (isinstance(record.get("a"), dict) and "b" in record["a"])
    return path in record


values = st.none() | st.sampled_from(["x", 1, {"id": 1}, {"b": None}, {}])
objects = st.dictionaries(st.sampled_from([*PATHS, "id", "m", "a"]), values, max_size=4)


@example(rows=[{"a.b": 1}, {"text": "", "ID": 1, "m.id": {"id": 1}}], seeds=[1])
@given(
    rows=st.lists(objects | st.sampled_from([[], "no object"]), max_size=8),
    seeds=st.lists(st.integers(0, 400), max_size=4),
)
def test_what_no_record_has_is_told_however_the_file_is_cut(
    rows: list[Any], seeds: list[int]
) -> None:
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    records = [row for row in rows if isinstance(row, dict)]
    shards = results(data, [seed % (len(data) + 1) for seed in seeds])
    absent = [path for path in PATHS if records and not any(has(row, path) for row in records)]
    told = absent_in_words("ID", ("m.id", "year", "a.b"), shards)
    assert [sentence.split("'")[1] for sentence in told] == [p for p in absent if p != "text"]
    textless = textless_in_words("text", shards)
    assert (textless is not None) == ("text" in absent)
    whole = results(data, [])
    assert told == absent_in_words("ID", ("m.id", "year", "a.b"), whole)
    assert textless == textless_in_words("text", whole)


def test_the_nearest_key_is_named_or_else_those_that_there_are() -> None:
    row = {"id": 1, "m": {"ID": 2}, "content": "a", "Year": 1892}
    shards = results(json.dumps(row).encode(), [])
    keys = "Year, content, id, m, m.ID"
    everywhere = "it is null everywhere"
    assert absent_in_words("ID", ("m.id", "year", "a.b"), shards) == [
        f"no record has the field 'ID' of --id_field; the nearest key is 'id'; {MADE}",
        f"no record has the field 'm.id' of --keep_fields; the nearest key is 'm.ID'; {everywhere}",
        f"no record has the field 'year' of --keep_fields; the nearest key is 'Year'; {everywhere}",
        f"no record has the field 'a.b' of --keep_fields; the keys are {keys}; {everywhere}",
    ]
    assert textless_in_words("text", shards) == (
        "no record has the text field 'text'; the keys are Year, content, id, m, m.ID"
    )


@pytest.mark.parametrize("name", ["lines", "text"])
def test_formats_without_fields_have_none(name: str) -> None:
    shards = results(b"Maria left Lisbon.", [], name)
    told = absent_in_words("ID", ("year",), shards)
    assert told == [
        "no record has the field 'ID' of --id_field; ids were made of source and record",
        "no record has the field 'year' of --keep_fields; it is null everywhere",
    ]
    assert textless_in_words("text", shards) is None


def test_a_table_has_what_its_columns_say() -> None:
    shards = results(b"text,id,year\nMaria left Lisbon.,7,\n", [], "csv")
    assert [told.split("'")[1] for told in absent_in_words("ID", ("year", "a.b"), shards)] == [
        "ID",
        "a.b",
    ]
    both = [*shards, *results(b'{"a": {"b": 1}}', [])]
    assert [told.split("'")[1] for told in absent_in_words("ID", ("year", "a.b"), both)] == ["ID"]
    assert textless_in_words("text", both) is None


def test_few_keys_are_remembered_and_records_are_looked_at_no_more_than_they_must() -> None:
    seen = FieldsSeen(["text", "year"])
    for number in range(1000):
        seen.look({f"k{number}": 1, "x" * 1000: 1, "text": None})
    assert len(seen.keys) == MOST_KEYS
    assert seen.missing == {"year"}
    seen.look({"year": None})
    assert not seen.missing


def test_where_nothing_is_known_nothing_is_told() -> None:
    shards = results(b"no json\n[]\n", [])
    assert [shard.absent for shard in shards] == [None]
    assert absent_in_words("ID", ("year",), shards) == []
    assert textless_in_words("text", shards) is None
