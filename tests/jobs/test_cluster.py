"""The files of jobs/cluster agree with each other, with the locks and with the command line.

What Kubernetes' schemas say of the manifest is checked by `make test-schedules`.
"""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from apache_beam.options.pipeline_options import GoogleCloudOptions

from pipeline.configuration.extraction import parse_extraction

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "jobs/cluster"
DOCKERFILE = (CLUSTER / "Dockerfile").read_text()


def resource(kind: str, name: str) -> dict[str, Any]:
    loaded = yaml.safe_load_all((CLUSTER / "flink.yaml").read_text())
    (only,) = (
        one for one in loaded if (one["kind"], one["metadata"]["name"]) == (kind, f"gleaner-{name}")
    )
    return dict(only)


def container(kind: str, name: str, of: str) -> dict[str, Any]:
    spec = resource(kind, name)["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if kind == "CronJob" else spec["template"]
    pod = template["spec"]
    (only,) = (
        one for one in (*pod.get("initContainers", ()), *pod["containers"]) if one["name"] == of
    )
    return dict(only)


@pytest.fixture
def flags() -> dict[str, str]:
    """What the job is submitted with, once the command line has taken it."""
    command = container("CronJob", "flink", "submitter")["command"]
    assert command[:3] == ["python", "-m", "pipeline.run"]
    parse_extraction(command[3:])
    return {name: value for name, _, value in (flag.partition("=") for flag in command[3:])}


def test_the_command_line_takes_every_command_of_the_guide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Beam would ask Google for the settings of the buckets, and wait minutes where there is no way.
    monkeypatch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda *_: None)
    text = (ROOT / "jobs/docs/pages/how-to/cluster.md").read_text().replace("\\\n", " ")
    commands = [
        shlex.split(line, comments=True)[3:]
        for line in text.splitlines()
        if line.strip().startswith("python -m pipeline.run")
    ]
    runners = [parse_extraction(command).described()["runner"] for command in commands]
    assert {"DirectRunner", "PrismRunner", "FlinkRunner", "DataflowRunner"} == set(runners)


def test_the_job_is_submitted_to_the_cluster(flags: dict[str, str]) -> None:
    service = resource("Service", "jobmanager")
    (rest,) = (port["port"] for port in service["spec"]["ports"] if port["name"] == "rest")
    assert flags["--flink_master"] == f"{service['metadata']['name']}:{rest}"
    properties = yaml.safe_load(resource("ConfigMap", "flink")["data"]["FLINK_PROPERTIES"])
    assert properties["jobmanager.rpc.address"] == service["metadata"]["name"]
    for component in ("jobmanager", "taskmanager"):
        pod = resource("Deployment", component)["spec"]["template"]
        assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
    assert service["spec"]["selector"]["app.kubernetes.io/component"] == "jobmanager"


def test_each_slot_has_a_worker_process_of_its_own_beside_it(flags: dict[str, str]) -> None:
    """Beam starts one process for a TaskManager, and finds its pool at one address for all."""
    properties = yaml.safe_load(resource("ConfigMap", "flink")["data"]["FLINK_PROPERTIES"])
    assert properties["taskmanager.numberOfTaskSlots"] == 1
    assert int(flags["--parallelism"]) == resource("Deployment", "taskmanager")["spec"]["replicas"]
    pool = container("Deployment", "taskmanager", "workers")
    assert pool["restartPolicy"] == "Always", "it is up before Flink gives the TaskManager tasks"
    port = pool["command"][-1].removeprefix("--service_port=")
    assert flags["--environment_config"] == f"localhost:{port}"


def test_workers_and_submitter_reach_the_same_store() -> None:
    """Processes of a pool get no options, so both take it from the environment."""
    pool = container("Deployment", "taskmanager", "workers")
    assert pool["envFrom"] == container("CronJob", "flink", "submitter")["envFrom"]


def test_a_killed_submitter_is_not_started_beside_its_job() -> None:
    spec = resource("CronJob", "flink")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["activeDeadlineSeconds"] < 24 * 3600, "or one that hangs takes all nights"


def test_the_image_of_flink_takes_each_line_for_a_setting() -> None:
    lines = resource("ConfigMap", "flink")["data"]["FLINK_PROPERTIES"].splitlines()
    assert all(re.fullmatch(r"[a-z][\w.-]+: \S+", line) for line in lines)


def test_a_lost_worker_does_not_fail_the_job() -> None:
    properties = yaml.safe_load(resource("ConfigMap", "flink")["data"]["FLINK_PROPERTIES"])
    assert properties["restart-strategy.type"] == "fixed-delay"


@pytest.mark.parametrize(
    ("kind", "name", "of"),
    [("Deployment", "taskmanager", "workers"), ("CronJob", "flink", "submitter")],
)
def test_our_images_need_no_root(kind: str, name: str, of: str) -> None:
    ours = container(kind, name, of)
    assert ours["securityContext"]["readOnlyRootFilesystem"] is True
    assert [mount["mountPath"] for mount in ours["volumeMounts"]] == ["/tmp"]  # noqa: S108 - in the container
    assert f"-t {ours['image']} ." in DOCKERFILE


def test_the_submitter_has_the_job_server_where_the_job_wants_it(flags: dict[str, str]) -> None:
    directory = flags["--flink_job_server_jar"].removesuffix("job-server.jar")
    assert f"COPY --from=job-server /opt/job-server/job-server.jar {directory}\n" in DOCKERFILE
    assert "FROM worker AS submitter" in DOCKERFILE


def test_the_base_is_pinned_and_images_run_as_a_user() -> None:
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    stages = re.split(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    bodies = dict(zip(stages[1::2], stages[2::2], strict=True))
    for stage in ("worker", "submitter"):
        assert re.findall(r"^USER (\w+)$", bodies[stage], re.MULTILINE)[-1] == "1000"


@pytest.mark.parametrize("store", ["aws", "gcp"])
def test_the_lock_of_an_image_is_of_its_beam(store: str) -> None:
    """The program that Dataflow starts in the image comes from Beam's own image of a version."""
    lock = (ROOT / f".ci/image-{store}.lock").read_text()
    (version,) = re.findall(r"^apache-beam==(\S+)", lock, re.MULTILINE)
    assert f"ARG BEAM=docker.io/apache/beam_python3.13_sdk:{version}\n" in DOCKERFILE
    assert "--python-version 3.13" in (ROOT / ".ci/lock").read_text()
    wheels = ["hatchling", "tensorflow-cpu"]
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in wheels)
