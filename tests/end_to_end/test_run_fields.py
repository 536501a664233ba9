"""End to end: ids and kept fields of any type and length, and names that no record has."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import fastavro
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipeline.report.summary import format_summary
from pipeline.run import run
from schemas.errors import DeadLettersError, UsageError
from schemas.manifest import Manifest

TEXT = "Maria left Lisbon."


def extract(
    tmp_path: Path, model: Path, source: Path, *flags: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The manifest, and the rows of documents and dead letters in the order of the records."""
    output = tmp_path / "out"
    command = [f"--input={source}", f"--model={model}", f"--output={output}", "--run_id=r1"]
    assert run([*command, "--direct_num_workers=1", "--max_dead_letters=1", *flags]) == 0
    manifest: dict[str, Any] = json.loads((output / "runs/r1.json").read_text())
    tables = [
        sorted(ds.dataset(output / table).to_table().to_pylist(), key=lambda row: row["record"])
        for table in ("documents", "dead_letters")
    ]
    return manifest, tables[0], tables[1]


def refused(tmp_path: Path, model: Path, source: Path, *flags: str) -> str:
    with pytest.raises(UsageError) as caught:
        extract(tmp_path, model, source, *flags)
    assert not (tmp_path / "out").exists()
    return str(caught.value)


def test_one_odd_value_costs_at_most_its_record(tmp_path: Path, tiny_artifact: Path) -> None:
    """A date after Python's last is written; a time that no day has is one dead letter."""
    source = tmp_path / "a.parquet"
    rows = 600
    created = pa.array([253402300800 if n == 300 else n for n in range(rows)], pa.timestamp("s"))
    clock = pa.array([-1 if n == 400 else n for n in range(rows)], pa.time32("ms"))
    key = pa.array([bytes([n % 251, n // 251]) + b"\xff" * 14 for n in range(rows)], pa.uuid())
    columns = {"id": key, "text": [TEXT] * rows, "created": created, "clock": clock}
    pq.write_table(pa.table(columns), source)
    _, documents, dead = extract(tmp_path, tiny_artifact, source, "--keep_fields=created,clock")
    assert [row["record"] for row in documents] == [n for n in range(rows) if n != 400]
    assert documents[1]["doc_id"] == "0100ffff-ffff-ffff-ffff-ffffffffffff"
    assert documents[299]["created"] == "1970-01-01 00:04:59"
    assert documents[300]["created"] == "10000-01-01 00:00:00"
    (letter,) = dead
    assert letter["record"] == 400
    assert letter["message"].startswith("The field 'clock' cannot be read: no day has the time")


def test_an_odd_value_of_avro_is_written_too(tmp_path: Path, tiny_artifact: Path) -> None:
    kind = {"type": "long", "logicalType": "timestamp-millis"}
    fields = [{"name": "text", "type": "string"}, {"name": "at", "type": kind}]
    schema = {"type": "record", "name": "Row", "fields": fields}
    source = tmp_path / "a.avro"
    rows = [
        {"text": TEXT, "at": at} for at in (datetime(2026, 11, 26, tzinfo=UTC), 253402300800000)
    ]
    with source.open("wb") as sink:
        fastavro.writer(sink, fastavro.parse_schema(schema), rows)
    _, documents, _ = extract(tmp_path, tiny_artifact, source, "--keep_fields=at")
    assert [row["at"] for row in documents] == [
        "2026-11-26 00:00:00+00:00",
        "10000-01-01 00:00:00+00:00",
    ]


def test_a_long_id_is_one_dead_letter_that_says_how_long_it_may_be(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    source = tmp_path / "a.jsonl"
    long = {"id": "x" * 100_000, "text": f"{TEXT} " * 8000}
    lines = [long, {"id": "y" * 16_384, "text": f"{TEXT} " * 500}, {"id": "b", "text": TEXT}]
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    _, documents, (letter,) = extract(tmp_path, tiny_artifact, source)
    assert [row["doc_id"][:1] for row in documents] == ["y", "b"]
    assert letter["doc_id"] is None
    assert "holds 100,000 bytes, more than the 16,384 that an id may have" in letter["message"]


@pytest.mark.parametrize("flag", ["text_field", "id_field", "keep_fields"])
@pytest.mark.parametrize("name", ["parquet", "csv"])
def test_a_column_that_is_there_twice_is_refused_before_the_run(
    tmp_path: Path, tiny_artifact: Path, flag: str, name: str
) -> None:
    source = tmp_path / f"a.{name}"
    names = ["text", "key", "year", {"text_field": "text", "id_field": "key"}.get(flag, "year")]
    if name == "csv":
        source.write_text(f"{','.join(names)}\na,b,c,d\n")
    else:
        pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 4, names), source)
    message = refused(tmp_path, tiny_artifact, source, "--id_field=key", "--keep_fields=year")
    assert message == (
        f"--{flag} does not fit {source}: The header names the column {names[3]!r} 2 times."
    )


def test_names_that_no_record_has_are_told_with_the_nearest(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    """In the manifest, the summary and the report, whatever processes read the shards."""
    source = tmp_path / "a.jsonl"
    lines = [{"id": f"p{n}", "text": TEXT, "year": 1892} for n in range(3)]
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    flags = ["--id_field=ID", "--keep_fields=year,colour"]
    manifest, documents, _ = extract(tmp_path, tiny_artifact, source, *flags)
    made, null = "ids were made of source and record", "it is null everywhere"
    expected = [
        f"no record has the field 'ID' of --id_field; the nearest key is 'id'; {made}",
        f"no record has the field 'colour' of --keep_fields; the keys are id, text, year; {null}",
    ]
    assert manifest["warnings"] == expected
    assert documents[0]["doc_id"] == f"{source}#0"
    told = " ".join(format_summary(cast(Manifest, manifest), "out").split())
    page = (tmp_path / "out/reports/r1.html").read_text()
    for sentence in expected:
        assert sentence in told
        assert sentence.replace("'", "&#39;") in page


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_where_no_record_has_a_text_the_keys_are_named(
    tmp_path: Path, tiny_artifact: Path, name: str
) -> None:
    """Exit code 3, also where any share of dead letters is allowed."""
    source = tmp_path / f"a.{name}"
    rows = [{"id": n, "content": TEXT} for n in range(3)]
    lines = json.dumps(rows) if name == "json" else "\n".join(map(json.dumps, rows))
    source.write_text(lines)
    with pytest.raises(DeadLettersError) as caught:
        extract(tmp_path, tiny_artifact, source)
    assert caught.value.exit_code == 3
    assert "no record has the text field 'text'; the keys are content, id" in str(caught.value)
    manifest = json.loads((tmp_path / "out/runs/r1.json").read_text())
    assert manifest["status"] == "failed"
    assert ds.dataset(tmp_path / "out/dead_letters").count_rows() == 3
