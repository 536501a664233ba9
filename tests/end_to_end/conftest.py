"""Whole runs, which share the taggers that they load."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _share_taggers(kept_taggers: None) -> None:
    """All runs here."""
