"""Google's storage is reached, written to and refused as S3 is: an emulator on loopback."""

import contextlib
import http.server
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import google.auth
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from gcp_storage_emulator import server
from gcp_storage_emulator.handlers import objects as handlers
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.stores import require_filesystem
from pipeline.filesystems.upload import create_object
from pipeline.outputs.storage import run_storage
from pipeline.run import run
from schemas.errors import UsageError
from tests.builders import last_of_each, manifest_of

Answering = Callable[[int], AbstractContextManager[list[str]]]

_INSERT = handlers.insert


def _insert(request: Any, response: Any, storage: Any) -> None:  # noqa: ANN401 - the emulator's own
    """As Google does it: the emulator alone takes no notice of a condition."""
    if request.query.get("ifGenerationMatch") == ["0"]:
        there = storage.objects.get(request.params["bucket_name"], {})
        if request.data["meta"]["name"] in there:
            response.status = http.HTTPStatus.PRECONDITION_FAILED
            return
    _INSERT(request, response, storage)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of an emulator in this process, which holds all in memory."""
    routes = tuple(
        (path, {method: _insert if do is _INSERT else do for method, do in methods.items()})
        for path, methods in server.HANDLERS
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "HANDLERS", routes)
        emulator = server.create_server("127.0.0.1", 0, in_memory=True)
        with emulator:
            port = emulator._api._httpd.server_port  # noqa: SLF001 - it tells nobody which it took
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, and a process that has no options of its own yet."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket of the emulator, which the environment names."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    name = f"bucket-{uuid.uuid4().hex}"
    Client.create_anonymous_client().create_bucket(name)
    return f"gs://{name}"


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """A service that gives every request the same status, and notes which listings it is asked."""

    @contextlib.contextmanager
    def serve(status: int) -> Iterator[list[str]]:
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "/o?" in self.path:  # newer clients ask for the bucket itself, beside their work
                    asked.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as service:
            thread = threading.Thread(target=service.serve_forever, args=(0.05,))
            thread.start()
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{service.server_port}")
            try:
                yield asked
            finally:
                service.shutdown()
                thread.join()

    return serve


def test_the_same_rows_as_on_a_local_disk(
    bucket: str,
    objects: dict[str, bytes],
    flags_of: Callable[[str], list[str]],
    require_same: Callable[[str], None],
    tmp_path: Path,
) -> None:
    for key, data in objects.items():
        assert create_object(f"{bucket}/{key}", data)
    assert run([*flags_of(bucket), "--run_id=r1", "--direct_num_workers=1"]) == 0
    for file in filesystems().match([f"{bucket}/out/**"])[0].metadata_list:
        path = tmp_path / file.path.removeprefix(f"{bucket}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        with filesystems().open(file.path) as stream:
            path.write_bytes(stream.read())
    require_same(str(tmp_path / "out"))


def test_an_object_that_is_there_stays(bucket: str) -> None:
    assert create_object(f"{bucket}/a", b"first")
    assert not create_object(f"{bucket}/a", b"second")
    with filesystems().open(f"{bucket}/a") as stream:
        assert stream.read() == b"first"


def test_of_two_who_end_a_run_at_once_the_first_decides(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystems(), "exists", lambda path: False)  # both have looked before
    storage = run_storage(f"{bucket}/out", "r1")
    failed = manifest_of("r1", status="failed")
    assert storage.create_manifest(json.dumps(failed).encode())
    assert not storage.create_manifest(b'{"status": "committed"}')
    assert dict(storage.read_manifest()) == failed


def test_an_object_that_the_store_refuses_is_an_oserror_that_names_it(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystems(), "exists", lambda path: False)
    with pytest.raises(OSError, match="404") as caught:
        create_object("gs://nothing-there/a", b"data")
    assert caught.value.filename == "gs://nothing-there/a"


@pytest.mark.parametrize("flag", ["--input", "--model", "--output"])
def test_a_bucket_that_is_not_there_is_one_sentence(flag: str, bucket: str) -> None:
    with pytest.raises(UsageError, match=f"^{flag} .*: there is no bucket 'nothing-there'$"):
        run(last_of_each([f"--output={bucket}/out", f"{flag}=gs://nothing-there/a"]))


def test_a_store_that_does_not_answer_is_one_sentence_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beam itself would try for two minutes."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    begun = time.monotonic()
    said = r"^--output gs://bucket/out cannot be reached: [^(]*\(host='127.0.0.1', port=9\): Failed"
    with pytest.raises(UsageError, match=said):
        require_filesystem("--output", "gs://bucket/out")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("status", [401, 403])
def test_missing_credentials_are_one_sentence(status: int, answering: Answering) -> None:
    said = "^--output gs://bucket/out cannot be reached: Your default credentials were not found"
    with answering(status) as asked, pytest.raises(UsageError, match=said):
        require_filesystem("--output", "gs://bucket/out")
    assert len(asked) == 1


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_store_that_answers_is_asked_once_and_taken_for_there(
    status: int, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it refuses to somebody is said where it is asked for."""
    monkeypatch.setattr(google.auth, "default", lambda: (AnonymousCredentials(), None))
    with answering(status) as asked:
        require_filesystem("--output", "gs://bucket/out")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("gs:///out", "names no bucket"),
        ("gs://-/out", "cannot be reached: Bucket names must start"),
    ],
)
def test_a_url_without_a_bucket_is_one_sentence(path: str, said: str, bucket: str) -> None:
    with pytest.raises(UsageError, match=f"^--output {path} {said}"):
        require_filesystem("--output", path)
