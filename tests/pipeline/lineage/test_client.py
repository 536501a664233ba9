"""OpenLineage's client does what it is configured to, and what it only logs is not lost."""

import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.lineage.client import ClientSender
from pipeline.lineage.environment import LineageConfig
from pipeline.lineage.records import LineageRun, Notice, RunName
from schemas.errors import JobError
from tests.openlineage_events import Event, read_events

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def _log_given_back() -> Iterator[None]:
    """The log of the client is what it was, once a sender is closed or could not be opened.

    Of a server that never answers, tests of whole runs leave senders that still listen.
    """
    logger = logging.getLogger("openlineage")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
    yield
    assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)


@pytest.fixture(autouse=True)
def _environment(lineage_environment: None, _log_given_back: None) -> None:
    """No test sees what another one, or the user, has configured."""


def facts() -> LineageRun:
    return LineageRun(RunName("job", "r1", "/out", NOW), "EXTRACTION", "finds", ("Beam", "2"))


def to_file(file: Path) -> dict[str, object]:
    return {"type": "file", "log_file_path": str(file), "append": True}


def sent(transport: dict[str, object]) -> None:
    os.environ["OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
    sender = ClientSender(LineageConfig())
    sender.send(Notice("START", NOW, facts))
    sender.close(1.0)


def only(file: Path) -> Event:
    (event,) = read_events(file)
    return event


def test_where_one_of_several_transports_fails_the_others_get_it_and_it_is_raised(
    tmp_path: Path,
) -> None:
    """The client logs that alone."""
    good, bad = to_file(tmp_path / "good"), to_file(tmp_path / "none" / "bad")
    with pytest.raises(JobError, match="Failed to write to log file"):
        sent({"type": "composite", "transports": [bad, good]})
    assert only(tmp_path / "good")["eventType"] == "START"


def test_without_a_transport_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """As the client would by itself."""
    os.environ["OPENLINEAGE_CONFIG"] = "none.yml"
    with pytest.raises(JobError, match="transport"):
        ClientSender(LineageConfig())
    assert capfd.readouterr() == ("", "")


def test_the_folder_that_it_is_started_in_is_not_the_source_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client could name it: then the password of this URL would be told."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "config").write_text('[remote "origin"]\n\turl = https://me:key@host/r\n')
    monkeypatch.chdir(tmp_path)
    sent(to_file(tmp_path / "events"))
    assert "key@host" not in (tmp_path / "events").read_text()
