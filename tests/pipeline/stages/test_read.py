"""The stage ReadDocuments: what is read, what is counted, and what a broken shard leaves."""

import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.pvalue import TaggedOutput
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that, equal_to

from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.shards import plan_shards
from pipeline.outputs.storage import RunStorage
from pipeline.stages.match import MatchShards
from pipeline.stages.read import ReadDocuments, Screen, _ReadShard
from schemas.records import DeadLetter, Document, Shard, ShardResult
from tests.pipeline.stages.reading import corpus, read, read_shards

MakePlan = Callable[[Path, Sequence[Shard]], RunStorage]


def test_every_record_comes_out_once_and_is_counted(tmp_path: Path, make_plan: MakePlan) -> None:
    """One pipeline over ranges, a compressed file and a broken one; two good files, three bad."""
    (tmp_path / "a.jsonl").write_bytes(b'{"id": 1, "text": "Oslo"}\n{"id": 2}\n' * 20)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"id,text\n7,Bergen\n"))
    (tmp_path / "c.parquet").write_bytes(b"no parquet at all")
    shards = plan_shards(match_files([str(tmp_path)]), ReadConfig(), range_bytes=100)
    storage = make_plan(tmp_path / "out", shards)
    with BeamPipeline() as pipeline:
        read = pipeline | MatchShards(storage) | ReadDocuments(ReadConfig())
        assert read.documents.element_type is Document
        assert read.dead_letters.element_type is DeadLetter
        assert read.shard_results.element_type is ShardResult
        ids = read.documents | "Ids" >> beam.Map(lambda document: document.doc_id)
        assert_that(ids, equal_to(["1"] * 20 + ["7"]), label="documents")
        nulls = read.dead_letters | "Known" >> beam.Map(lambda dead: dead.record is not None)
        assert_that(nulls, equal_to([True] * 20 + [False]), label="dead letters")
        counts = (
            read.shard_results
            | "BySource"
            >> beam.Map(lambda done: (Path(done.source).name, sum(done.records.values())))
            | "Sum" >> beam.CombinePerKey(sum)
        )
        expected = [("a.jsonl", 40), ("b.csv.gz", 1), ("c.parquet", 0)]
        assert_that(counts, equal_to(expected), label="counts")
    counters = {
        metric.key.metric.name: metric.committed
        for metric in pipeline.result.metrics().query()["counters"]
        if metric.key.metric.namespace == "ReadDocuments"
    }
    ranges = len(shards) - 2
    assert counters == {
        "documents_read": 21,
        "dead_letters": 20,
        "shards_read": ranges + 1,
        "shards_broken": 1,
    }


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"id,body\n1,a\n", "There is no column 'text' among the 2 of the file."),
        ("a.csv", b'text\nfine\n"cut off', "after 1 records: The file ends inside a quoted field."),
        ("a.parquet", b"", "after 0 records: "),
        ("a.parquet", b"no parquet at all", "after 0 records: Parquet magic bytes not found"),
    ],
)
def test_an_unreadable_table_gives_one_dead_letter(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    _, (letter,), (result,) = read(tmp_path / name)
    assert message in letter.message
    assert "\n" not in letter.message
    assert letter.record is None
    assert not result.complete


def test_a_shard_that_vanished_gives_one_dead_letter(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    shards = plan_shards(match_files([str(path)]), ReadConfig())
    path.unlink()
    documents, (letter,), (result,) = read_shards(shards, ReadConfig())
    assert documents == []
    assert letter.error == "FileNotFoundError"
    expected = "The shard broke off after 0 records: No such file or directory."
    assert letter.message == expected
    assert result == ShardResult(str(path), 0, shards[0].fingerprint, {}, complete=False)


def test_a_shard_that_changed_since_it_was_matched_is_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n' * 10)
    shards = plan_shards(match_files([str(path)]), ReadConfig(), range_bytes=70)
    path.write_bytes(b'{"text": "b"}\n' * 10)
    os.utime(path, ns=(1, 1))
    documents, letters, results = read_shards(shards, ReadConfig())
    assert len(documents) == 10
    assert [result.complete for result in results] == [False, False]
    assert letters[1].message == (
        "The shard (bytes 70 to 140) broke off after 5 records: "
        "The file changed after it was matched."
    )


def test_what_a_screen_does_not_want_is_counted_by_its_reason_and_goes_no_further(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(corpus(6) + b"no JSON\n")
    (shard,) = plan_shards(match_files([str(path)]), ReadConfig())
    source = str(path)

    def withhold() -> Screen:
        return lambda record: "withheld" if record.doc_id in ("1", "4", None) else None

    def leave_out() -> Screen:
        return lambda record: "left_out" if record.doc_id in ("4", "5") else None

    reader = _ReadShard(ReadConfig(), None, (withhold, leave_out))
    reader.setup()
    *documents, last = reader.process(shard)
    assert isinstance(last, TaggedOutput)
    assert [getattr(document, "doc_id", None) for document in documents] == ["0", "2", "3"]
    result = last.value
    assert isinstance(result, ShardResult)
    assert result.records == {source: 7}
    assert result.aside == {"withheld": {source: 3}, "left_out": {source: 1}}


def test_an_empty_shard_is_complete(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).write_bytes(b"")
        documents, letters, (result,) = read(tmp_path / name)
        assert (documents, letters, result.records, result.complete) == ([], [], {}, True)


def test_documents_come_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first document is out before the second is read, so memory does not follow the file."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(corpus(2))
    (shard,) = plan_shards(match_files([str(path)]), ReadConfig())
    asked: list[int] = []

    def slowly(*_: object) -> Iterator[Document]:
        for number in range(2):
            asked.append(number)
            yield Document(str(number), "x", number, "t")

    monkeypatch.setattr("pipeline.stages.read.read_records", slowly)
    records = _ReadShard(ReadConfig()).process(shard)
    next(records)
    assert asked == [0]
