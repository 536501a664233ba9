"""The documentation is as the code has it, and becomes a site without a warning."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.docs.generated import PAGES, README, generated_files
from jobs.docs.manifest import manifest_page

SETTINGS = PAGES.parent / "mkdocs.yml"
_FETCHED = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//[^> ]*")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; its making stops at the first warning, as of a link that leads nowhere."""
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    command += [f"--config-file={SETTINGS}", f"--site-dir={directory}"]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # of the theme, about a later MkDocs
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return directory


def test_generated_pages_are_as_the_code_has_them() -> None:
    stale = [path for path, text in generated_files().items() if path.read_text() != text]
    assert not stale, "run `make docs`"


def test_every_page_is_in_the_site(site: Path) -> None:
    pages = list(PAGES.rglob("*.md"))
    assert len(pages) > 10
    assert [
        page
        for page in pages
        if not (site / page.relative_to(PAGES).with_suffix(".html")).is_file()
    ] == []


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    assert [
        found for page in site.rglob("*.html") for found in _FETCHED.findall(page.read_text())
    ] == []


def test_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text())
    assert len(links) > 10
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_nearly_every_field_of_the_manifest_says_what_it_is() -> None:
    rows = [line for line in manifest_page().splitlines() if line.startswith("| `")]
    bare = {row.split("`")[1] for row in rows if row.endswith("|  |")}
    # These are what the flags of the same names say; timings has a section.
    assert bare == {"input_format", "id_field", "text_field", "timings"}
