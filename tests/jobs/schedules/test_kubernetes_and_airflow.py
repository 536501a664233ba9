"""Kubernetes and Airflow treat the exit codes as they are meant, and run one job at a time."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.configuration.extraction import parse_extraction
from pipeline.outputs.layout import RunPaths
from pipeline.outputs.manifest.encoding import encode_manifest
from schemas.manifest import Manifest
from tests.jobs.schedules.files import (
    NEEDS_A_PERSON,
    OUTPUT_BUSY,
    RETRY,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    commands,
    container,
    cron_line,
    cronjob,
    dag,
)


def test_airflow_tells_people_once_no_try_is_left() -> None:
    assert callable(dag().task.settings["on_failure_callback"])


def test_kubernetes_runs_one_job_at_a_time_and_replaces_pods_by_the_job_alone() -> None:
    """A failure policy asks for pods that are never restarted in place."""
    spec = cronjob()["spec"]
    job = spec["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["backoffLimit"] == 2
    assert job["activeDeadlineSeconds"] < 24 * 3600


def test_kubernetes_tries_again_after_1_and_never_after_2_to_5() -> None:
    """Skipping is not in a job's power, so 5 ends it until the next night."""
    rules = cronjob()["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    disrupted, final = rules
    assert disrupted["action"] == "Ignore"
    assert [item["type"] for item in disrupted["onPodConditions"]] == ["DisruptionTarget"]
    assert final["action"] == "FailJob"
    assert final["onExitCodes"]["operator"] == "In"
    assert final["onExitCodes"]["containerName"] == container()["name"]
    values = final["onExitCodes"]["values"]
    assert values == sorted(values), "Kubernetes takes them in order only"
    assert set(values) == NEEDS_A_PERSON | {OUTPUT_BUSY}
    assert not RETRY & set(values)


def test_kubernetes_mounts_what_the_command_reads_and_writes() -> None:
    pod = cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    mounts = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}
    config = parse_extraction(commands()["kubernetes"][3:])
    (documents,) = config.inputs
    assert mounts[documents]["readOnly"] is True
    assert not mounts[config.output].get("readOnly", False)
    assert container()["securityContext"]["readOnlyRootFilesystem"] is True
    assert "/tmp" in mounts, "what workers share goes there"  # noqa: S108 - a place in the container
    assert {mount["name"] for mount in mounts.values()} == {
        volume["name"] for volume in pod["volumes"]
    }


def test_kubernetes_gives_the_job_the_memory_that_it_asks_for() -> None:
    """A process takes up to 0.9 GB, and there is one for each core beside the one that starts."""
    limits = container()["resources"]["limits"]
    assert int(limits["memory"].removesuffix("Gi")) > int(limits["cpu"]) + 1


def test_the_dag_runs_daily_once_at_a_time_and_catches_nothing_up() -> None:
    settings = dag().settings
    assert settings["schedule"] == " ".join(cron_line().split(maxsplit=5)[:5])
    assert settings["catchup"] is False
    assert settings["max_active_runs"] == 1


@pytest.mark.parametrize(
    ("exit_code", "raised"),
    [
        *((code, AirflowException) for code in RETRY),
        *((code, AirflowFailException) for code in NEEDS_A_PERSON),
        (OUTPUT_BUSY, AirflowSkipException),
        (-9, AirflowException),  # killed
    ],
)
def test_airflow_tries_again_after_1_and_never_after_2_3_or_4_and_skips_5(
    exit_code: int, raised: type[Exception]
) -> None:
    """Airflow retries after any exception but the last two; the real one confirms it."""
    task = dag().task
    assert task.settings["retries"] > 0
    with pytest.raises(AirflowException) as caught:
        task.execute({"exit_code": exit_code})
    assert caught.type is raised


def extra_of(folder: Path, *names: str) -> dict[str, Any]:
    """What the asset's event has after a command that wrote these manifests."""
    task = dag().task
    (asset,) = task.outlets
    task.manifests = str(folder)

    def command() -> None:
        for name in names:
            (folder / name).write_bytes(WRITTEN[name])

    event = SimpleNamespace(extra={})
    task.execute({"exit_code": 0, "command": command, "outlet_events": {asset: event}})
    return dict(event.extra)


def manifest_of(run_id: str, number: int) -> bytes:
    """As a run writes it."""
    counts = dict.fromkeys(("records", "documents", "entities", "tokens"), number)
    manifest = {"run_id": run_id, "counts": {**counts, "files": 1, "dead_letters": 0}}
    return encode_manifest(cast(Manifest, manifest))


WRITTEN = {"r.1.json": manifest_of("r.1", 5), "r.2.json": manifest_of("r.2", 7), "x.json": b"{"}


def test_airflow_counts_0_as_done_and_the_asset_has_the_counts_of_the_job(tmp_path: Path) -> None:
    """Its runs added up, as of --commit_shards; an older run is not of this job."""
    (tmp_path / "older.json").write_bytes(manifest_of("older", 100))
    assert extra_of(tmp_path, "r.1.json", "r.2.json") == {
        "runs": ["r.1", "r.2"],
        "files": 2,
        "records": 12,
        "documents": 12,
        "dead_letters": 0,
        "entities": 12,
    }


def test_a_job_whose_manifest_cannot_be_read_is_done_all_the_same(tmp_path: Path) -> None:
    assert extra_of(tmp_path, "r.1.json", "x.json") == {}
    assert extra_of(tmp_path / "missing")["documents"] == 0


def test_the_asset_is_the_output_of_the_command_and_its_manifests_are_found_there() -> None:
    task = dag().task
    config = parse_extraction(commands()["airflow"][3:])
    assert [asset.uri for asset in task.outlets] == [f"file://{config.output}"]
    assert RunPaths(config.output, "r").manifest == f"{task.manifests}/r.json"
