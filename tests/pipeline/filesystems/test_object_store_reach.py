"""What an object store refuses, and how it is reached: one sentence at once, or by little."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.model_files import read_model
from pipeline.filesystems.stores import require_filesystem
from pipeline.run import run
from schemas.errors import UsageError
from tests.builders import last_of_each

Keys = Callable[[str], list[str]]
S3Requests = list[tuple[str, Mapping[str, Any]]]


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
        ("--output=s3:///out", "--output s3:///out names no bucket"),
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


@pytest.mark.parametrize(
    ("scheme", "package", "extra"), [("s3", "boto3", "aws"), ("gs", "google.cloud.storage", "gcp")]
)
def test_a_missing_package_is_named(
    scheme: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = rf"{scheme}:// needs more packages: .* -m pip install -e .*\[{extra}\]"
    with pytest.raises(UsageError, match=said):
        require_filesystem("--output", f"{scheme}://bucket/out")


def test_an_output_that_is_read_only_is_one_sentence(
    there: list[str], bucket: str, keys: Keys, deny_writes: Callable[[], None]
) -> None:
    deny_writes()
    with pytest.raises(UsageError) as caught:
        run([*there, "--run_id=r1"])
    assert str(caught.value).startswith(f"--output s3://{bucket}/out cannot be written to: ")
    assert "\n" not in str(caught.value)
    assert not keys("out/")


def test_an_output_that_is_no_url_of_one_place_is_one_sentence(there: list[str]) -> None:
    """Where objects are listed, these have a meaning of their own."""
    for sign in "*?[":
        flag = f"--output=s3://bucket/o{sign}"
        with pytest.raises(UsageError, match=r"the URL of an output has no \*, \? or \["):
            run(last_of_each([*there, flag]))


def test_manifests_that_the_store_keeps_to_itself_are_one_sentence(
    there: list[str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = BaseClient._make_api_call  # noqa: SLF001 - all requests pass through it

    def refuse(client: BaseClient, name: str, given: dict[str, Any]) -> Any:  # noqa: ANN401 - boto3's own
        if name == "ListObjectsV2" and given["Prefix"].startswith("out/"):
            error = {"Code": "AccessDenied", "Message": "No."}
            answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(answer, name)
        return call(client, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    said = rf"^--output s3://{bucket}/out cannot be read: An error occurred \(AccessDenied\)"
    with pytest.raises(UsageError, match=said):
        run([*there, "--run_id=r1"])


def test_manifests_are_listed_once(bucket: str, s3_requests: S3Requests) -> None:
    none, output = f"--input=s3://{bucket}/none*.jsonl", f"--output=s3://{bucket}/out"
    assert run([none, output, "--allow_no_input", "--run_id=r1"]) == 0
    listed = [given["Prefix"] for name, given in s3_requests if name == "ListObjectsV2"]
    assert listed.count("out/runs/") == 1


def test_a_store_that_does_not_answer_is_one_sentence(there: list[str]) -> None:
    """At once: Beam itself would try for ten minutes."""
    with pytest.raises(UsageError, match="cannot be reached: Could not connect to the endpoint"):
        run([*there, "--s3_endpoint_url=http://127.0.0.1:9"])


def test_a_worker_without_options_reads_the_environment(there: list[str], bucket: str) -> None:
    """As the process workers of a pool on a cluster, whom Beam gives none."""
    model = f"s3://{bucket}/models/tiny"
    script = (
        f"from pipeline.filesystems.model_files import read_model; print(*read_model({model!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == set(read_model(model))


def test_files_share_their_connections(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of boto3's takes a tenth of a second to make."""
    client, made = boto3.client("s3"), []
    make = boto3.session.Session.client

    def counted(self: Any, *arguments: Any, **settings: Any) -> Any:  # noqa: ANN401 - boto3's own
        made.append(arguments)
        return make(self, *arguments, **settings)

    monkeypatch.setattr(boto3.session.Session, "client", counted)
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))
    for number in range(5):
        client.put_object(Bucket=bucket, Key=f"{number}.txt", Body=b"text")
        with filesystems().open(f"s3://{bucket}/{number}.txt") as stream:
            assert stream.read() == b"text"
    assert len(made) <= 1
