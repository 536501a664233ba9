"""Files of an object store are whole or not at all, whatever becomes of who writes them."""

import gc
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest

from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.s3 import s3_client
from pipeline.filesystems.upload import Upload
from pipeline.outputs.storage import run_storage
from pipeline.outputs.table_writer import TableWriter
from schemas.records import RowCounts
from tests.builders import manifest_of

MB = 2**20
ROWS = pa.table(
    {
        "source": ["a"] * 1000,
        "doc_id": [str(n) for n in range(1000)],
        "start_char": [0] * 1000,
        "text": [str(n) * 50 for n in range(1000)],
    }
)

Keys = Callable[[str], list[str]]
S3Requests = list[tuple[str, Mapping[str, Any]]]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder of this process, in which nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.iterdir())


def writer_to(bucket: str) -> TableWriter:
    storage = run_storage(f"s3://{bucket}/out", "r1")
    directory = storage.writing_directory("entities")
    return TableWriter("entities", ROWS.schema, directory, 10**9, storage.create)


def uploads(bucket: str) -> list[Any]:
    """What was begun in parts, and neither finished nor given up."""
    found: list[Any] = boto3.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return found


def test_a_file_appears_when_it_is_closed_and_not_before(bucket: str, keys: Keys) -> None:
    writer = writer_to(bucket)
    writer.write(ROWS, RowCounts({"a": 1000}))
    assert not keys("")
    (file,) = writer.close()
    assert [file.path.rpartition("/")[2]] == [key.rpartition("/")[2] for key in keys("out/")]


def test_a_file_that_is_dropped_half_written_never_appears(bucket: str, keys: Keys) -> None:
    """As by a bundle that failed: its writers are closed by nobody but the garbage collector."""
    writer = writer_to(bucket)
    writer.write(ROWS, RowCounts({"a": 1000}))
    del writer
    gc.collect()
    assert not keys("")
    assert not uploads(bucket)


def test_what_an_exception_interrupts_leaves_the_object_as_it_was(bucket: str, keys: Keys) -> None:
    path = f"s3://{bucket}/runs/r1.json"

    def interrupted() -> None:
        with Upload(path) as stream:
            stream.write(b"{")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not keys("")
    with Upload(path) as stream:
        stream.write(b"first")
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    body = boto3.client("s3").get_object(Bucket=bucket, Key="runs/r1.json")["Body"]
    assert body.read() == b"first"


def test_an_upload_that_breaks_off_leaves_the_object_as_it_was(
    bucket: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of its parts; those that were sent are given up."""
    path = f"s3://{bucket}/part.parquet"
    with Upload(path) as stream:
        stream.write(b"first")
    client, sent = s3_client(), []
    upload_part = client.upload_part

    def breaking(**part: Any) -> Any:  # noqa: ANN401 - boto3's own
        sent.append(part["PartNumber"])
        if len(sent) > 1:
            raise RuntimeError("the line is cut")
        return upload_part(**part)

    monkeypatch.setattr(client, "upload_part", breaking)
    stream = Upload(path)
    stream.write(bytes(20 * MB))
    with pytest.raises(OSError, match="the line is cut") as caught:
        stream.close()
    assert caught.value.filename == path
    assert sent == [1, 2]
    assert not uploads(bucket)
    stream.close()  # which says no more than that it is closed
    assert boto3.client("s3").head_object(Bucket=bucket, Key="part.parquet")["ContentLength"] == 5


@pytest.mark.parametrize(("size", "requests"), [(0, 1), (8 * MB - 1, 1), (20 * MB, 5)])
def test_a_file_costs_one_request_or_one_for_each_part_and_two_more(
    size: int, requests: int, bucket: str, s3_requests: S3Requests
) -> None:
    with Upload(f"s3://{bucket}/a") as stream:
        stream.write(bytes(size))
    assert len(s3_requests) == requests
    assert boto3.client("s3").head_object(Bucket=bucket, Key="a")["ContentLength"] == size


def test_of_two_who_end_a_run_at_once_the_first_decides(
    bucket: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run would be committed whose files the other, who takes it for failed, removes."""
    monkeypatch.setattr(filesystems(), "exists", lambda path: False)  # both have looked before
    storage = run_storage(f"s3://{bucket}/out", "r1")
    failed = manifest_of("r1", status="failed")
    assert storage.create_manifest(json.dumps(failed).encode())
    assert not storage.create_manifest(b'{"status": "committed"}')
    assert dict(storage.read_manifest()) == failed
    assert keys("") == ["out/runs/r1.json"]
