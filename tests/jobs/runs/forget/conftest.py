"""What tests of forgetting share: an output whose runs hold the same documents in all ways."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput


@pytest.fixture
def filled(output: "MadeOutput") -> "MadeOutput":
    """The documents `secret` and `hidden` in runs of every kind and in all tables."""
    read = output.read
    output.commit("r1", read("/in/a", ("a1", "secret", "a2")), read("/in/b", ("b1",), ("b2",)))
    output.commit("r2", read("/in/a", ("secret", "a1"), fingerprint="2"))
    output.commit("refused", read("/in/a", ("a1",), ("hidden",), ("secret",)), allowed=0.0)
    output.commit("p1", read("/in/b", ("b2",), repairs="r1"))
    output.commit("alone", read("/in/c", ("hidden",)), input=["/in/c", "c", "../in/c"])
    output.make_older("r1")
    return output
