"""Input, model and output on an object store, as on a local disk: a real S3 server on loopback."""

import gc
import json
from collections.abc import Callable

import boto3
import duckdb
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from pipeline.filesystems.model_files import settle_model
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.current import read_table
from pipeline.outputs.storage.object_store import ObjectStorage
from pipeline.outputs.table_writer import TableWriter
from pipeline.run import run
from pipeline.stages.tag import TaggerHandler
from schemas.errors import ArtifactError, JobError
from tests.builders import PART_A, PART_B

Fill = Callable[[str], list[str]]
Keys = Callable[[str], list[str]]
MakeBucket = Callable[[], str]


@pytest.fixture(scope="module")
def done(make_bucket: MakeBucket, fill: Fill) -> str:
    """A bucket with a run of one process."""
    bucket = make_bucket()
    assert run([*fill(bucket), "--run_id=r1", "--direct_num_workers=1"]) == 0
    return bucket


def test_the_same_rows_as_on_a_local_disk(done: str, require_same: Callable[[str], None]) -> None:
    require_same(f"s3://{done}/out")


def test_the_same_rows_by_two_processes_and_an_endpoint_that_is_a_flag(
    s3: str,
    there: list[str],
    bucket: str,
    require_same: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Beam has it; worker processes of this machine get it from the run."""
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        flags = [f"--s3_endpoint_url={s3}", "--direct_num_workers=2"]
        assert run([*there, *flags, "--run_id=r1"]) == 0
    require_same(f"s3://{bucket}/out")


def test_query_engines_read_the_objects(done: str, s3: str) -> None:
    """By the names that the manifest gives; here with pyarrow's own S3, into DuckDB."""
    (manifest,) = read_manifests(f"s3://{done}/out")
    store = pyarrow.fs.S3FileSystem(endpoint_override=s3, region="us-east-1")
    (file,) = manifest["tables"]["entities"]["files"]
    entities = pq.read_table(f"{done}/out/{file['path']}", filesystem=store)  # noqa: F841 - DuckDB finds it by name
    counted = duckdb.sql("select count(*) from entities")
    assert counted
    ((count,),) = counted.fetchall()
    assert count == manifest["counts"]["entities"]


def test_only_what_is_new_is_done(there: list[str], bucket: str) -> None:
    for run_id in ("r1", "r2"):
        assert run([*there, "--only_new", f"--run_id={run_id}", "--commit_shards=1"]) == 0
    late = json.dumps({"id": "new", "text": "Maria is in Lisbon."}).encode()
    boto3.client("s3").put_object(Bucket=bucket, Key="in/c.jsonl", Body=late)
    assert run([*there, "--only_new", "--run_id=r3"]) == 0
    manifests = {manifest["run_id"]: manifest for manifest in read_manifests(f"s3://{bucket}/out")}
    assert sorted(manifests) == ["r1.1", "r1.2", "r2.1", "r3"]
    assert manifests["r2.1"]["status"] == "empty"
    assert [entry["source"] for entry in manifests["r3"]["inputs"]] == [f"s3://{bucket}/in/c.jsonl"]
    ids = read_table(f"s3://{bucket}/out", "documents")["doc_id"].to_pylist()
    assert sorted(ids) == sorted(["new", *(f"d{number}" for number in range(20))])


@pytest.mark.parametrize(("place", "step"), [(ObjectStorage, "publish"), (TableWriter, "close")])
def test_a_run_that_fails_leaves_its_manifest_alone(
    place: type, step: str, there: list[str], keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its files are complete, or half written and dropped with their bundle."""

    def fail(*_: object) -> bool:
        raise OSError("the store is full")

    monkeypatch.setattr(place, step, fail)
    with pytest.raises(JobError, match="the store is full"):
        run([*there, "--run_id=r1", "--direct_num_workers=1"])
    gc.collect()
    assert keys("out/") == ["out/reports/r1.html", "out/runs/r1.json"]
    output = there[2].removeprefix("--output=")
    (manifest,) = read_manifests(output)
    assert manifest["status"] == "failed"


def test_what_a_repeated_bundle_or_a_killed_run_wrote_goes(
    there: list[str], bucket: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who lists the objects sees the rows that the manifest names."""
    client, create = boto3.client("s3"), ObjectStorage.create_manifest
    again = f"out/entities/run_id=r1/{PART_A}"

    def written_twice(self: ObjectStorage, data: bytes) -> bool:
        client.put_object(Bucket=bucket, Key=again, Body=b"rows")
        return create(self, data)

    monkeypatch.setattr(ObjectStorage, "create_manifest", written_twice)
    left = [f"out/{place}" for place in (f"documents/run_id=r1/{PART_B}", "_staging/r1/plan.json")]
    for key in left:
        client.put_object(Bucket=bucket, Key=key, Body=b"of a run with this id that was killed")
    assert run([*there, "--run_id=r1", "--direct_num_workers=1"]) == 0
    assert len(keys("out/entities")) == 1
    assert not {*left, again}.intersection(keys("out/"))


def test_a_model_is_verified_when_it_is_submitted_and_by_each_worker(
    there: list[str], bucket: str, keys: Keys
) -> None:
    model = settle_model(f"s3://{bucket}/models/tiny/")
    handler = TaggerHandler(model, "tiny@0123456789ab")
    with pytest.raises(ArtifactError, match="the job was submitted for tiny@0123456789ab"):
        handler.load_model()
    boto3.client("s3").put_object(Bucket=bucket, Key="models/tiny/labels.json", Body=b"{}")
    with pytest.raises(ArtifactError, match=r"labels\.json does not match"):
        run([*there, "--run_id=r1"])
    assert not keys("out/")
