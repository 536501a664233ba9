"""Real engines on this machine: hosts of their own, a Flink cluster on them, and Prism."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

S3Settings = Callable[[str], Mapping[str, str]]
ServeS3 = Callable[[str, int], contextlib.AbstractContextManager[str]]

_POOL_PORT = 50000
_STORE_PORT = 5000
_REST_PORT = 8081
_HERE = "10.77.0.1"
# What Flink's own scripts let Java 17 open.
_OPENS = [
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    *(
        f"--add-opens=java.base/{name}=ALL-UNNAMED"
        for name in (
            "java.io",
            "java.lang",
            "java.lang.reflect",
            "java.net",
            "java.nio",
            "java.text",
            "java.time",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "java.util.concurrent.locks",
            "sun.nio.ch",
        )
    ),
]


@dataclass(frozen=True)
class Tools:
    """What `.ci/cluster/fetch` fetched, and the workers' environment with the wheel."""

    root: Path

    @property
    def flink(self) -> Path:
        return self.root / "tools/flink"

    @property
    def job_server(self) -> Path:
        return self.root / "tools/job-server.jar"

    @property
    def prism(self) -> Path:
        return self.root / "tools/prism"

    @property
    def environment(self) -> Path:
        return self.root / "worker"


@dataclass
class Host:
    """A host: a network namespace with one address, in which processes run until it is lost."""

    number: int

    @property
    def address(self) -> str:
        return f"10.77.0.{10 + self.number}"

    def boot(self) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])  # noqa: S607 - of the system
        self._processes: list[subprocess.Popen[bytes]] = []
        _until(lambda: _namespace(self._holder.pid) != _namespace(os.getpid()), 10)
        wire, inside = f"wire{self.number}", str(self._holder.pid)
        _ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", inside)
        _ip("link", "set", wire, "master", "bridge", "up")
        _ip("link", "set", "lo", "up", within=inside)
        _ip("addr", "add", f"{self.address}/24", "dev", "eth0", within=inside)
        _ip("link", "set", "eth0", "up", within=inside)

    def start(self, command: Sequence[str], log: Path, **environment: str) -> None:
        entered = ["nsenter", "--net", f"--target={self._holder.pid}", *command]
        self._processes.append(_started(entered, log, **environment))

    def lose(self) -> None:
        """All that runs on it is gone at once."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._holder.kill()
        self._holder.wait()


@dataclass
class Flink:
    """A JobManager here, and TaskManagers with a worker pool beside each on hosts of their own."""

    tools: Tools
    logs: Path
    hosts: Sequence[Host]
    # What users give their workers: a pool hands no options of the job to the processes it starts.
    environment: Mapping[str, str]

    @property
    def flags(self) -> list[str]:
        """What sends a run here, to the workers beside each TaskManager."""
        return [
            "--runner=FlinkRunner",
            f"--flink_master={_HERE}:{_REST_PORT}",
            f"--flink_job_server_jar={self.tools.job_server}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{_POOL_PORT}",
            f"--parallelism={len(self.hosts)}",
        ]

    def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        with urllib.request.urlopen(f"http://{_HERE}:{_REST_PORT}{path}", timeout=10) as answer:
            return json.load(answer)

    def jobs(self) -> list[dict[str, Any]]:
        """From the oldest on."""
        jobs: list[dict[str, Any]] = self.ask("/jobs/overview")["jobs"]
        return sorted(jobs, key=lambda job: job["start-time"])

    def metric(self, job: str, name: str) -> list[int]:
        """The payload of a user's metric: a count, or count, sum, min and max."""
        accumulators = self.ask(f"/jobs/{job}/accumulators")["user-task-accumulators"]
        (container,) = (a for a in accumulators if a["name"] == "__metricscontainers")
        (payload,) = (
            metric["payload"]
            for metric in json.loads(container["value"])["metrics"]["attempted"]
            if metric["labels"].get("NAME") == name
        )
        return list(_varints(base64.b64decode(payload)))

    def start_task_manager(self, host: Host) -> None:
        """With two slots, so that one of them alone can take over a job of two."""
        log = self.logs / f"task-manager-{host.number}.log"
        jvm, arguments = self._memory()
        entry = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        own = f"-Dtaskmanager.host={host.address}"
        host.start(self._java(entry, *arguments, own, jvm=jvm), log)
        bin_directory = self.tools.environment / "bin"
        module = "apache_beam.runners.worker.worker_pool_main"
        host.start(
            [str(bin_directory / "python"), "-m", module, f"--service_port={_POOL_PORT}"],
            self.logs / f"pool-{host.number}.log",
            PATH=f"{bin_directory}:{os.environ['PATH']}",  # its workers are plainly `python`
            **self.environment,
        )

    def start_job_manager(self) -> subprocess.Popen[bytes]:
        entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        command = self._java(entry, "--executionMode", "cluster", jvm=["-Xmx400m"])
        return _started(command, self.logs / "job-manager.log")

    def _java(self, entry: str, *arguments: str, jvm: Sequence[str]) -> list[str]:
        logging = f"-Dlog4j.configurationFile={self.logs}/conf/log4j.properties"
        classes = f"{self.tools.flink}/bin/*:{self.tools.flink}/lib/*"
        run = ["java", *jvm, *_OPENS, logging, "-cp", classes, entry]
        return [*run, "--configDir", f"{self.logs}/conf", *arguments]

    def _memory(self) -> tuple[list[str], list[str]]:
        """The flags that Flink's own scripts compute from the configuration."""
        entry = "org.apache.flink.runtime.util.bash.BashJavaUtils"
        command = self._java(entry, jvm=[])
        command.insert(command.index(entry) + 1, "GET_TM_RESOURCE_PARAMS")
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        results = [line.partition(":")[2] for line in said.splitlines() if "EXEC_RESULT" in line]
        return results[0].split(), results[1].split()


