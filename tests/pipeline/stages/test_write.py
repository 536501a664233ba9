"""WriteTables: every record becomes its rows, whatever the bundles, and every file is reported."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that

from pipeline.console.progress import ProgressReader
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import run_storage
from pipeline.outputs.table_writer import TableWriter
from pipeline.stages import write
from pipeline.stages.row_sinks import TaggedSink, WriteConfig
from pipeline.stages.write import TableInputs, WriteTables, _WriteRecords
from schemas.records import DeadLetter, Document, FileResult, RowCounts, TaggedDocument

MakeTagged = Callable[..., TaggedDocument]
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> WriteConfig:
    storage = run_storage(str(tmp_path / "out"), "r1")
    (tmp_path / "progress").mkdir()
    rows = RowConfig("tiny@0123456789ab", NOW, text_share=1.0)
    return WriteConfig(storage, rows, 10**8, str(tmp_path / "progress"))


def tagged_documents(make_tagged: MakeTagged, size: int) -> list[TaggedDocument]:
    """The n-th speaks of n % 3 ships."""
    return [
        make_tagged(
            Document(f"d{n}", f"s{n % 2}", n, f"{n}: Vega and Fram left."),
            *(("Vega", "shp", 0.5), ("Fram", "shp", 0.25))[: n % 3],
        )
        for n in range(size)
    ]


def test_the_stage_writes_every_record_and_reports_every_file(
    config: WriteConfig, make_tagged: MakeTagged, tmp_path: Path
) -> None:
    documents = tagged_documents(make_tagged, 90)
    letters = [
        DeadLetter(f"s{n % 2}", n or None, None, "ReadDocuments", "RecordError", "Bad.")
        for n in range(5)
    ]

    def complete(results: list[FileResult]) -> None:
        found = {str(path) for path in tmp_path.glob("out/_staging/r1/*/*")}
        assert {result.path for result in results} == found
        rows = {"entities": 0, "documents": 0, "dead_letters": 0}
        sources = {table: dict.fromkeys(("s0", "s1"), 0) for table in rows}
        tokens = ships = 0
        for result in results:
            assert result.rows == pq.ParquetFile(result.path).metadata.num_rows > 0
            assert Path(result.path).parent.name == result.table
            rows[result.table] += result.rows
            for source, count in result.sources.items():
                sources[result.table][source] += count
            tokens += result.totals.get("tokens", 0)
            ships += result.labels.get("shp", 0)
        assert rows == {"entities": 90, "documents": 90, "dead_letters": 5}
        assert sources["documents"] == {"s0": 45, "s1": 45}
        assert sources["dead_letters"] == {"s0": 2, "s1": 2}  # without the one of a whole shard
        assert sum(sources["entities"].values()) == ships == 90
        assert tokens == sum(document.tokens for document in documents)

    with BeamPipeline("FnApiRunner") as pipeline:
        tagged = pipeline | "T" >> beam.Create(documents) | beam.Reshuffle()
        dead = pipeline | "D" >> beam.Create(letters)
        files = TableInputs(tagged, (dead,)) | "WriteTables" >> WriteTables(config)
        assert_that(files, complete, label="complete")
    read = pq.read_table(tmp_path / "out/_staging/r1/documents")
    assert sorted(read["doc_id"].to_pylist()) == sorted(d.document.doc_id for d in documents)
    # Workers say what they have done where the progress line looks.
    reported = ProgressReader(tmp_path / "progress", []).read()
    assert reported == (90, sum(d.tokens for d in documents), 0)


def test_nothing_in_writes_nothing(config: WriteConfig, tmp_path: Path) -> None:
    with BeamPipeline("FnApiRunner") as pipeline:
        tagged, dead = pipeline | "T" >> beam.Create([]), pipeline | "D" >> beam.Create([])
        TableInputs(tagged, (dead,)) | "WriteTables" >> WriteTables(config)
    assert not (tmp_path / "out").exists()


def test_records_are_written_before_they_fill_the_memory(
    config: WriteConfig, make_tagged: MakeTagged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle of any length is never held as a whole."""
    pieces = []

    class Watched(TaggedSink):
        def write(self, records: Sequence[TaggedDocument]) -> list[FileResult | DeadLetter]:
            pieces.append(len(records))
            return super().write(records)

    monkeypatch.setattr(write, "BUFFER_CHARACTERS", 6000)
    writer = _WriteRecords(Watched, config)
    writer.start_bundle()
    for record in tagged_documents(make_tagged, 90):
        assert list(writer.process(record)) == []
    results = [windowed.value for windowed in writer.finish_bundle()]
    assert {result.table: result.rows for result in results}["documents"] == 90
    # A record counts for 500 characters and its text of about 24.
    assert pieces == [12] * 7 + [6]


