"""Lineage is configured as OpenLineage's client is, and where nothing is set it is not."""

from pathlib import Path

import pytest

from pipeline.lineage.environment import (
    LineageConfig,
    ParentRun,
    client_folders,
    lineage_config,
    parent_run,
)

RUN = "01a2216d-ada6-7810-b9e4-6731b98919d4"
URL = {"OPENLINEAGE_URL": "http://localhost:5000"}


@pytest.mark.parametrize(
    "environment",
    [
        URL,
        {"OPENLINEAGE_CONFIG": "lineage.yml"},
        {"OPENLINEAGE__TRANSPORT__TYPE": "file"},
        {"OPENLINEAGE__TRANSPORT": '{"type": "console"}'},
        URL | {"OPENLINEAGE_DISABLED": "false"},
    ],
)
def test_what_names_a_transport_configures_it(environment: dict[str, str]) -> None:
    assert lineage_config(environment, ()) == LineageConfig("gleaner")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OPENLINEAGE_URL": ""},
        {"OPENLINEAGE_NAMESPACE": "mine", "OPENLINEAGE_API_KEY": "key"},
        {"OPENLINEAGE_PARENT_ID": f"airflow/dag.task/{RUN}"},
        URL | {"OPENLINEAGE_DISABLED": "True "},
    ],
)
def test_without_one_nothing_happens(environment: dict[str, str], tmp_path: Path) -> None:
    assert lineage_config(environment, [str(tmp_path)]) is None


def test_the_file_of_the_client_configures_it(tmp_path: Path) -> None:
    (tmp_path / "openlineage.yml").write_text("transport:\n  type: file\n")
    assert lineage_config({}, [f"{tmp_path}/other", str(tmp_path)])
    assert lineage_config({"OPENLINEAGE_DISABLED": "true"}, [str(tmp_path)]) is None


def test_a_folder_that_is_gone_or_closed_configures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command may be started in one, and has to do its work all the same."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("HOME", f"{tmp_path}/file")
    (tmp_path / "file").touch()
    gone.rmdir()
    assert lineage_config({}, client_folders()) is None


def test_the_namespace_and_the_run_that_started_it_are_those_of_the_environment() -> None:
    task = ParentRun("airflow", "dag.task", RUN)
    environment = URL | {
        "OPENLINEAGE_NAMESPACE": "nightly",
        "OPENLINEAGE_PARENT_ID": f"airflow/dag.task/{RUN}",
    }
    assert lineage_config(environment, ()) == LineageConfig("nightly", task, task)
    environment["OPENLINEAGE_ROOT_PARENT_ID"] = f"airflow/dag/{RUN}"
    config = lineage_config(environment, ())
    assert config == LineageConfig("nightly", task, ParentRun("airflow", "dag", RUN))


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        (f"a/b/{RUN}", ParentRun("a", "b", RUN)),
        (f"http://host/x/b/{RUN}", ParentRun("http://host/x", "b", RUN)),
        ("a/b/manual__1", None),
        (f"b/{RUN}", None),
        (f"/b/{RUN}", None),
        ("", None),
    ],
)
def test_a_parent_is_a_namespace_a_job_and_a_uuid(text: str, parent: ParentRun | None) -> None:
    assert parent_run(text) == parent
