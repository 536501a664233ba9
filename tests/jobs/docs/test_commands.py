"""Every command of the README and of the tutorial runs as it stands there, in a clean clone."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs.docs.flags import commands
from pipeline.options import parse_extraction

ROOT = Path(__file__).resolve().parents[3]
Commands = Mapping[str, list[str]]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of what is committed, with the changes that are not yet; its environment is this one."""
    clone = tmp_path / "gleaner"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    changed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, changed.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    (clone / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return clone


def run_as_written(blocks: list[str], clone: Path) -> str:
    """Run the blocks one after the other in one shell, which stops at the first error."""
    script = "set -eu\n" + "\n".join(blocks)
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone.parent), "BROWSER": "true"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone, env=environment, check=False, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme_does_what_it_says(shell_blocks: Commands, clone: Path) -> None:
    blocks = [block for block in shell_blocks["README.md"] if not block.startswith("make test")]
    assert len(blocks) == len(shell_blocks["README.md"]) - 1  # those that would run this test
    said = run_as_written(blocks, clone)
    assert "committed" in said
    assert list(clone.glob("out/reports/*.html"))


@pytest.mark.training
def test_the_tutorial_does_what_it_says(shell_blocks: Commands, clone: Path) -> None:
    said = run_as_written(shell_blocks["jobs/docs/pages/tutorial.md"], clone)
    assert re.search(r"log-|Grey Heron", said), said
    assert "Bergen" in said  # the query's first voyage
    assert " empty " in said  # the second run had nothing to do


def test_targets_for_contributors_exist(shell_blocks: Commands) -> None:
    (block,) = (block for block in shell_blocks["README.md"] if block.startswith("make test"))
    for line in block.splitlines():
        command = line.partition("#")[0].split()
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_the_command_lines_of_all_pages_are_understood(shell_blocks: Commands) -> None:
    """Also where their files are not there: flags, values and subcommands."""
    import shlex

    parsers = commands()
    found = set()
    for blocks in shell_blocks.values():
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            if not line.startswith("python -m"):
                continue
            _, _, module, *arguments = shlex.split(line, comments=True)
            found.add(module)
            if module == "pipeline.run":
                parse_extraction(arguments)
            elif module == "jobs.benchmark":
                parsers[f"python -m {module}"].parse_known_args(arguments)
            elif module != "jobs.benchmark.scale":
                parsers[f"python -m {module}"].parse(arguments)
    assert len(found) >= 7
