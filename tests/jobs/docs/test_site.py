"""The documentation is as the code has it, and becomes a site without a warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.docs.generated import generated_files
from jobs.docs.manifest import manifest_page

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"]
        + ["--config-file", ROOT / "jobs/docs/mkdocs.yml", "--site-dir", directory],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return directory


def test_generated_pages_are_as_the_code_has_them() -> None:
    stale = [path for path, text in generated_files().items() if path.read_text() != text]
    assert not stale, "run `make docs`"


def test_every_page_is_in_the_site(site: Path) -> None:
    pages = (ROOT / "jobs/docs/pages").rglob("*.md")
    assert all(
        (site / page.relative_to(ROOT / "jobs/docs/pages").with_suffix(".html")).is_file()
        for page in pages
    )


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = [
        found
        for page in site.rglob("*.html")
        for found in re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//[^> ]*", page.read_text())
        if 'rel="canonical"' not in found
    ]
    assert not fetched


def test_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_field_of_the_manifest_has_a_description() -> None:
    bare = [line for line in manifest_page().splitlines() if re.search(r"^\| `.*\|\s*\|$", line)]
    assert [line for line in bare if "input_format" not in line and "_field" not in line] == []