def test_a_doc_fn_is_used_for_one_bundle_after_the_other(
    config: WriteConfig, make_tagged: MakeTagged
) -> None:
    """What a bundle wrote is not written again by the next."""
    writer = _WriteRecords(TaggedSink, config)
    rows = []
    for part in (slice(0, 10), slice(10, 13), slice(13, 13)):
        writer.start_bundle()
        for record in tagged_documents(make_tagged, 13)[part]:
            assert list(writer.process(record)) == []
        results = [windowed.value for windowed in writer.finish_bundle()]
        rows.append({result.table: result.rows for result in results})
    assert rows == [{"entities": 9, "documents": 10}, {"entities": 3, "documents": 3}, {}]


def test_long_ids_are_written_in_pieces_and_counted_in_their_files(
    config: WriteConfig, make_tagged: MakeTagged, tmp_path: Path
) -> None:
    """100 entities and an id of 8 KB, 90 times: 74 MB of ids, which are weighed."""
    ships = (("Vega", "shp", 0.5),) * 100
    ids = [f"{n:02}" + "x" * 8190 for n in range(90)]
    documents = [make_tagged(Document(i, "s", n, "Vega left."), *ships) for n, i in enumerate(ids)]
    pieces = []

    class Watched(TaggedSink):
        def write(self, records: Sequence[TaggedDocument]) -> list[FileResult | DeadLetter]:
            pieces.append(len(records))
            return super().write(records)

    writer = _WriteRecords(Watched, replace(config, target_bytes=10_000))
    writer.start_bundle()
    results = [result for record in documents for result in writer.process(record)]
    results += [windowed.value for windowed in writer.finish_bundle()]
    assert max(pieces) == 10
    found = []
    for result in results:
        rows = pq.ParquetFile(result.path).read()
        assert result.rows == len(rows) == sum(result.sources.values())
        if result.table == "entities":
            assert result.labels == {"shp": result.rows}
            found += rows["doc_id"].to_pylist()
    assert sorted(found) == sorted(ids * 100)


def test_one_document_of_many_entities_and_a_long_id_is_written_in_bounded_memory(
    config: WriteConfig, make_tagged: MakeTagged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ids alone come to 330 MB."""
    entities = 40_000
    nothing = np.zeros(entities, np.int32)
    document = make_tagged(Document("x" * 8192, "s", 0, "Vega left."), ("Vega", "shp", 0.5))
    many = replace(
        document,
        labels=("shp",) * entities,
        sentence=nothing,
        sentence_start=nothing,
        sentence_end=nothing,
        start_char=nothing,
        end_char=nothing,
        confidence=np.ones(entities, np.float32),
    )
    before = pa.total_allocated_bytes()
    peaks = []

    write_rows = TableWriter.write

    def watched(writer: TableWriter, rows: pa.Table, counts: RowCounts) -> list[FileResult]:
        peaks.append(pa.total_allocated_bytes() - before)
        return write_rows(writer, rows, counts)

    monkeypatch.setattr(TableWriter, "write", watched)
    sink = TaggedSink(config)
    assert sink.accept(many) == 10 + 8192 + 8192 * entities
    results = [*sink.write([many]), *sink.close()]
    rows = {r.table: (r.rows, r.labels.get("shp", 0)) for r in results if isinstance(r, FileResult)}
    assert rows == {"entities": (entities, entities), "documents": (1, 0)}
    assert max(peaks) < 150_000_000
