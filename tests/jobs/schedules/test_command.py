"""The schedules start one command, which pipeline.run takes.

What Airflow and Kubernetes themselves say of their files is checked by `make test-schedules`.
"""

import re
from pathlib import Path

import pytest

from pipeline.configuration.extraction import parse_extraction
from tests.jobs.schedules.files import commands


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