_CONFIGURATION = """
jobmanager.rpc.address: {here}
jobmanager.memory.process.size: 1g
rest.address: {here}
rest.bind-address: {here}
taskmanager.memory.process.size: 1280m
taskmanager.numberOfTaskSlots: 2
taskmanager.load-balance.mode: SLOTS
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 1s
heartbeat.interval: 1000
heartbeat.timeout: 5000
io.tmp.dirs: {scratch}
"""

_LOGGING = """
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %c{1} %m%n
"""


@pytest.fixture(scope="session")
def tools() -> Tools:
    root = os.environ.get("GLEANER_CLUSTER")
    if not root:
        pytest.skip("`make test-cluster` fetches what this needs")
    return Tools(Path(root))


@pytest.fixture(scope="session")
def flink(
    tools: Tools, s3_settings: S3Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flink]:
    """A cluster of two TaskManagers."""
    logs = tmp_path_factory.mktemp("flink")
    (logs / "conf").mkdir()
    (logs / "tmp").mkdir()
    configuration = _CONFIGURATION.format(here=_HERE, scratch=logs / "tmp")
    (logs / "conf/config.yaml").write_text(configuration)
    (logs / "conf/log4j.properties").write_text(_LOGGING)
    _ip("link", "add", "bridge", "type", "bridge")
    _ip("addr", "add", f"{_HERE}/24", "dev", "bridge")
    _ip("link", "set", "bridge", "up")
    cluster = Flink(tools, logs, [Host(1), Host(2)], s3_settings(f"http://{_HERE}:{_STORE_PORT}"))
    job_manager = cluster.start_job_manager()
    try:
        for host in cluster.hosts:
            host.boot()
            cluster.start_task_manager(host)
        _until(lambda: _answers(cluster) == len(cluster.hosts), 60)
        yield cluster
    finally:
        for host in cluster.hosts:
            host.lose()
        os.killpg(job_manager.pid, signal.SIGKILL)
        job_manager.wait()


@pytest.fixture
def store(flink: Flink, serve_s3: ServeS3) -> Iterator[None]:
    """An S3 server that all hosts reach, and its credentials in the environment."""
    with serve_s3(_HERE, _STORE_PORT), pytest.MonkeyPatch.context() as patch:
        for name, value in flink.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def extract(tools: Tools, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start an extraction as a user of the wheel would, outside the checkout."""

    def start(*flags: str) -> subprocess.Popen[str]:
        python = str(tools.environment / "bin/python")
        return subprocess.Popen(
            [python, "-m", "pipeline.run", *flags],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )

    return start


def _started(command: Sequence[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            cwd=log.parent,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def _answers(cluster: Flink) -> int:
    try:
        return int(cluster.ask("/overview")["taskmanagers"])
    except OSError:
        return 0


def _namespace(process: int) -> Path:
    return Path(f"/proc/{process}/ns/net").readlink()


def _ip(*arguments: str, within: str | None = None) -> None:
    enter = ["nsenter", "--net", f"--target={within}"] if within else []
    subprocess.run([*enter, "ip", *arguments], check=True, capture_output=True)


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)


def _varints(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
