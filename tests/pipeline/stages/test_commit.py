"""CommitRun: a manifest that equals the files, or an error and nothing published."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that

from pipeline.outputs.description import RunDescription
from pipeline.outputs.layout import PLAN
from pipeline.outputs.plan import write_plan
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.outputs.transactions import commit_run
from pipeline.stages.commit import CommitInputs, CommitRun
from pipeline.stages.row_sinks import DeadLetterSink, TaggedSink, WriteConfig
from schemas.errors import JobError
from schemas.manifest import Aside, Manifest
from schemas.records import DeadLetter, Document, FileResult, Shard, ShardResult, TaggedDocument
from schemas.tables import TABLES, documents_schema
from tests.builders import configuration

MakeTagged = Callable[..., TaggedDocument]

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
RUN = RunDescription(
    run_id="r1",
    started_at=NOW,
    model="tiny@0123456789ab",
    configuration=configuration(),
    inputs={"x.jsonl": "100-1", "y.jsonl": "200-1", "z.gz": "9-1"},
    shards=(("x.jsonl", 0), ("x.jsonl", 50), ("y.jsonl", 0), ("z.gz", 0)),
    keep_fields=("year",),
)
PLANNED = [
    Shard(source, "jsonl", start, None, 50, RUN.inputs[source]) for source, start in RUN.shards
]
SHARDS = [
    ShardResult("x.jsonl", 0, "100-1", {"x.jsonl": 2}, complete=True),
    ShardResult("x.jsonl", 50, "100-1", {"x.jsonl": 1}, complete=True),
    ShardResult("y.jsonl", 0, "200-1", {"y.jsonl": 1}, complete=True),
    ShardResult("z.gz", 0, "9-1", {}, complete=False),
]


@pytest.fixture
def storage(tmp_path: Path) -> RunStorage:
    return run_storage(str(tmp_path / "out"), "r1")


def write(storage: RunStorage, make_tagged: MakeTagged) -> list[FileResult]:
    """Files of two documents and one dead letter from x.jsonl, one document from y.jsonl."""
    config = WriteConfig(storage, RowConfig(RUN.model, NOW, ("year",)), 10**9)
    tagged = TaggedSink(config)
    ada = Document("a", "x.jsonl", 0, "Ada met Bo in Oslo.", ("1892",))
    results = tagged.write(
        [
            make_tagged(ada, ("Ada", "per", 0.5), ("Oslo", "geo", 0.5)),
            make_tagged(Document("b", "x.jsonl", 40, "Rain. No names.", (None,))),
        ]
    )
    results += tagged.close()
    cyd = Document("c", "y.jsonl", 0, "Cyd left.", (None,))
    results += tagged.write([make_tagged(cyd, ("Cyd", "per", 0.9))])
    results += tagged.close()
    letters = DeadLetterSink(config)
    results += letters.write(
        [
            DeadLetter("x.jsonl", 50, None, "ReadDocuments", "RecordError", "Bad.", b"{"),
            DeadLetter("z.gz", None, None, "ReadDocuments", "EOFError", "Broke off."),
        ]
    )
    results += letters.close()
    return [result for result in results if isinstance(result, FileResult)]


def check_manifest(manifest: Manifest, root: Path) -> None:
    """The oracle: what the published files hold, counted again."""
    for table, described in manifest["tables"].items():
        directory = root / table / "run_id=r1"
        paths = {str(path.relative_to(root)): path for path in directory.iterdir()}
        assert [file["path"] for file in described["files"]] == sorted(paths)
        for file in described["files"]:
            data = paths[file["path"]].read_bytes()
            assert file["sha256"] == hashlib.sha256(data).hexdigest()
            assert file["bytes"] == len(data)
            assert file["rows"] == pq.ParquetFile(paths[file["path"]]).metadata.num_rows
        assert described["rows"] == sum(file["rows"] for file in described["files"])
        assert described["bytes"] == sum(file["bytes"] for file in described["files"])
    staged = root / "_staging/r1"
    assert not staged.is_dir() or {path.name for path in staged.iterdir()} <= {PLAN}


def without_times(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name != "timings"}


def test_the_manifest_of_the_stage_equals_what_the_files_hold(
    storage: RunStorage, make_tagged: MakeTagged
) -> None:
    def one(manifests: list[dict[str, Any]]) -> None:
        (manifest,) = manifests
        assert manifest == storage.read_manifest()

    write_plan(storage, RUN, PLANNED)
    with BeamPipeline("FnApiRunner") as pipeline:
        files = pipeline | "F" >> beam.Create(write(storage, make_tagged))
        shards = pipeline | "S" >> beam.Create(SHARDS)
        committed = CommitInputs(files, shards) | "CommitRun" >> CommitRun(RUN, storage)
        assert_that(committed, one, label="one manifest")
    manifest = storage.read_manifest()
    check_manifest(manifest, Path(storage.root))
    counts = manifest["counts"]
    assert {name: counts[name] for name in ("files", "broken_files", "records")} == {
        "files": 3,
        "broken_files": 1,
        "records": 4,
    }
    assert (counts["documents"], counts["dead_letters"], counts["entities"]) == (3, 1, 3)
    assert counts["entities_by_label"] == {"geo": 1, "per": 2}
    texts = ("Ada met Bo in Oslo.", "Rain. No names.", "Cyd left.")
    assert counts["characters"] == sum(map(len, texts))
    assert (counts["tokens"], counts["sentences"]) == (6 + 5 + 3, 1 + 2 + 1)
    assert manifest["tables"]["dead_letters"]["rows"] == 2  # the shard's own is no record
    assert [
        (i["source"], i["records"], i["documents"], i["dead_letters"], i["entities"], i["complete"])
        for i in manifest["inputs"]
    ] == [
        ("x.jsonl", 3, 2, 1, 2, True),
        ("y.jsonl", 1, 1, 0, 1, True),
        ("z.gz", 0, 0, 0, 0, False),
    ]


def test_a_stage_that_got_nothing_commits_an_empty_run(storage: RunStorage) -> None:
    """Three files with schemas and no rows, and a manifest, even where nothing was read."""
    run = replace(RUN, inputs={}, shards=())
    write_plan(storage, run, [])
    with BeamPipeline("FnApiRunner") as pipeline:
        files = pipeline | "F" >> beam.Create([])
        shards = pipeline | "S" >> beam.Create([])
        _ = CommitInputs(files, shards) | "CommitRun" >> CommitRun(run, storage)
    manifest = storage.read_manifest()
    check_manifest(manifest, Path(storage.root))
    assert manifest["status"] == "empty"
    schemas = {**TABLES, "documents": documents_schema(("year",))}
    for table, schema in schemas.items():
        (file,) = manifest["tables"][table]["files"]
        read = pq.ParquetFile(Path(storage.root, file["path"]))
        assert read.schema_arrow.equals(schema)
        assert file["rows"] == 0


@pytest.mark.parametrize(
    "change", ["missing", "doubled", "foreign", "unread", "reread", "uncounted"]
)
def test_a_record_that_is_not_accounted_for_stops_the_run(
    storage: RunStorage, make_tagged: MakeTagged, change: str
) -> None:
    files = write(storage, make_tagged)
    documents = next(file for file in files if file.table == "documents")
    shards = list(SHARDS)
    if change == "missing":
        files.remove(documents)
        message = "x.jsonl: 3 records were read, but 0 documents and 1 dead letters were written"
    elif change == "doubled":
        files.append(documents)
        message = "x.jsonl: 3 records were read, but 4 documents and 1 dead letters were written"
    elif change == "foreign":
        files.append(replace(documents, sources={"q.jsonl": 1}))
        message = "q.jsonl: 0 records were read, but 1 documents and 0 dead letters were written"
    elif change == "unread":
        shards.remove(SHARDS[2])
        message = "y.jsonl: the shard from byte 0 was not read"
    elif change == "reread":
        shards.append(SHARDS[1])
        message = "x.jsonl: the shard from byte 50 was read more often than planned"
    else:
        files = [file for file in files if file.table != "entities"]
        message = "entities, but 0 were written"
    with pytest.raises(JobError, match=re.escape(message)):
        commit_run(files, shards, RUN, storage)
    root = Path(storage.root)
    assert {path.name for path in root.iterdir()} == {"_staging"}


def test_records_that_even_out_over_files_are_still_missing(
    storage: RunStorage, make_tagged: MakeTagged
) -> None:
    """The totals agree, but a record of x is lost and one of y is doubled."""
    files = write(storage, make_tagged)
    more = replace(SHARDS[0], records={"x.jsonl": 3})
    shards = [more, SHARDS[1], replace(SHARDS[2], records={}), SHARDS[3]]
    with pytest.raises(JobError, match=r"x\.jsonl: 4 records were read"):
        commit_run(files, shards, RUN, storage)


@pytest.mark.parametrize("tables", ["all", "some"])
def test_committing_twice_is_committing_once(
    storage: RunStorage, make_tagged: MakeTagged, tables: str
) -> None:
    """A runner may retry the last step, after any part of it."""
    files = write(storage, make_tagged)
    shards = SHARDS
    if tables == "some":  # no dead letters and no entities: their files are made by the commit
        files = [
            replace(file, totals={**file.totals, "entities": 0})
            for file in files
            if file.table == "documents"
        ]
        shards = [replace(SHARDS[0], records={"x.jsonl": 1}), *SHARDS[1:]]
    first = commit_run(files, shards, RUN, storage)
    again = commit_run(files, shards, RUN, storage)
    assert without_times(again) == without_times(first)
    storage.discard_staging()
    check_manifest(storage.read_manifest(), Path(storage.root))


def test_a_commit_that_broke_off_between_two_tables_is_completed(
    storage: RunStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(RUN, inputs={}, shards=())
    published: list[str] = []

    def break_off(self: RunStorage, table: str) -> None:
        if published:
            raise OSError("no more")
        published.append(table)
        publish(self, table)  # type: ignore[arg-type]

    publish = DiskStorage.publish
    with monkeypatch.context() as patch:
        patch.setattr(DiskStorage, "publish", break_off)
        with pytest.raises(OSError, match="no more"):
            commit_run([], [], run, storage)
    commit_run([], [], run, storage)
    storage.discard_staging()
    check_manifest(storage.read_manifest(), Path(storage.root))


def test_what_a_retried_bundle_wrote_twice_does_not_appear(
    storage: RunStorage, make_tagged: MakeTagged
) -> None:
    """Readers of a local disk list the directory: rows of a failed attempt would count twice."""
    write(storage, make_tagged)  # the attempt whose results were lost
    commit_run(write(storage, make_tagged), SHARDS, RUN, storage)
    check_manifest(storage.read_manifest(), Path(storage.root))


def test_a_commit_that_broke_off_is_completed_with_the_files_of_the_next_attempt(
    storage: RunStorage, make_tagged: MakeTagged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that lost a worker writes some of the files again, under other names."""
    first = write(storage, make_tagged)
    with monkeypatch.context() as patch:
        patch.setattr(DiskStorage, "create_manifest", _fail)
        with pytest.raises(OSError, match="no more"):
            commit_run(first, SHARDS, RUN, storage)
    kept = [file for file in first if file.table == "entities"]
    again = [file for file in write(storage, make_tagged) if file.table != "entities"]
    manifest = commit_run([*kept, *again], SHARDS, RUN, storage)
    storage.discard_staging()
    check_manifest(manifest, Path(storage.root))


