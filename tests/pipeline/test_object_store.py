"""Input, model and output on an object store, as on a local disk: a real S3 server on loopback."""

import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from jobs.runs.__main__ import run as runs
from pipeline.current import read_table
from pipeline.filesystems import filesystems, require_filesystem
from pipeline.model_files import read_model, settle_model
from pipeline.output import read_manifests
from pipeline.run import run
from pipeline.storage import RunStorage
from pipeline.tag import TaggerHandler
from schemas.errors import ArtifactError, JobError, UsageError

Put = Callable[[str, bytes], None]
Keys = Callable[[str], list[str]]

DOCUMENTS = [
    {"id": f"d{n}", "text": f"Maria met {n} ships in Lisbon. The river froze on Monday."}
    for n in range(20)
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server, and its credentials in the environment as users give them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield address
    process.kill()
    process.wait()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, and a process that has no options of its own yet."""
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))
    name = f"bucket-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def put(bucket: str) -> Put:
    client = boto3.client("s3")

    def write(key: str, data: bytes) -> None:
        client.put_object(Bucket=bucket, Key=key, Body=data)

    return write


@pytest.fixture
def keys(bucket: str) -> Keys:
    client = boto3.client("s3")

    def below(prefix: str) -> list[str]:
        answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Contents", ())]

    return below


@pytest.fixture
def there(put: Put, bucket: str, tiny_artifact: Path) -> list[str]:
    """Two shards and a model in the bucket; the flags that name them and an output beside them."""
    put("in/a.jsonl", lines(DOCUMENTS[:12]))
    put("in/b.jsonl", lines([*DOCUMENTS[12:], {"id": "bad"}]))
    for file in tiny_artifact.iterdir():
        put(f"models/tiny/{file.name}", file.read_bytes())
    return [
        f"--input=s3://{bucket}/in/*.jsonl",
        f"--model=s3://{bucket}/models/tiny",
        f"--output=s3://{bucket}/out",
        "--max_dead_letters=0.2",
    ]


def lines(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def table(root: str, name: str) -> pa.Table:
    """The rows that count, without what differs from run to run and from place to place."""
    rows = read_table(root, name)
    varies = ("run_id", "processed_at", "source", "confidence", "content_hash")
    kept = rows.drop_columns([name for name in varies if name in rows.column_names])
    keys = [name for name in ("doc_id", "record", "start_char") if name in kept.column_names]
    plain = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in kept.columns
    ]
    rows = pa.table(dict(zip(kept.column_names, plain, strict=True)))
    return rows.sort_by([(key, "ascending") for key in keys]).combine_chunks()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_rows_as_on_a_local_disk(
    workers: int, there: list[str], bucket: str, keys: Keys, tmp_path: Path, tiny_artifact: Path
) -> None:
    processes = f"--direct_num_workers={workers}"
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_bytes(lines(DOCUMENTS[:12]))
    (tmp_path / "in/b.jsonl").write_bytes(lines([*DOCUMENTS[12:], {"id": "bad"}]))
    here = [f"--input={tmp_path}/in/*.jsonl", f"--model={tiny_artifact}", f"--output={tmp_path}/o"]
    assert run([*here, "--run_id=r1"]) == 0
    assert run([*there, "--run_id=r1", processes]) == 0
    for name in ("entities", "documents", "dead_letters"):
        assert table(f"s3://{bucket}/out", name).equals(table(f"{tmp_path}/o", name)), name
    assert table(f"s3://{bucket}/out", "documents").num_rows == len(DOCUMENTS)
    assert table(f"s3://{bucket}/out", "entities").num_rows
    assert not keys("out/_staging")
    (manifest,) = read_manifests(f"s3://{bucket}/out")
    named = [file["path"] for rows in manifest["tables"].values() for file in rows["files"]]
    assert sorted(keys("out/")) == sorted([*(f"out/{path}" for path in named), "out/runs/r1.json"])


def test_only_what_is_new_is_done(
    there: list[str], bucket: str, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    for run_id in ("r1", "r2"):
        assert run([*there, "--only_new", f"--run_id={run_id}", "--commit_shards=1"]) == 0
    put("in/c.jsonl", lines([{"id": "new", "text": "Maria is in Lisbon."}]))
    assert run([*there, "--only_new", "--run_id=r3"]) == 0
    manifests = {manifest["run_id"]: manifest for manifest in read_manifests(f"s3://{bucket}/out")}
    assert sorted(manifests) == ["r1.1", "r1.2", "r2.1", "r3"]
    assert manifests["r2.1"]["status"] == "empty"
    assert [entry["source"] for entry in manifests["r3"]["inputs"]] == [f"s3://{bucket}/in/c.jsonl"]
    ids = read_table(f"s3://{bucket}/out", "documents")["doc_id"].to_pylist()
    assert sorted(ids) == sorted(["new", *(document["id"] for document in DOCUMENTS)])
    capsys.readouterr()
    for command in (["list"], ["show", "r3"], ["verify"]):
        assert runs([*command, f"--output=s3://{bucket}/out"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_a_run_that_fails_leaves_its_manifest_alone(
    there: list[str], bucket: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise OSError("the store is full")

    monkeypatch.setattr(RunStorage, "publish", fail)
    with pytest.raises(JobError, match="the store is full"):
        run([*there, "--run_id=r1", "--direct_num_workers=1"])
    assert keys("out/") == ["out/runs/r1.json"]
    (manifest,) = read_manifests(f"s3://{bucket}/out")
    assert manifest["status"] == "failed"


def test_what_a_repeated_bundle_wrote_goes(
    there: list[str], put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who lists the objects sees the rows that the manifest names."""
    create = RunStorage.create_manifest

    def written_twice(self: RunStorage, data: bytes) -> bool:
        put("out/entities/run_id=r1/part-again.parquet", b"rows")
        return create(self, data)

    monkeypatch.setattr(RunStorage, "create_manifest", written_twice)
    assert run([*there, "--run_id=r1", "--direct_num_workers=1"]) == 0
    assert len(keys("out/entities")) == 1
    assert "part-again" not in keys("out/entities")[0]


def test_a_model_is_verified_when_it_is_submitted_and_by_each_worker(
    there: list[str], bucket: str, put: Put, keys: Keys
) -> None:
    model = settle_model(f"s3://{bucket}/models/tiny/")
    handler = TaggerHandler(model, "tiny@0123456789ab")
    with pytest.raises(ArtifactError, match="the job was submitted for tiny@0123456789ab"):
        handler.load_model()
    put("models/tiny/labels.json", b"{}")
    with pytest.raises(ArtifactError, match=r"labels\.json does not match"):
        run([*there, "--run_id=r1"])
    assert not keys("out/")


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (
            "--model=s3://nothing-there/m",
            "s3://nothing-there/m: there is no bucket 'nothing-there'",
        ),
        ("--model=s3://BUCKET/none", "s3://BUCKET/none is not a gleaner model: nothing is there"),
        ("--model=s3://BUCKET/in", "s3://BUCKET/in is not a gleaner model: it has no checksums"),
        ("--input=s3://nothing-there/*.jsonl", "there is no bucket 'nothing-there'"),
        ("--input=s3://BUCKET/none*.jsonl", "matches no file"),
        ("--output=s3://nothing-there/out", "there is no bucket 'nothing-there'"),
        (
            "--output=nofs://b/out",
            "--output nofs://b/out: nofs:// is no filesystem",
        ),
    ],
)
def test_what_cannot_be_reached_is_one_sentence(
    flag: str, said: str, there: list[str], bucket: str, keys: Keys
) -> None:
    changed = flag.replace("BUCKET", bucket)
    kept = [other for other in there if other.split("=")[0] != flag.split("=", maxsplit=1)[0]]
    with pytest.raises(UsageError, match=said.replace("BUCKET", bucket)):
        run([*kept, changed])
    assert not keys("out/")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(
        UsageError, match=r"s3:// needs more packages: pip install 'gleaner\[aws\]'"
    ):
        require_filesystem("--output", "s3://bucket/out")


