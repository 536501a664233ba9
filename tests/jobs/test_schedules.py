"""The schedules start one command, and each treats its exit codes as they are meant.

What Airflow and Kubernetes themselves say of their files is checked by `make test-schedules`.
"""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock, patch

import pytest
import yaml

from pipeline.configuration.extraction import parse_extraction
from pipeline.outputs.manifest.encoding import encode_manifest
from schemas.manifest import Manifest

SCHEDULES = Path(__file__).resolve().parents[2] / "jobs" / "schedules"
SERVICE, TIMER = "gleaner.service", "gleaner.timer"
WATCH, WATCH_TIMER = "gleaner-watch.service", "gleaner-watch.timer"
ALERT = "gleaner-alert@.service"

RETRY = {1}
NEEDS_A_PERSON = {2, 3, 4}
OUTPUT_BUSY = 5

SECONDS = {"s": 1, "min": 60, "h": 3600}
# The fields of a cron line, with the least and greatest number of each.
CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def text_of(name: str) -> str:
    return (SCHEDULES / name).read_text("utf-8")


def unit(name: str) -> RawConfigParser:
    """The sections of a systemd unit; a setting that stands twice raises."""
    parser = RawConfigParser(delimiters=("=",), comment_prefixes=("#",))
    parser.read_string(text_of(name))
    return parser


def cronjob() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text_of("cronjob.yaml"))
    return loaded


def container() -> dict[str, Any]:
    (only,) = cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return dict(only)


def cron_lines() -> list[str]:
    """The lines of the crontab that start something: the run, and the look in the morning."""
    return [
        line
        for line in text_of("crontab").splitlines()
        if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line)
    ]


def cron_line() -> str:
    """The only line of the crontab that starts a run."""
    (line,) = (line for line in cron_lines() if "pipeline.run" in line)
    return line


def cron_words() -> list[str]:
    """What the shell makes of the cron line's command; operators such as `|` are words too."""
    return list(shlex.shlex(cron_line().split(maxsplit=5)[5], posix=True, punctuation_chars=True))


class AirflowException(Exception):  # noqa: N818 - Airflow's name, and those of the two below
    pass


class AirflowFailException(AirflowException):
    pass


class AirflowSkipException(AirflowException):
    pass


class BashOperator:
    """Stands for Airflow's: it has run a command that left with the code in its context."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.subprocess_hook = SimpleNamespace(sub_process=None)

    def execute(self, context: Mapping[str, int]) -> None:
        code = context["exit_code"]
        self.subprocess_hook.sub_process = SimpleNamespace(returncode=code)
        if code == self.settings["skip_on_exit_code"]:
            raise AirflowSkipException
        if code:
            raise AirflowException


@dataclass(frozen=True)
class Dag:
    """What the DAG's file makes: the settings of its DAG, and its task."""

    settings: Mapping[str, Any]
    task: BashOperator


def dag() -> Dag:
    """The DAG's file, run with stand-ins for Airflow, which is not installed beside gleaner."""
    tasks: list[BashOperator] = []

    class Recorded(BashOperator):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            tasks.append(self)

    dag_class = MagicMock()
    exceptions = (AirflowException, AirflowFailException, AirflowSkipException)
    stand_ins = {
        "airflow.providers.standard.operators.bash": SimpleNamespace(BashOperator=Recorded),
        "airflow.sdk": SimpleNamespace(DAG=dag_class),
        "airflow.sdk.exceptions": SimpleNamespace(**{kind.__name__: kind for kind in exceptions}),
    }
    with patch.dict(sys.modules, stand_ins):
        runpy.run_path(str(SCHEDULES / "airflow_dag.py"))
    (task,) = tasks
    return Dag(dag_class.call_args.kwargs, task)


def commands() -> Mapping[str, Sequence[str]]:
    """The command of each schedule, as the words that its process is started with."""
    words = cron_words()
    return {
        "systemd": shlex.split(unit(SERVICE)["Service"]["ExecStart"]),
        "cron": words[: words.index("2")],  # up to 2>&1
        "kubernetes": container()["command"],
        "airflow": shlex.split(dag().task.settings["bash_command"]),
    }


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)([a-z]+)", duration)
    assert found, duration
    return int(found[1]) * SECONDS[found[2]]


