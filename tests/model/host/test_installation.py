"""What a message tells people to install is what they need, from where they have gleaner."""

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from model.host import installation
from model.host.installation import install_command, installed_version

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# As the build backend writes them.
METADATA = """Metadata-Version: 2.4
Name: gleaner-ner
Version: 7.8.9
Requires-Dist: pyarrow<26,>=24
Requires-Dist: tensorflow<2.22,>=2.15.1; python_version < '3.12'
Provides-Extra: aws
Requires-Dist: apache-beam[aws]<2.78,>=2.77; extra == 'aws'
Provides-Extra: train
Requires-Dist: keras<2.16,>=2.15; (python_version < '3.12') and extra == 'train'
Requires-Dist: pandas<4,>=2.2; extra == 'train'
Provides-Extra: tune
Requires-Dist: optuna<6,>=4.5; extra == 'tune'
"""
PIP = [sys.executable, "-m", "pip", "install"]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The metadata of an installation, whose modules stand in no clone."""
    info = tmp_path / "gleaner_ner-7.8.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    monkeypatch.setattr(installation, "_ROOT", tmp_path)
    monkeypatch.setattr(installation, "_installed", lambda: PathDistribution(info))
    return info


def test_the_distribution_has_the_name_of_the_project_and_not_that_of_a_stranger() -> None:
    assert PROJECT["name"] == installation.DISTRIBUTION == "gleaner-ner"
    assert set(PROJECT["scripts"]) == {"gleaner"}


def test_the_extra_for_training_brings_what_training_imports() -> None:
    """On this Python; TensorBoard comes with TensorFlow 2.15."""
    requirements = map(Requirement, PROJECT["optional-dependencies"]["train"])
    brought = {
        r.name.replace("-", "_") for r in requirements if not r.marker or r.marker.evaluate()
    }
    assert set(installation.TRAINING_MODULES) <= brought | {"tensorboard"}
    assert brought <= {*installation.TRAINING_MODULES, "setuptools", "tensorflow"}


def test_in_a_clone_the_clone_is_installed_again() -> None:
    command = shlex.split(install_command("train", "tune"))
    assert command == [*PIP, "-e", f"{ROOT}[train,tune]"]
    assert installed_version() == PROJECT["version"]


@pytest.mark.parametrize("name", ["gleaner_ner-7.8.9-py3-none-any.whl", "a folder"])
def test_a_wheel_or_folder_that_is_still_there_is_installed_again(
    elsewhere: Path, tmp_path: Path, name: str
) -> None:
    origin = tmp_path / "it's" / name
    origin.parent.mkdir()
    origin.touch()
    (elsewhere / "direct_url.json").write_text(f'{{"url": "{origin.as_uri()}", "dir_info": {{}}}}')
    assert shlex.split(install_command("aws")) == [*PIP, f"{origin}[aws]"]
    assert installed_version() == "7.8.9"


@pytest.mark.parametrize("url", ["file:///build", "https://example.org/gleaner_ner.whl", None])
def test_elsewhere_the_packages_of_the_extra_are_named(elsewhere: Path, url: str | None) -> None:
    """In an image what it was built from is gone, and no index has it."""
    if url:
        (elsewhere / "direct_url.json").write_text(f'{{"url": "{url}"}}')
    assert shlex.split(install_command("aws")) == [*PIP, "apache-beam[aws]<2.78,>=2.77"]
    keras, pandas, optuna = shlex.split(install_command("train", "tune"))[len(PIP) :]
    assert keras.replace("(", "").replace(")", "") == ('keras<2.16,>=2.15; python_version < "3.12"')
    assert (pandas, optuna) == ("pandas<4,>=2.2", "optuna<6,>=4.5")


def test_pip_understands_the_command(elsewhere: Path) -> None:
    """As far as it goes without a network: every word is a requirement to it."""
    command = [*shlex.split(install_command("train", "aws")), "--dry-run", "--no-index"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Invalid requirement" not in done.stderr


def test_a_copy_that_is_not_installed_is_told_to_take_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_ROOT", tmp_path)
    monkeypatch.setattr(installation, "_installed", lambda: None)
    assert install_command("train").endswith("-e 'CLONE[train]', where CLONE is a clone of gleaner")
    assert installed_version() == "unknown"


def test_nothing_tells_people_to_install_the_package_of_a_stranger() -> None:
    """Neither a message nor a page, a schedule or an image."""
    texts = [ROOT / "README.md", *(ROOT / "jobs").rglob("*"), *(ROOT / ".ci").iterdir()]
    texts += [path for layer in ("model", "pipeline") for path in (ROOT / layer).rglob("*.py")]
    stranger = re.compile(r"install[^\n`]*?[\s'\"]gleaner(?![\w-])(?:\[|'|\"|=|>|$)", re.MULTILINE)
    assert stranger.search("pip install 'gleaner[train]'")
    assert [
        f"{path}: {found[0]}"
        for path in texts
        if path.is_file() and path.suffix in (".py", ".md", ".sh", ".yaml", ".j2", "")
        for found in stranger.finditer(path.read_text("utf-8", errors="replace"))
    ] == []