def test_a_commit_after_the_manifest_changes_nothing(
    storage: RunStorage, make_tagged: MakeTagged
) -> None:
    """Whatever a repeated attempt has written by then."""
    manifest = commit_run(write(storage, make_tagged), SHARDS, RUN, storage)
    assert commit_run(write(storage, make_tagged), SHARDS, RUN, storage) == manifest
    storage.discard_staging()
    check_manifest(manifest, Path(storage.root))


def _fail(*_: object) -> bool:
    raise OSError("no more")


def test_records_that_were_not_wanted_are_accounted_for_by_their_reason(
    storage: RunStorage, make_tagged: MakeTagged
) -> None:
    """And one that is in no account, or in two, stops the run."""
    files = write(storage, make_tagged)
    aside: dict[Aside, dict[str, int]] = {
        "withheld": {"x.jsonl": 2},
        "left_out": {"x.jsonl": 1, "y.jsonl": 0},
    }
    more = replace(SHARDS[0], records={"x.jsonl": 5}, aside=aside)
    for lost in (-1, 1):
        shards = [replace(more, records={"x.jsonl": 5 + lost}), *SHARDS[1:]]
        with pytest.raises(JobError, match=r"1 dead letters and 2 withheld and 1 left out were"):
            commit_run(files, shards, RUN, storage)
    manifest = commit_run(files, [more, *SHARDS[1:]], RUN, storage)
    x, y, _ = manifest["inputs"]
    assert (x["records"], x["withheld"], x["left_out"]) == (6, 2, 1)
    assert "withheld" not in y
    counts = manifest["counts"]
    assert counts["records"] == counts["documents"] + counts["dead_letters"] + 3
    assert (counts["withheld"], counts["left_out"]) == (2, 1)
