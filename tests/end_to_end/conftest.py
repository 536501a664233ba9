"""Whole runs, which share the taggers that they load."""

import pytest

from jobs.runs import outputs


@pytest.fixture(scope="session", autouse=True)
def _share_taggers(kept_taggers: None) -> None:
    """All runs here."""


@pytest.fixture(autouse=True)
def _no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads meanwhile, so no command of this process waits for readers."""
    monkeypatch.setattr(outputs, "READERS_SECONDS", 0.0)
