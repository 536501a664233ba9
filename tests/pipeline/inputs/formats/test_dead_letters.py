"""Records that were set aside come out as they would have from their own file."""

from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inputs.formats import ReadConfig, Record, read_records, run_of
from pipeline.outputs.rows import dead_letter_rows
from schemas.records import RAW_BYTES, DeadLetter, Document, Repair, Shard

PATH = "/out/dead_letters/run_id=r2/part-0.parquet"


def again(
    letter: DeadLetter, file_format: str, version: int = 3, run_id: str = "r2", **config: Any
) -> list[Record]:
    table = dead_letter_rows([letter])
    if version < 3:
        table = table.drop_columns(["kept_fields", "raw_size"][: 3 - version])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    repairs = {"in.x": Repair("r1", run_id, file_format, ("year", "title"))}
    shard = Shard(PATH, "dead_letters", 0, None, 1, "1-1")
    stream = BytesIO(sink.getvalue().to_pybytes())
    return list(read_records(stream, shard, ReadConfig(repairs=repairs, **config)))


def letter(raw: bytes, stage: str = "ReadDocuments", **more: Any) -> DeadLetter:
    told = {"doc_id": None, "raw_size": len(raw), "record": 70, **more}
    return DeadLetter("in.x", stage=stage, error="E", message="Bad.", raw=raw, **told)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(
    ("file_format", "raw", "expected"),
    [
        ("jsonl", b'{"id": "a", "text": "Bo", "year": 1987}\n', ("a", "Bo", ("1987",))),
        ("jsonl", b'{"text": "Bo"}\n', ("in.x#70", "Bo", (None,))),
        ("parquet", b'{"text": "Bo", "id": 7, "year": "1987"}', ("7", "Bo", ("1987",))),
        ("avro", b'{"text": "Bo", "id": 7, "year": "1987"}', ("7", "Bo", ("1987",))),
        ("json", b'{\n  "text": "Bo",\n  "id": 7\n}', ("7", "Bo", (None,))),
        ("lines", b"Bo met Ada.\r\n", ("in.x#70", "Bo met Ada.", (None,))),
        ("text", b"Bo\nmet\nAda.\n", ("in.x#70", "Bo\nmet\nAda.\n", (None,))),
    ],
)
def test_a_record_of_reading_is_read_as_its_file_was(
    file_format: str, raw: bytes, expected: tuple[str, str, tuple[str | None]], version: int
) -> None:
    """Source and record number stay, and so does an id that was made of them."""
    (document,) = again(letter(raw), file_format, version, keep_fields=("year",))
    doc_id, text, fields = expected
    assert document == Document(doc_id, "in.x", 70, text, fields)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_document_of_a_later_stage_comes_back_with_its_fields(version: int) -> None:
    """By name, in the order that is wanted now; versions before 3 have not kept them."""
    told = letter("Bo är här".encode(), "TagBatches", doc_id="a", kept_fields=("1987", "News"))
    (document,) = again(told, "csv", version, keep_fields=("title", "place"))
    fields = ("News", None) if version == 3 else (None, None)
    assert document == Document("a", "in.x", 70, "Bo är här", fields)


LINE = '{"text": "Zoë"}\n'


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-32-be", "gb18030"])
def test_what_was_kept_in_another_encoding_is_read_in_it(encoding: str) -> None:
    """But for rows of tables, which are kept as JSON in UTF-8."""
    for file_format, kept in (("jsonl", encoding), ("avro", "utf-8"), ("parquet", "utf-8")):
        (document,) = again(letter(LINE.encode(kept)), file_format, encoding=encoding)
        assert document == Document("in.x#70", "in.x", 70, "Zoë")
    (still,) = again(letter(LINE.encode("utf-16-be")), "jsonl", encoding="utf-16")
    assert isinstance(still, DeadLetter)
    assert (still.error, still.message) == (
        "RecordError",
        "The file has no byte order mark: --encoding utf-16-le or utf-16-be, not utf-16.",
    )


def test_what_still_cannot_be_read_stays_what_it_was() -> None:
    (broken,) = again(letter(b"{broken"), "jsonl")
    assert isinstance(broken, DeadLetter)
    assert (broken.source, broken.record, broken.raw) == ("in.x", 70, b"{broken")
    assert broken.error == "JSONDecodeError"
    (nothing,) = again(letter(b""), "jsonl")
    assert isinstance(nothing, DeadLetter)
    assert nothing.message == "What was kept of the record holds 0 records."


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_record_that_was_cut_is_not_read(version: int) -> None:
    """Version 1 does not say how long it was: there, one of the full length may be cut."""
    told = letter(b"a" * RAW_BYTES, raw_size=RAW_BYTES + 1, doc_id="x")
    (cut,) = again(told, "lines", version)
    assert isinstance(cut, DeadLetter)
    assert (cut.doc_id, cut.raw_size) == ("x", None if version == 1 else RAW_BYTES + 1)
    assert cut.message == "Only its first 65536 bytes were kept: process the file again."


def test_what_is_not_to_be_repaired_is_left_out() -> None:
    """Whole shards, other sources, and dead letters that a later run has now."""
    assert again(letter(b"", record=None), "lines") == []
    assert again(letter(b"Bo"), "lines", run_id="r3") == []
    other = DeadLetter("other.x", 70, None, "ReadDocuments", "E", "Bad.", b"Bo", 2)
    assert again(other, "lines") == []


def test_the_run_of_a_file_is_in_its_path() -> None:
    assert run_of(PATH) == "r2"
    assert run_of("gs://b/run_id=x/out/entities/run_id=r1/part.parquet") == "r1"
    assert run_of("/run_id=r1/deeper/part.parquet") is None
    assert run_of("in.jsonl") is None