def test_the_endpoint_may_be_a_flag(
    server: str, there: list[str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Beam has it; worker processes of this machine get it from the run."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    flags = [f"--s3_endpoint_url={server}", "--direct_num_workers=2"]
    assert run([*there, *flags, "--run_id=r1"]) == 0
    (manifest,) = read_manifests(f"s3://{bucket}/out")
    assert manifest["counts"]["documents"] == len(DOCUMENTS)


def test_a_store_that_does_not_answer_is_one_sentence(there: list[str]) -> None:
    """At once: Beam itself would try for ten minutes."""
    with pytest.raises(UsageError, match="cannot be reached: Could not connect to the endpoint"):
        run([*there, "--s3_endpoint_url=http://127.0.0.1:9"])


def test_a_worker_without_options_reads_the_environment(there: list[str], bucket: str) -> None:
    """As the process workers of a pool on a cluster, whom Beam gives none."""
    model = f"s3://{bucket}/models/tiny"
    script = f"from pipeline.model_files import read_model; print(*read_model({model!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == set(read_model(model))


def test_files_share_their_connections(
    put: Put, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client of boto3's takes a tenth of a second to make."""
    made = []
    make = boto3.session.Session.client

    def counted(self: Any, *arguments: Any, **settings: Any) -> Any:  # noqa: ANN401 - boto3's own
        made.append(arguments)
        return make(self, *arguments, **settings)

    monkeypatch.setattr(boto3.session.Session, "client", counted)
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))
    for number in range(5):
        put(f"{number}.txt", b"text")
        with filesystems().open(f"s3://{bucket}/{number}.txt") as stream:
            assert stream.read() == b"text"
    assert len(made) <= 1


def test_query_engines_read_the_objects(there: list[str], bucket: str, server: str) -> None:
    """By the names that the manifest gives; here with pyarrow's own S3, into DuckDB."""
    assert run([*there, "--run_id=r1", "--direct_num_workers=1"]) == 0
    (manifest,) = read_manifests(f"s3://{bucket}/out")
    store = pyarrow.fs.S3FileSystem(endpoint_override=server, region="us-east-1")
    (file,) = manifest["tables"]["entities"]["files"]
    entities = pq.read_table(f"{bucket}/out/{file['path']}", filesystem=store)  # noqa: F841 - DuckDB finds it by name
    counted = duckdb.sql("select count(*) from entities")
    assert counted
    ((count,),) = counted.fetchall()
    assert count == manifest["counts"]["entities"]
