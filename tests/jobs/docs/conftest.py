"""The pages of the documentation, and the commands in them."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "jobs/docs/pages"

Commands = Mapping[str, list[str]]


@pytest.fixture(scope="session")
def shell_blocks() -> Commands:
    """The blocks marked `sh` of each page and of the README, by its path from the root."""
    paths = [ROOT / "README.md", *sorted(PAGES.rglob("*.md"))]
    return {
        str(path.relative_to(ROOT)): re.findall(
            r"^```sh\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL
        )
        for path in paths
    }
