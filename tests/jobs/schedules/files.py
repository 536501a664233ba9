"""The files of jobs/schedules, each as the program that it is for reads it."""

import re
import runpy
import shlex
import sys
from collections.abc import Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import yaml

SCHEDULES = Path(__file__).resolve().parents[3] / "jobs" / "schedules"
SERVICE, TIMER = "gleaner.service", "gleaner.timer"
WATCH, WATCH_TIMER = "gleaner-watch.service", "gleaner-watch.timer"
ALERT = "gleaner-alert@.service"

RETRY = {1}
NEEDS_A_PERSON = {2, 3, 4}
OUTPUT_BUSY = 5


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


@dataclass(frozen=True)
class Asset:
    """Stands for Airflow's."""

    name: str
    uri: str


class BashOperator:
    """Stands for Airflow's: it has run a command that did, and left with, what its context says."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.outlets = settings["outlets"]
        self.manifests = ""
        self.subprocess_hook = SimpleNamespace(sub_process=None)

    def execute(self, context: Mapping[str, Any]) -> None:
        code = context["exit_code"]
        context.get("command", lambda: None)()
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
        "airflow.sdk": SimpleNamespace(DAG=dag_class, Asset=Asset),
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
