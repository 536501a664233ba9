"""What tests of several packages share: the folder of shared data, and tests/fixtures."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = (
    "tests.fixtures.lineage",
    "tests.fixtures.models",
    "tests.fixtures.object_store",
    "tests.fixtures.runs",
    "tests.fixtures.training",
)

# Runs of tests tell nobody, whatever the user has configured; tests of lineage undo this.
os.environ["OPENLINEAGE_DISABLED"] = "true"

# An example's first run may import TensorFlow or open a file; pytest's own timeout bounds the rest.
# The same examples at each run, so that a green tree stays green; `make test-all` draws new ones,
# four times as many where a test does not say how many.
settings.register_profile("search", deadline=None, print_blob=True, max_examples=200)
settings.register_profile("gleaner", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("gleaner")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared corpora that the environment names; without it the test is skipped."""
    folder = os.environ.get("GLEANER_DATA")
    if not folder:
        pytest.skip("GLEANER_DATA does not name the folder of shared corpora")
    return Path(folder)
