"""Ids of any length in every format: within the bound a document, beyond it a dead letter."""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence

import fastavro
import pytest

from pipeline.inputs.formats import ReadConfig, read_records
from pipeline.inputs.formats.records import ID_BYTES
from schemas.records import DeadLetter, Document, Shard
from tests.builders import parquet_of

MANY, AT_ONCE = 1_000, 40
CHARACTERS = "a7-_/é漢😀 "


def as_csv(ids: Sequence[str]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([("id", "text"), *((i, "a") for i in ids)])
    return file.getvalue().encode()


def as_avro(ids: Sequence[str]) -> bytes:
    file = io.BytesIO()
    fields = [{"name": name, "type": "string"} for name in ("id", "text")]
    schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": fields})
    fastavro.writer(file, schema, [{"id": own, "text": "a"} for own in ids], codec="deflate")
    return file.getvalue()


def as_json(ids: Sequence[str]) -> bytes:
    return json.dumps([{"id": own, "text": "a"} for own in ids]).encode()


def as_lines(ids: Sequence[str]) -> bytes:
    return "".join(json.dumps({"id": own, "text": "a"}) + "\n" for own in ids).encode()


WRITERS: dict[str, Callable[[Sequence[str]], bytes]] = {
    "jsonl": as_lines,
    "json": as_json,
    "csv": as_csv,
    "parquet": lambda ids: parquet_of(id=[*ids], text=["a"] * len(ids)),
    "avro": as_avro,
}


@pytest.mark.parametrize("name", WRITERS)
def test_an_id_is_whole_or_its_record_is_a_dead_letter_that_says_how_long_it_may_be(
    name: str,
) -> None:
    """Half of them are near the bound, where characters of several bytes decide."""
    chance = random.Random(name)
    for _ in range(MANY // AT_ONCE // len(WRITERS)):
        ids = []
        for number in range(AT_ONCE):
            near, far = chance.randrange(-9, 10), chance.randrange(-ID_BYTES + 9, 3 * ID_BYTES)
            size = ID_BYTES + (near if number % 2 else far)
            own = f"{number}-" + "".join(chance.choices(CHARACTERS, k=8)) * (size // 8)
            ids.append(own.encode()[:size].decode(errors="ignore").strip() + "a")
        data = WRITERS[name](ids)
        shard = Shard("in.x", name, 0, None, len(data), "")
        found = list(read_records(io.BytesIO(data), shard, ReadConfig()))
        assert len(found) == AT_ONCE
        for own, record in zip(ids, found, strict=True):
            size = len(own.encode())
            if size <= ID_BYTES:
                assert isinstance(record, Document)
                assert record.doc_id == own
            else:
                assert isinstance(record, DeadLetter)
                assert f"holds {size:,} bytes, more than the {ID_BYTES:,}" in record.message