def test_all_schedules_start_the_same_command() -> None:
    systemd = commands()["systemd"]
    assert all(command == systemd for command in commands().values()), commands()


@pytest.mark.parametrize("name", ["systemd", "cron", "kubernetes", "airflow"])
def test_the_command_is_a_nightly_run_that_pipeline_run_takes(name: str) -> None:
    """An unknown flag or a bad value would raise; a second night does what is new, or nothing."""
    interpreter, flag, module, *arguments = commands()[name]
    assert (Path(interpreter).name, flag, module) == ("python", "-m", "pipeline.run")
    config = parse_extraction(arguments)
    assert config.only_new
    assert config.quarantine
    assert config.allow_no_input
    assert config.is_local
    assert config.inputs == ("/srv/gleaner/documents",)
    assert config.output == "/srv/gleaner/entities"


@pytest.mark.parametrize("name", ["systemd", "cron", "kubernetes", "airflow"])
def test_the_command_means_the_same_to_a_shell_to_systemd_and_to_jinja(name: str) -> None:
    """No word has a character that any of them would read as more than itself."""
    assert all(re.fullmatch(r"[A-Za-z0-9_./=-]+", word) for word in commands()[name])


def verify(folder: Path, change: tuple[str, str] = ("", "")) -> str:
    """What `systemd-analyze verify` finds in the units, once `change` is made to the service.

    It wants the command to exist, so the tests' own interpreter stands for that of the machine.
    """
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    service = text_of(SERVICE).replace("/opt/gleaner/bin/python", sys.executable)
    (folder / SERVICE).write_text(service.replace(*change))
    others = (TIMER, WATCH, WATCH_TIMER, ALERT)
    for name in others:
        (folder / name).write_text(text_of(name))
    units = [folder / name.replace("@", "@gleaner") for name in (SERVICE, *others)]
    checked = subprocess.run(
        [program, "verify", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    # It warns of an unknown setting, and yet leaves with 0; of units beside ours it may warn too.
    lines = (checked.stdout + checked.stderr).splitlines()
    return "\n".join(line for line in lines if "gleaner" in line)


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    assert verify(tmp_path) == ""


def test_systemd_would_find_a_misspelt_setting(tmp_path: Path) -> None:
    assert "RestratSec" in verify(tmp_path, ("RestartSec", "RestratSec"))


def test_the_timer_starts_the_service_every_night_and_is_enabled_with_the_timers() -> None:
    timer = unit(TIMER)
    assert Path(TIMER).stem == Path(SERVICE).stem, "a timer starts the service of its name"
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00 UTC", timer["Timer"]["OnCalendar"])
    assert timer["Timer"]["Persistent"] == "yes"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_systemd_tries_again_after_1_and_never_after_2_3_or_4_and_lets_5_pass() -> None:
    service = unit(SERVICE)["Service"]
    assert service["Restart"] == "on-failure"
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == NEEDS_A_PERSON
    assert service["SuccessExitStatus"] == str(OUTPUT_BUSY)


def test_the_tries_of_one_night_end_before_the_next_and_within_the_limit_of_starts() -> None:
    """Else the limit would not count them all, or keep the next night from starting."""
    sections = unit(SERVICE)
    service, limit = sections["Service"], sections["Unit"]
    tries = int(limit["StartLimitBurst"])
    longest = tries * (
        seconds(service["TimeoutStartSec"])
        + seconds(service["TimeoutStopSec"])
        + seconds(service["RestartSec"])
    )
    assert longest < seconds(limit["StartLimitIntervalSec"]) < 24 * 3600


def test_systemd_lets_the_job_write_to_its_output_and_to_a_tmp_of_its_own_alone() -> None:
    service = unit(SERVICE)["Service"]
    (output,) = (word for word in commands()["systemd"] if word.endswith("/entities"))
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == output
    assert service["PrivateTmp"] == "yes"
    assert (service["KillSignal"], service["KillMode"]) == ("SIGTERM", "mixed")


def test_systemd_tells_people_of_a_unit_that_failed() -> None:
    """The unit that does so stands in the folder, and is given the name of the one that failed."""
    for name in (SERVICE, WATCH):
        assert unit(name)["Unit"]["OnFailure"] == "gleaner-alert@%N.service"
    assert unit(ALERT)["Service"]["ExecStart"].count("%i") == 2
    assert "OnFailure" not in unit(ALERT)["Unit"]


def looks() -> dict[str, str]:
    """What systemd and cron look with each morning, as commands of a shell."""
    program, flag, command = shlex.split(unit(WATCH)["Service"]["ExecStart"])
    assert (program, flag) == ("/bin/sh", "-c")
    (line,) = (line for line in cron_lines() if line != cron_line())
    return {"systemd": command, "cron": line.split(maxsplit=5)[5]}


@pytest.mark.parametrize("name", ["systemd", "cron"])
@pytest.mark.parametrize(
    ("status", "days", "documents", "is_told"),
    [
        ("committed", 1, 3, False),
        ("committed", 3, 3, True),
        ("committed", 1, 0, True),  # of a broken file alone, which is tried each night
        ("empty", 1, 0, True),
        ("failed", 1, 3, True),
    ],
)
def test_each_morning_people_are_told_of_days_without_rows(
    tmp_path: Path, name: str, status: str, days: int, documents: int, is_told: bool
) -> None:
    """With manifests as runs write them; what is printed is mailed, what fails tells people."""
    manifests = tmp_path / "runs"
    manifests.mkdir()
    for number, (one, age, rows) in enumerate([("committed", 9, 5), (status, days, documents)]):
        path = manifests / f"r{number}.json"
        counts = {"files": 1, "documents": rows, "entities": 2, "entities_by_label": {"geo": 2}}
        manifest = {"run_id": "r", "status": one, "counts": counts}
        path.write_bytes(encode_manifest(cast(Manifest, manifest)))
        at = time.time() - age * 24 * 3600
        os.utime(path, (at, at))
    command = looks()[name].replace("/srv/gleaner/entities/runs", str(manifests))
    assert command != looks()[name]
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert ("no run has brought rows for two days" in done.stdout) is is_told
    assert bool(done.returncode) is (is_told and name == "systemd")


def test_airflow_tells_people_once_no_try_is_left() -> None:
    assert callable(dag().task.settings["on_failure_callback"])


def test_the_crontab_ends_with_a_newline_without_which_cron_ignores_it() -> None:
    assert text_of("crontab").endswith("\n")


def test_the_cron_line_has_five_fields_once_a_day_and_no_percent_sign() -> None:
    """Cron makes a newline of a percent sign."""
    fields = cron_line().split(maxsplit=5)[:5]
    for field, (least, greatest) in zip(fields, CRON_FIELDS, strict=True):
        assert field == "*" or least <= int(field) <= greatest
    assert [field == "*" for field in fields] == [False, False, True, True, True]
    assert "%" not in cron_line()


def test_cron_keeps_the_account_in_the_log_and_mails_what_stands_on_standard_error(
    tmp_path: Path,
) -> None:
    """What the line prints is what cron mails: the line is run with a stand-in for the job."""
    log = tmp_path / "nightly.log"
    job = tmp_path / "job"
    job.write_text("#!/bin/sh\necho account\necho reason >&2\nexit 3\n")
    job.chmod(0o755)
    command = cron_line().split(maxsplit=5)[5]
    command = command.replace(commands()["cron"][0], str(job))
    command = command.replace("/var/log/gleaner/nightly.log", str(log))
    mailed = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert mailed.stdout + mailed.stderr == "reason\n"
    assert sorted(log.read_text().splitlines()) == ["account", "reason"]
    assert re.search(r"^MAILTO=\S+@\S+$", text_of("crontab"), re.MULTILINE)


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


def test_airflow_counts_0_as_done() -> None:
    dag().task.execute({"exit_code": 0})
