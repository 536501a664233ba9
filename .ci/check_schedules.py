"""Checks the DAG with Airflow, and manifests with Kubernetes' schemas: `check_schedules.py FILE`.

Runs in the environment of .ci/schedules.lock. FILE receives the command as Airflow renders it.
"""

import copy
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.serialization.serialized_objects import DagSerialization

JOBS = Path(__file__).resolve().parent.parent / "jobs"
SCHEDULES = JOBS / "schedules"
# The first with a stable podFailurePolicy, and the newest that the package knows.
KUBERNETES = ("1.31", "1.37")

# Airflow's contract: these two decide at once, and any other exception is retried.
OUTCOMES = {
    0: None,
    1: AirflowException,
    2: AirflowFailException,
    3: AirflowFailException,
    4: AirflowFailException,
    5: AirflowSkipException,
    137: AirflowException,  # killed, as for want of memory
}


def require(promise: str, *, holds: bool) -> None:
    """Leave with a sentence and exit code 1 unless the promise holds."""
    if not holds:
        print(f"check_schedules: failed: {promise}", file=sys.stderr)
        sys.exit(1)
    print(f"check_schedules: {promise}")


def exception_of(task: Any, exit_code: int) -> type[Exception] | None:  # noqa: ANN401 - an operator of Airflow
    """What a copy of the task raises, whose command leaves with this exit code."""
    task = copy.copy(task)
    task.bash_command = f"exit {exit_code}"
    try:
        task.execute({"outlet_events": OutletEventAccessors()})
    except AirflowException as error:
        return type(error)
    return None


def check_asset(dag: Any, task: Any) -> None:  # noqa: ANN401 - Airflow's own
    """The task's only outlet has an event with the counts of the run that its command made."""
    (asset,) = task.outlets
    named = (asset.name, asset.uri)
    require(f"its asset is {named}", holds=named == ("gleaner", "file:///srv/gleaner/entities"))
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("extract")
    require(
        "the scheduler stores the asset", holds=[each.uri for each in stored.outlets] == [asset.uri]
    )
    task = copy.copy(task)
    counts = dict.fromkeys(("files", "records", "documents", "dead_letters", "entities"), 7)
    with tempfile.TemporaryDirectory() as folder:
        manifest = json.dumps({"run_id": "r1", "status": "committed", "counts": counts})
        task.manifests = folder
        task.bash_command = f"echo '{manifest}' >{folder}/r1.json"
        events = OutletEventAccessors()
        task.execute({"outlet_events": events})
    extra = events[asset].extra
    require(f"the asset's event has {extra}", holds=extra == {"runs": ["r1"], **counts})


def rendered_command() -> str:
    """The command of the DAG's only task as Airflow renders it, once the DAG is checked."""
    bag = DagBag(str(SCHEDULES))
    require(f"Airflow imports the DAG, errors: {bag.import_errors}", holds=not bag.import_errors)
    require(f"the folder holds the DAGs {list(bag.dags)}", holds=set(bag.dags) == {"gleaner"})
    dag = bag.dags["gleaner"]
    DagSerialization.to_dict(dag)  # as the scheduler stores it; raises where something does not fit
    timing = (dag.schedule, dag.catchup, dag.max_active_runs)
    require(
        f"schedule, catchup and active runs are {timing}", holds=timing == ("0 2 * * *", False, 1)
    )
    require(f"its tasks are {dag.task_ids}", holds=dag.task_ids == ["extract"])
    task = dag.get_task("extract")
    require(f"it tries {task.retries} times more", holds=task.retries == 2)  # noqa: PLR2004 - the promise
    require("a task that failed for good tells people", holds=bool(task.on_failure_callback))
    for code, expected in OUTCOMES.items():
        raised = exception_of(task, code)
        name = raised.__name__ if raised else "nothing"
        require(f"exit code {code} raises {name}", holds=raised is expected)
    check_asset(dag, task)
    task.render_template_fields({})
    return str(task.bash_command)


def accepted(resource: dict[str, Any], version: str) -> bool:
    """Whether Kubernetes' schema of this version accepts it; fields that it does not know count."""
    try:
        kubernetes_validate.validate(resource, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(map(str, error.path))
        print(f"check_schedules: Kubernetes {version}: {place}: {error.message}")
        return False
    return True


def check_cronjob(cronjob: dict[str, Any]) -> None:
    """The schemas would not accept a misspelt field in the depths of the CronJob."""
    misspelt = copy.deepcopy(cronjob)
    pod = misspelt["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"][0]["volumeMount"] = pod["containers"][0].pop("volumeMounts")
    for version in KUBERNETES:
        require(f"Kubernetes {version} refuses a typo", holds=not accepted(misspelt, version))


def check_manifest(path: Path) -> list[dict[str, Any]]:
    """The schemas accept each resource of a file; returns its resources."""
    resources = list(yaml.safe_load_all(path.read_text()))
    for version in KUBERNETES:
        for resource in resources:
            name = f"{resource['kind']} {resource['metadata']['name']} of {path.name}"
            require(f"Kubernetes {version} accepts {name}", holds=accepted(resource, version))
    return resources


def main() -> int:
    """Exit code 0 if Airflow and Kubernetes accept the schedules and the cluster, else 1."""
    command = rendered_command()
    (cronjob,) = check_manifest(SCHEDULES / "cronjob.yaml")
    check_cronjob(cronjob)
    check_manifest(JOBS / "cluster" / "flink.yaml")
    Path(sys.argv[1]).write_text(command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
