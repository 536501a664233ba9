"""End to end: what OpenLineage is told of runs, and that no run waits for it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pipeline.lineage.emitter import PATIENCE, Emitter
from pipeline.outputs.catalog import read_manifests
from pipeline.run import run
from schemas.errors import DeadLettersError, JobError
from tests.builders import last_of_each
from tests.openlineage_events import Event, require_valid

WORD = "Zerafina"  # in each document, and in no name
SLACK = 1.0  # seconds that a busy machine may add to a wait


@pytest.fixture(autouse=True)
def _environment(lineage_environment: None) -> None:
    """No test sees what another one, or the user, has configured."""


def lines(name: str, count: int) -> list[str]:
    texts = (f"{WORD} met {number} ships in Lisbon." for number in range(count))
    return [json.dumps({"id": f"{name}{n}", "text": text}) for n, text in enumerate(texts)]


@pytest.fixture
def flags(tmp_path: Path, tiny_artifact: Path) -> list[str]:
    """A small run over three shards."""
    for name in "abc":
        path = tmp_path / "in" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines(name, 5)))
    place = [f"--input={tmp_path}/in/*.jsonl", f"--output={tmp_path}/out"]
    return [*place, f"--model={tiny_artifact}", "--direct_num_workers=1"]


def states(events: list[Event]) -> list[str]:
    return [event["eventType"] for event in events]


def named(datasets: list[Mapping[str, Any]]) -> list[str]:
    return [dataset["name"] for dataset in datasets]


def test_a_run_is_told_from_its_start_to_its_end(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path, tiny_artifact: Path
) -> None:
    """One run, with the counts of its manifest."""
    os.environ["OPENLINEAGE_NAMESPACE"] = "nightly"
    assert run(flags) == 0
    start, complete = lineage_events()
    assert states([start, complete]) == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    (manifest,) = read_manifests(f"{tmp_path}/out")
    for event in (start, complete):
        assert event["job"]["namespace"] == "nightly"
        assert event["job"]["name"] == f"pipeline.run:{tmp_path}/out"
        assert named(event["inputs"]) == [f"{tmp_path}/in", str(tiny_artifact)]
        assert named(event["outputs"]) == [f"{tmp_path}/out/{t}" for t in manifest["tables"]]
        assert event["run"]["facets"]["tags"]["tags"][0]["value"] == manifest["run_id"]
    for dataset, table in zip(complete["outputs"], manifest["tables"].values(), strict=True):
        written = dataset["outputFacets"]["outputStatistics"]
        found = [written[name] for name in ("rowCount", "size", "fileCount")]
        assert found == [table["rows"], table["bytes"], len(table["files"])]
    read = complete["inputs"][0]["inputFacets"]["inputStatistics"]
    assert (read["rowCount"], read["fileCount"]) == (manifest["counts"]["records"], 3)
    model = complete["inputs"][1]
    assert f"tiny@{model['facets']['version']['datasetVersion']}" == manifest["model"]
    sums = complete["outputs"][1]["facets"]["dataQualityMetrics"]["columnMetrics"]
    assert sums["characters"]["sum"] == manifest["counts"]["characters"]


def test_each_run_of_a_job_is_another_run_of_it(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    """One that had nothing to do writes nothing."""
    for _ in range(2):
        assert run([*flags, "--only_new"]) == 0
    found = lineage_events()
    assert states(found) == ["START", "COMPLETE"] * 2
    assert len({event["job"]["name"] for event in found}) == 1
    assert len({event["run"]["runId"] for event in found}) == 2
    assert found[-1]["inputs"][0]["inputFacets"]["inputStatistics"]["fileCount"] == 0
    assert not found[-1]["outputs"]


def test_a_refused_run_failed_with_what_it_was_refused_for(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    (tmp_path / "in" / "d.jsonl").write_text(f'{{"id": "{WORD}"\n' * 5)
    with pytest.raises(DeadLettersError):
        run(flags)
    start, fail = lineage_events()
    assert states([start, fail]) == ["START", "FAIL"]
    (manifest,) = read_manifests(f"{tmp_path}/out")
    assert fail["run"]["facets"]["errorMessage"]["message"] == manifest["error"]
    asserted = fail["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {each["assertion"]: each["success"] for each in asserted} == {
        "max_dead_letters": False,
        "max_broken_files": True,
    }
    assert named(fail["outputs"]) == [f"{tmp_path}/out/dead_letters"]
    assert WORD not in (tmp_path / "lineage.jsonl").read_text()


def test_a_run_that_fails_says_why_without_values_of_documents(
    flags: list[str],
    lineage_events: Callable[[], list[Event]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> NoReturn:
        raise ValueError(f"cannot bear '{WORD}' here")

    monkeypatch.setattr("pipeline.extraction.extract", failing)
    with pytest.raises(JobError, match=WORD):
        run(flags)
    start, fail = lineage_events()
    assert states([start, fail]) == ["START", "FAIL"]
    assert "cannot bear '…' here" in fail["run"]["facets"]["errorMessage"]["message"]
    assert WORD not in (tmp_path / "lineage.jsonl").read_text()


def test_an_interrupted_run_was_aborted(
    flags: list[str], lineage_events: Callable[[], list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt("terminated")

    monkeypatch.setattr("pipeline.extraction.extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(flags)
    assert states(lineage_events()) == ["START", "ABORT"]


def test_an_error_before_the_run_is_no_run(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    with pytest.raises(JobError):
        run([*flags, f"--model={tmp_path}/none"])
    assert lineage_events() == []


def test_parts_are_runs_below_their_job(
    flags: list[str], lineage_events: Callable[[], list[Event]], tmp_path: Path
) -> None:
    """The second is refused, and so the job fails, in spite of the others."""
    (tmp_path / "in" / "b.jsonl").write_text("broken\n" * 5)
    task = "01a2216d-ada6-7810-b9e4-6731b98919d4"
    os.environ["OPENLINEAGE_PARENT_ID"] = f"airflow/dag.task/{task}"
    with pytest.raises(DeadLettersError):
        run([*flags, "--commit_shards=1"])
    found = lineage_events()
    assert states(found) == [
        *("START", "START", "COMPLETE", "START", "FAIL", "START", "COMPLETE", "FAIL")
    ]
    job = found[0]
    assert job["run"]["runId"] == found[-1]["run"]["runId"]
    assert job["run"]["facets"]["parent"]["run"]["runId"] == task
    for event in found[1:-1]:
        assert event["job"]["name"] == f"pipeline.run.part:{tmp_path}/out"
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == job["run"]["runId"]
        assert parent["job"]["name"] == job["job"]["name"]
        assert parent["root"]["run"]["runId"] == task
    assert len({event["run"]["runId"] for event in found}) == 4


def test_objects_are_named_by_their_bucket(
    bucket: str, fill: Callable[[str], list[str]], lineage_events: Callable[[], list[Event]]
) -> None:
    """The model is there too."""
    assert run([*fill(bucket), "--direct_num_workers=1"]) == 0
    _, complete = lineage_events()
    datasets = [*complete["inputs"], *complete["outputs"]]
    assert {dataset["namespace"] for dataset in datasets} == {f"s3://{bucket}"}
    assert named(complete["outputs"]) == ["out/entities", "out/documents", "out/dead_letters"]
    assert complete["job"]["name"] == f"pipeline.run:s3://{bucket}/out"


def test_worker_processes_tell_nothing(
    flags: list[str], lineage_events: Callable[[], list[Event]]
) -> None:
    assert run(last_of_each([*flags, "--direct_num_workers=2"])) == 0
    assert states(lineage_events()) == ["START", "COMPLETE"]


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


# Not `-X importtime`: the lineage's thread imports while standard error leads nowhere.
LISTING = """
import atexit, runpy, sys
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
runpy.run_module("pipeline.run", run_name="__main__", alter_sys=True)
"""


def imports_of(flags: list[str], environment: Mapping[str, str]) -> set[str]:
    """The modules that a command imports, in a home of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LISTING, *flags],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return set(done.stderr.splitlines())


def test_the_client_is_imported_where_it_is_configured_alone(
    flags: list[str], tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path)}
    client, settings = (
        {"openlineage.client", "pipeline.lineage.client"},
        {"OPENLINEAGE__TRANSPORT__TYPE": "noop"},
    )
    assert imports_of(flags, home).isdisjoint(client)
    assert imports_of(flags, home | settings) > client
    disabled = settings | {"OPENLINEAGE_DISABLED": "true"}
    assert imports_of(flags, home | disabled).isdisjoint(client)


def test_without_the_client_a_run_is_what_it_is(flags: list[str], tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules['openlineage'] = None; sys.argv[1:] = {flags}\n"
        "from pipeline.run import command; command()"
    )
    environment = {**os.environ, "OPENLINEAGE_URL": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    (warning,) = done.stderr.splitlines()
    assert "its client is not installed" in warning
    assert "[lineage]" in warning
