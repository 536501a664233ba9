"""End to end: a server gets the events, and no run waits for one that does not take them."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.lineage.emitter import PATIENCE, Emitter
from pipeline.outputs.catalog import read_manifests
from pipeline.run import run
from tests.builders import last_of_each
from tests.end_to_end.lineage.conftest import states
from tests.openlineage_events import Event, require_valid

SLACK = 1.0  # seconds that a busy machine may add to a wait


class Server(ThreadingHTTPServer):
    """Keeps what it is sent; answers with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.received: list[tuple[str, str | None, Event]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


@pytest.fixture
def serve() -> Iterator[Callable[[int], Server]]:
    servers = []

    def start(status: int) -> Server:
        server = Server(status)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        os.environ["OPENLINEAGE_URL"] = f"http://127.0.0.1:{server.server_port}"
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long runs waited at their end, in seconds."""
    seconds: list[float] = []
    close = Emitter.close

    def timed(emitter: Emitter) -> None:
        started = time.monotonic()
        close(emitter)
        seconds.append(time.monotonic() - started)

    monkeypatch.setattr(Emitter, "close", timed)
    return seconds


def require_one_warning(
    capsys: pytest.CaptureFixture[str], waits: list[float], events: int = 2
) -> None:
    (wait,) = waits
    assert wait < PATIENCE + SLACK
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: OpenLineage: ")
    assert f" of {events} events not sent: " in warning


def test_a_server_gets_the_events_with_the_key(
    flags: list[str], serve: Callable[[int], Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(201)
    os.environ["OPENLINEAGE_API_KEY"] = "key"
    assert run(flags) == 0
    assert [received[:2] for received in server.received] == [("/api/v1/lineage", "Bearer key")] * 2
    for _, _, event in server.received:
        require_valid(event)
    assert states([event for _, _, event in server.received]) == ["START", "COMPLETE"]
    assert not capsys.readouterr().err


@pytest.mark.parametrize("status", [401, 500])
def test_a_server_that_refuses_costs_one_warning(
    status: int,
    flags: list[str],
    serve: Callable[[int], Server],
    waits: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve(status)
    assert run(flags) == 0
    require_one_warning(capsys, waits)


def test_a_password_in_the_url_is_not_warned_of(
    flags: list[str], serve: Callable[[int], Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(401)
    os.environ["OPENLINEAGE_URL"] = f"http://me:hidden@127.0.0.1:{server.server_port}"
    assert run(flags) == 0
    told = capsys.readouterr().err
    assert "401" in told
    assert "hidden" not in told


def test_nobody_there_costs_one_warning(
    flags: list[str], waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    os.environ["OPENLINEAGE_URL"] = f"http://127.0.0.1:{port}"
    assert run(flags) == 0
    require_one_warning(capsys, waits)


def test_a_server_that_never_answers_costs_one_warning(
    flags: list[str], waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        os.environ["OPENLINEAGE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert run(flags) == 0
    require_one_warning(capsys, waits)


def test_a_server_that_never_answers_costs_a_job_with_its_publishes_one_wait(
    flags: list[str], waits: list[float], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Which comes last, once all is published."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        os.environ["OPENLINEAGE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert run([*flags, "--publish", f"delta={tmp_path}/out", "iceberg=open"]) == 0
    require_one_warning(capsys, waits, events=6)


@pytest.mark.slow
def test_parts_with_workers_go_on_beside_a_thread_that_hangs(
    flags: list[str], waits: list[float], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each part starts workers, which a fork would leave waiting for the locks of the thread."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        os.environ["OPENLINEAGE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert run(last_of_each([*flags, "--direct_num_workers=2", "--commit_shards=1"])) == 0
    assert len(read_manifests(f"{tmp_path}/out")) == 3
    assert waits[0] < PATIENCE + SLACK
    assert "8 of 8 events not sent" in capsys.readouterr().err


@pytest.mark.parametrize(
    "config",
    ["facets:\n  environment_variables: []\n", "transport:\n  type: none.of.these\n", "{"],
)
def test_a_file_that_configures_no_transport_costs_one_warning(
    config: str,
    flags: list[str],
    waits: list[float],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And nothing is printed, which the client does by itself then."""
    (tmp_path / "lineage.yml").write_text(config)
    os.environ["OPENLINEAGE_CONFIG"] = f"{tmp_path}/lineage.yml"
    assert run(flags) == 0
    require_one_warning(capfd, waits)
