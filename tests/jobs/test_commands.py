"""Every command by its name: listed, started as `gleaner NAME`, from whatever folder."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from jobs.__main__ import run
from jobs.docs.flags import commands as documented
from pipeline.console.commands import COMMANDS
from schemas.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
# What a person may have lying about, each of them the end of whoever imports it.
STRANGERS = (
    *("model", "schemas", "json", "logging", "random", "numpy", "pyarrow", "jinja2"),
    *("regex", "chardet", "orjson", "msvcrt"),  # libraries look for these, and do without
)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script `gleaner`, as pip makes it of the entry in pyproject.toml."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["gleaner"]
    module, _, function = entry.partition(":")
    path = tmp_path / "bin/gleaner"
    path.parent.mkdir()
    path.write_text(
        f"import sys\nfrom {module} import {function}\n"
        f"if __name__ == '__main__':\n    sys.exit({function}())\n"
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with documents, and with modules and packages that have names of ours."""
    place = tmp_path / "work"
    place.mkdir()
    for name in STRANGERS:
        (place / f"{name}.py").write_text("raise SystemExit('a stranger was imported')\n")
    for number in range(2):
        (place / f"{number}.jsonl").write_text('{"id": "a", "text": "Ana met Ben in Oslo."}\n')
    return place


def started(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_list_has_every_command_and_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be started with `python -m`, but for what makes the documentation of a clone."""
    modules = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob("jobs/*/__main__.py")
        if path.parent.name != "docs"
    }
    assert {command.module for command in COMMANDS.values()} == {
        *modules,
        "pipeline.run",
        "jobs.benchmark.baselines",
        "jobs.benchmark.gazetteer",
        "jobs.benchmark.publishing",
        "jobs.benchmark.scale",
    }
    assert run([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name, command in COMMANDS.items():
        assert [line for line in lines if line.split()[:1] == [name] and command.text in line]


def test_every_command_is_documented_by_its_name() -> None:
    modules = {command.module for command in COMMANDS.values()} - {"jobs.benchmark.scale"}
    assert set(documented()) == {f"python -m {module}" for module in modules}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian', expected .*, did you mean train?"),
        (["--log_format=json", "runs"], "the command comes first: python -m jobs runs ..."),
        (["--hepl"], "unknown flag --hepl, did you mean --help?"),
    ],
)
def test_a_command_that_is_none_is_answered_with_the_nearest(
    arguments: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run(arguments)
    before, _, after = message.partition(".*")
    assert str(caught.value).startswith(before)
    assert str(caught.value).endswith(after)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_starts_by_either_name_among_modules_of_the_same_names(
    name: str, script: Path, folder: Path
) -> None:
    """Its help shows it as it was called."""
    for command, shown in (
        (["-m", COMMANDS[name].module], f"python -m {COMMANDS[name].module}"),
        ([script, name], f"gleaner {name}"),
    ):
        done = started([*command, "--help"], folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"usage: {shown} ")


def test_the_script_needs_no_folder_without_jobs_or_pipeline(script: Path, folder: Path) -> None:
    """Where `python -m` would take these; nor do the processes that a command starts."""
    for name in ("jobs", "pipeline"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit('a stranger')\n")
    done = started([script, "--version"], folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gleaner ")
    flags = ["--input", "0.jsonl", "--repeats=1", "--json=speed.json"]
    done = started([script, "benchmark", *flags, "--spacy_characters=1"], folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "speed.json").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_extraction_finds_its_own_modules_in_all_its_processes(
    folder: Path, workers: int
) -> None:
    command = ["-m", "pipeline.run", "--runner=DirectRunner", "--input", "*.jsonl"]
    done = started([*command, f"--direct_num_workers={workers}"], folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert ds.dataset(folder / "out/documents").count_rows() == 2


def test_a_clone_is_run_as_it_stands(tmp_path: Path) -> None:
    """From its own folder, with nothing of it installed."""
    place = tmp_path / "clone"
    place.mkdir()
    for name in ("jobs", "model", "pipeline", "schemas"):
        (place / name).symlink_to(ROOT / name)
    program = "import runpy, sys; sys.argv[1:] = ['--version']; runpy.run_module('jobs')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
