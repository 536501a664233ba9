"""End to end: json and avro give the rows that jsonl gives, and what failed is read again."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import fastavro
import pytest

from pipeline.run import run
from schemas.errors import UsageError
from schemas.tables import TABLES

GOOD = [
    {"meta": {"id": n}, "body": f"Maria left Lisbon on day {n}.", "year": 1900 + n, "tags": ["é"]}
    for n in range(40)
]
BAD: dict[str, object] = {
    "meta": {"id": 99},
    "body": None,
    "year": None,
    "tags": [],
    "note": "Bo met Ada.",
}
FIELDS: list[object] = [
    {
        "name": "meta",
        "type": {"type": "record", "name": "Meta", "fields": [{"name": "id", "type": "long"}]},
    },
    {"name": "body", "type": ["null", "string"]},
    {"name": "year", "type": ["null", "long"]},
    {"name": "note", "type": ["null", "string"], "default": None},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """The same forty documents and one dead letter in each format."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [*GOOD, BAD]
    (folder / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "b.json").write_text(json.dumps(rows))
    whole = json.dumps({"total": 41, "rows": rows}, indent=2, ensure_ascii=False)
    (folder / "c.json.gz").write_bytes(gzip.compress(whole.encode()))
    with (folder / "d.avro").open("wb") as sink:
        schema = {"type": "record", "name": "Row", "fields": FIELDS}
        fastavro.writer(sink, schema, rows, codec="deflate", sync_interval=500)
    return folder


def extract(tmp_path: Path, model: Path, run_id: str, *more: str) -> dict[str, Any]:
    flags = [f"--model={model}", f"--output={tmp_path}/out", f"--run_id={run_id}"]
    flags += ["--direct_num_workers=1", "--max_dead_letters=1", "--id_field=meta.id"]
    assert run([*flags, "--keep_fields=year,tags", "--keep_text=all", *more]) == 0
    manifest: dict[str, Any] = json.loads((tmp_path / f"out/runs/{run_id}.json").read_text())
    return manifest


def rows(tmp_path: Path, table: str, name: str) -> list[tuple[Any, ...]]:
    """What is in the table of one source; where a record stands is a matter of its format."""
    columns = {
        "documents": "* EXCLUDE (run_id, source, record, processed_at)",
        "entities": "* EXCLUDE (run_id, source, record, confidence)",
        "dead_letters": "doc_id, stage, error, message",
    }[table]
    return duckdb.execute(
        f"SELECT {columns} FROM '{tmp_path}/out/{table}/*/*.parquet' "  # noqa: S608 - our own names
        f"WHERE source LIKE '%/{name}' ORDER BY ALL"
    ).fetchall()


@pytest.mark.parametrize("name", ["b.json", "c.json.gz", "d.avro"])
def test_the_same_documents_give_the_same_rows_in_every_format(
    corpus: Path, tmp_path: Path, tiny_artifact: Path, name: str
) -> None:
    flags = [f"--input={corpus}", "--text_field=body"]
    manifest = extract(tmp_path, tiny_artifact, "r1", *flags)
    assert (manifest["counts"]["documents"], manifest["counts"]["dead_letters"]) == (160, 4)
    assert all(entry["complete"] for entry in manifest["inputs"])
    for table in TABLES:
        assert rows(tmp_path, table, name) == rows(tmp_path, table, "a.jsonl")
    assert len(rows(tmp_path, "documents", name)) == 40
    assert len(rows(tmp_path, "dead_letters", name)) == 1


def test_dead_letters_of_json_and_avro_are_read_again(
    corpus: Path, tmp_path: Path, tiny_artifact: Path
) -> None:
    """An element of json was kept with all its fields, a row of avro with those that were read."""
    (corpus / "a.jsonl").unlink()
    extract(tmp_path, tiny_artifact, "r1", f"--input={corpus}", "--text_field=body")
    again = [f"--input={tmp_path}/out/dead_letters", "--input_format=dead_letters"]
    extract(tmp_path, tiny_artifact, "r2", *again, "--text_field=note")
    files = f"{tmp_path}/out/documents/run_id=r2/*.parquet"
    read = duckdb.read_parquet(files).fetchall()
    assert len(read) == 2
    for name in ("b.json", "c.json.gz"):
        (document,) = [row for row in read if row[1].endswith(name)]
        assert document[0] == "99"
    (*_, letter) = rows(tmp_path, "dead_letters", "d.avro")
    assert letter[3] == "The text field 'note' is missing or null."


def test_an_avro_file_without_the_text_field_is_refused(
    corpus: Path, tmp_path: Path, tiny_artifact: Path
) -> None:
    message = r"d\.avro: There is no column 'bodi', did you mean body\?"
    with pytest.raises(UsageError, match=message):
        extract(tmp_path, tiny_artifact, "r1", f"--input={corpus}/d.avro", "--text_field=bodi")
    assert not (tmp_path / "out").exists()
