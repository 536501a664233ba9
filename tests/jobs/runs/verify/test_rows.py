"""Rows that cannot be right, or are not those that the manifest counts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from schemas.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import Change, VerifiedOutput


def put(rows: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """The rows with these values first in a column."""
    field = rows.schema.field(name)
    column = values + rows[name].to_pylist()[len(values) :]
    return rows.set_column(rows.column_names.index(name), field, pa.array(column, field.type))


def first_entities(rows: pa.Table) -> pa.Table:
    return put(rows, "doc_id", ["a1"] * sum(i == "a0" for i in rows["doc_id"].to_pylist()))


def other_version(rows: pa.Table) -> pa.Table:
    return rows.replace_schema_metadata({b"gleaner.schema_version": b"9"})


REBUILT: "dict[str, tuple[str, Change, str]]" = {
    "no confidence": (
        "entities",
        lambda rows: put(rows, "confidence", [0.0, 1.5, float("nan")]),
        "run job.1: entities: in 3 rows the confidence is not above 0 and at most 1, first ",
    ),
    "a span outside of its sentence": (
        "entities",
        lambda rows: put(rows, "sentence_end", [0]),
        "run job.1: entities: in 1 row the offsets are no span of their sentence, first ",
    ),
    "a text that is cut": (
        "entities",
        lambda rows: put(rows, "text", [""]),
        "run job.1: entities: in 1 row the text is not as long as its offsets say",
    ),
    "another model": (
        "entities",
        lambda rows: put(rows, "model", ["tiny@000000000000"]),
        "run job.1: entities: in 1 row the model is not the manifest's",
    ),
    "entities of another document": (
        "entities",
        first_entities,
        "run job.1: {a}: document 'a0' counts ",
    ),
    "a label": (
        "entities",
        lambda rows: put(rows, "label", ["new"]),
        "run job.1: the manifest says 0 entities new, but the files have 1",
    ),
    "a row less": (
        "entities",
        lambda rows: rows.slice(1),
        "run job.1: entities/run_id=job.1/{entities} has {rows} rows, but the manifest says ",
    ),
    "a record that failed": (
        "dead_letters",
        lambda rows: put(rows, "record", [None]),
        "run job.1: {b}: the manifest says 2 dead letters, but the files have 1",
    ),
    "tokens": (
        "documents",
        lambda rows: put(rows, "tokens", [10_000]),
        "run job.1: the manifest says ",
    ),
    "a source": (
        "documents",
        lambda rows: put(rows, "source", ["elsewhere"]),
        "run job.1: elsewhere: the manifest says 0 documents, but the files have 1",
    ),
    "a column": (
        "documents",
        lambda rows: rows.drop_columns(["tokens", "record"]),
        "run job.1: documents/run_id=job.1/{documents} lacks the column record",
    ),
    "a column more": (
        "documents",
        lambda rows: rows.append_column("year", pa.nulls(len(rows), pa.string())),
        f"has a column year that version {SCHEMA_VERSION} of documents does not know",
    ),
    "a type": (
        "documents",
        lambda rows: rows.set_column(5, "tokens", pc.cast(rows["tokens"], pa.int64())),
        "has int64 in the column tokens, expected int32",
    ),
    "a version": (
        "entities",
        other_version,
        f"has the schema version '9', expected 1 to {SCHEMA_VERSION}",
    ),
}


@pytest.mark.parametrize("name", REBUILT)
def test_wrong_rows_are_found_in_files_with_right_checksums(
    output: "VerifiedOutput", name: str
) -> None:
    table, change, expected = REBUILT[name]
    output.rebuild(table, change)
    code, told = output.verify()
    assert code == 1
    inputs = output.manifest("job.1")["inputs"]
    known = {Path(entry["source"]).name[0]: entry["source"] for entry in inputs}
    known |= {
        table: output.only(f"{table}/run_id=job.1/*").name for table in ("entities", "documents")
    }
    known["rows"] = str(pq.read_table(output.root / "entities/run_id=job.1").num_rows)
    assert any(expected.format(**known) in line and line.startswith("error: ") for line in told)
    assert "error" in told[-1]


def test_a_kept_text_that_was_changed_is_found(output: "VerifiedOutput") -> None:
    def reverse(rows: pa.Table) -> pa.Table:
        return put(rows, "text", [rows["text"][0].as_py()[::-1]])

    output.rebuild("documents", reverse, "first")
    code, told = output.verify()
    assert code == 1
    expected = "error: run first: documents: in 1 row the text does not fit `content_hash`, "
    assert any(line.startswith(expected) for line in told)
